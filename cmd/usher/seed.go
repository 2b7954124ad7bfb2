package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/goccy/go-yaml"

	"usher/internal/invite"
	"usher/internal/store"
)

// seed is what a development server begins with, read from YAML or JSON. Users
// are named by an e-mail address, organizations by their slug. What exists
// already is left as it is, so that the same file can be given at each start.
type seed struct {
	Permissions   []seedPermission   `yaml:"permissions"`
	Roles         []seedRole         `yaml:"roles"`
	Users         []seedUser         `yaml:"users"`
	Organizations []seedOrganization `yaml:"organizations"`
	Memberships   []seedMembership   `yaml:"memberships"`
	Invitations   []seedInvitation   `yaml:"invitations"`
}

type seedPermission struct {
	Key         string `yaml:"key"`
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
}

type seedRole struct {
	Key         string   `yaml:"key"`
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Permissions []string `yaml:"permissions"` // keys
}

// SeedMetadata is exported because the YAML library fills embedded structs only then.
type SeedMetadata struct {
	PublicMetadata  map[string]any `yaml:"public_metadata"`
	PrivateMetadata map[string]any `yaml:"private_metadata"`
}

type seedUser struct {
	EmailAddresses []string `yaml:"email_addresses"`
	Username       string   `yaml:"username"`
	FirstName      string   `yaml:"first_name"`
	LastName       string   `yaml:"last_name"`
	ExternalID     string   `yaml:"external_id"`
	SeedMetadata   `yaml:",inline"`
}

type seedOrganization struct {
	Name                  string `yaml:"name"`
	Slug                  string `yaml:"slug"`
	CreatedBy             string `yaml:"created_by"`
	MaxAllowedMemberships *int   `yaml:"max_allowed_memberships"`
	SeedMetadata          `yaml:",inline"`
}

type seedMembership struct {
	Organization string `yaml:"organization"`
	User         string `yaml:"user"`
	Role         string `yaml:"role"`
	SeedMetadata `yaml:",inline"`
}

type seedInvitation struct {
	Organization  string `yaml:"organization"`
	EmailAddress  string `yaml:"email_address"`
	Role          string `yaml:"role"`
	Inviter       string `yaml:"inviter"`
	RedirectURL   string `yaml:"redirect_url"`
	ExpiresInDays *int   `yaml:"expires_in_days"`
	Notify        *bool  `yaml:"notify"`
	SeedMetadata  `yaml:",inline"`
}

// firstMinute is the seed of a server that was given none: an organization and
// its admin, without a limit so that nobody trying things out meets one.
func firstMinute() *seed {
	return &seed{
		Users:         []seedUser{{EmailAddresses: []string{"ada@example.com"}, FirstName: "Ada", LastName: "Lovelace"}},
		Organizations: []seedOrganization{{Name: "Acme", Slug: "acme", CreatedBy: "ada@example.com", MaxAllowedMemberships: new(int)}},
	}
}

func readSeed(path string) (*seed, error) {
	if path == "" {
		return firstMinute(), nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, mistake("seed", err)
	}
	var s seed
	if err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict()).Decode(&s); err != nil {
		return nil, mistake("seed", fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, false)))
	}
	return &s, nil
}

// seeded names the first organization, and a user who may invite to it.
type seeded struct{ id, admin string }

// seeder resolves the names that a seed uses.
type seeder struct {
	db *store.DB
	in *invite.Instance
}

func (s *seed) apply(ctx context.Context, db *store.DB, in *invite.Instance) (first seeded, err error) {
	do := &seeder{db, in}
	for _, p := range s.Permissions {
		if _, err := db.CreatePermission(ctx, in, invite.NewPermission{Key: p.Key, Name: p.Name, Description: p.Description}); unlessKnown(err) != nil {
			return first, fmt.Errorf("seeding permission %s: %w", p.Key, err)
		}
	}
	for _, r := range s.Roles {
		if _, err := db.CreateRole(ctx, in, invite.NewRole{Key: r.Key, Name: r.Name, Description: r.Description, Permissions: r.Permissions}); unlessKnown(err) != nil {
			return first, fmt.Errorf("seeding role %s: %w", r.Key, err)
		}
	}
	for _, u := range s.Users {
		if err := do.user(ctx, u); err != nil {
			return first, fmt.Errorf("seeding user %v: %w", u.EmailAddresses, err)
		}
	}
	for k, o := range s.Organizations {
		made, err := do.organization(ctx, o)
		if err != nil {
			return first, fmt.Errorf("seeding organization %s: %w", o.Slug, err)
		}
		if k == 0 {
			first = seeded{id: made.ID, admin: made.CreatedBy}
		}
	}
	for _, m := range s.Memberships {
		if err := do.membership(ctx, m); err != nil {
			return first, fmt.Errorf("seeding the membership of %s in %s: %w", m.User, m.Organization, err)
		}
	}
	for _, i := range s.Invitations {
		if err := do.invitation(ctx, i); err != nil {
			return first, fmt.Errorf("seeding the invitation of %s to %s: %w", i.EmailAddress, i.Organization, err)
		}
	}
	return first, nil
}

// unlessKnown drops the refusals that say a thing exists already.
func unlessKnown(err error) error {
	for _, kind := range []invite.Kind{
		invite.ValueExists, invite.IdentifierExists, invite.AlreadyMember, invite.DuplicateInvitation,
	} {
		if errors.Is(err, invite.Err(kind)) {
			return nil
		}
	}
	return err
}

func (m SeedMetadata) change() (invite.MetadataChange, error) {
	public, err := json.Marshal(m.PublicMetadata)
	if err != nil {
		return invite.MetadataChange{}, err
	}
	private, err := json.Marshal(m.PrivateMetadata)
	return invite.MetadataChange{Public: public, Private: private}, err
}

func (do *seeder) user(ctx context.Context, u seedUser) error {
	metadata, err := u.change()
	if err != nil {
		return err
	}
	_, err = do.db.CreateUser(ctx, do.in, invite.NewUser{
		EmailAddresses: u.EmailAddresses, Username: u.Username, FirstName: u.FirstName, LastName: u.LastName,
		ExternalID: u.ExternalID, Metadata: metadata,
	})
	return unlessKnown(err)
}

// userID resolves an address; none is nobody.
func (do *seeder) userID(ctx context.Context, address string) (string, error) {
	if address == "" {
		return "", nil
	}
	list, err := do.db.Users(ctx, do.in, store.UserFilter{
		EmailAddresses: []string{address}, OrderBy: "created_at", Page: invite.Page{Limit: 1},
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("there is no user %s", address)
	}
	if err != nil {
		return "", err
	}
	return list[0].ID, nil
}

func (do *seeder) organization(ctx context.Context, o seedOrganization) (*invite.Organization, error) {
	known, err := do.db.Organization(ctx, do.in, cmp.Or(o.Slug, invite.Slug(o.Name)))
	if err == nil || !errors.Is(err, invite.Err(invite.OrganizationNotFound)) {
		return known, err
	}
	creator, err := do.userID(ctx, o.CreatedBy)
	if err != nil {
		return nil, err
	}
	metadata, err := o.change()
	if err != nil {
		return nil, err
	}
	return do.db.CreateOrganization(ctx, do.in, invite.NewOrganization{
		Name: o.Name, Slug: o.Slug, CreatedBy: creator, MaxAllowedMemberships: o.MaxAllowedMemberships, Metadata: metadata,
	})
}

func (do *seeder) membership(ctx context.Context, m seedMembership) error {
	o, err := do.db.Organization(ctx, do.in, m.Organization)
	if err != nil {
		return err
	}
	user, err := do.userID(ctx, m.User)
	if err != nil {
		return err
	}
	metadata, err := m.change()
	if err != nil {
		return err
	}
	_, err = do.db.CreateMembership(ctx, do.in, o.ID, invite.NewMembership{UserID: user, Role: m.Role, Metadata: metadata})
	return unlessKnown(err)
}

func (do *seeder) invitation(ctx context.Context, i seedInvitation) error {
	o, err := do.db.Organization(ctx, do.in, i.Organization)
	if err != nil {
		return err
	}
	inviter, err := do.userID(ctx, i.Inviter)
	if err != nil {
		return err
	}
	metadata, err := i.change()
	if err != nil {
		return err
	}
	n := invite.NewInvitation{
		EmailAddress: i.EmailAddress, Role: i.Role, InviterID: inviter, RedirectURL: i.RedirectURL,
		PublicMetadata: metadata.Public, PrivateMetadata: metadata.Private, ExpiresInDays: invite.DefaultDays, Notify: true,
	}
	if i.ExpiresInDays != nil {
		n.ExpiresInDays = *i.ExpiresInDays
	}
	if i.Notify != nil {
		n.Notify = *i.Notify
	}
	_, err = do.db.CreateInvitation(ctx, do.in, o.ID, n)
	return unlessKnown(err)
}
