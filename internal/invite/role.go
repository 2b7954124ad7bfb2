package invite

import (
	"cmp"
	"slices"
	"strings"
)

// The keys of the two roles every instance starts with.
const (
	RoleAdmin  = "org:admin"
	RoleMember = "org:member"
)

// maxPermissions is how many permissions a request may name.
const maxPermissions = 100

// Role is what a member may do in an organization of one instance.
type Role struct {
	ID                   string
	Key                  string // "org:admin"
	Name                 string // "Admin"
	Description          string
	Permissions          []Permission // oldest first, which has the system's in the contract's order
	CreatedAt, UpdatedAt Instant
}

// Can reports whether the role grants the permission with the key.
func (r Role) Can(permission string) bool {
	return slices.ContainsFunc(r.Permissions, func(p Permission) bool { return p.Key == permission })
}

// PermissionKeys returns the keys of what the role grants; never nil.
func (r Role) PermissionKeys() []string {
	keys := make([]string, len(r.Permissions))
	for i := range r.Permissions {
		keys[i] = r.Permissions[i].Key
	}
	return keys
}

// CreatorEligible reports whether an organization's creator may get the role.
func (r Role) CreatorEligible() bool { return CheckCreatorRole(r) == nil }

// DefaultRoles returns the roles a new instance gets, which hold the given
// system permissions; without ids and times.
func DefaultRoles(system []Permission) []Role {
	var reading []Permission
	for _, p := range system {
		if p.Key == MembershipsRead || p.Key == BillingRead {
			reading = append(reading, p)
		}
	}
	return []Role{
		{Key: RoleAdmin, Name: "Admin", Description: "Role with elevated permissions", Permissions: system},
		{Key: RoleMember, Name: "Member", Description: "Role with non-elevated permissions", Permissions: reading},
	}
}

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

// NewRole is what a client asks for when it creates a role.
type NewRole struct {
	Key, Name, Description string
	Permissions            []string // ids or keys
	OutsideInitialSet      bool     // not usable until it is added to a role set
}

// Check refuses inputs that break a rule of contract §4.4: missing ones all at
// once, then the first of a wrong form.
func (n *NewRole) Check() error {
	if err := present(input{"name", n.Name}, input{"key", n.Key}); err != nil {
		return err
	}
	return checkRole(n.Key, n.Name, n.Description)
}

func checkRole(key, name, description string) error {
	switch bad := checkLabels(name, description); {
	case bad != nil:
		return bad
	case !isKey(key, "org:", 1), strings.HasPrefix(key, systemKey):
		return ParamErr(ParamFormat, "key")
	case RoleKey(key) != key:
		return ParamErr(ValueExists, "key", key) // it means another role
	}
	return nil
}

// NewRole returns the role that n asks for, without id and times. It refuses an
// unknown permission and one role too many.
func (c *Catalog) NewRole(n NewRole) (Role, error) {
	if len(c.Roles) >= MaxRoles {
		return Role{}, &Error{Kind: RoleQuota, Limit: MaxRoles}
	}
	granted, err := c.granted(n.Permissions)
	return Role{Key: n.Key, Name: n.Name, Description: n.Description, Permissions: granted}, err
}

// granted resolves the permissions that a request names, oldest first.
func (c *Catalog) granted(named []string) ([]Permission, error) {
	if len(named) > maxPermissions {
		return nil, &Error{Kind: ParamTooMany, Param: "permissions", Limit: maxPermissions}
	}
	list := make([]Permission, 0, len(named))
	for _, name := range named {
		p, ok := c.Permission(name)
		if !ok {
			return nil, ParamErr(PermissionNotFound, "permissions")
		}
		list = append(list, p)
	}
	slices.SortFunc(list, byID)
	if len(slices.Compact(slices.Clone(list))) < len(list) {
		return nil, ParamErr(ParamDuplicate, "permissions")
	}
	return list, nil
}

func byID(a, b Permission) int { return cmp.Compare(a.ID, b.ID) }

// RoleChange changes a role. Nil fields are left as they are.
type RoleChange struct {
	Key, Name, Description *string
	Permissions            *[]string // ids or keys, which replace the role's
}

// ChangedRole returns r changed by change, or refuses what breaks a rule. A
// creator's role that would lose what it needs is refused with CreatorRoleTooWeak.
func (c *Catalog) ChangedRole(r Role, change RoleChange) (Role, error) {
	set(&r.Key, change.Key)
	set(&r.Name, change.Name)
	set(&r.Description, change.Description)
	if err := present(input{"name", r.Name}, input{"key", r.Key}); err != nil {
		return r, err
	}
	if err := checkRole(r.Key, r.Name, r.Description); err != nil {
		return r, err
	}
	if change.Permissions == nil {
		return r, nil
	}
	granted, err := c.granted(*change.Permissions)
	if err != nil {
		return r, err
	}
	r.Permissions = granted
	return r, c.checkCreator(r)
}

// checkCreator refuses a role that some set gives to creators and that grants
// too little for it.
func (c *Catalog) checkCreator(r Role) error {
	for i := range c.RoleSets {
		if c.RoleSets[i].CreatorRoleID == r.ID {
			return CheckCreatorRole(r)
		}
	}
	return nil
}

// Grant returns r with the permission p, or refuses with PermissionGranted.
func (c *Catalog) Grant(r Role, p Permission) (Role, error) {
	if r.Can(p.Key) {
		return r, Err(PermissionGranted)
	}
	r.Permissions = append(slices.Clone(r.Permissions), p)
	slices.SortFunc(r.Permissions, byID)
	return r, nil
}

// Withdraw returns r without the permission p. It refuses with
// PermissionNotGranted, or with CreatorRoleTooWeak.
func (c *Catalog) Withdraw(r Role, p Permission) (Role, error) {
	if !r.Can(p.Key) {
		return r, Err(PermissionNotGranted)
	}
	r.Permissions = slices.DeleteFunc(slices.Clone(r.Permissions), func(q Permission) bool { return q.ID == p.ID })
	return r, c.checkCreator(r)
}

// Removable refuses a role that some set gives to creators or to newcomers.
func (c *Catalog) Removable(r Role) error {
	for i := range c.RoleSets {
		switch r.ID {
		case c.RoleSets[i].CreatorRoleID:
			return Err(RoleIsCreators)
		case c.RoleSets[i].DefaultRoleID:
			return Err(RoleIsDefault)
		}
	}
	return nil
}
