package store

import (
	"context"
	"database/sql"
	"errors"

	"usher/internal/invite"
)

// deletedAtOnce is how many members, requests and invitations go with their organization in
// the transaction of the request. What is left then is the sweeper's, and nobody's
// in between: the organization is in deleted_organizations so long, and whoever
// reads its rows by another way than through the organization leaves them out.
const deletedAtOnce = 1000

// left selects the organizations of the instance $1 of which rows are left.
const left = `(SELECT d.id FROM deleted_organizations d WHERE d.instance_id = $1)`

// anyLeft reports whether rows of deleted organizations are left in an instance. Where
// none are, a list of all need not ask each of its rows.
func (t *tx) anyLeft(instance string) (yes bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 FROM deleted_organizations WHERE instance_id = $1)`, instance).Scan(&yes)
	return yes, err
}

// DeleteOrganization deletes an organization with its memberships, requests, invitations
// and queued messages; those of a large one little by little, by SweepDeleted, but it
// is gone for everybody at once. Tickets that point to it say so afterwards.
func (db *DB) DeleteOrganization(ctx context.Context, in *invite.Instance, id string) (invite.Deleted, error) {
	var gone invite.Deleted
	err := db.write(ctx, func(t *tx) error {
		o, err := t.organization(in.ID, id)
		if err != nil {
			return err
		}
		if err := t.mayDelete(o); err != nil {
			return err
		}
		gone = invite.Deleted{Object: "organization", ID: o.ID, Slug: o.Slug}
		t.changed = append(t.changed, o.ID)
		if err := t.deleteDomains(o); err != nil {
			return err
		}
		if err := t.deleteRows(o); err != nil {
			return err
		}
		if err := t.count(in.ID, "organizations", -1); err != nil {
			return err
		}
		if err := t.count(in.ID, "memberships", -o.Members); err != nil {
			return err
		}
		return t.event(in.ID, o.ID, invite.OrganizationDeletedEvent, gone)
	})
	return gone, err
}

func (t *tx) mayDelete(o *invite.Organization) error {
	if err := t.may(o, invite.ProfileDelete); err != nil {
		return err
	}
	if t.by != "" && !o.AdminDeleteEnabled {
		return invite.Err(invite.AdminDeleteDisabled)
	}
	return nil
}

// deleteRows deletes o itself and the first of what belongs to it.
func (t *tx) deleteRows(o *invite.Organization) error {
	if err := t.later(`DELETE FROM organizations WHERE instance_id = $1 AND id = $2`, o.InstanceID, o.ID); err != nil {
		return err
	}
	for _, table := range []string{"role_members", "organization_logos"} {
		if err := t.later(`DELETE FROM `+table+` WHERE instance_id = $1 AND organization_id = $2`, o.InstanceID, o.ID); err != nil {
			return err
		}
	}
	done, err := t.deleteSome(o.InstanceID, o.ID, deletedAtOnce)
	if err != nil || done {
		return err
	}
	err = t.later(`INSERT INTO deleted_organizations (instance_id, id, deleted_at) VALUES ($1, $2, $3)`, o.InstanceID, o.ID, t.now)
	return err
}

// deleteSome deletes the next limit invitations, requests and members of an organization that
// is gone, and reports whether they were the last. Its messages go last.
func (t *tx) deleteSome(instance, organization string, limit int) (done bool, err error) {
	for _, table := range []struct{ name, key string }{{"invitations", "id"}, {"membership_requests", "id"}, {"memberships", "user_id"}} {
		n, err := t.exec(`
			DELETE FROM `+table.name+`
			WHERE instance_id = $1 AND organization_id = $2 AND `+table.key+` IN (
				SELECT `+table.key+`
				FROM `+table.name+`
				WHERE instance_id = $1 AND organization_id = $2
				LIMIT $3)`, instance, organization, limit)
		if err != nil {
			return false, err
		}
		if limit -= int(n); limit == 0 {
			return false, nil
		}
	}
	err = t.later(`
		DELETE FROM outbox
		WHERE instance_id = $1 AND bucket = $2 AND endpoint_id = '' AND organization_id = $3`, instance, bucketOf(organization), organization)
	return err == nil, err
}

// SweepDeleted goes on with deleting what is left of one organization, up to limit
// rows, and reports whether anything was left.
func (db *DB) SweepDeleted(ctx context.Context, limit int) (more bool, err error) {
	err = db.write(ctx, func(t *tx) error {
		more = false
		var instance, organization string
		err := t.row(`SELECT instance_id, id FROM deleted_organizations ORDER BY instance_id, id LIMIT 1`).Scan(&instance, &organization)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more, t.changed = true, []string{} // no list shows them
		done, err := t.deleteSome(instance, organization, limit)
		if err != nil || !done {
			return err
		}
		err = t.later(`DELETE FROM deleted_organizations WHERE instance_id = $1 AND id = $2`, instance, organization)
		return err
	})
	return more, err
}
