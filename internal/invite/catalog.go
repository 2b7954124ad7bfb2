package invite

// Catalog is what the members of an instance's organizations may be and do: all
// its permissions, roles and role sets, oldest first. It is shared and must not
// be modified.
type Catalog struct {
	InstanceID  string
	Permissions []Permission
	Roles       []Role
	RoleSets    []RoleSet
	// Former are deleted roles. Only invitations that have ended still name them.
	Former []Role
}

// Permission returns the permission with the id or key.
func (c *Catalog) Permission(idOrKey string) (Permission, bool) {
	for _, p := range c.Permissions {
		if p.ID == idOrKey || p.Key == idOrKey {
			return p, true
		}
	}
	return Permission{}, false
}

// Role returns the role with the id.
func (c *Catalog) Role(id string) (Role, bool) {
	for _, r := range c.Roles {
		if r.ID == id {
			return r, true
		}
	}
	return Role{}, false
}

// EverRole returns the role with the id even when it was deleted.
func (c *Catalog) EverRole(id string) (Role, bool) {
	if r, ok := c.Role(id); ok {
		return r, true
	}
	for _, r := range c.Former {
		if r.ID == id {
			return r, true
		}
	}
	return Role{}, false
}

// RoleByKey returns the role that a client names.
func (c *Catalog) RoleByKey(name string) (Role, bool) { return roleByKey(c.Roles, name) }

// RoleSet returns the role set with the key or id; without either, the one of
// new organizations.
func (c *Catalog) RoleSet(keyOrID string) (*RoleSet, bool) {
	for i := range c.RoleSets {
		s := &c.RoleSets[i]
		if s.Key == keyOrID || s.ID == keyOrID || keyOrID == "" && s.Type == InitialRoleSet {
			return s, true
		}
	}
	return nil, false
}

// Managers returns the ids of the roles that may manage members.
func (c *Catalog) Managers() []string {
	var ids []string
	for _, r := range c.Roles {
		if r.Can(MembershipsManage) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}
