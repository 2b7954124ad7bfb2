package store

import (
	"cmp"
	"slices"
	"strings"

	"usher/internal/invite"
)

// catalog returns the instance's roles, role sets and permissions, from memory
// as long as none of them changed.
func (t *tx) catalog(instance string) (*invite.Catalog, error) {
	if t.own != nil && t.own.InstanceID == instance {
		return t.own, nil
	}
	settled := t.write && !t.recast // the writer's memory is for its own goroutine only
	if settled {
		if c, ok := t.db.writer.catalogs[instance]; ok {
			t.own = c
			return c, nil
		}
	}
	generation, err := t.catalogGeneration(instance)
	if err != nil {
		return nil, err
	}
	c, err := t.db.cache.catalogs.recall(instance, generation, t.recast, func() (c *invite.Catalog, err error) {
		err = t.stable(func(t *tx) error {
			c, err = t.loadCatalog(instance)
			return err
		})
		return c, err
	})
	if err != nil {
		return nil, err
	}
	t.own = c
	if settled {
		t.db.writer.catalogs[instance] = c
	}
	return c, nil
}

// catalogGeneration returns what is another number after each change of the catalog.
// Where other processes change it too, the database knows the number.
func (t *tx) catalogGeneration(instance string) (generation uint64, err error) {
	if t.db.cache.enabled.Load() || t.recast {
		return t.catalogs, nil
	}
	if t.castOf == instance {
		return t.cast, nil
	}
	err = t.row(`SELECT catalog_version FROM instances WHERE instance_id = $1`, instance).Scan(&generation)
	return generation, missing(err, nil) // no instance has no roles either
}

// alter is exec for the tables behind an instance's catalog. Whatever names a role may
// show its change.
func (t *tx) alter(query, instance string, args ...any) (int64, error) {
	if t.altered != instance {
		if err := t.later(`UPDATE instances SET catalog_version = catalog_version + 1 WHERE instance_id = $1`, instance); err != nil {
			return 0, err
		}
	}
	t.own, t.altered, t.recast, t.changedAll = nil, instance, true, true
	return t.exec(query, slices.Insert(args, 0, any(instance))...)
}

func (t *tx) loadCatalog(instance string) (*invite.Catalog, error) {
	c := &invite.Catalog{InstanceID: instance}
	if err := t.each(`
		SELECT id, permission_key, name, description, type, created_at, updated_at
		FROM permissions
		WHERE instance_id = $1
		ORDER BY id`, []any{instance}, func(row scanner) error {
		var p invite.Permission
		err := row.Scan(&p.ID, &p.Key, &p.Name, &p.Description, &p.Type, &p.CreatedAt, &p.UpdatedAt)
		c.Permissions = append(c.Permissions, p)
		return err
	}); err != nil {
		return nil, err
	}
	if err := t.loadRoles(instance, c); err != nil {
		return nil, err
	}
	return c, t.loadRoleSets(instance, c)
}

func (t *tx) loadRoles(instance string, c *invite.Catalog) error {
	granted, err := t.pairs(`
		SELECT role_id, permission_id
		FROM role_permissions
		WHERE instance_id = $1
		ORDER BY role_id, permission_id`, instance)
	if err != nil {
		return err
	}
	return t.each(`
		SELECT id, role_key, name, description, deleted_at, created_at, updated_at
		FROM roles
		WHERE instance_id = $1
		ORDER BY id`, []any{instance}, func(row scanner) error {
		var r invite.Role
		var deletedAt invite.Instant
		if err := row.Scan(&r.ID, &r.Key, &r.Name, &r.Description, &deletedAt, &r.CreatedAt, &r.UpdatedAt); err != nil {
			return err
		}
		for _, id := range granted[r.ID] {
			p, _ := c.Permission(id)
			r.Permissions = append(r.Permissions, p)
		}
		if deletedAt == 0 {
			c.Roles = append(c.Roles, r)
		} else {
			c.Former = append(c.Former, r)
		}
		return nil
	})
}

func (t *tx) loadRoleSets(instance string, c *invite.Catalog) error {
	contained, err := t.pairs(`
		SELECT role_set_id, role_id
		FROM role_set_roles
		WHERE instance_id = $1
		ORDER BY role_set_id, role_id`, instance)
	if err != nil {
		return err
	}
	return t.each(`
		SELECT id, role_set_key, name, description, type, default_role_id, creator_role_id, created_at, updated_at
		FROM role_sets
		WHERE instance_id = $1
		ORDER BY id`, []any{instance}, func(row scanner) error {
		var s invite.RoleSet
		err := row.Scan(&s.ID, &s.Key, &s.Name, &s.Description, &s.Type, &s.DefaultRoleID, &s.CreatorRoleID, &s.CreatedAt, &s.UpdatedAt)
		for _, id := range contained[s.ID] {
			r, _ := c.Role(id)
			s.Roles = append(s.Roles, r)
		}
		c.RoleSets = append(c.RoleSets, s)
		return err
	})
}

// pairs reads rows of two columns into lists by the first, in order.
func (t *tx) pairs(query string, args ...any) (map[string][]string, error) {
	lists := make(map[string][]string)
	err := t.each(query, args, func(row scanner) error {
		var key, value string
		err := row.Scan(&key, &value)
		lists[key] = append(lists[key], value)
		return err
	})
	return lists, err
}

// insertDefaults gives a new instance what every instance begins with.
func (t *tx) insertDefaults(instance string) error {
	system := invite.SystemPermissions()
	for i := range system {
		if err := t.insertPermission(instance, &system[i]); err != nil {
			return err
		}
	}
	roles := invite.DefaultRoles(system)
	for i := range roles {
		if err := t.insertRole(instance, &roles[i]); err != nil {
			return err
		}
	}
	return t.insertRoleSet(instance, &invite.RoleSet{
		Key: invite.DefaultRoleSet, Name: "Default", Type: invite.InitialRoleSet, Roles: roles,
		CreatorRoleID: roles[0].ID, DefaultRoleID: roles[1].ID,
	})
}

// CatalogFilter selects and orders a list of permissions, roles or role sets.
type CatalogFilter struct {
	Query      string // exact id, or part of the name or key, in any case
	OrderBy    string // created_at, name or key
	Descending bool
	invite.Page
}

// label is what a CatalogFilter looks at.
type label struct {
	id, key, name string
	createdAt     invite.Instant
}

// pick returns one page of list, and how many of it match. The whole list is in
// memory anyway.
func pick[T any](list []T, f CatalogFilter, of func(*T) label) ([]T, int) {
	query := strings.ToLower(f.Query)
	match := slices.DeleteFunc(slices.Clone(list), func(v T) bool {
		l := of(&v)
		return l.id != f.Query && !strings.Contains(strings.ToLower(l.name), query) && !strings.Contains(l.key, query)
	})
	slices.SortFunc(match, func(v, w T) int {
		a, b := of(&v), of(&w)
		if f.Descending {
			a, b = b, a
		}
		switch f.OrderBy {
		case "name":
			return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id))
		case "key":
			return strings.Compare(a.key, b.key)
		}
		return cmp.Or(cmp.Compare(a.createdAt, b.createdAt), strings.Compare(a.id, b.id))
	})
	from := min(f.Offset, len(match))
	return match[from:min(from+f.Limit, len(match))], len(match)
}
