package clerk

import (
	"encoding/json"
	"time"

	"usher/internal/invite"
)

// CreateInvitation is the body of POST /organizations/{id}/invitations, and one
// item of the bulk body (contract §3.3).
type CreateInvitation struct {
	EmailAddress    *string         `json:"email_address"`
	Role            *string         `json:"role"`
	InviterUserID   *string         `json:"inviter_user_id"`
	PublicMetadata  json.RawMessage `json:"public_metadata"`
	PrivateMetadata json.RawMessage `json:"private_metadata"`
	RedirectURL     *string         `json:"redirect_url"`
	ExpiresInDays   *int            `json:"expires_in_days"`
	Notify          *bool           `json:"notify"`
}

// Invitation returns what the request asks for, with the contract's defaults.
func (r *CreateInvitation) Invitation() invite.NewInvitation {
	return invite.NewInvitation{
		EmailAddress: or(r.EmailAddress, ""), Role: or(r.Role, ""), InviterID: or(r.InviterUserID, ""),
		PublicMetadata: r.PublicMetadata, PrivateMetadata: r.PrivateMetadata, RedirectURL: or(r.RedirectURL, ""),
		ExpiresInDays: or(r.ExpiresInDays, invite.DefaultDays), Notify: or(r.Notify, true),
	}
}

// or returns what p points to, or absent: null and no field are the same.
func or[T any](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

// RevokeInvitation is the body of POST …/invitations/{id}/revoke.
type RevokeInvitation struct {
	RequestingUserID *string `json:"requesting_user_id"`
}

// RequestingUser returns the user in whose name to revoke, or nothing.
func (r *RevokeInvitation) RequestingUser() string { return or(r.RequestingUserID, "") }

// Metadata is the body of the metadata endpoints, and part of others.
type Metadata struct {
	PublicMetadata  json.RawMessage `json:"public_metadata"`
	PrivateMetadata json.RawMessage `json:"private_metadata"`
}

// Change returns the change that the fields ask for: merged into, or replacing,
// what is there. A field given as null in a merge changes nothing.
func (m *Metadata) Change(merge bool) invite.MetadataChange {
	return invite.MetadataChange{Merge: merge, Public: m.PublicMetadata, Private: m.PrivateMetadata}
}

// UserMetadata is the body of the metadata endpoints of users.
type UserMetadata struct {
	Metadata
	UnsafeMetadata json.RawMessage `json:"unsafe_metadata"`
}

// Change returns the change that the fields ask for.
func (m *UserMetadata) Change(merge bool) invite.MetadataChange {
	c := m.Metadata.Change(merge)
	c.Unsafe = m.UnsafeMetadata
	return c
}

// CreateOrganization is the body of POST /organizations.
type CreateOrganization struct {
	Name                  *string `json:"name"`
	CreatedBy             *string `json:"created_by"`
	Slug                  *string `json:"slug"`
	MaxAllowedMemberships *int    `json:"max_allowed_memberships"`
	CreatedAt             *string `json:"created_at"`
	RoleSetKey            *string `json:"role_set_key"`
	Metadata
}

// Organization returns what the request asks for.
func (r *CreateOrganization) Organization() (invite.NewOrganization, error) {
	at, err := parseCreatedAt(r.CreatedAt)
	return invite.NewOrganization{
		Name: or(r.Name, ""), Slug: or(r.Slug, ""), CreatedBy: or(r.CreatedBy, ""),
		MaxAllowedMemberships: r.MaxAllowedMemberships, RoleSetKey: or(r.RoleSetKey, ""),
		Metadata: r.Change(false), CreatedAt: or(at, 0),
	}, err
}

func parseCreatedAt(raw *string) (*invite.Instant, error) { return parseTime("created_at", raw) }

// parseTime returns nil for nothing and for an empty text.
func parseTime(param string, raw *string) (*invite.Instant, error) {
	if raw == nil || *raw == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, *raw)
	if err != nil || t.UnixMilli() <= 0 || t.Year() > 9999 {
		return nil, invite.ParamErr(invite.ParamTime, param)
	}
	at := invite.At(t)
	return &at, nil
}

// UpdateOrganization is the body of PATCH /organizations/{id}.
type UpdateOrganization struct {
	Name                  *string `json:"name"`
	Slug                  *string `json:"slug"`
	MaxAllowedMemberships *int    `json:"max_allowed_memberships"`
	AdminDeleteEnabled    *bool   `json:"admin_delete_enabled"`
	CreatedAt             *string `json:"created_at"`
	RoleSetKey            *string `json:"role_set_key"`
}

// Change returns the change the request asks for.
func (r *UpdateOrganization) Change() (invite.OrganizationChange, error) {
	at, err := parseCreatedAt(r.CreatedAt)
	return invite.OrganizationChange{
		Name: r.Name, Slug: r.Slug, MaxAllowedMemberships: r.MaxAllowedMemberships,
		AdminDeleteEnabled: r.AdminDeleteEnabled, CreatedAt: at, RoleSetKey: r.RoleSetKey,
	}, err
}

// UpdateOrganizationWithMetadata is that body in versions up to 2025-11-10.
type UpdateOrganizationWithMetadata struct {
	UpdateOrganization
	Metadata
}

// CreateMembership is the body of POST /organizations/{id}/memberships.
type CreateMembership struct {
	UserID *string `json:"user_id"`
	Role   *string `json:"role"`
	Metadata
}

// Membership returns what the request asks for.
func (r *CreateMembership) Membership() invite.NewMembership {
	return invite.NewMembership{UserID: or(r.UserID, ""), Role: or(r.Role, ""), Metadata: r.Change(false)}
}

// UpdateMembership is the body of PATCH /organizations/{id}/memberships/{user_id}.
type UpdateMembership struct {
	Role *string `json:"role"`
}

// RoleName returns the role asked for, or nothing.
func (r *UpdateMembership) RoleName() string { return or(r.Role, "") }

// RedeemTicket is the body of POST /tickets/redeem, which is our own: the
// product finishes an invitation on its page and with its own sign-in.
type RedeemTicket struct {
	Ticket     *string `json:"ticket"`
	UserID     *string `json:"user_id"`
	FirstName  *string `json:"first_name"`
	LastName   *string `json:"last_name"`
	ExternalID *string `json:"external_id"`
}

// Joiner returns the ticket and who redeems it.
func (r *RedeemTicket) Joiner() (string, invite.Joiner) {
	return or(r.Ticket, ""), invite.Joiner{
		UserID: or(r.UserID, ""), FirstName: or(r.FirstName, ""), LastName: or(r.LastName, ""), ExternalID: or(r.ExternalID, ""),
	}
}
