package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"usher/internal/invite"
)

// RoleSets returns one page of an instance's role sets, with their members
// counted, and the number that match.
func (db *DB) RoleSets(ctx context.Context, in *invite.Instance, f CatalogFilter) ([]invite.RoleSet, int, error) {
	var list []invite.RoleSet
	var total int
	err := db.read(ctx, func(t *tx) error {
		c, err := t.catalog(in.ID)
		if err != nil {
			return err
		}
		list, total = pick(c.RoleSets, f, func(s *invite.RoleSet) label { return label{s.ID, s.Key, s.Name, s.CreatedAt} })
		for i := range list {
			if err := t.countMembers(in.ID, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return list, total, err
}

// countMembers counts, for each role of the set, the members who have it in an
// organization of the set.
func (t *tx) countMembers(instance string, s *invite.RoleSet) error {
	s.Members = make(map[string]int, len(s.Roles))
	for _, r := range s.Roles {
		var n int
		if err := t.row(`
			SELECT COALESCE(sum(members), 0)
			FROM role_members
			WHERE instance_id = $1 AND role_id = $2 AND organization_id IN (
				SELECT id
				FROM organizations
				WHERE instance_id = $1 AND role_set_key = $3)`, instance, r.ID, s.Key).Scan(&n); err != nil {
			return err
		}
		s.Members[r.ID] = n
	}
	return nil
}

// RoleSet returns a role set by key or id with its members counted, or refuses
// with RoleSetNotFound.
func (db *DB) RoleSet(ctx context.Context, in *invite.Instance, keyOrID string) (*invite.RoleSet, error) {
	var s *invite.RoleSet
	err := db.read(ctx, func(t *tx) (err error) {
		s, err = t.wholeRoleSet(in.ID, keyOrID)
		return err
	})
	return s, err
}

// wholeRoleSet returns a set of the caller's own, with its members counted.
func (t *tx) wholeRoleSet(instance, keyOrID string) (*invite.RoleSet, error) {
	_, s, err := t.ownRoleSet(instance, keyOrID)
	if err != nil {
		return nil, err
	}
	return s, t.countMembers(instance, s)
}

// ownRoleSet returns a role set that may be modified, or refuses with
// RoleSetNotFound.
func (t *tx) ownRoleSet(instance, keyOrID string) (*invite.Catalog, *invite.RoleSet, error) {
	c, err := t.catalog(instance)
	if err != nil {
		return nil, nil, err
	}
	s, ok := c.RoleSet(keyOrID)
	if !ok || keyOrID == "" {
		return nil, nil, invite.Err(invite.RoleSetNotFound)
	}
	own := *s
	return c, &own, nil
}

// roleSet returns an organization's role set, or the initial one for an empty
// key. It must not be modified. It refuses an unknown key as the input
// "role_set_key".
func (t *tx) roleSet(instance, key string) (*invite.RoleSet, error) {
	c, err := t.catalog(instance)
	if err != nil {
		return nil, err
	}
	s, ok := c.RoleSet(key)
	if !ok || key != "" && s.Key != key {
		return nil, invite.ParamErr(invite.ParamValue, "role_set_key", key)
	}
	return s, nil
}

// CreateRoleSet adds a role set to an instance. One of type initial takes the
// place of the one before. The key must be new there.
func (db *DB) CreateRoleSet(ctx context.Context, in *invite.Instance, n invite.NewRoleSet) (*invite.RoleSet, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	var s *invite.RoleSet
	err := db.write(ctx, func(t *tx) error {
		c, err := t.catalog(in.ID)
		if err != nil {
			return err
		}
		if s, err = c.NewRoleSet(n); err != nil {
			return err
		}
		if s.Key == "" {
			s.Key = t.freeRoleSetKey(c, s.Name)
		}
		if s.Type == invite.InitialRoleSet {
			if err := t.demote(in.ID); err != nil {
				return err
			}
		}
		if err := t.insertRoleSet(in.ID, s); err != nil {
			return err
		}
		s, err = t.wholeRoleSet(in.ID, s.ID)
		return err
	})
	return s, err
}

// freeRoleSetKey makes a key from a name, with something unique behind it where
// the name alone would not do.
func (t *tx) freeRoleSetKey(c *invite.Catalog, name string) string {
	key := invite.RoleSetKey(name)
	if _, taken := c.RoleSet(key); key != "" && !taken {
		return key
	}
	id := t.newID(roleSetID)
	return invite.RoleSetKey(name + " " + id[len(id)-6:])
}

// demote leaves the instance without an initial role set.
func (t *tx) demote(instance string) error {
	_, err := t.alter(`
		UPDATE role_sets
		SET type = $2, updated_at = $3
		WHERE instance_id = $1 AND type = 'initial'`, instance, invite.CustomRoleSet, t.now)
	return err
}

func (t *tx) insertRoleSet(instance string, s *invite.RoleSet) error {
	s.ID, s.CreatedAt, s.UpdatedAt = t.newID(roleSetID), t.now, t.now
	n, err := t.alter(`
		INSERT INTO role_sets (instance_id, id, role_set_key, name, description, type, default_role_id, creator_role_id, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (instance_id, role_set_key) DO NOTHING`,
		instance, s.ID, s.Key, s.Name, s.Description, s.Type, s.DefaultRoleID, s.CreatorRoleID, s.CreatedAt, s.UpdatedAt)
	if err != nil {
		return err
	}
	if n == 0 {
		return invite.ParamErr(invite.ValueExists, "key", s.Key)
	}
	return t.addToRoleSet(instance, s.ID, s.Roles...)
}

func (t *tx) addToRoleSet(instance, set string, roles ...invite.Role) error {
	for _, r := range roles {
		if _, err := t.alter(`
			INSERT INTO role_set_roles (instance_id, role_set_id, role_id)
			VALUES ($1, $2, $3)`, instance, set, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// UpdateRoleSet changes a role set. Making it the initial one changes the type
// of the one before.
func (db *DB) UpdateRoleSet(ctx context.Context, in *invite.Instance, keyOrID string, change invite.RoleSetChange) (*invite.RoleSet, error) {
	return db.changeRoleSet(ctx, in, keyOrID, func(t *tx, _ *invite.Catalog, s *invite.RoleSet) error {
		before := s.Key
		if err := change.Apply(s); err != nil {
			return err
		}
		if change.Type != nil {
			if err := t.demote(in.ID); err != nil {
				return err
			}
		}
		return t.moveOrganizations(in.ID, before, s.Key)
	})
}

// AddRoles adds roles to a role set; those that are in it already stay.
func (db *DB) AddRoles(ctx context.Context, in *invite.Instance, keyOrID string, a invite.RoleSetAddition) (*invite.RoleSet, error) {
	return db.changeRoleSet(ctx, in, keyOrID, func(t *tx, c *invite.Catalog, s *invite.RoleSet) error {
		added, err := c.Add(s, a)
		if err != nil {
			return err
		}
		return t.addToRoleSet(in.ID, s.ID, added...)
	})
}

// ReplaceRole takes a role out of a role set and gives its members, and its
// pending invitations, another one, which is added to the set when it is not in it.
func (db *DB) ReplaceRole(ctx context.Context, in *invite.Instance, keyOrID, roleKey, toRoleKey string) (*invite.RoleSet, error) {
	return db.changeRoleSet(ctx, in, keyOrID, func(t *tx, c *invite.Catalog, s *invite.RoleSet) error {
		from, to, err := c.Replace(s, roleKey, toRoleKey)
		if err != nil {
			return err
		}
		if !s.Has(to.ID) {
			if err := t.addToRoleSet(in.ID, s.ID, to); err != nil {
				return err
			}
		}
		if _, err := t.alter(`
			DELETE FROM role_set_roles
			WHERE instance_id = $1 AND role_set_id = $2 AND role_id = $3`, in.ID, s.ID, from.ID); err != nil {
			return err
		}
		return t.reassign(in.ID, s.Key, map[string]string{from.ID: to.ID})
	})
}

func (db *DB) changeRoleSet(ctx context.Context, in *invite.Instance, keyOrID string, change func(*tx, *invite.Catalog, *invite.RoleSet) error) (*invite.RoleSet, error) {
	var s *invite.RoleSet
	err := db.write(ctx, func(t *tx) error {
		c, own, err := t.ownRoleSet(in.ID, keyOrID)
		if err != nil {
			return err
		}
		if err := change(t, c, own); err != nil {
			return err
		}
		if err := t.updateRoleSet(in.ID, own); err != nil {
			return err
		}
		s, err = t.wholeRoleSet(in.ID, own.ID)
		return err
	})
	return s, err
}

// updateRoleSet stores s, which exists, but not which roles are in it.
func (t *tx) updateRoleSet(instance string, s *invite.RoleSet) error {
	_, err := t.alter(`
		UPDATE role_sets
		SET role_set_key = $3, name = $4, description = $5, type = $6, default_role_id = $7, creator_role_id = $8, updated_at = $9
		WHERE instance_id = $1 AND id = $2`,
		instance, s.ID, s.Key, s.Name, s.Description, s.Type, s.DefaultRoleID, s.CreatorRoleID, t.now)
	if err != nil {
		return t.taken(err, "key", s.Key)
	}
	return nil
}

// ReplaceRoleSet deletes a role set and gives its organizations another one. The
// mapping, by role key, says which role takes which one's place; it is needed for
// the roles that the other set does not have and that somebody has or was promised.
func (db *DB) ReplaceRoleSet(ctx context.Context, in *invite.Instance, keyOrID, toKey string, mapping map[string]string) (invite.Deleted, error) {
	var gone invite.Deleted
	err := db.write(ctx, func(t *tx) error {
		c, s, err := t.ownRoleSet(in.ID, keyOrID)
		if err != nil {
			return err
		}
		to, err := c.Successor(s, toKey)
		if err != nil {
			return err
		}
		moves, stranded, err := s.Moves(to, mapping)
		if err != nil {
			return err
		}
		if err := t.settled(in.ID, `role_set_key`, s.Key, stranded, "reassignment_mappings"); err != nil {
			return err
		}
		if err := t.reassign(in.ID, s.Key, moves); err != nil {
			return err
		}
		gone = invite.Deleted{Object: "role_set", ID: s.ID}
		return t.removeRoleSet(in.ID, s, to)
	})
	return gone, err
}

func (t *tx) removeRoleSet(instance string, s, to *invite.RoleSet) error {
	if err := t.moveOrganizations(instance, s.Key, to.Key); err != nil {
		return err
	}
	if _, err := t.alter(`DELETE FROM role_set_roles WHERE instance_id = $1 AND role_set_id = $2`, instance, s.ID); err != nil {
		return err
	}
	if _, err := t.alter(`DELETE FROM role_sets WHERE instance_id = $1 AND id = $2`, instance, s.ID); err != nil {
		return err
	}
	if s.Type != invite.InitialRoleSet {
		return nil
	}
	_, err := t.alter(`
		UPDATE role_sets
		SET type = $3, updated_at = $4
		WHERE instance_id = $1 AND id = $2`, instance, to.ID, invite.InitialRoleSet, t.now)
	return err
}

// assignRoleSet gives o another role set, which must have every role that a
// member of o has or was promised.
func (t *tx) assignRoleSet(o *invite.Organization, key string) error {
	to, err := t.roleSet(o.InstanceID, key)
	if err != nil {
		return err
	}
	from, err := t.roleSet(o.InstanceID, o.RoleSetKey)
	if err != nil {
		return err
	}
	_, stranded, err := from.Moves(to, nil)
	if err != nil {
		return err
	}
	o.RoleSetKey = to.Key
	return t.settled(o.InstanceID, `id`, o.ID, stranded, "role_set_key")
}

// settled refuses with RolesUnassigned, about the input param, when somebody has
// or was promised one of the roles in an organization whose column has the value.
func (t *tx) settled(instance, column, value string, roles []invite.Role, param string) error {
	var held []string
	for _, r := range roles {
		var yes bool
		if err := t.row(`
			SELECT EXISTS (
				SELECT 1
				FROM memberships
				WHERE instance_id = $1 AND role_id = $2 AND organization_id IN (
					SELECT id FROM organizations WHERE instance_id = $1 AND `+column+` = $3))
			OR EXISTS (
				SELECT 1
				FROM invitations
				WHERE instance_id = $1 AND role_id = $2 AND status = 0 AND expires_at > $4 AND organization_id IN (
					SELECT id FROM organizations WHERE instance_id = $1 AND `+column+` = $3))`,
			instance, r.ID, value, t.now).Scan(&yes); err != nil {
			return err
		}
		if yes {
			held = append(held, r.Key)
		}
	}
	if len(held) > 0 {
		return invite.ParamErr(invite.RolesUnassigned, param, held...)
	}
	return nil
}

func (t *tx) moveOrganizations(instance, from, to string) error {
	if from == to {
		return nil
	}
	_, err := t.alter(`
		UPDATE organizations
		SET role_set_key = $3
		WHERE instance_id = $1 AND role_set_key = $2`, instance, from, to)
	return err
}

// holder is a member whose role is replaced.
type holder struct{ organization, user, role string }

// reassign gives members and pending invitations of a set's organizations other
// roles, by id. It is refused with LastAdmin when somewhere nobody would be left
// who can manage members.
func (t *tx) reassign(instance, set string, moves map[string]string) error {
	if len(moves) == 0 {
		return nil
	}
	q := where{args: []any{instance, set}}
	var from []string
	for _, role := range slices.Sorted(maps.Keys(moves)) {
		from = append(from, q.arg(role))
	}
	roles := strings.Join(from, `, `)
	holders, err := t.holders(roles, q.args...)
	if err != nil {
		return err
	}
	var cases []string
	for i, role := range slices.Sorted(maps.Keys(moves)) {
		cases = append(cases, ` WHEN `+from[i]+` THEN `+q.arg(moves[role]))
	}
	to := `CASE role_id` + strings.Join(cases, ``) + ` END, updated_at = ` + q.arg(t.now)
	if err := t.later(`
		UPDATE invitations
		SET role_id = `+to+`
		WHERE instance_id = $1 AND status = 0 AND role_id IN (`+roles+`) AND organization_id IN (
			SELECT id FROM organizations WHERE instance_id = $1 AND role_set_key = $2)`, q.args...); err != nil {
		return err
	}
	if err := t.later(`
		UPDATE memberships
		SET role_id = `+to+`
		WHERE instance_id = $1 AND role_id IN (`+roles+`) AND organization_id IN (
			SELECT id FROM organizations WHERE instance_id = $1 AND role_set_key = $2)`, q.args...); err != nil {
		return err
	}
	if err := t.recountRoles(instance, holders, moves); err != nil {
		return err
	}
	return t.reassigned(instance, holders)
}

// recountRoles counts the holders with the roles they have got.
func (t *tx) recountRoles(instance string, holders []holder, moves map[string]string) error {
	moved := make(map[holder]int) // by organization and former role
	for _, h := range holders {
		moved[holder{organization: h.organization, role: h.role}]++
	}
	for h, n := range moved {
		if err := t.countRole(instance, h.organization, h.role, -n); err != nil {
			return err
		}
		if err := t.countRole(instance, h.organization, moves[h.role], n); err != nil {
			return err
		}
	}
	return nil
}

// holders returns the members in organizations of the set $2 who have one of
// the roles, given as the names of arguments.
func (t *tx) holders(roles string, args ...any) ([]holder, error) {
	var list []holder
	err := t.each(`
		SELECT organization_id, user_id, role_id
		FROM memberships
		WHERE instance_id = $1 AND role_id IN (`+roles+`) AND organization_id IN (
			SELECT id FROM organizations WHERE instance_id = $1 AND role_set_key = $2)`, args, func(row scanner) error {
		var h holder
		err := row.Scan(&h.organization, &h.user, &h.role)
		list = append(list, h)
		return err
	})
	return list, err
}

// reassigned tells of each member who got another role, and sees to it that no
// organization lost its last manager.
func (t *tx) reassigned(instance string, holders []holder) error {
	c, err := t.catalog(instance)
	if err != nil {
		return err
	}
	slices.SortFunc(holders, func(a, b holder) int { return cmp.Compare(a.organization, b.organization) })
	var o *invite.Organization
	for _, h := range holders {
		if o == nil || o.ID != h.organization {
			o, err = t.organization(instance, h.organization)
			if err := t.unswept(o, err); err != nil {
				return err
			}
		}
		m, err := t.membership(o, h.user)
		if err != nil {
			return err
		}
		if had, _ := c.Role(h.role); had.Can(invite.MembershipsManage) && !m.Role.Can(invite.MembershipsManage) {
			if err := t.stillManaged(o, c); err != nil {
				return err
			}
		}
		if err := t.event(instance, o.ID, invite.MembershipUpdatedEvent, m); err != nil {
			return err
		}
	}
	return nil
}

// stillManaged refuses with LastAdmin when no member of o can manage members.
func (t *tx) stillManaged(o *invite.Organization, c *invite.Catalog) error {
	q := where{args: []any{o.InstanceID, o.ID}}
	var managed bool
	err := t.row(`
		SELECT EXISTS (
			SELECT 1
			FROM memberships
			WHERE instance_id = $1 AND organization_id = $2 AND role_id IN (`+q.list(c.Managers())+`))`, q.args...).Scan(&managed)
	if err == nil && !managed {
		return invite.Err(invite.LastAdmin)
	}
	return err
}
