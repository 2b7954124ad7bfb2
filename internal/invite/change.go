package invite

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
)

// MetadataChange changes metadata fields. A nil field is left as it is.
type MetadataChange struct {
	Merge                   bool // deep merge (PATCH); else replace (PUT)
	Public, Private, Unsafe json.RawMessage
}

// Apply changes one metadata field by change, which may be nil for no change.
func (m MetadataChange) apply(param string, field *json.RawMessage, change json.RawMessage) error {
	if change == nil {
		return nil
	}
	change, bad := CheckMetadata(param, change)
	if bad != nil {
		return bad
	}
	if m.Merge {
		merged, err := MergeMetadata(*field, change)
		if err != nil {
			return ParamErr(ParamNotObject, param)
		}
		if change, bad = CheckMetadata(param, merged); bad != nil {
			return bad
		}
	}
	*field = change
	return nil
}

// Apply changes the given fields in place; unsafe may be nil where a resource
// has none. On an error the fields may be partly changed.
func (m MetadataChange) Apply(public, private, unsafe *json.RawMessage) error {
	if err := m.apply("public_metadata", public, m.Public); err != nil {
		return err
	}
	if err := m.apply("private_metadata", private, m.Private); err != nil {
		return err
	}
	if unsafe == nil {
		return nil
	}
	return m.apply("unsafe_metadata", unsafe, m.Unsafe)
}

// NewOrganization is what a client asks for when it creates an organization.
type NewOrganization struct {
	Name                  string
	Slug                  string // empty: derived from the name
	CreatedBy             string // user who becomes the first admin; may be empty
	MaxAllowedMemberships *int   // nil: the instance's default
	RoleSetKey            string // empty: the initial one
	Metadata              MetadataChange
	CreatedAt             Instant // 0: now
}

// Check refuses inputs that break a rule of contract §4.2.
func (n *NewOrganization) Check() error {
	if bad := CheckName(n.Name); bad != nil {
		return bad
	}
	if n.Slug != "" {
		if bad := CheckSlug(n.Slug); bad != nil {
			return bad
		}
	}
	return checkLimit(n.MaxAllowedMemberships)
}

func checkLimit(limit *int) error {
	if limit != nil && *limit < 0 {
		return ParamErr(ParamValue, "max_allowed_memberships", strconv.Itoa(*limit))
	}
	return nil
}

// OrganizationChange changes an organization. Nil fields are left as they are.
type OrganizationChange struct {
	Name                  *string
	Slug                  *string
	MaxAllowedMemberships *int
	AdminDeleteEnabled    *bool
	CreatedAt             *Instant
	RoleSetKey            *string // for the store, which knows the role sets
	Metadata              MetadataChange
}

// Apply changes o, or refuses the inputs that break a rule.
func (c *OrganizationChange) Apply(o *Organization) error {
	if c.Name != nil {
		if bad := CheckName(*c.Name); bad != nil {
			return bad
		}
		o.Name = *c.Name
	}
	if c.Slug != nil {
		if bad := CheckSlug(*c.Slug); bad != nil {
			return bad
		}
		o.Slug = *c.Slug
	}
	if c.RoleSetKey != nil && *c.RoleSetKey == "" {
		return ParamErr(ParamFormat, "role_set_key") // it would mean the initial one
	}
	if err := checkLimit(c.MaxAllowedMemberships); err != nil {
		return err
	}
	set(&o.MaxAllowedMemberships, c.MaxAllowedMemberships)
	set(&o.AdminDeleteEnabled, c.AdminDeleteEnabled)
	set(&o.CreatedAt, c.CreatedAt)
	return c.Metadata.Apply(&o.PublicMetadata, &o.PrivateMetadata, nil)
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// checkTexts bounds a person's short texts to MaxName characters, none of them
// control characters.
func checkTexts(texts map[string]string) error {
	for _, param := range []string{"first_name", "last_name", "external_id"} {
		if bad := checkText(param, texts[param]); bad != nil {
			return bad
		}
	}
	return nil
}

func checkText(param, text string) *Error {
	if len([]rune(text)) > MaxName {
		return &Error{Kind: ParamTooLong, Param: param, Limit: MaxName}
	}
	if strings.IndexFunc(text, unicode.IsControl) >= 0 {
		return ParamErr(ParamFormat, param)
	}
	return nil
}

// NewMembership adds a user to an organization.
type NewMembership struct {
	UserID   string
	Role     string
	Metadata MetadataChange
}

// Check folds the role's name and refuses missing inputs, all at once.
func (n *NewMembership) Check() error {
	var missing Errors
	if n.UserID == "" {
		missing = append(missing, ParamErr(ParamMissing, "user_id"))
	}
	if n.Role == "" {
		missing = append(missing, ParamErr(ParamMissing, "role"))
	}
	n.Role = RoleKey(n.Role)
	return missing.Err()
}

// Joiner says who redeems a ticket: an existing user, or with an empty UserID
// the owner of the invited address, who is created with the given names when
// there is none.
type Joiner struct {
	UserID              string
	FirstName, LastName string
	ExternalID          string
}

// Check refuses texts that are too long.
func (j *Joiner) Check() error {
	return checkTexts(map[string]string{"first_name": j.FirstName, "last_name": j.LastName, "external_id": j.ExternalID})
}

// Deleted stands for a resource that is gone.
type Deleted struct {
	Object     string // "organization"
	ID         string
	Slug       string // organizations only
	ExternalID string // users only, may be empty
}
