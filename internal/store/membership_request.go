package store

import (
	"context"
	"slices"
	"strings"

	"usher/internal/invite"
)

// request notes that the user wants to become a member of o, unless that is noted.
func (t *tx) request(o *invite.Organization, user string) error {
	n, err := t.exec(`
		INSERT INTO membership_requests (instance_id, organization_id, id, user_id, status, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (instance_id, user_id, organization_id) WHERE status = 0 DO NOTHING`,
		o.InstanceID, o.ID, t.newID(membershipRequestID), user, invite.Pending, t.now, t.now)
	if err != nil {
		return err
	}
	return t.countRequests(o, int(n))
}

// countRequests moves the counter of o's pending requests, here and in its row.
func (t *tx) countRequests(o *invite.Organization, by int) error {
	o.Requests += by
	if by == 0 {
		return nil
	}
	err := t.later(`UPDATE organizations SET requests = requests + $3 WHERE instance_id = $1 AND id = $2`, o.InstanceID, o.ID, by)
	return err
}

// answerRequest ends the user's pending request, if there is one.
func (t *tx) answerRequest(o *invite.Organization, user string, answer invite.Status) error {
	n, err := t.exec(`
		UPDATE membership_requests
		SET status = $4, updated_at = $5
		WHERE instance_id = $1 AND organization_id = $2 AND user_id = $3 AND status = 0`, o.InstanceID, o.ID, user, answer, t.now)
	if err != nil {
		return err
	}
	return t.countRequests(o, -int(n))
}

// withdrawRequest deletes the pending request of a user who has no accepted suggestion
// of the organization any more.
func (t *tx) withdrawRequest(instance, organization, user string) error {
	n, err := t.exec(`
		DELETE FROM membership_requests
		WHERE instance_id = $1 AND organization_id = $2 AND user_id = $3 AND status = 0 AND NOT EXISTS (
			SELECT 1
			FROM enrollments e
			WHERE e.instance_id = $1 AND e.user_id = $3 AND e.organization_id = $2 AND e.status = $4)`,
		instance, organization, user, invite.SuggestionAccepted)
	if err != nil {
		return err
	}
	return t.countRequests(&invite.Organization{InstanceID: instance, ID: organization}, -int(n))
}

// forgetRequests deletes all requests of a user who is being deleted.
func (t *tx) forgetRequests(instance, user string) error {
	if err := t.begin(); err != nil {
		return err
	}
	var waiting []string
	if err := t.each(`
		DELETE FROM membership_requests
		WHERE instance_id = $1 AND user_id = $2
		RETURNING organization_id, status`, []any{instance, user}, func(row scanner) error {
		var o string
		var status invite.Status
		err := row.Scan(&o, &status)
		if status == invite.Pending {
			waiting = append(waiting, o)
		}
		return err
	}); err != nil {
		return err
	}
	for _, o := range waiting {
		if err := t.countRequests(&invite.Organization{InstanceID: instance, ID: o}, -1); err != nil {
			return err
		}
	}
	return nil
}

const requestColumns = `r.organization_id, r.id, r.status, r.created_at, r.updated_at`

const requestFrom = `membership_requests r
	JOIN users u ON u.instance_id = r.instance_id AND u.id = r.user_id
	LEFT JOIN email_addresses e ON e.instance_id = u.instance_id AND e.user_id = u.id AND e.id = u.primary_email_address_id`

func scanRequest(row scanner) (*invite.MembershipRequest, error) {
	var r invite.MembershipRequest
	person, finish := personOf(&r.User)
	err := row.Scan(append([]any{&r.OrganizationID, &r.ID, &r.Status, &r.CreatedAt, &r.UpdatedAt}, person...)...)
	finish()
	return &r, err
}

// RequestFilter selects membership requests. No statuses select all.
type RequestFilter struct {
	Statuses []invite.Status
	invite.Page
}

func (f *RequestFilter) where(o *invite.Organization) where {
	var q where
	q.and(`r.instance_id = ` + q.arg(o.InstanceID))
	q.and(`r.organization_id = ` + q.arg(o.ID))
	switch len(f.Statuses) {
	case 0:
	case 1: // one range of the index on status, which is in order
		q.and(`r.status = ` + q.arg(f.Statuses[0]))
	default:
		names := make([]string, len(f.Statuses))
		for i, s := range f.Statuses {
			names[i] = q.arg(s)
		}
		q.and(`r.status IN (` + strings.Join(names, `, `) + `)`)
	}
	return q
}

// query selects one page. It is found on an index first, so that no user is touched
// for the rows before it.
func (f *RequestFilter) query(o *invite.Organization) (string, []any) {
	q := f.where(o)
	page := `SELECT r.id FROM membership_requests r` + q.clause() + order(`r.id`, `r.id`, true) + q.limit(f.Page)
	return `SELECT ` + requestColumns + `, ` + personColumns + ` FROM ` + requestFrom +
		` WHERE r.instance_id = $1 AND r.organization_id = $2 AND r.id IN (` + page + `)` + order(`r.id`, `r.id`, true), q.args
}

// MembershipRequests returns one page, newest first, of the requests to become a
// member of an organization, and the number that match.
func (db *DB) MembershipRequests(ctx context.Context, in *invite.Instance, organization string, f RequestFilter) ([]*invite.MembershipRequest, int, error) {
	var list []*invite.MembershipRequest
	var total int
	err := db.read(ctx, func(t *tx) error {
		list = nil
		o, err := t.organization(in.ID, organization)
		if err != nil {
			return err
		}
		if err := t.may(o, invite.MembershipsManage); err != nil {
			return err
		}
		if total, err = t.totalRequests(o, &f); err != nil {
			return err
		}
		query, args := f.query(o)
		return t.each(query, args, func(row scanner) error {
			r, err := scanRequest(row)
			list = append(list, r)
			return err
		})
	})
	return list, total, err
}

// totalRequests reads the counter where it has what is asked for, else counts.
func (t *tx) totalRequests(o *invite.Organization, f *RequestFilter) (n int, err error) {
	if slices.Equal(f.Statuses, []invite.Status{invite.Pending}) {
		return o.Requests, nil
	}
	q := f.where(o)
	err = t.row(`SELECT count(*) FROM membership_requests r`+q.clause(), q.args...).Scan(&n)
	return n, err
}

// AcceptMembershipRequest makes who asks a member, within the organization's limit
// and with the role of newcomers. It refuses with RequestNotFound a request that
// was answered, and with UserBanned one of somebody banned.
func (db *DB) AcceptMembershipRequest(ctx context.Context, in *invite.Instance, organization, id string) (*invite.MembershipRequest, error) {
	return db.answerRequest(ctx, in, organization, id, func(t *tx, o *invite.Organization, r *invite.MembershipRequest) error {
		u, err := t.user(in.ID, r.User.UserID)
		if err != nil {
			return err
		}
		if u.Banned {
			return invite.Err(invite.UserBanned)
		}
		roles, err := t.roleSet(in.ID, o.RoleSetKey)
		if err != nil {
			return err
		}
		if _, err := t.insertMembership(o, u, roles.Default(), emptyObject, emptyObject); err != nil {
			return err
		}
		r.Status = invite.Accepted
		// The new member has its seat already: none may be missing.
		return o.Room(0)
	})
}

// RejectMembershipRequest says no to who asks, who does not get the accepted
// suggestion again. It refuses with RequestNotFound a request that was answered.
func (db *DB) RejectMembershipRequest(ctx context.Context, in *invite.Instance, organization, id string) (*invite.MembershipRequest, error) {
	return db.answerRequest(ctx, in, organization, id, func(t *tx, o *invite.Organization, r *invite.MembershipRequest) error {
		t.changed = []string{} // lists of invitations do not show requests
		if err := t.rejectSuggestions(o, r.User.UserID); err != nil {
			return err
		}
		r.Status = invite.Revoked
		return t.answerRequest(o, r.User.UserID, r.Status)
	})
}

func (db *DB) answerRequest(ctx context.Context, in *invite.Instance, organization, id string,
	answer func(*tx, *invite.Organization, *invite.MembershipRequest) error) (*invite.MembershipRequest, error) {
	var r *invite.MembershipRequest
	err := db.write(ctx, func(t *tx) error {
		o, err := t.organization(in.ID, organization)
		if err := t.unswept(o, err); err != nil {
			return err
		}
		if err := t.may(o, invite.MembershipsManage); err != nil {
			return err
		}
		if r, err = scanRequest(t.row(`
			SELECT `+requestColumns+`, `+personColumns+`
			FROM `+requestFrom+`
			WHERE r.instance_id = $1 AND r.organization_id = $2 AND r.id = $3 AND r.status = 0`, in.ID, o.ID, id)); err != nil {
			return missing(err, invite.Err(invite.RequestNotFound, id))
		}
		r.UpdatedAt = t.now
		return answer(t, o, r)
	})
	return r, err
}
