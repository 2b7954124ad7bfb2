package store

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"

	"usher/internal/invite"
)

// signingTTL is how long an instance's signing keys are remembered: another
// process may replace them.
const signingTTL = time.Second

// signing is what is remembered of an instance's keys. The parsed ones stay, since
// parsing costs as much as signing.
type signing struct {
	keys []invite.TokenKey
	at   invite.Instant
}

// newSigningKey makes a key of 2,048 bits: what verifiers of the contract take (§4.9).
func (db *DB) newSigningKey() (*rsa.PrivateKey, error) {
	if db.opts.NewSigningKey != nil {
		return db.opts.NewSigningKey()
	}
	return rsa.GenerateKey(rand.Reader, 2048)
}

func sealContext(instance, kid string) string { return "signing key " + instance + " " + kid }

func (t *tx) insertSigningKey(instance, kid string, key *rsa.PrivateKey) error {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding a signing key: %w", err)
	}
	err = t.later(`
		INSERT INTO signing_keys (instance_id, id, private_key, until, created_at)
		VALUES ($1, $2, $3, 0, $4)`, instance, kid, t.db.opts.Keys.Seal(sealContext(instance, kid), raw), t.now)
	return err
}

// SigningKeys returns the keys that verify an instance's tokens, the one that
// signs first.
func (db *DB) SigningKeys(ctx context.Context, in *invite.Instance) ([]invite.TokenKey, error) {
	now := db.Now()
	remembered, _ := db.signing.Load(in.ID)
	known, _ := remembered.(signing)
	if now < known.at.Add(signingTTL) && now >= known.at {
		return known.keys, nil
	}
	parsed := make(map[string]*rsa.PrivateKey)
	for _, k := range known.keys {
		parsed[k.ID] = k.Private
	}
	var keys []invite.TokenKey
	err := db.query(ctx, func(t *tx) error {
		keys = nil
		return t.each(`
			SELECT id, private_key, until
			FROM signing_keys
			WHERE instance_id = $1 AND (until = 0 OR until > $2)
			ORDER BY until`, []any{in.ID, now}, func(row scanner) error {
			var k invite.TokenKey
			var sealed []byte
			if err := row.Scan(&k.ID, &sealed, &k.Until); err != nil {
				return err
			}
			var err error
			if k.Private = parsed[k.ID]; k.Private == nil {
				k.Private, err = db.openSigningKey(in.ID, k.ID, sealed)
			}
			keys = append(keys, k)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 || keys[0].Until != 0 {
		return nil, fmt.Errorf("instance %s has no key to sign with", in.ID)
	}
	db.signing.Store(in.ID, signing{keys, now})
	return keys, nil
}

func (db *DB) openSigningKey(instance, kid string, sealed []byte) (*rsa.PrivateKey, error) {
	raw, err := db.opts.Keys.Open(sealContext(instance, kid), sealed)
	if err != nil {
		return nil, fmt.Errorf("opening signing key %s: %w", kid, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("opening signing key %s: %w", kid, err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("opening signing key %s: it is a %T", kid, key)
	}
	return private, nil
}

// RotateSigningKey has an instance sign with a new key. The one before is
// published for the overlap, so that what it signed can be verified, and what was
// published long enough is forgotten. It returns the new key's id.
func (db *DB) RotateSigningKey(ctx context.Context, in *invite.Instance, overlap time.Duration) (string, error) {
	key, err := db.newSigningKey()
	if err != nil {
		return "", fmt.Errorf("making a signing key: %w", err)
	}
	var kid string
	err = db.write(ctx, func(t *tx) error {
		t.changed = []string{}
		if err := t.later(`DELETE FROM signing_keys WHERE instance_id = $1 AND until <> 0 AND until <= $2`, in.ID, t.now); err != nil {
			return err
		}
		// An overlap of none still ends later than never, which is 0.
		until := max(t.now.Add(overlap), 1)
		if err := t.later(`UPDATE signing_keys SET until = $2 WHERE instance_id = $1 AND until = 0`, in.ID, until); err != nil {
			return err
		}
		kid = t.newID(instanceID)
		t.after = append(t.after, func() { db.signing.Delete(in.ID) })
		return t.insertSigningKey(in.ID, kid, key)
	})
	return kid, err
}

// renewSigningKeys gives every instance a key that this process can sign with, for
// those whose keys were sealed under a master key that is no more.
func (db *DB) renewSigningKeys(ctx context.Context) error {
	if db.opts.Keys == nil {
		return nil
	}
	list, err := db.Instances(ctx)
	if err != nil {
		return err
	}
	for _, in := range list {
		if _, err := db.SigningKeys(ctx, in); err == nil {
			continue
		}
		if err := db.write(ctx, func(t *tx) error {
			t.changed = []string{}
			err := t.later(`DELETE FROM signing_keys WHERE instance_id = $1`, in.ID)
			return err
		}); err != nil {
			return err
		}
		if _, err := db.RotateSigningKey(ctx, in, 0); err != nil {
			return err
		}
	}
	return nil
}
