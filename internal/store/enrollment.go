package store

import (
	"context"
	"database/sql"
	"errors"

	"usher/internal/invite"
)

// atOnce is how many users are enrolled, or let go, in the transaction of the
// request that asks for it. Who comes later is the sweeper's.
const atOnce = 100

// Steps of a job, in the order in which those of one domain are worked off.
const (
	stepWithdraw = iota
	stepEnroll
)

// enrollmentJob is one of the things that a domain does to many users.
type enrollmentJob struct {
	instance, domain, organization string
	step                           int
	kind                           invite.EnrollmentKind // to withdraw
	reached                        string                // the last address that was looked at
}

// enroll makes what the domain of a verified address has for its owner, unless
// that is a member.
func (t *tx) enroll(in *invite.Instance, a *invite.EmailAddress) error {
	if !in.Settings.DomainsEnabled || a.Verified == invite.Unverified {
		return nil
	}
	d, err := scanDomain(t.row(`
		SELECT `+domainColumns+`
		FROM organization_domains o
		WHERE o.instance_id = $1 AND o.name_key = $2 AND o.verified <> ''`, in.ID, a.Email.Domain()), in.ID)
	if err != nil {
		return missing(err, nil)
	}
	kind, ok := in.Settings.Enrolls(d)
	if !ok {
		return nil
	}
	var member bool
	if err := t.row(`
		SELECT EXISTS (SELECT 1 FROM memberships WHERE instance_id = $1 AND organization_id = $2 AND user_id = $3)`,
		in.ID, d.OrganizationID, a.UserID).Scan(&member); err != nil || member {
		return err
	}
	n, err := t.insertEnrollment(d, kind, a.UserID, a.ID)
	if err != nil {
		return err
	}
	return t.countEnrollments(d, kind, int(n))
}

// insertEnrollment returns 0 when the user has one of that kind from the domain.
func (t *tx) insertEnrollment(d *invite.Domain, kind invite.EnrollmentKind, user, address string) (int64, error) {
	prefix := invitationID
	if kind == invite.SuggestedByDomain {
		prefix = suggestionID
	}
	return t.exec(`
		INSERT INTO enrollments (instance_id, domain_id, kind, user_id, id, organization_id, email_address_id, status, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9)
		ON CONFLICT (instance_id, domain_id, kind, user_id) DO NOTHING`,
		d.InstanceID, d.ID, kind, user, t.newID(prefix), d.OrganizationID, address, t.now, t.now)
}

// countEnrollments moves a counter of d, here and in its row. A domain that is
// gone has none.
func (t *tx) countEnrollments(d *invite.Domain, kind invite.EnrollmentKind, by int) error {
	column, counter := "invitations", &d.Invitations
	if kind == invite.SuggestedByDomain {
		column, counter = "suggestions", &d.Suggestions
	}
	*counter += by
	if by == 0 {
		return nil
	}
	err := t.later(`
		UPDATE organization_domains
		SET `+column+` = `+column+` + $4
		WHERE instance_id = $1 AND organization_id = $2 AND id = $3`, d.InstanceID, d.OrganizationID, d.ID, by)
	return err
}

// invitedByDomains returns the invitations that domains have made for a user, all or
// the one of an id, in no order. There are few: each is of a domain that the user
// has an address of. There are none where domains are switched off.
func (t *tx) invitedByDomains(in *invite.Instance, u *invite.User, id string) ([]*invite.Invitation, error) {
	if !in.Settings.Suggests() {
		return nil, nil
	}
	var list []*invite.Invitation
	var sets []string // keys of the organizations' role sets
	if err := t.each(`
		SELECT e.id, e.organization_id, e.domain_id, a.email_address, a.email_key, e.created_at, e.updated_at, o.role_set_key
		FROM enrollments e
		JOIN organization_domains d ON d.instance_id = e.instance_id AND d.organization_id = e.organization_id AND d.id = e.domain_id
		JOIN organizations o ON o.instance_id = e.instance_id AND o.id = e.organization_id
		JOIN email_addresses a ON a.instance_id = e.instance_id AND a.user_id = e.user_id AND a.id = e.email_address_id
		WHERE e.instance_id = $1 AND e.user_id = $2 AND e.kind = $3 AND e.status = 'pending' AND ($4 = '' OR e.id = $4) AND d.verified <> ''`,
		[]any{in.ID, u.ID, invite.InvitedByDomain, id}, func(row scanner) error {
			i := &invite.Invitation{InstanceID: in.ID, ExpiresAt: invite.Never, PublicMetadata: emptyObject, PrivateMetadata: emptyObject}
			var roles string
			err := row.Scan(&i.ID, &i.OrganizationID, &i.DomainID, &i.Email.Address, &i.Email.Key, &i.CreatedAt, &i.UpdatedAt, &roles)
			list, sets = append(list, i), append(sets, roles)
			return err
		}); err != nil {
		return nil, err
	}
	for k, i := range list {
		roles, err := t.roleSet(in.ID, sets[k])
		if err != nil {
			return nil, err
		}
		role := roles.Default()
		i.Role, i.RoleName = role.Key, role.Name
	}
	return list, nil
}

// acceptEnrollment makes a user a member whom a domain invites, with the role of
// newcomers. It refuses with OwnInvitationNotFound.
func (t *tx) acceptEnrollment(in *invite.Instance, u *invite.User, id string) (*invite.Organization, *invite.Invitation, error) {
	list, err := t.invitedByDomains(in, u, id)
	if err != nil {
		return nil, nil, err
	}
	if len(list) == 0 {
		return nil, nil, invite.Err(invite.OwnInvitationNotFound)
	}
	i := list[0]
	if err := i.CheckJoiner(u, t.now); err != nil {
		return nil, nil, err
	}
	o, err := t.organization(in.ID, i.OrganizationID)
	if err := t.unswept(o, err); err != nil {
		return nil, nil, err
	}
	role, err := t.assignable(o, i.Role)
	if err != nil {
		return nil, nil, err
	}
	m, err := t.insertMembership(o, u, role, emptyObject, emptyObject)
	if err != nil {
		return nil, nil, err
	}
	// The new member has its seat already: none may be missing.
	if err := o.Room(0); err != nil {
		return nil, nil, err
	}
	if err := i.Accept(t.now); err != nil {
		return nil, nil, err
	}
	i.UserID = u.ID
	return &m.Organization, i, t.event(in.ID, o.ID, invite.InvitationAcceptedEvent, i)
}

// disenroll deletes what domains have made for a user: by an address that is the
// user's no longer, for an organization that the user has joined, or, without
// either, for one who is being deleted.
func (t *tx) disenroll(instance, user, organization, address string) error {
	type gone struct {
		domain invite.Domain
		kind   invite.EnrollmentKind
	}
	var pending []gone
	var asked []string // organizations for a membership, by the address
	if err := t.begin(); err != nil {
		return err
	}
	if err := t.each(`
		DELETE FROM enrollments
		WHERE instance_id = $1 AND user_id = $2 AND ($3 = '' OR organization_id = $3) AND ($4 = '' OR email_address_id = $4)
		RETURNING domain_id, organization_id, kind, status`, []any{instance, user, organization, address}, func(row scanner) error {
		g, status := gone{domain: invite.Domain{InstanceID: instance}}, invite.SuggestionPending
		err := row.Scan(&g.domain.ID, &g.domain.OrganizationID, &g.kind, &status)
		switch {
		case status == invite.SuggestionPending:
			pending = append(pending, g)
		case status == invite.SuggestionAccepted && address != "":
			asked = append(asked, g.domain.OrganizationID)
		}
		return err
	}); err != nil {
		return err
	}
	for k := range pending {
		if err := t.countEnrollments(&pending[k].domain, pending[k].kind, -1); err != nil {
			return err
		}
	}
	for _, organization := range asked {
		if err := t.withdrawRequest(instance, organization, user); err != nil {
			return err
		}
	}
	return nil
}

// beginEnrolling enrolls the owners of d's addresses, if d brings anybody in: the
// first here, the others by a job, and all by a job when another is not done yet.
func (t *tx) beginEnrolling(in *invite.Instance, d *invite.Domain) error {
	if _, ok := in.Settings.Enrolls(d); !ok {
		return nil
	}
	j := &enrollmentJob{instance: d.InstanceID, domain: d.ID, organization: d.OrganizationID, step: stepEnroll}
	var waiting bool
	if err := t.row(`
		SELECT EXISTS (SELECT 1 FROM enrollment_jobs WHERE instance_id = $1 AND domain_id = $2)`, d.InstanceID, d.ID).Scan(&waiting); err != nil {
		return err
	}
	if !waiting {
		if done, err := t.enrollSome(in, d, j, atOnce); err != nil || done {
			return err
		}
	}
	return t.insertJob(j)
}

// enrollAgain looks again at every domain that brings people in, after what they
// may do has changed.
func (t *tx) enrollAgain(in *invite.Instance) error {
	if !in.Settings.DomainsEnabled {
		return nil
	}
	err := t.later(`
		INSERT INTO enrollment_jobs (instance_id, domain_id, step, kind, organization_id, reached)
		SELECT o.instance_id, o.id, 1, '', o.organization_id, ''
		FROM organization_domains o
		WHERE o.instance_id = $1 AND o.verified <> '' AND o.enrollment_mode <> $2
		ON CONFLICT (instance_id, domain_id, step, kind) DO UPDATE
		SET reached = ''`, in.ID, invite.ManualInvitation)
	return err
}

func (t *tx) insertJob(j *enrollmentJob) error {
	err := t.later(`
		INSERT INTO enrollment_jobs (instance_id, domain_id, step, kind, organization_id, reached)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (instance_id, domain_id, step, kind) DO UPDATE
		SET reached = excluded.reached`, j.instance, j.domain, j.step, j.kind, j.organization, j.reached)
	return err
}

// enrollSome enrolls the next limit owners and reports whether they were the last.
func (t *tx) enrollSome(in *invite.Instance, d *invite.Domain, j *enrollmentJob, limit int) (done bool, err error) {
	kind, ok := in.Settings.Enrolls(d)
	if !ok {
		return true, nil
	}
	type owner struct {
		address, user string
		member        bool
	}
	var owners []owner
	if err := t.each(`
		SELECT e.id, e.user_id,
			EXISTS (SELECT 1 FROM memberships m WHERE m.instance_id = e.instance_id AND m.organization_id = $5 AND m.user_id = e.user_id)
		FROM email_addresses e
		WHERE e.instance_id = $1 AND e.email_domain = $2 AND e.verified <> '' AND e.id > $3
		ORDER BY e.id
		LIMIT $4`, []any{in.ID, d.Key, j.reached, limit, d.OrganizationID}, func(row scanner) error {
		var o owner
		err := row.Scan(&o.address, &o.user, &o.member)
		owners = append(owners, o)
		return err
	}); err != nil {
		return false, err
	}
	enrolled := 0
	for _, o := range owners {
		j.reached = o.address
		if o.member {
			continue
		}
		n, err := t.insertEnrollment(d, kind, o.user, o.address)
		if err != nil {
			return false, err
		}
		enrolled += int(n)
	}
	return len(owners) < limit, t.countEnrollments(d, kind, enrolled)
}

// withdraw deletes what d has made and nobody has answered, and all that it has
// made when its row is gone: the first here, the others by jobs.
func (t *tx) withdraw(d *invite.Domain) error {
	for _, kind := range []invite.EnrollmentKind{invite.InvitedByDomain, invite.SuggestedByDomain} {
		done, err := t.withdrawSome(d, kind, atOnce)
		if err != nil {
			return err
		}
		if !done {
			j := &enrollmentJob{instance: d.InstanceID, domain: d.ID, organization: d.OrganizationID, step: stepWithdraw, kind: kind}
			if err := t.insertJob(j); err != nil {
				return err
			}
		}
	}
	return nil
}

// withdrawSome deletes the next limit and reports whether they were the last.
func (t *tx) withdrawSome(d *invite.Domain, kind invite.EnrollmentKind, limit int) (done bool, err error) {
	n, err := t.exec(`
		DELETE FROM enrollments
		WHERE (instance_id, domain_id, kind, user_id) IN (
			SELECT instance_id, domain_id, kind, user_id
			FROM enrollments
			WHERE instance_id = $1 AND domain_id = $2 AND kind = $3 AND (status = 'pending' OR NOT EXISTS (
				SELECT 1
				FROM organization_domains o
				WHERE o.instance_id = $1 AND o.organization_id = $5 AND o.id = $2))
			LIMIT $4)`, d.InstanceID, d.ID, kind, limit, d.OrganizationID)
	if err != nil {
		return false, err
	}
	return int(n) < limit, t.countEnrollments(d, kind, -int(n))
}

// SweepEnrollments goes on with what one domain does to many users, for up to
// limit of them, and reports whether anything was left to do.
func (db *DB) SweepEnrollments(ctx context.Context, limit int) (more bool, err error) {
	err = db.write(ctx, func(t *tx) error {
		more = false
		var j enrollmentJob
		err := t.row(`
			SELECT instance_id, domain_id, organization_id, step, kind, reached
			FROM enrollment_jobs
			ORDER BY instance_id, domain_id, step, kind
			LIMIT 1`).Scan(&j.instance, &j.domain, &j.organization, &j.step, &j.kind, &j.reached)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more, t.changed = true, []string{} // lists of invitations do not show enrollments
		return t.work(&j, limit)
	})
	return more, err
}

// work does a part of a job and notes how far it came, or that it is done.
func (t *tx) work(j *enrollmentJob, limit int) error {
	in, err := t.instance(j.instance)
	if err != nil {
		return err
	}
	d, err := t.domain(j.instance, j.organization, j.domain)
	gone := isRefusal(err)
	if err != nil && !gone {
		return err
	}
	done := true
	switch {
	case j.step == stepWithdraw:
		done, err = t.withdrawSome(&invite.Domain{InstanceID: j.instance, OrganizationID: j.organization, ID: j.domain}, j.kind, limit)
	case !gone:
		done, err = t.enrollSome(in, d, j, limit)
	default:
		err = nil
	}
	if err != nil {
		return err
	}
	if !done {
		return t.insertJob(j)
	}
	err = t.later(`
		DELETE FROM enrollment_jobs
		WHERE instance_id = $1 AND domain_id = $2 AND step = $3 AND kind = $4`, j.instance, j.domain, j.step, j.kind)
	return err
}
