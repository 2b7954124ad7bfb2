package invite

import "slices"

// The system permissions, contract §4.4.
const (
	ProfileManage     = "org:sys_profile:manage"
	ProfileDelete     = "org:sys_profile:delete"
	MembershipsRead   = "org:sys_memberships:read"
	MembershipsManage = "org:sys_memberships:manage"
	DomainsRead       = "org:sys_domains:read"
	DomainsManage     = "org:sys_domains:manage"
	BillingRead       = "org:sys_billing:read"
	BillingManage     = "org:sys_billing:manage"
	EntConnsManage    = "org:sys_entconns:manage"
)

// The keys of the two roles every instance starts with.
const (
	RoleAdmin  = "org:admin"
	RoleMember = "org:member"
)

// Role is what a member may do in an organization of one instance.
type Role struct {
	ID          string
	Key         string // "org:admin"
	Name        string // "Admin"
	Description string
	Permissions []string // keys, in the contract's order
	CreatedAt   Instant
	UpdatedAt   Instant
}

// DefaultRoles returns the roles a new instance gets, without ids and times.
func DefaultRoles() []Role {
	return []Role{
		{Key: RoleAdmin, Name: "Admin", Description: "Role with elevated permissions", Permissions: []string{
			ProfileManage, ProfileDelete, MembershipsRead, MembershipsManage,
			DomainsRead, DomainsManage, BillingRead, BillingManage, EntConnsManage,
		}},
		{Key: RoleMember, Name: "Member", Description: "Role with non-elevated permissions",
			Permissions: []string{MembershipsRead, BillingRead}},
	}
}

// Can reports whether the role grants the permission.
func (r Role) Can(permission string) bool { return slices.Contains(r.Permissions, permission) }

// RoleKey returns the canonical key for a role as a client names it: the names
// of earlier API versions stand for today's two (contract §3.11); any other
// name stands for itself.
func RoleKey(name string) string {
	switch name {
	case "admin":
		return RoleAdmin
	case "basic_member", "org:basic_member", "member":
		return RoleMember
	}
	return name
}
