package clerk_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// schema is as much of an OpenAPI schema as the resources' use.
type schema struct {
	Ref           string             `yaml:"$ref"`
	Type          string             `yaml:"type"`
	Nullable      bool               `yaml:"nullable"`
	Enum          []any              `yaml:"enum"`
	Required      []string           `yaml:"required"`
	Properties    map[string]*schema `yaml:"properties"`
	Items         *schema            `yaml:"items"`
	AllOf         []*schema          `yaml:"allOf"`
	Discriminator struct {
		PropertyName string            `yaml:"propertyName"`
		Mapping      map[string]string `yaml:"mapping"`
	} `yaml:"discriminator"`
}

type specification struct {
	Components struct {
		Schemas map[string]*schema `yaml:"schemas"`
	} `yaml:"components"`
}

// readSpec reads the Backend API's official specification, which is not part of
// the repository, from the folder USHER_SPECS.
func readSpec(t *testing.T) *specification {
	t.Helper()
	path := filepath.Join(cmp.Or(os.Getenv("USHER_SPECS"), "../../../shared/specs"), "bapi-2026-05-12.yml")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !slices.Contains(strings.Split(os.Getenv("USHER_TEST_REQUIRE"), ","), "specs") {
		t.Skipf("no specification at %s; USHER_SPECS names its folder", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	spec := new(specification)
	if err := yaml.Unmarshal(raw, spec); err != nil {
		t.Fatal(err)
	}
	return spec
}

func (sp *specification) resolve(ref string) *schema {
	return sp.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
}

// faults compares a decoded JSON value with a schema. Every object with listed
// properties counts as closed, whatever the schema says: older clients are strict.
func (sp *specification) faults(at string, s *schema, value any) []string {
	switch {
	case s == nil:
		return []string{at + ": the specification has no such schema"}
	case s.Ref != "":
		return sp.faults(at, sp.resolve(s.Ref), value)
	case value == nil && s.Nullable:
		return nil
	case s.Discriminator.PropertyName != "":
		kind, _ := value.(map[string]any)[s.Discriminator.PropertyName].(string)
		return sp.faults(at+"("+kind+")", sp.resolve(s.Discriminator.Mapping[kind]), value)
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, value):
		return []string{fmt.Sprintf("%s: %v is none of %v", at, value, s.Enum)}
	case !hasType(value, s.Type):
		return []string{fmt.Sprintf("%s: %v is no %s", at, value, s.Type)}
	}
	var found []string
	for _, part := range s.AllOf {
		found = append(found, sp.faults(at, part, value)...)
	}
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			found = append(found, sp.faults(fmt.Sprintf("%s[%d]", at, i), s.Items, item)...)
		}
	case map[string]any:
		found = append(found, sp.members(at, s, v)...)
	}
	return found
}

func (sp *specification) members(at string, s *schema, object map[string]any) []string {
	var found []string
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			found = append(found, at+"."+name+": missing")
		}
	}
	if len(s.Properties) == 0 {
		return found
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if property, ok := s.Properties[name]; ok {
			found = append(found, sp.faults(at+"."+name, property, object[name])...)
		} else {
			found = append(found, at+"."+name+": unknown")
		}
	}
	return found
}

func hasType(value any, name string) bool {
	switch name {
	case "string":
		_, ok := value.(string)
		return ok
	case "boolean":
		_, ok := value.(bool)
		return ok
	case "integer":
		n, ok := value.(float64)
		return ok && n == math.Trunc(n)
	case "array":
		_, ok := value.([]any)
		return ok
	case "object":
		_, ok := value.(map[string]any)
		return ok
	}
	return false
}

// TestResourcesMatchTheSpecification leaves out one thing: an invitation without
// an inviter, whose public_inviter_data is null by contract §3.2 and by what
// clients accept, but not by the specification.
func TestResourcesMatchTheSpecification(t *testing.T) {
	spec, e := readSpec(t), newEncoder(t)
	bare := &invite.User{ID: "user_1", PublicMetadata: none, PrivateMetadata: none, UnsafeMetadata: none}
	unverified := newUser()
	unverified.EmailAddresses = unverified.EmailAddresses[:1]
	revoked := newInvitation()
	revoked.Status, revoked.InviterID = invite.Revoked, ""
	bareMembership := newMembership()
	bareMembership.Role, bareMembership.User = invite.Role{Key: "org:guest", Name: "Guest"}, bare.Person()
	unlimited := newOrganization()
	unlimited.MaxAllowedMemberships, unlimited.CreatedBy = 0, ""
	tests := []struct {
		schema   string
		name     string
		response any
	}{
		{"OrganizationInvitation", "pending", json.RawMessage(e.AppendInvitation(nil, newInvitation(), now))},
		{"OrganizationInvitation", "revoked, made by the key", json.RawMessage(e.AppendInvitation(nil, revoked, now))},
		{"Organization", "with counters", e.CountedOrganization(newOrganization())},
		{"Organization", "without", e.Organization(newOrganization())},
		{"Organization", "without limit and creator", e.Organization(unlimited)},
		{"OrganizationMembership", "admin", e.Membership(newMembership())},
		{"OrganizationMembership", "nameless, without permissions", e.Membership(bareMembership)},
		{"User", "with everything", e.User(newUser(), now)},
		{"User", "with an unverified address", e.User(unverified, now)},
		{"User", "with nothing", e.User(bare, now)},
		{"EmailAddress", "unverified", e.User(newUser(), now).EmailAddresses[0]},
		{"EmailAddress", "verified by an admin", e.User(newUser(), now).EmailAddresses[1]},
		{"EmailAddress", "verified by a ticket", e.User(newUser(), now).EmailAddresses[2]},
		{"DeletedObject", "organization", clerk.DeletedOf(invite.Deleted{Object: "organization", ID: "org_1", Slug: "acme"})},
		{"DeletedObject", "user", clerk.DeletedOf(invite.Deleted{Object: "user", ID: "user_1", ExternalID: "7"})},
		{"TotalCount", "three", clerk.TotalCountOf(3)},
		{"ClerkErrors", "with meta", json.RawMessage(clerk.Envelope(clerk.ErrorsOf(invite.ParamErr(invite.ParamMissing, "role")), "0123"))},
	}
	for _, tt := range tests {
		t.Run(tt.schema+" "+tt.name, func(t *testing.T) {
			var value any
			if err := json.Unmarshal([]byte(marshal(t, tt.response)), &value); err != nil {
				t.Fatal(err)
			}
			for _, fault := range spec.faults(tt.schema, spec.resolve(tt.schema), value) {
				t.Error(fault)
			}
		})
	}
}
