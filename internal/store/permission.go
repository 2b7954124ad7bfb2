package store

import (
	"context"

	"usher/internal/invite"
)

// Permissions returns one page of an instance's permissions and the number that
// match.
func (db *DB) Permissions(ctx context.Context, in *invite.Instance, f CatalogFilter) ([]invite.Permission, int, error) {
	var list []invite.Permission
	var total int
	err := db.read(ctx, func(t *tx) error {
		c, err := t.catalog(in.ID)
		if err != nil {
			return err
		}
		list, total = pick(c.Permissions, f, func(p *invite.Permission) label { return label{p.ID, p.Key, p.Name, p.CreatedAt} })
		return nil
	})
	return list, total, err
}

// Permission returns a permission, or refuses with PermissionNotFound.
func (db *DB) Permission(ctx context.Context, in *invite.Instance, id string) (invite.Permission, error) {
	var p invite.Permission
	err := db.read(ctx, func(t *tx) (err error) {
		p, err = t.permission(in.ID, id)
		return err
	})
	return p, err
}

func (t *tx) permission(instance, id string) (invite.Permission, error) {
	c, err := t.catalog(instance)
	if err != nil {
		return invite.Permission{}, err
	}
	p, ok := c.Permission(id)
	if !ok || p.ID != id {
		return p, invite.Err(invite.PermissionNotFound)
	}
	return p, nil
}

// CreatePermission adds a permission to an instance. The key must be new there.
func (db *DB) CreatePermission(ctx context.Context, in *invite.Instance, n invite.NewPermission) (invite.Permission, error) {
	if err := n.Check(); err != nil {
		return invite.Permission{}, err
	}
	var p invite.Permission
	err := db.write(ctx, func(t *tx) error {
		p = invite.Permission{Key: n.Key, Name: n.Name, Description: n.Description, Type: invite.UserPermission}
		if err := t.insertPermission(in.ID, &p); err != nil {
			return err
		}
		return t.event(in.ID, "", invite.PermissionCreatedEvent, p)
	})
	return p, err
}

func (t *tx) insertPermission(instance string, p *invite.Permission) error {
	p.ID, p.CreatedAt, p.UpdatedAt = t.newID(permissionID), t.now, t.now
	n, err := t.alter(`
		INSERT INTO permissions (instance_id, id, permission_key, name, description, type, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (instance_id, permission_key) DO NOTHING`,
		instance, p.ID, p.Key, p.Name, p.Description, p.Type, p.CreatedAt, p.UpdatedAt)
	if err == nil && n == 0 {
		return invite.ParamErr(invite.ValueExists, "key", p.Key)
	}
	return err
}

// UpdatePermission changes a permission that is not the system's. The next
// request of whoever has it sees the change.
func (db *DB) UpdatePermission(ctx context.Context, in *invite.Instance, id string, c invite.PermissionChange) (invite.Permission, error) {
	var p invite.Permission
	err := db.write(ctx, func(t *tx) (err error) {
		if p, err = t.permission(in.ID, id); err != nil {
			return err
		}
		if err := c.Apply(&p); err != nil {
			return err
		}
		p.UpdatedAt = t.now
		if _, err := t.alter(`
			UPDATE permissions
			SET permission_key = $3, name = $4, description = $5, updated_at = $6
			WHERE instance_id = $1 AND id = $2`, in.ID, p.ID, p.Key, p.Name, p.Description, p.UpdatedAt); err != nil {
			return t.taken(err, "key", p.Key)
		}
		return t.event(in.ID, "", invite.PermissionUpdatedEvent, p)
	})
	return p, err
}

// taken turns the violation of a unique index into a refusal of the input.
func (t *tx) taken(err error, param, value string) error {
	if t.db.dialect.duplicate(err) {
		return invite.ParamErr(invite.ValueExists, param, value)
	}
	return err
}

// DeletePermission deletes a permission that is not the system's and takes it
// from the roles that have it.
func (db *DB) DeletePermission(ctx context.Context, in *invite.Instance, id string) (invite.Deleted, error) {
	gone := invite.Deleted{Object: "permission", ID: id}
	err := db.write(ctx, func(t *tx) error {
		p, err := t.permission(in.ID, id)
		if err != nil {
			return err
		}
		if err := p.Modifiable(); err != nil {
			return err
		}
		c, err := t.catalog(in.ID)
		if err != nil {
			return err
		}
		for _, r := range c.Roles {
			if !r.Can(p.Key) {
				continue
			}
			if r, err = c.Withdraw(r, p); err != nil {
				return err
			}
			if _, err := t.updateRole(in.ID, r); err != nil {
				return err
			}
		}
		if _, err := t.alter(`DELETE FROM permissions WHERE instance_id = $1 AND id = $2`, in.ID, p.ID); err != nil {
			return err
		}
		return t.event(in.ID, "", invite.PermissionDeletedEvent, gone)
	})
	return gone, err
}
