package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"usher/internal/invite"
)

// IdempotencyTTL is how long an Idempotency-Key is remembered.
const IdempotencyTTL = 24 * time.Hour

// Once carries out a request at most once for each idempotency key. The first
// time it runs operate, whose store operations all join one transaction, and
// keeps the response with their effects; afterwards it returns that response,
// with replayed true, and operate does not run. When operate returns an error
// nothing is kept, so that the request can be corrected and sent again. The
// same key with another fingerprint is refused with KeyReused.
func (db *DB) Once(ctx context.Context, in *invite.Instance, key, fingerprint string, operate func(context.Context) ([]byte, error)) (response []byte, replayed bool, err error) {
	err = db.write(ctx, func(t *tx) error {
		var known string
		var sealed []byte
		err := t.row(`
			SELECT fingerprint, response
			FROM idempotency_keys
			WHERE instance_id = $1 AND idempotency_key = $2 AND created_at > $3`,
			in.ID, key, t.now.Add(-IdempotencyTTL)).Scan(&known, &sealed)
		switch {
		case err == nil && known != fingerprint:
			return invite.Err(invite.KeyReused)
		case err == nil:
			replayed = true
			if response, err = db.opts.Keys.Open(in.ID+"/"+key, sealed); err != nil {
				return invite.Err(invite.KeyReused) // the master key was changed since
			}
			return nil
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		replayed = false
		if response, err = operate(context.WithValue(ctx, txKey{}, t)); err != nil {
			return asRefusal(db, err)
		}
		return t.remember(in.ID, key, fingerprint, db.opts.Keys.Seal(in.ID+"/"+key, response))
	})
	return response, replayed, err
}

// asRefusal marks what operate returned as no fault of the engine, unless it is.
func asRefusal(db *DB, err error) error {
	if isRefusal(err) || db.dialect.unavailable(err) {
		return err
	}
	return refusal{err}
}

func (t *tx) remember(instance, key, fingerprint string, sealed []byte) error {
	_, err := t.exec(`
		INSERT INTO idempotency_keys (instance_id, idempotency_key, fingerprint, response, created_at)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (instance_id, idempotency_key) DO UPDATE
		SET fingerprint = excluded.fingerprint, response = excluded.response, created_at = excluded.created_at`,
		instance, key, fingerprint, sealed, t.now)
	return err
}

// SweepIdempotencyKeys forgets up to limit keys of each instance that are older than
// IdempotencyTTL, and returns the most it forgot of one.
func (db *DB) SweepIdempotencyKeys(ctx context.Context, limit int) (int, error) {
	return db.forget(ctx, func(t *tx, instance string) (int, error) {
		n, err := t.exec(`
			DELETE FROM idempotency_keys
			WHERE instance_id = $1 AND idempotency_key IN (
				SELECT idempotency_key
				FROM idempotency_keys
				WHERE instance_id = $1 AND created_at <= $2
				ORDER BY created_at
				LIMIT $3)`, instance, t.now.Add(-IdempotencyTTL), limit)
		return int(n), err
	})
}
