package store

import (
	"context"
	"slices"
	"strings"

	"usher/internal/invite"
)

// InvitationSearch selects and orders the invitations of all organizations of an
// instance. Empty fields select all.
type InvitationSearch struct {
	Statuses   []invite.Status // as a reader sees them now
	Query      string          // part of the address, in any case
	OrderBy    string          // created_at or email_address
	Descending bool
	invite.Page

	// left says that rows of deleted organizations are to be left out.
	left bool
}

// FoundInvitations is one page of invitations to several organizations.
type FoundInvitations struct {
	Invitations   []*invite.Invitation
	Organizations map[string]*invite.Organization // that they are to, by id
	Total         int                             // of all that match
	At            invite.Instant                  // when the page was read
}

// InstanceInvitations returns one page of the invitations of an instance.
func (db *DB) InstanceInvitations(ctx context.Context, in *invite.Instance, f InvitationSearch) (FoundInvitations, error) {
	var page FoundInvitations
	err := db.read(ctx, func(t *tx) error {
		page = FoundInvitations{At: t.now}
		horizon, err := t.horizon(in.ID)
		if err != nil {
			return err
		}
		overdue := horizon <= t.now
		if f.left, err = t.anyLeft(in.ID); err != nil {
			return err
		}
		if page.Total, err = t.totalInvitations(in.ID, &f, overdue); err != nil || f.Offset >= page.Total {
			return err
		}
		query, args := f.query(in.ID, t.now, overdue)
		return t.findInvitations(in.ID, &page, query, args)
	})
	return page, err
}

// UserInvitations returns one page, newest first, of the invitations to any
// address that the user has verified, with those by the domains of these addresses.
// It refuses with UserNotFound.
func (db *DB) UserInvitations(ctx context.Context, in *invite.Instance, user string, statuses []invite.Status, p invite.Page) (FoundInvitations, error) {
	var page FoundInvitations
	err := db.read(ctx, func(t *tx) error {
		page = FoundInvitations{At: t.now}
		u, err := t.user(in.ID, user)
		if err != nil {
			return err
		}
		keys := u.VerifiedKeys()
		if len(keys) == 0 {
			return nil
		}
		q := addressed(in.ID, keys, statuses, t.now)
		if err := t.row(`SELECT count(*) FROM invitations i`+q.clause(), q.args...).Scan(&page.Total); err != nil {
			return err
		}
		var enrolled []*invite.Invitation
		if len(statuses) == 0 || slices.Contains(statuses, invite.Pending) {
			if enrolled, err = t.invitedByDomains(in, u, ""); err != nil {
				return err
			}
			page.Total += len(enrolled)
		}
		// An address has few, so they are sorted; the bare id would make the planner
		// walk all of the instance's.
		parts := []string{`SELECT i.organization_id, i.id || '' AS id FROM invitations i` + q.clause()}
		for _, e := range enrolled {
			parts = append(parts, `SELECT `+q.arg(e.OrganizationID)+`, `+q.arg(e.ID))
		}
		query := strings.Join(parts, ` UNION ALL `) + order(`id`, `id`, true) + q.limit(p)
		return t.findInvitations(in.ID, &page, query, q.args, enrolled...)
	})
	return page, err
}

// addressed selects the invitations to any of the addresses.
func addressed(instance string, keys []string, statuses []invite.Status, now invite.Instant) where {
	q := where{}
	q.and(`i.instance_id = ` + q.arg(instance))
	q.in(`i.email_key`, keys)
	q.and(`i.organization_id NOT IN ` + left)
	if len(statuses) > 0 {
		// The plus keeps the planner on the addresses: an instance may have a million
		// invitations of one status.
		q.and(`(` + strings.ReplaceAll(strings.Join(stored(statuses, true, q.arg(now)), ` OR `), `i.status`, `+i.status`) + `)`)
	}
	return q
}

// totalInvitations counts what matches. Without a search that is the sum of the
// organizations' counters: one of the instance's own would be written by each
// creation.
func (t *tx) totalInvitations(instance string, f *InvitationSearch, overdue bool) (int, error) {
	if f.Query != "" {
		var n int
		q := f.where(instance, t.now, overdue)
		err := t.row(`SELECT count(*) FROM invitations i`+q.clause(), q.args...).Scan(&n)
		return n, err
	}
	var counts [5]int
	if err := t.row(`
		SELECT COALESCE(sum(pending), 0), COALESCE(sum(accepted), 0), COALESCE(sum(revoked), 0),
			COALESCE(sum(expired), 0), COALESCE(sum(declined), 0)
		FROM organizations
		WHERE instance_id = $1`, instance).
		Scan(&counts[invite.Pending], &counts[invite.Accepted], &counts[invite.Revoked], &counts[invite.Expired], &counts[invite.Declined]); err != nil {
		return 0, err
	}
	if overdue {
		var late int
		if err := t.row(`
			SELECT count(*)
			FROM invitations
			WHERE instance_id = $1 AND status = 0 AND expires_at <= $2 AND organization_id NOT IN `+left, instance, t.now).Scan(&late); err != nil {
			return 0, err
		}
		counts[invite.Pending] -= late
		counts[invite.Expired] += late
	}
	total := 0
	for _, s := range f.statuses() {
		total += counts[s]
	}
	return total, nil
}

var allStatuses = []invite.Status{invite.Pending, invite.Accepted, invite.Revoked, invite.Expired, invite.Declined}

func (f *InvitationSearch) statuses() []invite.Status {
	if len(f.Statuses) == 0 {
		return allStatuses
	}
	return f.Statuses
}

func (f *InvitationSearch) where(instance string, now invite.Instant, overdue bool) where {
	q := where{}
	q.and(`i.instance_id = ` + q.arg(instance))
	if f.left {
		q.and(`i.organization_id NOT IN ` + left)
	}
	if len(f.Statuses) > 0 {
		at := ``
		if overdue {
			at = q.arg(now)
		}
		q.and(`(` + strings.Join(stored(f.Statuses, overdue, at), ` OR `) + `)`)
	}
	if f.Query != "" {
		// Only a domain that is not ASCII is shown otherwise than it is compared.
		q.and(q.address(`i`, f.Query))
	}
	return q
}

// query selects the keys of one page in order. In creation order it merges one
// range of the index for each status.
func (f *InvitationSearch) query(instance string, now invite.Instant, overdue bool) (string, []any) {
	if f.OrderBy == "email_address" || f.Query != "" {
		by := map[string]string{"email_address": `i.email_key`, "created_at": `i.id`}[f.OrderBy]
		q := f.where(instance, now, overdue)
		return `SELECT i.organization_id, i.id FROM invitations i` + q.clause() + order(by, `i.id`, f.Descending) + q.limit(f.Page), q.args
	}
	q, at := where{args: []any{instance}}, ``
	if overdue && len(f.Statuses) > 0 {
		at = q.arg(now)
	}
	ranges := stored(f.statuses(), at != ``, at)
	for k, condition := range ranges {
		if f.left {
			condition += ` AND i.organization_id NOT IN ` + left
		}
		ranges[k] = `SELECT i.organization_id, i.id FROM invitations i WHERE i.instance_id = $1 AND ` + condition
	}
	return strings.Join(ranges, ` UNION ALL `) + order(`id`, `id`, f.Descending) + q.limit(f.Page), q.args
}

// findInvitations reads the invitations whose keys the query selects, but for those
// that are known, and their organizations.
func (t *tx) findInvitations(instance string, page *FoundInvitations, query string, args []any, known ...*invite.Invitation) error {
	if err := t.each(query, args, func(row scanner) error {
		var i invite.Invitation
		err := row.Scan(&i.OrganizationID, &i.ID)
		page.Invitations = append(page.Invitations, &i)
		return err
	}); err != nil {
		return err
	}
	organizations := t.organizations(instance)
	for k, i := range page.Invitations {
		var err error
		if at := slices.IndexFunc(known, func(e *invite.Invitation) bool { return e.ID == i.ID }); at >= 0 {
			page.Invitations[k] = known[at]
		} else if page.Invitations[k], err = t.invitation(instance, i.OrganizationID, i.ID); err != nil {
			return err
		}
		if _, err := organizations.get(i.OrganizationID); err != nil {
			return err
		}
	}
	page.Organizations = organizations.found
	return nil
}

// organizationsRead reads each organization of one list once.
type organizationsRead struct {
	tx       *tx
	instance string
	found    map[string]*invite.Organization
}

func (t *tx) organizations(instance string) organizationsRead {
	return organizationsRead{t, instance, make(map[string]*invite.Organization)}
}

func (r *organizationsRead) get(id string) (*invite.Organization, error) {
	if o, ok := r.found[id]; ok {
		return o, nil
	}
	o, err := r.tx.organization(r.instance, id)
	if err := r.tx.unswept(o, err); err != nil {
		return nil, err
	}
	r.found[id] = o
	return o, nil
}
