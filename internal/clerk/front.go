package clerk

import (
	"encoding/json"

	"usher/internal/invite"
)

// FrontInvitation is an invitation as members and its invitee see it (contract §5.4).
// It never carries its link: whoever has that can sign in as the invitee.
type FrontInvitation struct {
	Object                 string                  `json:"object"`
	ID                     string                  `json:"id"`
	EmailAddress           string                  `json:"email_address"`
	Role                   string                  `json:"role"`
	RoleName               string                  `json:"role_name"`
	OrganizationID         string                  `json:"organization_id"`
	PublicOrganizationData *PublicOrganizationData `json:"public_organization_data,omitempty"`
	Status                 string                  `json:"status"`
	PublicMetadata         json.RawMessage         `json:"public_metadata"`
	URL                    *string                 `json:"url"`
	ExpiresAt              *invite.Instant         `json:"expires_at"`
	CreatedAt              invite.Instant          `json:"created_at"`
	UpdatedAt              invite.Instant          `json:"updated_at"`
}

// FrontInvitationOf returns i as of now, for the organization's members.
func FrontInvitationOf(i *invite.Invitation, now invite.Instant) FrontInvitation {
	out := FrontInvitation{
		Object: "organization_invitation", ID: i.ID, EmailAddress: i.Email.Address, Role: i.Role, RoleName: i.RoleName,
		OrganizationID: i.OrganizationID, Status: statusName(i.StatusAt(now)), PublicMetadata: i.PublicMetadata,
		CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
	}
	if i.DomainID == "" {
		out.ExpiresAt = &i.ExpiresAt
	}
	return out
}

// OwnInvitation returns i as of now, for the invitee, with what o shows of itself.
func (e *Encoder) OwnInvitation(i *invite.Invitation, o *invite.Organization, now invite.Instant) FrontInvitation {
	out := FrontInvitationOf(i, now)
	data := e.PublicOrganizationData(o)
	out.PublicOrganizationData = &data
	return out
}

// PublicOrganizationData is what an organization shows of itself to whom it invites.
type PublicOrganizationData struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Slug     string `json:"slug"`
	ImageURL string `json:"image_url"`
	HasImage bool   `json:"has_image"`
}

// PublicOrganizationData returns what o shows.
func (e *Encoder) PublicOrganizationData(o *invite.Organization) PublicOrganizationData {
	return PublicOrganizationData{ID: o.ID, Name: o.Name, Slug: o.Slug, ImageURL: e.organizationImage(o), HasImage: o.Logo != ""}
}

// FrontRole is a role as members see it.
type FrontRole struct {
	Role
	Description string            `json:"description"`
	Permissions []FrontPermission `json:"permissions"`
}

// FrontPermission is a permission as members see it.
type FrontPermission struct {
	Permission
	Description string `json:"description"`
}

// FrontRoleOf returns r.
func FrontRoleOf(r invite.Role) FrontRole {
	out := FrontRole{Role: RoleOf(r), Description: r.Description, Permissions: make([]FrontPermission, len(r.Permissions))}
	for i, p := range r.Permissions {
		out.Permissions[i] = FrontPermission{Permission: PermissionOf(p), Description: p.Description}
	}
	return out
}

// FrontRoles is the list of the roles that an organization offers.
type FrontRoles struct {
	List[FrontRole]
	Migrating bool `json:"has_role_set_migration"`
}

// FrontDomain is a domain as members see it.
type FrontDomain struct {
	OrganizationDomain
	PublicOrganizationData *PublicOrganizationData `json:"public_organization_data"`
}

// FrontDomainOf returns d.
func FrontDomainOf(d *invite.Domain) FrontDomain {
	return FrontDomain{OrganizationDomain: OrganizationDomainOf(d)}
}

// CheckAddresses refuses to invite nobody, and names all addresses that are none at
// once.
func CheckAddresses(list []string) error {
	if len(list) == 0 {
		return invite.ParamErr(invite.ParamMissing, "email_address")
	}
	var bad []string
	for _, address := range list {
		if _, ok := invite.ParseEmail(address); !ok {
			bad = append(bad, address)
		}
	}
	if len(bad) > 0 {
		return invite.Err(invite.AddressesInvalid, bad...)
	}
	return nil
}
