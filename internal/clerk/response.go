package clerk

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"usher/internal/invite"
)

// Encoder turns domain values into what clients read. PublicURL has no slash at
// its end.
type Encoder struct {
	PublicURL string
	Keys      *invite.Keyring
}

// List is the envelope of a list.
type List[T any] struct {
	Data       []T `json:"data"`
	TotalCount int `json:"total_count"`
}

// ListOf returns the envelope of a page; no rows are an empty array.
func ListOf[D, T any](page []D, total int, encode func(D) T) List[T] {
	l := List[T]{Data: make([]T, len(page)), TotalCount: total}
	for i, d := range page {
		l.Data[i] = encode(d)
	}
	return l
}

// Organization is contract §4.2. The counters are there only when asked for.
type Organization struct {
	Object                  string          `json:"object"`
	ID                      string          `json:"id"`
	Name                    string          `json:"name"`
	Slug                    string          `json:"slug"`
	ImageURL                string          `json:"image_url"`
	HasImage                bool            `json:"has_image"`
	MembersCount            *int            `json:"members_count,omitempty"`
	PendingInvitationsCount *int            `json:"pending_invitations_count,omitempty"`
	Unmanaged               *bool           `json:"missing_member_with_elevated_permissions,omitempty"`
	MaxAllowedMemberships   int             `json:"max_allowed_memberships"`
	AdminDeleteEnabled      bool            `json:"admin_delete_enabled"`
	PublicMetadata          json.RawMessage `json:"public_metadata"`
	PrivateMetadata         json.RawMessage `json:"private_metadata"`
	CreatedBy               string          `json:"created_by,omitempty"`
	RoleSetKey              *string         `json:"role_set_key"`
	CreatedAt               invite.Instant  `json:"created_at"`
	UpdatedAt               invite.Instant  `json:"updated_at"`
}

// Organization returns o without counters.
func (e *Encoder) Organization(o *invite.Organization) Organization {
	return Organization{
		Object: "organization", ID: o.ID, Name: o.Name, Slug: o.Slug, ImageURL: e.organizationImage(o), HasImage: o.Logo != "",
		MaxAllowedMemberships: o.MaxAllowedMemberships, AdminDeleteEnabled: o.AdminDeleteEnabled,
		PublicMetadata: o.PublicMetadata, PrivateMetadata: o.PrivateMetadata,
		CreatedBy: o.CreatedBy, RoleSetKey: null(o.RoleSetKey), CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
}

// CountedOrganization returns o with its counters.
func (e *Encoder) CountedOrganization(o *invite.Organization) Organization {
	out := e.Organization(o)
	out.MembersCount, out.PendingInvitationsCount = &o.Members, &o.Pending
	return out
}

// OrganizationWithLogo is the answer to a new logo.
type OrganizationWithLogo struct {
	Organization
	LogoURL string `json:"logo_url"`
}

// OrganizationWithLogo returns o with its counters and, once more, its picture.
func (e *Encoder) OrganizationWithLogo(o *invite.Organization) OrganizationWithLogo {
	return OrganizationWithLogo{Organization: e.CountedOrganization(o), LogoURL: e.organizationImage(o)}
}

// organizationImage returns where o's logo is served, or else its drawn picture.
func (e *Encoder) organizationImage(o *invite.Organization) string {
	if path := o.LogoPath(); path != "" {
		return e.PublicURL + path
	}
	return e.image(o.ID, initials(o.Name))
}

// image returns where the picture of a resource without an uploaded one is
// served; the pages draw it from the initials.
func (e *Encoder) image(id, initials string) string {
	return e.PublicURL + "/img/" + id + "/" + url.PathEscape(initials) + ".svg"
}

// initials returns up to two upper-case letters or digits that begin a word, or "-".
func initials(texts ...string) string {
	found, b := 0, make([]byte, 0, 2*utf8.UTFMax)
	for _, text := range texts {
		for word := range strings.FieldsSeq(text) {
			if r, _ := utf8.DecodeRuneInString(word); found < 2 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				b = utf8.AppendRune(b, unicode.ToUpper(r))
				found++
			}
		}
	}
	if found == 0 {
		return "-"
	}
	return string(b)
}

// PublicUserData is what a membership says of its user (contract §4.3).
type PublicUserData struct {
	UserID          string  `json:"user_id"`
	FirstName       *string `json:"first_name"`
	LastName        *string `json:"last_name"`
	ProfileImageURL *string `json:"profile_image_url"`
	ImageURL        string  `json:"image_url"`
	HasImage        bool    `json:"has_image"`
	Identifier      *string `json:"identifier"`
	Username        *string `json:"username"`
	Banned          bool    `json:"banned"`
	Deprovisioned   bool    `json:"deprovisioned"`
}

func (e *Encoder) publicUserData(p *invite.Person) PublicUserData {
	image := e.personImage(p)
	return PublicUserData{
		UserID: p.UserID, FirstName: null(p.FirstName), LastName: null(p.LastName), ProfileImageURL: &image, ImageURL: image,
		Identifier: null(p.Identifier), Username: null(p.Username), Banned: p.Banned,
	}
}

func (e *Encoder) personImage(p *invite.Person) string {
	words := initials(p.FirstName, p.LastName)
	if words == "-" {
		words = initials(p.Identifier)
	}
	return e.image(p.UserID, words)
}

// null returns nil for the empty text.
func null(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Membership is contract §4.3, with the organization and the user in it.
type Membership struct {
	Object          string          `json:"object"`
	ID              string          `json:"id"`
	Role            string          `json:"role"`
	RoleName        string          `json:"role_name"`
	Permissions     []string        `json:"permissions"`
	PublicMetadata  json.RawMessage `json:"public_metadata"`
	PrivateMetadata json.RawMessage `json:"private_metadata"`
	Organization    Organization    `json:"organization"`
	PublicUserData  PublicUserData  `json:"public_user_data"`
	CreatedAt       invite.Instant  `json:"created_at"`
	UpdatedAt       invite.Instant  `json:"updated_at"`
}

// Membership returns m.
func (e *Encoder) Membership(m *invite.Membership) Membership {
	return Membership{
		Object: "organization_membership", ID: m.ID, Role: m.Role.Key, RoleName: m.Role.Name, Permissions: m.Role.PermissionKeys(),
		PublicMetadata: m.PublicMetadata, PrivateMetadata: m.PrivateMetadata,
		Organization: e.CountedOrganization(&m.Organization), PublicUserData: e.publicUserData(&m.User),
		CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
	}
}

// Deleted stands for a resource that is gone (contract §4.1).
type Deleted struct {
	Object     string `json:"object"`
	ID         string `json:"id"`
	Slug       string `json:"slug,omitempty"`
	Deleted    bool   `json:"deleted"`
	ExternalID string `json:"external_id,omitempty"`
}

// DeletedOf returns d.
func DeletedOf(d invite.Deleted) Deleted {
	return Deleted{Object: d.Object, ID: d.ID, Slug: d.Slug, Deleted: true, ExternalID: d.ExternalID}
}

// TotalCount is the answer of a count.
type TotalCount struct {
	Object     string `json:"object"`
	TotalCount int    `json:"total_count"`
}

// TotalCountOf returns n as an answer.
func TotalCountOf(n int) TotalCount { return TotalCount{Object: "total_count", TotalCount: n} }
