package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"

	"usher/internal/invite"
)

const invitationColumns = `i.id, i.email_address, i.email_key, i.role_id, i.inviter_id, i.status,
	i.public_metadata, i.private_metadata, i.redirect_url, i.generation, i.user_id, i.expires_at, i.created_at, i.updated_at`

// invitationRow packs what scanInvitation reads.
const invitationRow = `concat_ws('` + separator + `', ` + invitationColumns + `)`

// scanInvitation leaves the role's id in Role until fillInvitation replaces it. More
// are the targets of what is packed behind the invitation.
func scanInvitation(row scanner, instance, organization string, more ...any) (*invite.Invitation, error) {
	i := invite.Invitation{InstanceID: instance, OrganizationID: organization}
	err := unpack(row, append([]any{&i.ID, &i.Email.Address, &i.Email.Key, &i.Role, &i.InviterID, &i.Status,
		&i.PublicMetadata, &i.PrivateMetadata,
		&i.RedirectURL, &i.Generation, &i.UserID, &i.ExpiresAt, &i.CreatedAt, &i.UpdatedAt}, more...)...)
	return &i, err
}

// invitation returns one invitation whole, or refuses with InvitationNotFound.
func (t *tx) invitation(instance, organization, id string) (*invite.Invitation, error) {
	if !t.db.cache.enabled.Load() {
		return t.joinedInvitation(instance, organization, id)
	}
	i, err := scanInvitation(t.row(`
		SELECT `+invitationRow+`
		FROM invitations i
		WHERE i.instance_id = $1 AND i.organization_id = $2 AND i.id = $3`, instance, organization, id), instance, organization)
	if err != nil {
		return nil, missing(err, invite.Err(invite.InvitationNotFound, id))
	}
	return i, t.fillInvitation(i)
}

// joinedInvitation is invitation in one statement, where nothing is remembered of the
// people and roles it names.
func (t *tx) joinedInvitation(instance, organization, id string) (*invite.Invitation, error) {
	var p invite.Person
	targets, finish := personOf(&p)
	i, err := scanInvitation(t.row(`
		SELECT concat_ws('`+separator+`', `+invitationColumns+`,
			COALESCE(u.id, ''), COALESCE(u.first_name, ''), COALESCE(u.last_name, ''), COALESCE(u.username, ''), COALESCE(u.banned, 0),
			COALESCE(e.email_address, ''), id.catalog_version)
		FROM invitations i
		JOIN instances id ON id.instance_id = i.instance_id
		LEFT JOIN users u ON u.instance_id = i.instance_id AND u.id = i.inviter_id
		LEFT JOIN email_addresses e ON e.instance_id = u.instance_id AND e.user_id = u.id AND e.id = u.primary_email_address_id
		WHERE i.instance_id = $1 AND i.organization_id = $2 AND i.id = $3`, instance, organization, id),
		instance, organization, append(targets, &t.cast)...)
	if err != nil {
		return nil, missing(err, invite.Err(invite.InvitationNotFound, id))
	}
	if finish(); p.UserID != "" {
		i.Inviter = &p
	}
	t.castOf = instance
	return i, t.fillRole(i)
}

// fillInvitation puts the role's key and name and the inviter into an invitation
// that was just scanned.
func (t *tx) fillInvitation(i *invite.Invitation) (err error) {
	if i.InviterID != "" {
		if i.Inviter, err = t.person(i.InstanceID, i.InviterID); err != nil {
			return err
		}
	}
	return t.fillRole(i)
}

func (t *tx) fillRole(i *invite.Invitation) error {
	r, err := t.roleOf(i.InstanceID, i.Role)
	i.Role, i.RoleName = r.Key, r.Name
	return err
}

// fillInvitations does the same for a list, whose neighbours often share role
// and inviter.
func (t *tx) fillInvitations(list []*invite.Invitation) error {
	var role string // the last one's id
	for k, i := range list {
		same := k > 0 && i.Role == role && i.InviterID == list[k-1].InviterID
		role = i.Role
		if same {
			i.Role, i.RoleName, i.Inviter = list[k-1].Role, list[k-1].RoleName, list[k-1].Inviter
		} else if err := t.fillInvitation(i); err != nil {
			return err
		}
	}
	return nil
}

// CreateInvitation invites one address. It refuses a second pending invitation
// with DuplicateInvitation.
func (db *DB) CreateInvitation(ctx context.Context, in *invite.Instance, organization string, n invite.NewInvitation) (*invite.Invitation, error) {
	list, err := db.createInvitations(ctx, in, organization, []invite.NewInvitation{n}, func([]string) error {
		return invite.Err(invite.DuplicateInvitation)
	})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// CreateInvitations invites several addresses, all or none, and returns the
// invitations in the order given. Addresses that have a pending invitation, or
// stand twice in the request, are refused together with DuplicateInBulk, which names
// them as they were given.
func (db *DB) CreateInvitations(ctx context.Context, in *invite.Instance, organization string, news []invite.NewInvitation) ([]*invite.Invitation, error) {
	if len(news) == 0 {
		return nil, invite.ParamErr(invite.ParamMissing, "email_address")
	}
	return db.createInvitations(ctx, in, organization, news, func(addresses []string) error {
		return invite.Err(invite.DuplicateInBulk, addresses...)
	})
}

// createInvitations checks in the order of contract §2.3. The second occurrence
// of an address meets the first one's row, so both kinds of duplicate are one.
func (db *DB) createInvitations(ctx context.Context, in *invite.Instance, organization string, news []invite.NewInvitation, duplicates func([]string) error) ([]*invite.Invitation, error) {
	for k := range news {
		if err := news[k].Check(in.Environment); err != nil {
			return nil, err
		}
	}
	var list []*invite.Invitation
	err := db.write(ctx, func(t *tx) error {
		list = nil
		standings := make([]standing, len(news)) // asked for together with the seats
		for k := range news {
			standings[k] = t.standing(in.ID, organization, &news[k])
		}
		o, err := t.seats(in.ID, organization)
		if err != nil {
			return err
		}
		if most := t.mostAtOnce(); len(news) > most {
			return &invite.Error{Kind: invite.BulkTooLarge, Limit: most}
		}
		for k := range news {
			if err := t.mayLeadTo(in, news[k].RedirectURL); err != nil {
				return err
			}
		}
		var twice []string
		for k := range news {
			i, err := t.prepareInvitation(o, &news[k], standings[k])
			if err != nil {
				return err
			}
			list = append(list, i)
		}
		for k, i := range list {
			switch err := t.insertInvitation(i); {
			case errors.Is(err, invite.Err(invite.DuplicateInvitation)):
				twice = append(twice, news[k].EmailAddress) // as the client has it in its form
			case err != nil:
				return err
			}
		}
		if len(twice) > 0 {
			return duplicates(twice)
		}
		if err := o.Room(len(list)); err != nil {
			return err
		}
		if err := t.admitInvitees(in, news); err != nil {
			return err
		}
		return t.announce(o, list, news)
	})
	return list, err
}

func (t *tx) admitInvitees(in *invite.Instance, news []invite.NewInvitation) error {
	if !in.Settings.Restrictions.Restricted() {
		return nil
	}
	emails := make([]invite.Email, len(news))
	for k := range news {
		emails[k] = news[k].Email
	}
	return t.admit(in, emails...)
}

// standing is what a new invitation depends on besides its organization.
type standing struct {
	scanner // the inviter's role there, and how many members have the address
	inviter func() (*invite.Person, error)
}

func (t *tx) standing(instance, organization string, n *invite.NewInvitation) standing {
	s := standing{scanner: t.row(`
		SELECT
			COALESCE((SELECT m.role_id
			FROM memberships m
			WHERE m.instance_id = $1 AND m.organization_id = $2 AND m.user_id = $3), ''),
			(SELECT count(*)
			FROM email_addresses e
			JOIN memberships m ON m.instance_id = e.instance_id AND m.user_id = e.user_id AND m.organization_id = $2
			WHERE e.instance_id = $1 AND e.email_key = $4 AND e.verified <> '')`,
		instance, organization, n.InviterID, n.Email.Key)}
	if n.InviterID != "" {
		s.inviter = t.askPerson(instance, n.InviterID)
	}
	return s
}

// prepareInvitation applies the rules about the role, the inviter and the invitee.
func (t *tx) prepareInvitation(o *invite.Organization, n *invite.NewInvitation, s standing) (*invite.Invitation, error) {
	role, err := t.assignable(o, n.Role)
	if err != nil {
		return nil, err
	}
	i := &invite.Invitation{
		ID: t.newID(invitationID), InstanceID: o.InstanceID, OrganizationID: o.ID,
		Email: n.Email, Role: role.ID, RoleName: role.Name, InviterID: n.InviterID,
		PublicMetadata: n.PublicMetadata, PrivateMetadata: n.PrivateMetadata, RedirectURL: n.RedirectURL,
		ExpiresAt: n.ExpiresAt(t.now), CreatedAt: t.now, UpdatedAt: t.now,
	}
	var inviterRole string
	var members int
	if err := s.Scan(&inviterRole, &members); err != nil {
		return nil, err
	}
	if n.InviterID != "" {
		if i.Inviter, err = t.manager(o.InstanceID, n.InviterID, inviterRole, s.inviter); err != nil {
			return nil, err
		}
	}
	if members > 0 {
		return nil, invite.Err(invite.AlreadyMember, n.Email.Address)
	}
	return i, nil
}

// mostAtOnce returns how many invitations can be created in one operation.
func (t *tx) mostAtOnce() int {
	if t.by != "" {
		return invite.MaxFrontBulk
	}
	return invite.MaxBulk
}

// manager returns the user if the role it has in an organization, empty for a
// stranger, may manage members; else it refuses with UserNotFound, NotAMember or
// MissingPermission.
func (t *tx) manager(instance, user, role string, person func() (*invite.Person, error)) (*invite.Person, error) {
	p, err := person()
	if err != nil {
		return nil, err
	}
	switch {
	case p == nil:
		return nil, invite.Err(invite.UserNotFound, user)
	case role == "":
		return nil, invite.Err(invite.NotAMember)
	}
	r, err := t.roleOf(instance, role)
	if err != nil {
		return nil, err
	}
	return p, invite.CheckInviter(r)
}

// insertInvitation stores i, whose Role still is the role's id, in place of one
// that has expired, or refuses with DuplicateInvitation.
func (t *tx) insertInvitation(i *invite.Invitation) error {
	t.lowerHorizon(i)
	inserted, err := t.tryInvitation(i)
	if err != nil || inserted {
		return err
	}
	var late string
	if err := t.row(`
		SELECT id
		FROM invitations
		WHERE instance_id = $1 AND organization_id = $2 AND email_key = $3 AND closed = '' AND expires_at <= $4`,
		i.InstanceID, i.OrganizationID, i.Email.Key, t.now).Scan(&late); err != nil {
		return missing(err, invite.Err(invite.DuplicateInvitation))
	}
	if err := t.expire(i.InstanceID, i.OrganizationID, late); err != nil {
		return err
	}
	_, err = t.tryInvitation(i)
	return err
}

func (t *tx) tryInvitation(i *invite.Invitation) (inserted bool, err error) {
	n, err := t.exec(`
		INSERT INTO invitations (instance_id, organization_id, id, email_address, email_key, role_id, inviter_id, status, closed,
			public_metadata, private_metadata, redirect_url, generation, user_id, expires_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10, $11, $12, '', $13, $14, $15)
		ON CONFLICT (instance_id, email_key, organization_id, closed) DO NOTHING`,
		i.InstanceID, i.OrganizationID, i.ID, i.Email.Address, i.Email.Key, i.Role, i.InviterID, i.Status,
		string(i.PublicMetadata), string(i.PrivateMetadata), i.RedirectURL, i.Generation, i.ExpiresAt, i.CreatedAt, i.UpdatedAt)
	return n > 0, err
}

// announce seats new invitations and queues their events and mails.
func (t *tx) announce(o *invite.Organization, list []*invite.Invitation, news []invite.NewInvitation) error {
	t.changed = append(t.changed, o.ID)
	if err := t.later(`UPDATE organizations SET pending = pending + $3 WHERE instance_id = $1 AND id = $2`, o.InstanceID, o.ID, len(list)); err != nil {
		return err
	}
	for k, i := range list {
		i.Role = news[k].Role
		if err := t.event(o.InstanceID, o.ID, invite.InvitationCreatedEvent, i); err != nil {
			return err
		}
		if !news[k].Notify {
			continue
		}
		if err := t.enqueue(i.InstanceID, Subject{OrganizationID: i.OrganizationID, SubjectID: i.ID}); err != nil {
			return err
		}
	}
	return nil
}

// Invitation returns one invitation of an organization, in whatever status, or
// refuses with OrganizationNotFound or InvitationNotFound.
func (db *DB) Invitation(ctx context.Context, in *invite.Instance, organization, id string) (*invite.Invitation, error) {
	var i *invite.Invitation
	err := db.query(ctx, func(t *tx) (err error) {
		if i, err = t.invitation(in.ID, organization, id); errors.Is(err, invite.Err(invite.InvitationNotFound)) {
			if _, lost := t.organization(in.ID, organization); lost != nil {
				return lost
			}
		}
		return err
	})
	return i, err
}

// RevokeInvitation ends a pending invitation. With a requesting user, that user
// must be allowed to manage members. Anything but a pending invitation is
// refused with NotPending.
func (db *DB) RevokeInvitation(ctx context.Context, in *invite.Instance, organization, id, requestingUser string) (*invite.Invitation, error) {
	var i *invite.Invitation
	err := db.write(ctx, func(t *tx) error {
		o, err := t.organization(in.ID, organization)
		if err != nil {
			return err
		}
		if requestingUser != "" {
			if err := t.requester(o, requestingUser); err != nil {
				return err
			}
		}
		if i, err = t.invitation(in.ID, organization, id); err != nil {
			return err
		}
		if err := i.Revoke(t.now); err != nil {
			return err
		}
		if err := t.end(i); err != nil {
			return err
		}
		return t.event(in.ID, o.ID, invite.InvitationRevokedEvent, i)
	})
	return i, err
}

// requester refuses a user who may not manage o's members, as manager does.
func (t *tx) requester(o *invite.Organization, user string) error {
	var role string
	person := t.askPerson(o.InstanceID, user)
	err := t.row(`
		SELECT role_id
		FROM memberships
		WHERE instance_id = $1 AND organization_id = $2 AND user_id = $3`, o.InstanceID, o.ID, user).Scan(&role)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	_, err = t.manager(o.InstanceID, user, role, person)
	return err
}

// counters are the organization's columns that count invitations, by status.
var counters = map[invite.Status]string{
	invite.Pending: "pending", invite.Accepted: "accepted", invite.Revoked: "revoked",
	invite.Expired: "expired", invite.Declined: "declined",
}

// end stores the final status of a pending invitation and gives its seat back.
func (t *tx) end(i *invite.Invitation) error {
	if err := t.later(`
		UPDATE invitations
		SET status = $4, closed = id, user_id = $5, updated_at = $6
		WHERE instance_id = $1 AND organization_id = $2 AND id = $3`,
		i.InstanceID, i.OrganizationID, i.ID, i.Status, i.UserID, i.UpdatedAt); err != nil {
		return err
	}
	t.changed = append(t.changed, i.OrganizationID)
	to := counters[i.Status]
	err := t.later(`
		UPDATE organizations
		SET pending = pending - 1, `+to+` = `+to+` + 1
		WHERE instance_id = $1 AND id = $2`, i.InstanceID, i.OrganizationID)
	return err
}

// overdue counts the organization's invitations that have expired but are still
// stored as pending; the sweeper keeps them few.
func (t *tx) overdue(instance, organization string) (n int, err error) {
	err = t.row(`
		SELECT count(*)
		FROM invitations
		WHERE instance_id = $1 AND status = 0 AND expires_at <= $2 AND organization_id = $3`, instance, t.now, organization).Scan(&n)
	return n, err
}

// maxEnded is how many overdue invitations an operation writes down on its way.
const maxEnded = 100

// seats returns the organization with its limit, role set and counters only,
// exact now. It writes down some of what has expired there; the rest is the
// sweeper's.
func (t *tx) seats(instance, id string) (*invite.Organization, error) {
	o := &invite.Organization{ID: id, InstanceID: instance}
	var overdue int
	if err := t.row(`
		SELECT max_allowed_memberships, role_set_key, members, pending,
			(SELECT count(*)
			FROM invitations i
			WHERE i.instance_id = $1 AND i.status = 0 AND i.expires_at <= $3 AND i.organization_id = $2)
		FROM organizations
		WHERE instance_id = $1 AND id = $2`, instance, id, t.now).
		Scan(&o.MaxAllowedMemberships, &o.RoleSetKey, &o.Members, &o.Pending, &overdue); err != nil {
		return nil, missing(err, invite.Err(invite.OrganizationNotFound))
	}
	if overdue == 0 {
		return o, nil
	}
	due, err := t.strings(`
		SELECT id
		FROM invitations
		WHERE instance_id = $1 AND status = 0 AND expires_at <= $2 AND organization_id = $3
		ORDER BY expires_at
		LIMIT $4`, instance, t.now, id, maxEnded)
	if err != nil {
		return nil, err
	}
	for _, i := range due {
		if err := t.expire(instance, id, i); err != nil {
			return nil, err
		}
	}
	o.Pending -= overdue
	return o, nil
}

// expire writes down that a pending invitation has expired.
func (t *tx) expire(instance, organization, id string) error {
	i, err := t.invitation(instance, organization, id)
	if err != nil {
		return err
	}
	i.Status, i.UpdatedAt = invite.Expired, t.now
	if err := t.end(i); err != nil {
		return err
	}
	return t.event(instance, organization, invite.InvitationExpiredEvent, i)
}

// SweepExpired writes down up to limit invitations of all instances that have
// expired, and returns how many there were.
func (db *DB) SweepExpired(ctx context.Context, limit int) (int, error) {
	var due []invite.Ticket
	err := db.write(ctx, func(t *tx) error {
		due = nil
		instances, err := t.strings(`SELECT instance_id FROM instances`)
		if err != nil {
			return err
		}
		for _, in := range instances {
			if err := t.each(`
				SELECT organization_id, id
				FROM invitations
				WHERE instance_id = $1 AND status = 0 AND expires_at <= $2 AND organization_id NOT IN (
					SELECT d.id FROM deleted_organizations d WHERE d.instance_id = $1)
				ORDER BY expires_at
				LIMIT $3`, []any{in, t.now, limit - len(due)}, func(row scanner) error {
				i := invite.Ticket{InstanceID: in}
				err := row.Scan(&i.OrganizationID, &i.SourceID)
				due = append(due, i)
				return err
			}); err != nil {
				return err
			}
			more, err := t.dueApplicationInvitations(in, limit-len(due))
			if err != nil {
				return err
			}
			due = append(due, more...)
		}
		for _, i := range due {
			if i.Source == invite.ToApplication {
				if err := t.expireApplicationInvitation(i.InstanceID, i.SourceID); err != nil {
					return err
				}
			} else if err := t.expire(i.InstanceID, i.OrganizationID, i.SourceID); err != nil {
				return err
			}
		}
		return nil
	})
	return len(due), err
}

// InvitationFilter selects and orders an organization's invitations. Empty
// fields select all.
type InvitationFilter struct {
	Statuses     []invite.Status // as a reader sees them now
	EmailAddress string
	OrderBy      string // created_at or email_address
	Descending   bool
	invite.Page
}

// InvitationPage is one page of a list.
type InvitationPage struct {
	Invitations []*invite.Invitation
	Total       int // of all that match
	// At is the instant at which the page was read, and Until when it may change by
	// itself: the next expiry of an invitation of the instance.
	At, Until invite.Instant
}

// Invitations returns one page of an organization's invitations. An unknown
// organization is refused.
func (db *DB) Invitations(ctx context.Context, in *invite.Instance, organization string, f InvitationFilter) (InvitationPage, error) {
	var page InvitationPage
	err := db.query(ctx, func(t *tx) (err error) {
		if until := t.remembered(in.ID); until > t.now && t.by == "" && f.EmailAddress == "" {
			// One statement answers all. What it names may have gone since: then once more.
			if page, err = t.invitations(in.ID, organization, f, 0, until); err == nil {
				return nil
			}
		}
		return t.stable(func(t *tx) error {
			page, err = t.countedInvitations(in.ID, organization, f)
			return err
		})
	})
	return page, err
}

// countedInvitations is invitations where more has to be known than the page shows.
func (t *tx) countedInvitations(instance, organization string, f InvitationFilter) (page InvitationPage, err error) {
	if err := t.mayIn(instance, organization, invite.MembershipsManage); err != nil {
		return page, err
	}
	late := 0
	until, err := t.horizon(instance)
	if err == nil && until <= t.now {
		late, until, err = t.late(instance, organization)
	}
	if err != nil {
		return page, err
	}
	if page, err = t.invitations(instance, organization, f, late, until); err == nil && f.EmailAddress != "" {
		q, ranges := f.ranges(instance, organization, t.now, late > 0)
		err = t.row(`SELECT count(*) FROM invitations i WHERE i.instance_id = $1 AND i.organization_id = $2`+ranges[0], q.args...).Scan(&page.Total)
	}
	return page, err
}

// invitations returns a page of which late pending ones have expired and are not
// written down. The total comes from the organization's counters, corrected by those.
func (t *tx) invitations(instance, organization string, f InvitationFilter, late int, until invite.Instant) (InvitationPage, error) {
	page := InvitationPage{At: t.now, Until: until, Invitations: make([]*invite.Invitation, 0, f.Limit)}
	var stored [5]int
	known := 0
	query, args := f.query(instance, organization, t.now, late > 0)
	if err := t.each(query, args, func(row scanner) (err error) {
		if known == 0 {
			err := unpack(row, &known, &stored[invite.Pending], &stored[invite.Accepted], &stored[invite.Revoked], &stored[invite.Expired], &stored[invite.Declined])
			if err == nil && known == 0 {
				err = invite.Err(invite.OrganizationNotFound)
			}
			return err
		}
		i, err := scanInvitation(row, instance, organization)
		page.Invitations = append(page.Invitations, i)
		return err
	}); err != nil {
		return page, err
	}
	stored[invite.Pending] -= late
	stored[invite.Expired] += late
	for s, n := range stored {
		if len(f.Statuses) == 0 || slices.Contains(f.Statuses, invite.Status(s)) {
			page.Total += n
		}
	}
	return page, t.fillInvitations(page.Invitations)
}

// late counts the organization's overdue invitations and returns when the next
// one of the instance expires.
func (t *tx) late(instance, organization string) (n int, next invite.Instant, err error) {
	err = t.row(`
		SELECT
			(SELECT count(*)
			FROM invitations i
			WHERE i.instance_id = $1 AND i.status = 0 AND i.expires_at <= $3 AND i.organization_id = $2),
			(SELECT COALESCE(min(i.expires_at), $4)
			FROM invitations i
			WHERE i.instance_id = $1 AND i.status = 0 AND i.expires_at > $3)`, instance, organization, t.now, invite.Never).Scan(&n, &next)
	return n, next, err
}

// query selects as its first row whether there is the organization, and its
// counters, and behind it one page in order: of an organization that is gone some
// invitations may be left. The page walks one index; with several statuses one range for
// each, which the order merges by columns of their own. Behind an offset the first
// row is found on the index alone, so that nothing else is touched for the rows
// before it.
func (f InvitationFilter) query(instance, organization string, now invite.Instant, overdue bool) (string, []any) {
	q, ranges := f.ranges(instance, organization, now, overdue)
	if len(ranges) == 1 && f.Offset > 0 && f.EmailAddress == "" && f.OrderBy != "email_address" {
		from := ` AND i.id >= (`
		if f.Descending {
			from = ` AND i.id <= (`
		}
		ranges[0] += from + `SELECT i.id FROM invitations i WHERE i.instance_id = $1 AND i.organization_id = $2` +
			ranges[0] + f.order() + q.limit(invite.Page{Limit: 1, Offset: f.Offset}) + `)`
		f.Offset = 0
	}
	columns := invitationRow + ` AS packed`
	if len(ranges) > 1 || f.OrderBy == "email_address" {
		// Not the bare column, or the planner walks the addresses of the whole instance.
		columns += `, i.id, i.email_key || '' AS email_key`
	}
	for k, condition := range ranges {
		ranges[k] = `SELECT ` + columns + ` FROM invitations i WHERE i.instance_id = $1 AND i.organization_id = $2` + condition
	}
	return `
		SELECT COALESCE((
			SELECT concat_ws('` + separator + `', 1, o.pending, o.accepted, o.revoked, o.expired, o.declined)
			FROM organizations o
			WHERE o.instance_id = $1 AND o.id = $2), '` + strings.Repeat("0"+separator, 5) + `0')
		UNION ALL
		SELECT packed
		FROM (` + strings.Join(ranges, ` UNION ALL `) + f.order() + q.limit(f.Page) + `) AS page`, q.args
}

// ranges returns what else must hold, one condition for each index range with
// matching rows. An address has few, which are one range. Only when some
// invitations are overdue is each pending one asked whether it has expired: over
// a deep offset that costs as much as the walk.
func (f InvitationFilter) ranges(instance, organization string, now invite.Instant, overdue bool) (where, []string) {
	q := where{args: []any{instance, organization}}
	address, at := ``, ``
	if f.EmailAddress != "" {
		address = ` AND i.email_key = ` + q.arg(keysOf([]string{f.EmailAddress})[0])
	}
	if len(f.Statuses) == 0 {
		return q, []string{address}
	}
	if overdue && (slices.Contains(f.Statuses, invite.Pending) || slices.Contains(f.Statuses, invite.Expired)) {
		at = q.arg(now)
	}
	ranges := stored(f.Statuses, overdue, at)
	if address != `` {
		return q, []string{address + ` AND (` + strings.Join(ranges, ` OR `) + `)`}
	}
	for k := range ranges {
		ranges[k] = ` AND ` + ranges[k]
	}
	return q, ranges
}

// stored returns a condition for each range of the index in which invitations of
// the given statuses stand. With overdue ones, at is the name of the instant.
func stored(statuses []invite.Status, overdue bool, at string) []string {
	var ranges []string
	for _, s := range slices.Compact(slices.Sorted(slices.Values(statuses))) {
		condition := `i.status = ` + strconv.Itoa(int(s))
		if overdue && s == invite.Pending {
			// The plus keeps the planner from walking the index on expiry and sorting.
			condition += ` AND +i.expires_at > ` + at
		}
		ranges = append(ranges, condition)
		if overdue && s == invite.Expired {
			ranges = append(ranges, `i.status = 0 AND +i.expires_at <= `+at)
		}
	}
	return ranges
}

// order names output columns, as a merge needs it. Ids sort by creation. The
// rows of one address are few: they are sorted, since the planner would rather
// walk all ids in order until it has met enough of them.
func (f InvitationFilter) order() string {
	switch {
	case f.OrderBy == "email_address":
		return order(`email_key`, `id`, f.Descending)
	case f.EmailAddress != "":
		return order(`id || ''`, `id`, f.Descending)
	}
	return order(`id`, `id`, f.Descending)
}
