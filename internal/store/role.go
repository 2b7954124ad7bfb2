package store

import (
	"context"
	"strings"

	"usher/internal/invite"
)

const roleColumns = `r.id, r.role_key, r.name, r.description, r.permissions, r.created_at, r.updated_at`

func scanRole(row scanner) (invite.Role, error) {
	var r invite.Role
	var permissions string
	err := row.Scan(&r.ID, &r.Key, &r.Name, &r.Description, &permissions, &r.CreatedAt, &r.UpdatedAt)
	r.Permissions = strings.Fields(permissions)
	return r, err
}

// CreateRole adds a role to an instance. The key must be new there.
func (db *DB) CreateRole(ctx context.Context, in *invite.Instance, role invite.Role) (invite.Role, error) {
	err := db.write(ctx, func(t *tx) error { return t.insertRole(in.ID, &role) })
	return role, err
}

func (t *tx) insertRole(instance string, r *invite.Role) error {
	r.ID, r.CreatedAt, r.UpdatedAt = t.newID(roleID), t.now, t.now
	n, err := t.exec(`
		INSERT INTO roles (instance_id, id, role_key, name, description, permissions, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (instance_id, role_key) DO NOTHING`,
		instance, r.ID, r.Key, r.Name, r.Description, strings.Join(r.Permissions, " "), r.CreatedAt, r.UpdatedAt)
	if err == nil && n == 0 {
		return invite.ParamErr(invite.ValueExists, "key", r.Key)
	}
	return err
}

// roleByKey refuses an unknown role as the input "role".
func (t *tx) roleByKey(instance, key string) (invite.Role, error) {
	return recall(t, &t.db.cache.roles, instance+" "+key, func() (invite.Role, error) {
		r, err := scanRole(t.row(`SELECT `+roleColumns+` FROM roles r WHERE r.instance_id = $1 AND r.role_key = $2`, instance, key))
		return r, missing(err, invite.ParamErr(invite.RoleNotFound, "role"))
	})
}

func (t *tx) role(instance, id string) (invite.Role, error) {
	return recall(t, &t.db.cache.roles, instance+"/"+id, func() (invite.Role, error) {
		return scanRole(t.row(`SELECT `+roleColumns+` FROM roles r WHERE r.instance_id = $1 AND r.id = $2`, instance, id))
	})
}
