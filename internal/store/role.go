package store

import (
	"context"
	"fmt"

	"usher/internal/invite"
)

// Roles returns one page of an instance's roles and the number that match.
func (db *DB) Roles(ctx context.Context, in *invite.Instance, f CatalogFilter) ([]invite.Role, int, error) {
	var list []invite.Role
	var total int
	err := db.read(ctx, func(t *tx) error {
		c, err := t.catalog(in.ID)
		if err != nil {
			return err
		}
		list, total = pick(c.Roles, f, func(r *invite.Role) label { return label{r.ID, r.Key, r.Name, r.CreatedAt} })
		return nil
	})
	return list, total, err
}

// Role returns a role, or refuses with RoleNotFound.
func (db *DB) Role(ctx context.Context, in *invite.Instance, id string) (invite.Role, error) {
	var r invite.Role
	err := db.read(ctx, func(t *tx) (err error) {
		_, r, err = t.role(in.ID, id)
		return err
	})
	return r, err
}

// role returns a role and the catalog that it is in, or refuses with RoleNotFound.
func (t *tx) role(instance, id string) (*invite.Catalog, invite.Role, error) {
	c, err := t.catalog(instance)
	if err != nil {
		return nil, invite.Role{}, err
	}
	r, ok := c.Role(id)
	if !ok {
		return nil, r, invite.Err(invite.RoleNotFound)
	}
	return c, r, nil
}

// roleOf returns the role that a row names, which may have been deleted since.
func (t *tx) roleOf(instance, id string) (invite.Role, error) {
	c, err := t.catalog(instance)
	if err != nil {
		return invite.Role{}, err
	}
	r, ok := c.EverRole(id)
	if !ok {
		return r, fmt.Errorf("the role %s of a row is missing", id)
	}
	return r, nil
}

// assignable returns the role of o's role set that a client names, or refuses it
// as the input "role".
func (t *tx) assignable(o *invite.Organization, name string) (invite.Role, error) {
	s, err := t.roleSet(o.InstanceID, o.RoleSetKey)
	if err != nil {
		return invite.Role{}, err
	}
	r, ok := s.Role(name)
	if !ok {
		return r, invite.ParamErr(invite.RoleNotFound, "role")
	}
	return r, nil
}

// OrganizationRoles returns one page of the roles that can be given in an
// organization, oldest first, and their number.
func (db *DB) OrganizationRoles(ctx context.Context, in *invite.Instance, organization string, p invite.Page) ([]invite.Role, int, error) {
	var list []invite.Role
	var total int
	err := db.read(ctx, func(t *tx) error {
		o, err := t.organization(in.ID, organization)
		if err != nil {
			return err
		}
		if err := t.may(o, ""); err != nil {
			return err
		}
		s, err := t.roleSet(o.InstanceID, o.RoleSetKey)
		if err != nil {
			return err
		}
		total = len(s.Roles)
		from := min(p.Offset, total)
		list = s.Roles[from:min(from+p.Limit, total)]
		return nil
	})
	return list, total, err
}

// CreateRole adds a role to an instance, and to its initial role set unless n
// says otherwise. The key must be new there.
func (db *DB) CreateRole(ctx context.Context, in *invite.Instance, n invite.NewRole) (invite.Role, error) {
	if err := n.Check(); err != nil {
		return invite.Role{}, err
	}
	var r invite.Role
	err := db.write(ctx, func(t *tx) error {
		c, err := t.catalog(in.ID)
		if err != nil {
			return err
		}
		if r, err = c.NewRole(n); err != nil {
			return err
		}
		if err := t.insertRole(in.ID, &r); err != nil {
			return err
		}
		if s, ok := c.RoleSet(""); ok && !n.OutsideInitialSet {
			if err := t.addToRoleSet(in.ID, s.ID, r); err != nil {
				return err
			}
		}
		return t.event(in.ID, "", invite.RoleCreatedEvent, r)
	})
	return r, err
}

func (t *tx) insertRole(instance string, r *invite.Role) error {
	r.ID, r.CreatedAt, r.UpdatedAt = t.newID(roleID), t.now, t.now
	n, err := t.alter(`
		INSERT INTO roles (instance_id, id, role_key, name, description, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (instance_id, role_key) WHERE deleted_at = 0 DO NOTHING`,
		instance, r.ID, r.Key, r.Name, r.Description, r.CreatedAt, r.UpdatedAt)
	if err != nil {
		return err
	}
	if n == 0 {
		return invite.ParamErr(invite.ValueExists, "key", r.Key)
	}
	return t.grant(instance, r)
}

func (t *tx) grant(instance string, r *invite.Role) error {
	for _, p := range r.Permissions {
		if _, err := t.alter(`
			INSERT INTO role_permissions (instance_id, role_id, permission_id)
			VALUES ($1, $2, $3)`, instance, r.ID, p.ID); err != nil {
			return err
		}
	}
	return nil
}

// UpdateRole changes a role. The next request of whoever has it sees the change.
func (db *DB) UpdateRole(ctx context.Context, in *invite.Instance, id string, change invite.RoleChange) (invite.Role, error) {
	return db.changeRole(ctx, in, id, func(_ *tx, c *invite.Catalog, r invite.Role) (invite.Role, error) {
		return c.ChangedRole(r, change)
	})
}

// AssignPermission gives a role a permission that it does not have.
func (db *DB) AssignPermission(ctx context.Context, in *invite.Instance, role, permission string) (invite.Role, error) {
	return db.changeRole(ctx, in, role, func(t *tx, c *invite.Catalog, r invite.Role) (invite.Role, error) {
		p, err := t.permission(in.ID, permission)
		if err != nil {
			return r, err
		}
		return c.Grant(r, p)
	})
}

// RemovePermission takes a permission from a role. It is refused with
// CreatorNeeds where the creators of organizations would be without it.
func (db *DB) RemovePermission(ctx context.Context, in *invite.Instance, role, permission string) (invite.Role, error) {
	return db.changeRole(ctx, in, role, func(t *tx, c *invite.Catalog, r invite.Role) (invite.Role, error) {
		p, err := t.permission(in.ID, permission)
		if err != nil {
			return r, err
		}
		return c.Withdraw(r, p)
	})
}

func (db *DB) changeRole(ctx context.Context, in *invite.Instance, id string, change func(*tx, *invite.Catalog, invite.Role) (invite.Role, error)) (invite.Role, error) {
	var r invite.Role
	err := db.write(ctx, func(t *tx) error {
		c, before, err := t.role(in.ID, id)
		if err != nil {
			return err
		}
		after, err := change(t, c, before)
		if err != nil {
			return err
		}
		r, err = t.updateRole(in.ID, after)
		return err
	})
	return r, err
}

// updateRole stores r, which exists, and returns it as it is afterwards.
func (t *tx) updateRole(instance string, r invite.Role) (invite.Role, error) {
	r.UpdatedAt = t.now
	if _, err := t.alter(`
		UPDATE roles
		SET role_key = $3, name = $4, description = $5, updated_at = $6
		WHERE instance_id = $1 AND id = $2`, instance, r.ID, r.Key, r.Name, r.Description, r.UpdatedAt); err != nil {
		return r, t.taken(err, "key", r.Key)
	}
	if _, err := t.alter(`DELETE FROM role_permissions WHERE instance_id = $1 AND role_id = $2`, instance, r.ID); err != nil {
		return r, err
	}
	if err := t.grant(instance, &r); err != nil {
		return r, err
	}
	return r, t.event(instance, "", invite.RoleUpdatedEvent, r)
}

// DeleteRole deletes a role that nobody has or was promised and no role set
// gives out. Invitations that have ended still show it.
func (db *DB) DeleteRole(ctx context.Context, in *invite.Instance, id string) (invite.Deleted, error) {
	gone := invite.Deleted{Object: "role", ID: id}
	err := db.write(ctx, func(t *tx) error {
		c, r, err := t.role(in.ID, id)
		if err != nil {
			return err
		}
		if err := c.Removable(r); err != nil {
			return err
		}
		if err := t.unused(in.ID, r.ID); err != nil {
			return err
		}
		for _, table := range []string{"role_permissions", "role_set_roles", "role_members"} {
			if _, err := t.alter(`DELETE FROM `+table+` WHERE instance_id = $1 AND role_id = $2`, in.ID, r.ID); err != nil {
				return err
			}
		}
		if _, err := t.alter(`UPDATE roles SET deleted_at = $3 WHERE instance_id = $1 AND id = $2`, in.ID, r.ID, t.now); err != nil {
			return err
		}
		return t.event(in.ID, "", invite.RoleDeletedEvent, gone)
	})
	return gone, err
}

// unused refuses with RoleHasMembers or RoleIsInvited. What is overdue promises
// nothing any more. A role that nobody was promised costs a walk along all
// pending invitations, which is rare, where an index would cost each of them.
func (t *tx) unused(instance, role string) error {
	var members, invitations bool
	if err := t.row(`
		SELECT
			EXISTS (SELECT 1 FROM role_members WHERE instance_id = $1 AND role_id = $2 AND members > 0),
			EXISTS (SELECT 1 FROM invitations WHERE instance_id = $1 AND status = 0 AND expires_at > $3 AND role_id = $2 AND organization_id NOT IN (
				SELECT d.id FROM deleted_organizations d WHERE d.instance_id = $1))`,
		instance, role, t.now).Scan(&members, &invitations); err != nil {
		return err
	}
	switch {
	case members:
		return invite.Err(invite.RoleHasMembers)
	case invitations:
		return invite.Err(invite.RoleIsInvited)
	}
	return nil
}
