package store

import (
	"context"
	"time"

	"usher/internal/invite"
)

// ForgetAddresses replaces the addresses of invitations that ended longer than keep
// ago, up to limit of each instance and kind, by what stands for them
// (invite.Keyring.Placeholder), and returns the most it replaced at once. An invitation
// keeps everything else: its id, its metadata, the user who accepted it.
func (db *DB) ForgetAddresses(ctx context.Context, keep time.Duration, limit int) (int, error) {
	most := 0
	err := db.write(ctx, func(t *tx) error {
		most, t.changed = 0, []string{}
		instances, err := t.strings(`SELECT instance_id FROM instances`)
		if err != nil {
			return err
		}
		before := t.now.Add(-keep)
		for _, in := range instances {
			organizations, err := t.forgetInvitations(in, before, limit)
			if err != nil {
				return err
			}
			application, err := t.forgetApplicationInvitations(in, before, limit)
			if err != nil {
				return err
			}
			most = max(most, organizations, application)
		}
		return nil
	})
	return most, err
}

// ForgetMails drops mails that were kept in the inbox, and parked ones, whose last error
// may name an address, when they were queued longer than keep ago: up to limit of each
// instance and kind. It returns the most it dropped at once.
func (db *DB) ForgetMails(ctx context.Context, keep time.Duration, limit int) (int, error) {
	return db.forget(ctx, func(t *tx, instance string) (int, error) {
		before := firstID(emailID, t.now.Add(-keep))
		kept, err := t.exec(`
			DELETE FROM inbox
			WHERE instance_id = $1 AND id IN (
				SELECT id
				FROM inbox
				WHERE instance_id = $1 AND id < $2
				ORDER BY id
				LIMIT $3)`, instance, before, limit)
		if err != nil {
			return 0, err
		}
		parked, err := t.exec(`
			DELETE FROM outbox
			WHERE instance_id = $1 AND (bucket, endpoint_id, id) IN (
				SELECT bucket, endpoint_id, id
				FROM outbox
				WHERE instance_id = $1 AND endpoint_id = '' AND parked = 1 AND id < $2
				ORDER BY id
				LIMIT $3)`, instance, before, limit)
		return int(max(kept, parked)), err
	})
}

// forget runs f, which drops a portion that lists of invitations do not show, on every
// instance, and returns the most that it did.
func (db *DB) forget(ctx context.Context, f func(t *tx, instance string) (int, error)) (int, error) {
	most := 0
	err := db.write(ctx, func(t *tx) error {
		most, t.changed = 0, []string{}
		instances, err := t.strings(`SELECT instance_id FROM instances`)
		if err != nil {
			return err
		}
		for _, in := range instances {
			n, err := f(t, in)
			if err != nil {
				return err
			}
			most = max(most, n)
		}
		return nil
	})
	return most, err
}

// ended is an invitation whose address is to be forgotten.
type ended struct {
	organization, id string
	email            invite.Email
}

func (t *tx) forgetInvitations(instance string, before invite.Instant, limit int) (int, error) {
	list, err := t.ended(`
		SELECT organization_id, id, email_key
		FROM invitations
		WHERE instance_id = $1 AND status <> 0 AND forgotten = 0 AND updated_at < $2 AND organization_id NOT IN (
			SELECT d.id FROM deleted_organizations d WHERE d.instance_id = $1)
		ORDER BY updated_at
		LIMIT $3`, instance, before, limit)
	if err != nil {
		return 0, err
	}
	for _, e := range list {
		to := t.db.opts.Keys.Placeholder(instance, e.email)
		if err := t.later(`
			UPDATE invitations
			SET email_address = $4, email_key = $5, forgotten = 1
			WHERE instance_id = $1 AND organization_id = $2 AND id = $3`, instance, e.organization, e.id, to.Address, to.Key); err != nil {
			return 0, err
		}
		t.changed = append(t.changed, e.organization)
	}
	return len(list), nil
}

func (t *tx) forgetApplicationInvitations(instance string, before invite.Instant, limit int) (int, error) {
	list, err := t.ended(`
		SELECT '', id, email_key
		FROM application_invitations
		WHERE instance_id = $1 AND status <> 0 AND forgotten = 0 AND updated_at < $2
		ORDER BY updated_at
		LIMIT $3`, instance, before, limit)
	if err != nil {
		return 0, err
	}
	for _, e := range list {
		to := t.db.opts.Keys.Placeholder(instance, e.email)
		if err := t.later(`
			UPDATE application_invitations
			SET email_address = $3, email_key = $4, forgotten = 1
			WHERE instance_id = $1 AND id = $2`, instance, e.id, to.Address, to.Key); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

func (t *tx) ended(query string, args ...any) ([]ended, error) {
	var list []ended
	err := t.each(query, args, func(row scanner) error {
		var e ended
		err := row.Scan(&e.organization, &e.id, &e.email.Key)
		list = append(list, e)
		return err
	})
	return list, err
}
