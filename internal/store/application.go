package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"usher/internal/invite"
)

const applicationInvitationColumns = `i.id, i.email_address, i.email_key, i.status, i.template, i.public_metadata, i.redirect_url,
	i.generation, i.user_id, i.expires_at, i.created_at, i.updated_at`

func scanApplicationInvitation(row scanner, instance string) (*invite.Invitation, error) {
	i := invite.Invitation{InstanceID: instance}
	err := row.Scan(&i.ID, &i.Email.Address, &i.Email.Key, &i.Status, &i.Template, (*[]byte)(&i.PublicMetadata), &i.RedirectURL,
		&i.Generation, &i.UserID, &i.ExpiresAt, &i.CreatedAt, &i.UpdatedAt)
	return &i, err
}

// applicationInvitation returns an invitation to the application, or refuses with
// InvitationNotFound.
func (t *tx) applicationInvitation(instance, id string) (*invite.Invitation, error) {
	i, err := scanApplicationInvitation(t.row(`
		SELECT `+applicationInvitationColumns+`
		FROM application_invitations i
		WHERE i.instance_id = $1 AND i.id = $2`, instance, id), instance)
	return i, missing(err, invite.Err(invite.InvitationNotFound, id))
}

// eitherInvitation returns the invitation to an organization or, where none is
// named, to the application.
func (t *tx) eitherInvitation(instance, organization, id string) (*invite.Invitation, error) {
	if organization == "" {
		return t.applicationInvitation(instance, id)
	}
	return t.invitation(instance, organization, id)
}

// CreateApplicationInvitation invites one address to the application. Unless the
// request ignores that, an address that has a user is refused with
// IdentifierExists and one with a pending invitation with DuplicateInBulk.
func (db *DB) CreateApplicationInvitation(ctx context.Context, in *invite.Instance, n invite.NewApplicationInvitation) (*invite.Invitation, error) {
	list, err := db.createApplicationInvitations(ctx, in, []invite.NewApplicationInvitation{n}, n.IgnoreExisting)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// CreateApplicationInvitations invites several addresses, all or none, and
// returns the invitations in the order given. It refuses as
// CreateApplicationInvitation does, except that users are never ignored.
func (db *DB) CreateApplicationInvitations(ctx context.Context, in *invite.Instance, news []invite.NewApplicationInvitation) ([]*invite.Invitation, error) {
	if len(news) == 0 {
		return nil, invite.ParamErr(invite.ParamMissing, "email_address")
	}
	return db.createApplicationInvitations(ctx, in, news, false)
}

func (db *DB) createApplicationInvitations(ctx context.Context, in *invite.Instance, news []invite.NewApplicationInvitation, usersToo bool) ([]*invite.Invitation, error) {
	for k := range news {
		if err := news[k].Check(in.Environment); err != nil {
			return nil, err
		}
	}
	if len(news) > invite.MaxBulk {
		return nil, &invite.Error{Kind: invite.BulkTooLarge, Limit: invite.MaxBulk}
	}
	var list []*invite.Invitation
	err := db.write(ctx, func(t *tx) (err error) {
		t.changed = []string{} // lists of organizations do not show them
		list, err = t.inviteToApplication(in, news, usersToo)
		return err
	})
	return list, err
}

// inviteToApplication makes invitations that were checked.
func (t *tx) inviteToApplication(in *invite.Instance, news []invite.NewApplicationInvitation, usersToo bool) ([]*invite.Invitation, error) {
	var list []*invite.Invitation
	var twice []string
	for k := range news {
		i, duplicate, err := t.newApplicationInvitation(in, &news[k], usersToo)
		if err != nil {
			return nil, err
		}
		if duplicate {
			twice = append(twice, i.Email.Address)
		}
		list = append(list, i)
	}
	if len(twice) > 0 {
		return nil, invite.Err(invite.DuplicateInBulk, twice...)
	}
	emails := make([]invite.Email, len(list))
	for k, i := range list {
		emails[k] = i.Email
	}
	if err := t.admit(in, emails...); err != nil {
		return nil, err
	}
	return list, t.count(in.ID, counters[invite.Pending], len(list))
}

// newApplicationInvitation stores an invitation and queues its mail. The second
// occurrence of an address meets the first one's row, so both kinds of duplicate
// are one.
func (t *tx) newApplicationInvitation(in *invite.Instance, n *invite.NewApplicationInvitation, usersToo bool) (i *invite.Invitation, duplicate bool, err error) {
	if err := t.mayLeadTo(in, n.RedirectURL); err != nil {
		return nil, false, err
	}
	i = &invite.Invitation{
		ID: t.newID(applicationInvitationID), InstanceID: in.ID, Email: n.Email, Template: n.Template,
		PublicMetadata: n.PublicMetadata, RedirectURL: n.RedirectURL,
		ExpiresAt: n.ExpiresAt(t.now), CreatedAt: t.now, UpdatedAt: t.now,
	}
	var users, pending int
	if err := t.row(`
		SELECT
			(SELECT count(*)
			FROM email_addresses e
			WHERE e.instance_id = $1 AND e.email_key = $2 AND e.verified <> ''),
			(SELECT count(*)
			FROM application_invitations i
			WHERE i.instance_id = $1 AND i.email_key = $2 AND +i.status = 0 AND +i.expires_at > $3)`,
		in.ID, i.Email.Key, t.now).Scan(&users, &pending); err != nil {
		return nil, false, err
	}
	switch {
	case users > 0 && !usersToo:
		return nil, false, invite.ParamErr(invite.IdentifierExists, "email_address", i.Email.Address)
	case pending > 0 && !n.IgnoreExisting:
		return i, true, nil
	}
	if err := t.insertApplicationInvitation(i); err != nil || !n.Notify {
		return i, false, err
	}
	return i, false, t.enqueue(in.ID, Subject{SubjectID: i.ID})
}

func (t *tx) insertApplicationInvitation(i *invite.Invitation) error {
	err := t.later(`
		INSERT INTO application_invitations (instance_id, id, email_address, email_key, status, template, public_metadata,
			redirect_url, generation, user_id, expires_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10, $11, $12)`,
		i.InstanceID, i.ID, i.Email.Address, i.Email.Key, i.Status, i.Template, string(i.PublicMetadata),
		i.RedirectURL, i.Generation, i.ExpiresAt, i.CreatedAt, i.UpdatedAt)
	return err
}

// endApplicationInvitation stores the new status of an invitation that had from.
func (t *tx) endApplicationInvitation(i *invite.Invitation, from invite.Status) error {
	if err := t.later(`
		UPDATE application_invitations
		SET status = $3, user_id = $4, updated_at = $5
		WHERE instance_id = $1 AND id = $2`, i.InstanceID, i.ID, i.Status, i.UserID, i.UpdatedAt); err != nil {
		return err
	}
	if t.changed == nil {
		t.changed = []string{} // lists of organizations do not show it
	}
	if err := t.count(i.InstanceID, counters[from], -1); err != nil {
		return err
	}
	return t.count(i.InstanceID, counters[i.Status], 1)
}

// RevokeApplicationInvitation ends an invitation to the application that is
// pending or expired; it refuses with InvitationNotFound, or as the invitation's
// Revoke does.
func (db *DB) RevokeApplicationInvitation(ctx context.Context, in *invite.Instance, id string) (*invite.Invitation, error) {
	var i *invite.Invitation
	err := db.write(ctx, func(t *tx) (err error) {
		if i, err = t.applicationInvitation(in.ID, id); err != nil {
			return err
		}
		from := i.Status
		if err := i.Revoke(t.now); err != nil {
			return err
		}
		return t.endApplicationInvitation(i, from)
	})
	return i, err
}

// ApplicationInvitationFilter selects and orders invitations to the application.
type ApplicationInvitationFilter struct {
	// Statuses are those a reader sees now; none stands for all that were not revoked.
	Statuses   []invite.Status
	Query      string // part of an address, in any case, or the exact id
	OrderBy    string // created_at, email_address or expires_at
	Descending bool
	invite.Page
}

// ApplicationInvitations returns one page of the instance's invitations to the
// application.
func (db *DB) ApplicationInvitations(ctx context.Context, in *invite.Instance, f ApplicationInvitationFilter) (InvitationPage, error) {
	if len(f.Statuses) == 0 {
		f.Statuses = []invite.Status{invite.Pending, invite.Accepted, invite.Expired}
	}
	var page InvitationPage
	err := db.read(ctx, func(t *tx) (err error) {
		page = InvitationPage{At: t.now}
		var overdue bool
		if page.Total, overdue, err = t.countApplicationInvitations(in.ID, f); err != nil || f.Offset >= page.Total {
			return err
		}
		query, args := f.query(in.ID, t.now, overdue)
		return t.each(query, args, func(row scanner) error {
			i, err := scanApplicationInvitation(row, in.ID)
			page.Invitations = append(page.Invitations, i)
			return err
		})
	})
	return page, err
}

// countApplicationInvitations returns how many match, from the counters unless a
// text is searched for, and whether some have expired that are stored as pending.
func (t *tx) countApplicationInvitations(instance string, f ApplicationInvitationFilter) (total int, overdue bool, err error) {
	var stored [5]int
	var late int
	if err := t.row(`
		SELECT pending, accepted, revoked, expired, declined,
			(SELECT count(*)
			FROM application_invitations i
			WHERE i.instance_id = $1 AND i.status = 0 AND i.expires_at <= $2)
		FROM instances
		WHERE instance_id = $1`, instance, t.now).
		Scan(&stored[invite.Pending], &stored[invite.Accepted], &stored[invite.Revoked], &stored[invite.Expired], &stored[invite.Declined], &late); err != nil {
		return 0, false, err
	}
	if f.Query != "" {
		q := f.where(instance, t.now)
		err := t.row(`SELECT count(*) FROM application_invitations i`+q.clause(), q.args...).Scan(&total)
		return total, late > 0, err
	}
	stored[invite.Pending] -= late
	stored[invite.Expired] += late
	for s, n := range stored {
		if slices.Contains(f.Statuses, invite.Status(s)) {
			total += n
		}
	}
	return total, late > 0, nil
}

// query selects one page in order. In order of creation it merges one index range
// for each status; else it walks the index that gives the order, or meets the text.
func (f *ApplicationInvitationFilter) query(instance string, now invite.Instant, overdue bool) (string, []any) {
	const selected = `SELECT ` + applicationInvitationColumns + ` FROM application_invitations i`
	column, ok := map[string]string{"email_address": `email_key`, "expires_at": `expires_at`}[f.OrderBy]
	if ok || f.Query != "" {
		if !ok {
			column = `id`
		}
		q := f.where(instance, now)
		return selected + q.clause() + order(`i.`+column, `i.id`, f.Descending) + q.limit(f.Page), q.args
	}
	q := where{args: []any{instance}}
	at := ``
	if overdue {
		at = q.arg(now)
	}
	var ranges []string
	for _, s := range slices.Compact(slices.Sorted(slices.Values(f.Statuses))) {
		condition := fmt.Sprintf(`i.status = %d`, s)
		if overdue && s == invite.Pending {
			condition += ` AND +i.expires_at > ` + at // the plus keeps to the order of ids
		}
		ranges = append(ranges, condition)
		if overdue && s == invite.Expired {
			ranges = append(ranges, `i.status = 0 AND +i.expires_at <= `+at)
		}
	}
	for k, condition := range ranges {
		ranges[k] = selected + ` WHERE i.instance_id = $1 AND ` + condition
	}
	return strings.Join(ranges, ` UNION ALL `) + order(`id`, `id`, f.Descending) + q.limit(f.Page), q.args
}

// where asks each row, and leaves the index to the order.
func (f *ApplicationInvitationFilter) where(instance string, now invite.Instant) where {
	q := where{}
	q.and(`i.instance_id = ` + q.arg(instance))
	at := q.arg(now)
	var statuses []string
	for _, s := range f.Statuses {
		condition := fmt.Sprintf(`+i.status = %d`, s)
		switch s {
		case invite.Pending:
			condition = `+i.status = 0 AND +i.expires_at > ` + at
		case invite.Expired:
			condition = `+i.status = 3 OR +i.status = 0 AND +i.expires_at <= ` + at
		case invite.Accepted, invite.Revoked, invite.Declined:
		}
		statuses = append(statuses, condition)
	}
	q.and(`(` + strings.Join(statuses, ` OR `) + `)`)
	if f.Query != "" {
		q.and(`(i.id || '' = ` + q.arg(f.Query) + ` OR ` + q.address(`i`, f.Query) + `)`)
	}
	return q
}

// AcceptApplicationInvitation redeems a verified ticket: it finds the owner of the
// invited address or makes the user, whose public metadata are then the
// invitation's, and marks the invitation accepted. A user who exists keeps the
// metadata. Of any number of concurrent redemptions, revocations and expiries one
// succeeds.
func (db *DB) AcceptApplicationInvitation(ctx context.Context, ticket invite.Ticket, j invite.Joiner) (*invite.User, error) {
	if err := j.Check(); err != nil {
		return nil, err
	}
	var u *invite.User
	err := db.write(ctx, func(t *tx) error {
		found, err := t.ticketed(ticket)
		if err != nil {
			return err
		}
		u, err = t.acceptApplication(found, ticket.Channel, j)
		return err
	})
	return u, err
}

// acceptApplication finds or makes the joiner's account with a ticket that left by ch.
func (t *tx) acceptApplication(found *Ticketed, ch invite.Channel, j invite.Joiner) (*invite.User, error) {
	i := found.Invitation
	if found.Organization != nil {
		return nil, invite.Err(invite.TicketInvalid)
	}
	if err := i.Accept(t.now); err != nil {
		return nil, err
	}
	u, err := t.joiner(found, ch, j)
	if err != nil {
		return nil, err
	}
	i.UserID = u.ID
	return u, t.endApplicationInvitation(i, invite.Pending)
}

// dueApplicationInvitations finds those that have expired and are not written
// down, the longest overdue first.
func (t *tx) dueApplicationInvitations(instance string, limit int) ([]invite.Ticket, error) {
	ids, err := t.strings(`
		SELECT id
		FROM application_invitations
		WHERE instance_id = $1 AND status = 0 AND expires_at <= $2
		ORDER BY expires_at
		LIMIT $3`, instance, t.now, limit)
	due := make([]invite.Ticket, len(ids))
	for k, id := range ids {
		due[k] = invite.Ticket{InstanceID: instance, SourceID: id, Source: invite.ToApplication}
	}
	return due, err
}

func (t *tx) expireApplicationInvitation(instance, id string) error {
	i, err := t.applicationInvitation(instance, id)
	if err != nil {
		return err
	}
	i.Status, i.UpdatedAt = invite.Expired, t.now
	return t.endApplicationInvitation(i, invite.Pending)
}
