package clerk

import "usher/internal/invite"

// CreatePermission is the body of POST /organization_permissions (contract §4.4).
type CreatePermission struct {
	Name        *string `json:"name"`
	Key         *string `json:"key"`
	Description *string `json:"description"`
}

// Permission returns what the request asks for.
func (r *CreatePermission) Permission() invite.NewPermission {
	return invite.NewPermission{Name: or(r.Name, ""), Key: or(r.Key, ""), Description: or(r.Description, "")}
}

// UpdatePermission is the body of PATCH /organization_permissions/{id}.
type UpdatePermission CreatePermission

// Change returns the change the request asks for.
func (r *UpdatePermission) Change() invite.PermissionChange {
	return invite.PermissionChange{Name: r.Name, Key: r.Key, Description: r.Description}
}

// Permission is contract §4.4.
type Permission struct {
	Object      string                `json:"object"`
	ID          string                `json:"id"`
	Name        string                `json:"name"`
	Key         string                `json:"key"`
	Description string                `json:"description"`
	Type        invite.PermissionType `json:"type"`
	CreatedAt   invite.Instant        `json:"created_at"`
	UpdatedAt   invite.Instant        `json:"updated_at"`
}

// PermissionOf returns p.
func PermissionOf(p invite.Permission) Permission {
	return Permission{
		Object: "permission", ID: p.ID, Name: p.Name, Key: p.Key, Description: p.Description, Type: p.Type,
		CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

// CreateRole is the body of POST /organization_roles. Permissions are ids.
type CreateRole struct {
	Name                    *string   `json:"name"`
	Key                     *string   `json:"key"`
	Description             *string   `json:"description"`
	Permissions             *[]string `json:"permissions"`
	IncludeInInitialRoleSet *bool     `json:"include_in_initial_role_set"`
}

// Role returns what the request asks for. A role is usable at once unless the
// request says otherwise.
func (r *CreateRole) Role() invite.NewRole {
	return invite.NewRole{
		Name: or(r.Name, ""), Key: or(r.Key, ""), Description: or(r.Description, ""),
		Permissions: or(r.Permissions, nil), OutsideInitialSet: !or(r.IncludeInInitialRoleSet, true),
	}
}

// UpdateRole is the body of PATCH /organization_roles/{id}. Null leaves a field
// as it is.
type UpdateRole struct {
	Name        *string   `json:"name"`
	Key         *string   `json:"key"`
	Description *string   `json:"description"`
	Permissions *[]string `json:"permissions"`
}

// Change returns the change the request asks for.
func (r *UpdateRole) Change() invite.RoleChange {
	return invite.RoleChange{Name: r.Name, Key: r.Key, Description: r.Description, Permissions: r.Permissions}
}

// Role is contract §4.4.
type Role struct {
	Object            string         `json:"object"`
	ID                string         `json:"id"`
	Name              string         `json:"name"`
	Key               string         `json:"key"`
	Description       *string        `json:"description"`
	IsCreatorEligible bool           `json:"is_creator_eligible"`
	Permissions       []Permission   `json:"permissions"`
	CreatedAt         invite.Instant `json:"created_at"`
	UpdatedAt         invite.Instant `json:"updated_at"`
}

// RoleOf returns r.
func RoleOf(r invite.Role) Role {
	out := Role{
		Object: "role", ID: r.ID, Name: r.Name, Key: r.Key, Description: null(r.Description), IsCreatorEligible: r.CreatorEligible(),
		Permissions: make([]Permission, len(r.Permissions)), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	for i, p := range r.Permissions {
		out.Permissions[i] = PermissionOf(p)
	}
	return out
}

// CreateRoleSet is the body of POST /role_sets. Roles are keys.
type CreateRoleSet struct {
	Name           *string             `json:"name"`
	Key            *string             `json:"key"`
	Description    *string             `json:"description"`
	DefaultRoleKey *string             `json:"default_role_key"`
	CreatorRoleKey *string             `json:"creator_role_key"`
	Type           *invite.RoleSetType `json:"type"`
	Roles          []string            `json:"roles"`
}

// RoleSet returns what the request asks for.
func (r *CreateRoleSet) RoleSet() invite.NewRoleSet {
	return invite.NewRoleSet{
		Name: or(r.Name, ""), Key: or(r.Key, ""), Description: or(r.Description, ""), Type: or(r.Type, ""),
		DefaultRoleKey: or(r.DefaultRoleKey, ""), CreatorRoleKey: or(r.CreatorRoleKey, ""), Roles: r.Roles,
	}
}

// UpdateRoleSet is the body of PATCH /role_sets/{key_or_id}. Null leaves a field
// as it is.
type UpdateRoleSet struct {
	Name           *string             `json:"name"`
	Key            *string             `json:"key"`
	Description    *string             `json:"description"`
	Type           *invite.RoleSetType `json:"type"`
	DefaultRoleKey *string             `json:"default_role_key"`
	CreatorRoleKey *string             `json:"creator_role_key"`
}

// Change returns the change the request asks for.
func (r *UpdateRoleSet) Change() invite.RoleSetChange {
	return invite.RoleSetChange{
		Name: r.Name, Key: r.Key, Description: r.Description, Type: r.Type,
		DefaultRoleKey: r.DefaultRoleKey, CreatorRoleKey: r.CreatorRoleKey,
	}
}

// AddRoles is the body of POST /role_sets/{key_or_id}/roles.
type AddRoles struct {
	RoleKeys       []string `json:"role_keys"`
	DefaultRoleKey *string  `json:"default_role_key"`
	CreatorRoleKey *string  `json:"creator_role_key"`
}

// Addition returns what the request asks for.
func (r *AddRoles) Addition() invite.RoleSetAddition {
	return invite.RoleSetAddition{Roles: r.RoleKeys, DefaultRoleKey: r.DefaultRoleKey, CreatorRoleKey: r.CreatorRoleKey}
}

// ReplaceRole is the body of POST /role_sets/{key_or_id}/roles/replace.
type ReplaceRole struct {
	RoleKey   *string `json:"role_key"`
	ToRoleKey *string `json:"to_role_key"`
}

// Roles returns the keys of the role to replace and of its successor, or nothing.
func (r *ReplaceRole) Roles() (from, to string) { return or(r.RoleKey, ""), or(r.ToRoleKey, "") }

// ReplaceRoleSet is the body of POST /role_sets/{key_or_id}/replace. The
// mappings lead from role key to role key.
type ReplaceRoleSet struct {
	DestRoleSetKey       *string           `json:"dest_role_set_key"`
	ReassignmentMappings map[string]string `json:"reassignment_mappings"`
}

// Successor returns the key of the other role set, or nothing, and the mappings.
func (r *ReplaceRoleSet) Successor() (string, map[string]string) {
	return or(r.DestRoleSetKey, ""), r.ReassignmentMappings
}

// RoleSet is contract §4.4. A migration is never under way: replacing is atomic.
type RoleSet struct {
	Object           string             `json:"object"`
	ID               string             `json:"id"`
	Name             string             `json:"name"`
	Key              string             `json:"key"`
	Description      *string            `json:"description"`
	Roles            []RoleSetItem      `json:"roles"`
	DefaultRole      RoleSetItem        `json:"default_role"`
	CreatorRole      RoleSetItem        `json:"creator_role"`
	Type             invite.RoleSetType `json:"type"`
	RoleSetMigration *struct{}          `json:"role_set_migration"`
	CreatedAt        invite.Instant     `json:"created_at"`
	UpdatedAt        invite.Instant     `json:"updated_at"`
}

// RoleSetItem is a role within a role set. The members are those who have it in
// organizations of the set.
type RoleSetItem struct {
	Object       string         `json:"object"`
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Key          string         `json:"key"`
	Description  *string        `json:"description"`
	MembersCount int            `json:"members_count"`
	HasMembers   bool           `json:"has_members"`
	CreatedAt    invite.Instant `json:"created_at"`
	UpdatedAt    invite.Instant `json:"updated_at"`
}

// RoleSetOf returns s, whose members were counted.
func RoleSetOf(s invite.RoleSet) RoleSet {
	out := RoleSet{
		Object: "role_set", ID: s.ID, Name: s.Name, Key: s.Key, Description: null(s.Description),
		Roles: make([]RoleSetItem, len(s.Roles)), Type: s.Type, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
	for i, r := range s.Roles {
		item := RoleSetItem{
			Object: "role_set_item", ID: r.ID, Name: r.Name, Key: r.Key, Description: null(r.Description),
			MembersCount: s.Members[r.ID], HasMembers: s.Members[r.ID] > 0, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		}
		out.Roles[i] = item
		if r.ID == s.DefaultRoleID {
			out.DefaultRole = item
		}
		if r.ID == s.CreatorRoleID {
			out.CreatorRole = item
		}
	}
	return out
}
