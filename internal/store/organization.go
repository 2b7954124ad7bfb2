package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"usher/internal/invite"
)

const organizationColumns = `o.id, o.instance_id, o.name, o.slug, o.max_allowed_memberships, o.admin_delete_enabled,
	o.public_metadata, o.private_metadata, o.created_by, o.logo, o.role_set_key, o.members, o.pending, o.domains, o.requests, o.created_at, o.updated_at`

func scanOrganization(row scanner, more ...any) (*invite.Organization, error) {
	var o invite.Organization
	err := row.Scan(append([]any{
		&o.ID, &o.InstanceID, &o.Name, &o.Slug, &o.MaxAllowedMemberships, &o.AdminDeleteEnabled,
		(*[]byte)(&o.PublicMetadata), (*[]byte)(&o.PrivateMetadata), &o.CreatedBy, &o.Logo, &o.RoleSetKey, &o.Members, &o.Pending, &o.Domains, &o.Requests, &o.CreatedAt, &o.UpdatedAt,
	}, more...)...)
	return &o, err
}

// organization returns the row, or refuses with OrganizationNotFound.
func (t *tx) organization(instance, id string) (*invite.Organization, error) {
	o, err := scanOrganization(t.row(`
		SELECT `+organizationColumns+`
		FROM organizations o
		WHERE o.instance_id = $1 AND o.id = $2`, instance, id))
	return o, missing(err, invite.Err(invite.OrganizationNotFound))
}

// CreateOrganization creates an organization. With a creator, that user becomes
// its first member with the creator role of the role set.
func (db *DB) CreateOrganization(ctx context.Context, in *invite.Instance, n invite.NewOrganization) (*invite.Organization, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	if err := in.Settings.CheckSlug(n.Slug); err != nil {
		return nil, err
	}
	var o *invite.Organization
	err := db.write(ctx, func(t *tx) error {
		if err := t.mayFound(in); err != nil {
			return err
		}
		roles, err := t.roleSet(in.ID, n.RoleSetKey)
		if err != nil {
			return err
		}
		o = &invite.Organization{
			ID: t.newID(organizationID), InstanceID: in.ID, Name: n.Name,
			MaxAllowedMemberships: in.MaxAllowedMemberships, AdminDeleteEnabled: !in.Settings.AdminDeleteDisabled,
			CreatedBy: n.CreatedBy, RoleSetKey: roles.Key, CreatedAt: t.now, UpdatedAt: t.now,
			PublicMetadata: emptyObject, PrivateMetadata: emptyObject,
		}
		if n.MaxAllowedMemberships != nil {
			o.MaxAllowedMemberships = *n.MaxAllowedMemberships
		}
		if n.CreatedAt != 0 {
			o.CreatedAt = n.CreatedAt
		}
		if err := n.Metadata.Apply(&o.PublicMetadata, &o.PrivateMetadata, nil); err != nil {
			return err
		}
		if err := t.insertOrganization(o, n.Slug); err != nil {
			return err
		}
		if err := t.event(in.ID, o.ID, invite.OrganizationCreatedEvent, o); err != nil {
			return err
		}
		return t.addCreator(in, o, roles.Creator())
	})
	return o, err
}

var emptyObject = []byte("{}")

// insertOrganization stores o under the wanted slug, or under the first free one
// made from its name.
func (t *tx) insertOrganization(o *invite.Organization, slug string) error {
	candidates := []string{slug}
	if slug == "" {
		base := invite.Slug(o.Name)
		unique := strings.ToLower(o.ID[len(organizationID)+21:])
		candidates = []string{base, strings.Trim(base+"-"+unique, "-"), strings.ToLower(o.ID[len(organizationID):])}
		if base == "" {
			candidates = candidates[1:]
		}
	}
	for _, o.Slug = range candidates {
		n, err := t.exec(`
			INSERT INTO organizations (instance_id, id, name, name_key, slug, max_allowed_memberships, admin_delete_enabled,
				public_metadata, private_metadata, created_by, role_set_key, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			ON CONFLICT (instance_id, slug) DO NOTHING`,
			o.InstanceID, o.ID, o.Name, invite.Fold(o.Name), o.Slug, o.MaxAllowedMemberships, o.AdminDeleteEnabled,
			string(o.PublicMetadata), string(o.PrivateMetadata), o.CreatedBy, o.RoleSetKey, o.CreatedAt, o.UpdatedAt)
		if err != nil {
			return err
		}
		if n > 0 {
			return t.count(o.InstanceID, "organizations", 1)
		}
	}
	return invite.ParamErr(invite.ValueExists, "slug", o.Slug)
}

// count moves one of the instance's counters; the name is a constant of the caller.
func (t *tx) count(instance, counter string, by int) error {
	err := t.later(`UPDATE instances SET `+counter+` = `+counter+` + $2 WHERE instance_id = $1`, instance, by)
	return err
}

func (t *tx) addCreator(in *invite.Instance, o *invite.Organization, role invite.Role) error {
	if o.CreatedBy == "" {
		return nil
	}
	u, err := t.user(in.ID, o.CreatedBy)
	if errors.Is(err, invite.Err(invite.UserNotFound)) {
		return invite.Err(invite.CreatorNotFound)
	}
	if err != nil {
		return err
	}
	if u.Banned {
		return invite.Err(invite.UserBanned)
	}
	_, err = t.insertMembership(o, u, role, emptyObject, emptyObject)
	return err
}

// Organization returns an organization by id or slug, and whether it is unmanaged,
// or refuses with OrganizationNotFound.
func (db *DB) Organization(ctx context.Context, in *invite.Instance, idOrSlug string) (*invite.Organization, error) {
	var o *invite.Organization
	err := db.read(ctx, func(t *tx) (err error) {
		if o, err = t.organization(in.ID, idOrSlug); errors.Is(err, invite.Err(invite.OrganizationNotFound)) {
			o, err = scanOrganization(t.row(`
				SELECT `+organizationColumns+`
				FROM organizations o
				WHERE o.instance_id = $1 AND o.slug = $2`, in.ID, idOrSlug))
			err = missing(err, invite.Err(invite.OrganizationNotFound))
		}
		if err := t.unswept(o, err); err != nil {
			return err
		}
		if err := t.may(o, ""); err != nil {
			return err
		}
		return t.lookForManager(o)
	})
	return o, err
}

// unswept takes from o's counter the invitations that have expired but are not
// written down yet.
func (t *tx) unswept(o *invite.Organization, err error) error {
	if err != nil {
		return err
	}
	n, err := t.overdue(o.InstanceID, o.ID)
	o.Pending -= n
	return err
}

// OrganizationFilter selects and orders a list of organizations. Empty fields select all.
type OrganizationFilter struct {
	IDs        invite.Choice
	Members    invite.Choice // user ids: of any in Only, of none in Except
	Query      string        // exact id, or part of the name or slug, in any case
	OrderBy    string        // created_at, name or members_count
	Descending bool
	Managed    bool // tell which are unmanaged
	invite.Page
}

func (f *OrganizationFilter) where(instance string) (q where, unfiltered bool) {
	tenant := q.arg(instance)
	q.and(`o.instance_id = ` + tenant)
	q.choose(`o.id`, f.IDs)
	of := func(users []string) string {
		return ` IN (SELECT m.organization_id FROM memberships m WHERE m.instance_id = ` + tenant + ` AND m.user_id IN (` + q.list(users) + `))`
	}
	if len(f.Members.Only) > 0 {
		q.and(`o.id` + of(f.Members.Only))
	}
	if len(f.Members.Except) > 0 {
		q.and(`o.id NOT` + of(f.Members.Except))
	}
	if f.Query != "" {
		like := q.like(f.Query)
		q.and(`(o.id = ` + q.arg(f.Query) + ` OR o.name_key` + like + ` OR o.slug` + like + `)`)
	}
	return q, len(q.conditions) == 1
}

func (f *OrganizationFilter) query(q where) (string, []any) {
	column := map[string]string{"created_at": `o.created_at`, "name": `o.name_key`, "members_count": `o.members`}[f.OrderBy]
	if len(f.IDs.Only)+len(f.Members.Only) > 0 {
		column = computed(column)
	}
	query := `SELECT ` + organizationColumns + ` FROM organizations o` + q.clause() + order(column, `o.id`, f.Descending) + q.limit(f.Page)
	return query, q.args
}

// Organizations returns one page and the number of organizations that match.
func (db *DB) Organizations(ctx context.Context, in *invite.Instance, f OrganizationFilter) ([]*invite.Organization, int, error) {
	var list []*invite.Organization
	var total int
	err := db.read(ctx, func(t *tx) (err error) {
		list = nil
		q, unfiltered := f.where(in.ID)
		if total, err = t.total(in.ID, "organizations", unfiltered, q); err != nil {
			return err
		}
		query, args := f.query(q)
		if err := t.each(query, args, func(row scanner) error {
			o, err := scanOrganization(row)
			list = append(list, o)
			return err
		}); err != nil {
			return err
		}
		for _, o := range list {
			if err := t.unswept(o, nil); err != nil {
				return err
			}
			if !f.Managed {
				continue
			}
			if err := t.lookForManager(o); err != nil {
				return err
			}
		}
		return nil
	})
	return list, total, err
}

// lookForManager sets whether o is unmanaged.
func (t *tx) lookForManager(o *invite.Organization) error {
	c, err := t.catalog(o.InstanceID)
	if err != nil {
		return err
	}
	o.Unmanaged = true
	for _, role := range c.Managers() {
		var found bool
		if err := t.row(`
			SELECT EXISTS (
				SELECT 1
				FROM memberships
				WHERE instance_id = $1 AND organization_id = $2 AND role_id = $3)`, o.InstanceID, o.ID, role).Scan(&found); err != nil {
			return err
		}
		if found {
			o.Unmanaged = false
			return nil
		}
	}
	return nil
}

// total reads the instance's counter when the list is unfiltered, else counts.
func (t *tx) total(instance, table string, unfiltered bool, q where) (n int, err error) {
	if unfiltered {
		err = t.row(`SELECT `+table+` FROM instances WHERE instance_id = $1`, instance).Scan(&n)
		return n, err
	}
	err = t.row(`SELECT count(*) FROM `+table+` `+table[:1]+q.clause(), q.args...).Scan(&n)
	return n, err
}

// UpdateOrganization changes an organization.
func (db *DB) UpdateOrganization(ctx context.Context, in *invite.Instance, id string, c invite.OrganizationChange) (*invite.Organization, error) {
	if c.Slug != nil {
		if err := in.Settings.CheckSlug(*c.Slug); err != nil {
			return nil, err
		}
	}
	var o *invite.Organization
	err := db.write(ctx, func(t *tx) (err error) {
		if o, err = t.organization(in.ID, id); err != nil {
			return err
		}
		if err := t.may(o, invite.ProfileManage); err != nil {
			return err
		}
		if err := c.Apply(o); err != nil {
			return err
		}
		if c.RoleSetKey != nil {
			if err := t.assignRoleSet(o, *c.RoleSetKey); err != nil {
				return err
			}
		}
		o.UpdatedAt = t.now
		t.changed = append(t.changed, o.ID)
		if err := t.updateOrganization(o); err != nil {
			return err
		}
		if err := t.event(in.ID, o.ID, invite.OrganizationUpdatedEvent, o); err != nil {
			return err
		}
		return t.unswept(o, nil)
	})
	return o, err
}

func (t *tx) updateOrganization(o *invite.Organization) error {
	_, err := t.exec(`
		UPDATE organizations
		SET name = $3, slug = $4, max_allowed_memberships = $5, admin_delete_enabled = $6,
			public_metadata = $7, private_metadata = $8, role_set_key = $9, created_at = $10, updated_at = $11, name_key = $12
		WHERE instance_id = $1 AND id = $2`,
		o.InstanceID, o.ID, o.Name, o.Slug, o.MaxAllowedMemberships, o.AdminDeleteEnabled,
		string(o.PublicMetadata), string(o.PrivateMetadata), o.RoleSetKey, o.CreatedAt, o.UpdatedAt, invite.Fold(o.Name))
	if err != nil && t.db.dialect.duplicate(err) {
		return invite.ParamErr(invite.ValueExists, "slug", o.Slug)
	}
	return err
}

// contains returns the LIKE pattern, folded and escaped, for text that holds s.
func contains(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(s)) + "%"
}

// where builds the WHERE clause and arguments of a filtered list. Conditions
// come from this package; only their arguments come from a client.
type where struct {
	conditions []string
	args       []any
}

// arg adds an argument and returns the name that stands for it.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return fmt.Sprintf("$%d", len(w.args))
}

// list adds arguments and returns their names, separated by commas.
func (w *where) list(values []string) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = w.arg(v)
	}
	return strings.Join(names, ", ")
}

// and adds a condition.
func (w *where) and(condition string) { w.conditions = append(w.conditions, condition) }

// in adds a condition that column has one of values; no values is no condition.
func (w *where) in(column string, values []string) {
	if len(values) > 0 {
		w.and(column + ` IN (` + w.list(values) + `)`)
	}
}

// choose adds what c asks of column.
func (w *where) choose(column string, c invite.Choice) {
	w.in(column, c.Only)
	if len(c.Except) > 0 {
		w.and(column + ` NOT IN (` + w.list(c.Except) + `)`)
	}
}

func (w *where) clause() string { return ` WHERE ` + strings.Join(w.conditions, ` AND `) }

// more continues a statement that has conditions already.
func (w *where) more() string {
	if len(w.conditions) == 0 {
		return ``
	}
	return ` AND ` + strings.Join(w.conditions, ` AND `)
}

// limit must come after everything else that adds arguments.
func (w *where) limit(p invite.Page) string {
	return ` LIMIT ` + w.arg(p.Limit) + ` OFFSET ` + w.arg(p.Offset)
}

// computed is a column that no index has. Where few rows match it keeps the planner
// from walking an index in order until it has met them.
func computed(column string) string { return `COALESCE(` + column + `, NULL)` }

// order sorts by column with ties broken by id, so that every list is total.
func order(column, id string, descending bool) string {
	direction := ``
	if descending {
		direction = ` DESC`
	}
	if column == id {
		return ` ORDER BY ` + id + direction
	}
	return ` ORDER BY ` + column + direction + `, ` + id + direction
}
