package store

import (
	"context"
	"encoding/json"

	"usher/internal/invite"
)

const membershipColumns = `m.organization_id, m.id, m.role_id, m.public_metadata, m.private_metadata, m.created_at, m.updated_at`

const membershipFrom = `memberships m
	JOIN users u ON u.instance_id = m.instance_id AND u.id = m.user_id
	LEFT JOIN email_addresses e ON e.instance_id = u.instance_id AND e.user_id = u.id AND e.id = u.primary_email_address_id`

// scanMembership leaves the organization and the role with nothing but their ids.
func scanMembership(row scanner) (*invite.Membership, error) {
	var m invite.Membership
	person, finish := personOf(&m.User)
	err := row.Scan(append([]any{
		&m.Organization.ID, &m.ID, &m.Role.ID, (*[]byte)(&m.PublicMetadata), (*[]byte)(&m.PrivateMetadata), &m.CreatedAt, &m.UpdatedAt,
	}, person...)...)
	finish()
	return &m, err
}

// membership returns one user's membership, or refuses with MembershipNotFound.
func (t *tx) membership(o *invite.Organization, user string) (*invite.Membership, error) {
	m, err := scanMembership(t.row(`
		SELECT `+membershipColumns+`, `+personColumns+`
		FROM `+membershipFrom+`
		WHERE m.instance_id = $1 AND m.organization_id = $2 AND m.user_id = $3`, o.InstanceID, o.ID, user))
	if err != nil {
		return nil, missing(err, invite.ParamErr(invite.MembershipNotFound, "user_id", user))
	}
	m.Organization = *o
	m.Role, err = t.roleOf(o.InstanceID, m.Role.ID)
	return m, err
}

// insertMembership seats the user, refusing a second membership, and counts it
// in o, which afterwards has the new numbers of members and pending invitations.
func (t *tx) insertMembership(o *invite.Organization, u *invite.User, role invite.Role, public, private []byte) (*invite.Membership, error) {
	m := &invite.Membership{
		ID: t.newID(membershipID), Role: role, User: u.Person(),
		PublicMetadata: public, PrivateMetadata: private, CreatedAt: t.now, UpdatedAt: t.now,
	}
	n, err := t.exec(`
		INSERT INTO memberships (instance_id, organization_id, user_id, id, role_id, public_metadata, private_metadata, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (instance_id, organization_id, user_id) DO NOTHING`,
		o.InstanceID, o.ID, u.ID, m.ID, role.ID, string(public), string(private), m.CreatedAt, m.UpdatedAt)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, invite.Err(invite.AlreadyMember, "User "+u.ID)
	}
	if err := t.countMember(o, role.ID, 1); err != nil {
		return nil, err
	}
	if o.Domains > 0 {
		if err := t.disenroll(o.InstanceID, u.ID, o.ID, ""); err != nil {
			return nil, err
		}
	}
	if o.Requests > 0 {
		if err := t.answerRequest(o, u.ID, invite.Accepted); err != nil {
			return nil, err
		}
	}
	o.Members++
	if err := t.supersede(o, u); err != nil {
		return nil, err
	}
	m.Organization = *o
	return m, t.event(o.InstanceID, o.ID, invite.MembershipCreatedEvent, m)
}

// supersede revokes the invitations that would hold a second seat for a member.
func (t *tx) supersede(o *invite.Organization, u *invite.User) error {
	keys := u.VerifiedKeys()
	if len(keys) == 0 {
		return nil
	}
	q := addressed(o.InstanceID, keys, []invite.Status{invite.Pending}, t.now)
	// Not the bare id, to keep the planner on the addresses: an organization may have
	// a million pending invitations.
	q.and(`i.organization_id || '' = ` + q.arg(o.ID))
	ids, err := t.strings(`SELECT i.id FROM invitations i`+q.clause(), q.args...)
	if err != nil {
		return err
	}
	for _, id := range ids {
		i, err := t.invitation(o.InstanceID, o.ID, id)
		if err != nil {
			return err
		}
		if err := i.Revoke(t.now); err != nil {
			return err
		}
		if err := t.end(i); err != nil {
			return err
		}
		if err := t.event(o.InstanceID, o.ID, invite.InvitationRevokedEvent, i); err != nil {
			return err
		}
		o.Pending--
	}
	return nil
}

// CreateMembership adds a user, who must not be banned, to an organization within
// its limit. Pending invitations of the user's addresses are revoked.
func (db *DB) CreateMembership(ctx context.Context, in *invite.Instance, organization string, n invite.NewMembership) (*invite.Membership, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	var m *invite.Membership
	err := db.write(ctx, func(t *tx) error {
		if _, err := t.seats(in.ID, organization); err != nil {
			return err
		}
		o, err := t.organization(in.ID, organization)
		if err := t.unswept(o, err); err != nil {
			return err
		}
		if err := t.may(o, invite.MembershipsManage); err != nil {
			return err
		}
		role, err := t.assignable(o, n.Role)
		if err != nil {
			return err
		}
		u, err := t.user(in.ID, n.UserID)
		if err != nil {
			return err
		}
		if u.Banned {
			return invite.Err(invite.UserBanned)
		}
		public, private := json.RawMessage("{}"), json.RawMessage("{}")
		if err := n.Metadata.Apply(&public, &private, nil); err != nil {
			return err
		}
		if m, err = t.insertMembership(o, u, role, public, private); err != nil {
			return err
		}
		// The new member has its seat already: none may be missing.
		return o.Room(0)
	})
	return m, err
}

// MembershipFilter selects and orders a list of memberships. Empty fields select all.
type MembershipFilter struct {
	Users      UserFilter // whose; its order and page do not count
	Roles      []string   // keys
	OrderBy    string     // a key of membershipOrders; empty is created_at
	Descending bool
	invite.Page
}

// membershipOrders are the columns that memberships can be ordered by. Ids sort
// by creation. Nobody has a phone number, so they all tie.
var membershipOrders = map[string]string{
	"": `m.id`, "created_at": `m.id`, "phone_number": `m.id`, "email_address": `COALESCE(e.email_address, '')`,
	"first_name": `u.first_name`, "last_name": `u.last_name`, "username": `u.username_key`,
}

// Memberships returns one page of an organization's memberships and the number that match.
func (db *DB) Memberships(ctx context.Context, in *invite.Instance, organization string, f MembershipFilter) ([]*invite.Membership, int, error) {
	var list []*invite.Membership
	var total int
	err := db.read(ctx, func(t *tx) error {
		list = nil
		o, err := t.organization(in.ID, organization)
		if err != nil {
			return err
		}
		if err := t.may(o, invite.MembershipsRead); err != nil {
			return err
		}
		q, unfiltered := f.where(in.ID, o.ID)
		if total = o.Members; !unfiltered {
			query, args := f.count(in.ID, o.ID, q)
			if err := t.row(query, args...).Scan(&total); err != nil {
				return err
			}
		}
		if f.Offset >= total {
			return nil
		}
		list, err = t.memberships(in.ID, q, &f)
		return err
	})
	return list, total, err
}

func (f *MembershipFilter) where(instance, organization string) (q where, unfiltered bool) {
	tenant := q.arg(instance)
	q.and(`m.instance_id = ` + tenant)
	q.and(`m.organization_id = ` + q.arg(organization))
	f.Users.ofID(&q, tenant, `m.user_id`)
	f.Users.ofRow(&q, tenant)
	f.roles(&q, tenant)
	return q, len(q.conditions) == 2
}

func (f *MembershipFilter) roles(q *where, tenant string) {
	if len(f.Roles) == 0 {
		return
	}
	has := ` IN `
	if len(f.Roles) == 1 { // one range of the index on roles, which is in order
		has = ` = `
	}
	q.and(`m.role_id` + has + `(SELECT r.id FROM roles r WHERE r.instance_id = ` + tenant + ` AND r.deleted_at = 0 AND r.role_key IN (` +
		q.list(canonical(f.Roles)) + `))`)
}

// count selects how many q selects. Those with a role are counted already.
func (f *MembershipFilter) count(instance, organization string, q where) (string, []any) {
	var users where
	f.Users.ofID(&users, ``, ``)
	f.Users.ofRow(&users, ``)
	if len(users.conditions) > 0 {
		return `SELECT count(*) FROM ` + f.from() + q.clause(), q.args
	}
	counted := where{args: []any{instance, organization}}
	f.roles(&counted, `$1`)
	return `SELECT COALESCE(sum(m.members), 0) FROM role_members m WHERE m.instance_id = $1 AND m.organization_id = $2` + counted.more(), counted.args
}

// InstanceMemberships returns one page of the memberships in all organizations of
// an instance and their number. Only order and page of the filter count.
func (db *DB) InstanceMemberships(ctx context.Context, in *invite.Instance, f MembershipFilter) ([]*invite.Membership, int, error) {
	var list []*invite.Membership
	var total int
	err := db.read(ctx, func(t *tx) (err error) {
		if err := t.row(`SELECT memberships FROM instances WHERE instance_id = $1`, in.ID).Scan(&total); err != nil {
			return err
		}
		q := where{}
		q.and(`m.instance_id = ` + q.arg(in.ID))
		leftovers, err := t.anyLeft(in.ID)
		if err != nil {
			return err
		}
		if leftovers {
			q.and(`m.organization_id NOT IN ` + left)
		}
		list, err = t.memberships(in.ID, q, &f)
		return err
	})
	return list, total, err
}

// UserMemberships returns one page of a user's memberships, newest first, and
// their number. It refuses with UserNotFound.
func (db *DB) UserMemberships(ctx context.Context, in *invite.Instance, user string, p invite.Page) ([]*invite.Membership, int, error) {
	var list []*invite.Membership
	var total int
	err := db.read(ctx, func(t *tx) error {
		if _, err := t.user(in.ID, user); err != nil {
			return err
		}
		q := where{}
		q.and(`m.instance_id = ` + q.arg(in.ID))
		q.and(`m.user_id = ` + q.arg(user))
		q.and(`m.organization_id NOT IN ` + left)
		err := t.row(`SELECT count(*) FROM memberships m`+q.clause(), q.args...).Scan(&total)
		if err != nil {
			return err
		}
		list, err = t.memberships(in.ID, q, &MembershipFilter{OrderBy: "created_at", Descending: true, Page: p})
		return err
	})
	return list, total, err
}

// memberships reads the page that q selects, whole.
func (t *tx) memberships(instance string, q where, f *MembershipFilter) ([]*invite.Membership, error) {
	var list []*invite.Membership
	query, args := f.query(q)
	if err := t.each(query, args, func(row scanner) error {
		m, err := scanMembership(row)
		list = append(list, m)
		return err
	}); err != nil {
		return nil, err
	}
	organizations := t.organizations(instance)
	for _, m := range list {
		o, err := organizations.get(m.Organization.ID)
		if err != nil {
			return nil, err
		}
		m.Organization = *o
		if m.Role, err = t.roleOf(instance, m.Role.ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// from returns the tables that tell which memberships f selects.
func (f *MembershipFilter) from() string {
	var q where
	if f.Users.ofRow(&q, ``); len(q.conditions) == 0 {
		return `memberships m`
	}
	return `memberships m JOIN users u ON u.instance_id = m.instance_id AND u.id = m.user_id`
}

// query selects one page. In order of creation it is found first, so that nothing
// else is touched for the rows before it.
func (f *MembershipFilter) query(q where) (string, []any) {
	column := membershipOrders[f.OrderBy]
	created := column == `m.id`
	if f.Users.names() {
		column = computed(column)
	}
	if created {
		page := `SELECT m.id FROM ` + f.from() + q.clause() + order(column, `m.id`, f.Descending) + q.limit(f.Page)
		return `SELECT ` + membershipColumns + `, ` + personColumns + ` FROM ` + membershipFrom +
			` WHERE m.instance_id = $1 AND m.id IN (` + page + `)` + order(`m.id`, `m.id`, f.Descending), q.args
	}
	query := `SELECT ` + membershipColumns + `, ` + personColumns + ` FROM ` + membershipFrom + q.clause() +
		order(column, `m.id`, f.Descending) + q.limit(f.Page)
	return query, q.args
}

func canonical(roles []string) []string {
	keys := make([]string, len(roles))
	for i, r := range roles {
		keys[i] = invite.RoleKey(r)
	}
	return keys
}

// UpdateMembership gives a member another role. It is refused with LastAdmin
// when nobody would be left who can manage members.
func (db *DB) UpdateMembership(ctx context.Context, in *invite.Instance, organization, user, role string) (*invite.Membership, error) {
	if role == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "role")
	}
	return db.changeMembership(ctx, in, organization, user, func(t *tx, m *invite.Membership) (err error) {
		if m.Role, err = t.assignable(&m.Organization, role); err != nil {
			return err
		}
		if m.Role.Can(invite.MembershipsManage) {
			return nil
		}
		return t.managed(&m.Organization, user)
	})
}

// UpdateMembershipMetadata changes a membership's metadata.
func (db *DB) UpdateMembershipMetadata(ctx context.Context, in *invite.Instance, organization, user string, c invite.MetadataChange) (*invite.Membership, error) {
	return db.changeMembership(ctx, in, organization, user, func(_ *tx, m *invite.Membership) error {
		return c.Apply(&m.PublicMetadata, &m.PrivateMetadata, nil)
	})
}

func (db *DB) changeMembership(ctx context.Context, in *invite.Instance, organization, user string, change func(*tx, *invite.Membership) error) (*invite.Membership, error) {
	var m *invite.Membership
	err := db.write(ctx, func(t *tx) error {
		o, err := t.organization(in.ID, organization)
		if err := t.unswept(o, err); err != nil {
			return err
		}
		if err := t.may(o, invite.MembershipsManage); err != nil {
			return err
		}
		if m, err = t.membership(o, user); err != nil {
			return err
		}
		before := m.Role.ID
		if err := change(t, m); err != nil {
			return err
		}
		if err := t.recountRole(m, before); err != nil {
			return err
		}
		m.UpdatedAt = t.now
		t.changed = append(t.changed, o.ID)
		if err := t.later(`
			UPDATE memberships
			SET role_id = $4, public_metadata = $5, private_metadata = $6, updated_at = $7
			WHERE instance_id = $1 AND organization_id = $2 AND user_id = $3`,
			in.ID, o.ID, user, m.Role.ID, string(m.PublicMetadata), string(m.PrivateMetadata), m.UpdatedAt); err != nil {
			return err
		}
		return t.event(in.ID, o.ID, invite.MembershipUpdatedEvent, m)
	})
	return m, err
}

// recountRole counts a member whose role may be another one than before.
func (t *tx) recountRole(m *invite.Membership, before string) error {
	o := &m.Organization
	if m.Role.ID == before {
		return nil
	}
	if err := t.countRole(o.InstanceID, o.ID, before, -1); err != nil {
		return err
	}
	return t.countRole(o.InstanceID, o.ID, m.Role.ID, 1)
}

// DeleteMembership removes a member and returns what the membership was. It is
// refused with LastAdmin when nobody would be left who can manage members.
func (db *DB) DeleteMembership(ctx context.Context, in *invite.Instance, organization, user string) (*invite.Membership, error) {
	var m *invite.Membership
	err := db.write(ctx, func(t *tx) error {
		o, err := t.organization(in.ID, organization)
		if err := t.unswept(o, err); err != nil {
			return err
		}
		permission := invite.MembershipsManage
		if t.by == user {
			permission = "" // who leaves asks nobody
		}
		if err := t.may(o, permission); err != nil {
			return err
		}
		if m, err = t.membership(o, user); err != nil {
			return err
		}
		if err := t.managed(o, user); err != nil {
			return err
		}
		m.Organization.Members--
		return t.removeMember(m)
	})
	return m, err
}

// removeMember deletes a membership that exists and gives its seat back.
func (t *tx) removeMember(m *invite.Membership) error {
	o := &m.Organization
	if err := t.later(`DELETE FROM memberships WHERE instance_id = $1 AND organization_id = $2 AND user_id = $3`, o.InstanceID, o.ID, m.User.UserID); err != nil {
		return err
	}
	if err := t.countMember(o, m.Role.ID, -1); err != nil {
		return err
	}
	return t.event(o.InstanceID, o.ID, invite.MembershipDeletedEvent, m)
}

// countMember moves every counter of members, but for o's own copy.
func (t *tx) countMember(o *invite.Organization, role string, by int) error {
	t.changed = append(t.changed, o.ID)
	if err := t.later(`UPDATE organizations SET members = members + $3 WHERE instance_id = $1 AND id = $2`, o.InstanceID, o.ID, by); err != nil {
		return err
	}
	if err := t.count(o.InstanceID, "memberships", by); err != nil {
		return err
	}
	return t.countRole(o.InstanceID, o.ID, role, by)
}

// countRole moves the number of an organization's members who have a role.
func (t *tx) countRole(instance, organization, role string, by int) error {
	err := t.later(`
		INSERT INTO role_members (instance_id, organization_id, role_id, members)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (instance_id, organization_id, role_id) DO UPDATE
		SET members = role_members.members + excluded.members`, instance, organization, role, by)
	return err
}

// managed refuses with LastAdmin when, without the given user, no member can
// manage members. Where nobody could before, nothing is lost and it allows.
func (t *tx) managed(o *invite.Organization, without string) error {
	c, err := t.catalog(o.InstanceID)
	if err != nil {
		return err
	}
	self, others := 0, 0
	for _, role := range c.Managers() {
		var s, n int
		if err := t.row(`
			SELECT
				(SELECT count(*) FROM memberships
				WHERE instance_id = $1 AND organization_id = $2 AND user_id = $4 AND role_id = $3),
				(SELECT count(*) FROM (
					SELECT 1 FROM memberships
					WHERE instance_id = $1 AND organization_id = $2 AND role_id = $3 AND user_id <> $4
					LIMIT 1) AS other)`, o.InstanceID, o.ID, role, without).Scan(&s, &n); err != nil {
			return err
		}
		self, others = self+s, others+n
	}
	if self > 0 && others == 0 {
		return invite.Err(invite.LastAdmin)
	}
	return nil
}
