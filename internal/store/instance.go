package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"usher/internal/invite"
)

const instanceColumns = `id.instance_id, id.environment, id.name, id.home_url, id.frontend_host, id.max_allowed_memberships, id.mail_proof_only,
	id.redirect_urls, id.settings, id.created_at`

func scanInstance(row scanner) (*invite.Instance, error) {
	var i invite.Instance
	var settings []byte
	err := row.Scan(&i.ID, &i.Environment, &i.Name, &i.HomeURL, &i.FrontendHost, &i.MaxAllowedMemberships, &i.MailProofOnly, &i.RedirectURLs, &settings, &i.CreatedAt)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(settings, &i.Settings); err != nil {
		return nil, fmt.Errorf("reading the settings of %s: %w", i.ID, err)
	}
	return &i, nil
}

// CreateInstance creates an instance with its permissions, roles and role set and a secret
// key, and returns the key: only its hash is stored, so it cannot be shown again.
// An empty secretKey makes a random one. It refuses with ValueExists a frontend host
// that another instance has.
func (db *DB) CreateInstance(ctx context.Context, in invite.Instance, secretKey string) (*invite.Instance, string, error) {
	if secretKey == "" {
		secretKey = NewSecretKey(in.Environment)
	}
	signing, err := db.newSigningKey()
	if err != nil {
		return nil, "", fmt.Errorf("making a signing key: %w", err)
	}
	err = db.write(ctx, func(t *tx) error {
		in.ID, in.CreatedAt = t.newID(instanceID), t.now
		settings, err := json.Marshal(in.Settings)
		if err != nil {
			return fmt.Errorf("writing settings: %w", err)
		}
		if err := t.freeHost(&in); err != nil {
			return err
		}
		if err := t.later(`
			INSERT INTO instances (instance_id, environment, name, home_url, frontend_host, master_key, max_allowed_memberships, mail_proof_only, settings, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			in.ID, in.Environment, in.Name, in.HomeURL, in.FrontendHost, db.opts.Keys.Mark(), in.MaxAllowedMemberships, in.MailProofOnly, string(settings), in.CreatedAt); err != nil {
			return err
		}
		if err := t.insertDefaults(in.ID); err != nil {
			return err
		}
		if err := t.insertSigningKey(in.ID, in.ID, signing); err != nil {
			return err
		}
		return t.insertKey(in.ID, secretKey)
	})
	return &in, secretKey, err
}

// AddKey gives an instance another secret key; one it has already is kept.
func (db *DB) AddKey(ctx context.Context, in *invite.Instance, secretKey string) error {
	known, err := db.Authenticate(ctx, secretKey)
	if err == nil && known.ID == in.ID {
		return nil
	}
	if err != nil && !errors.Is(err, invite.Err(invite.KeyInvalid)) {
		return err
	}
	return db.write(ctx, func(t *tx) error { return t.insertKey(in.ID, secretKey) })
}

// ErrOtherMasterKey is returned by Open when there are instances that were made
// with another master key.
var ErrOtherMasterKey = errors.New("this master key is not the one that the data was made with, so no link would open (usher instance rekey changes it)")

func (db *DB) checkMasterKey(ctx context.Context) error {
	if db.opts.Keys == nil {
		return nil
	}
	return db.query(ctx, func(t *tx) error {
		var others int
		err := t.row(`SELECT count(*) FROM instances WHERE master_key <> $1`, db.opts.Keys.Mark()).Scan(&others)
		if err == nil && others > 0 {
			return ErrOtherMasterKey
		}
		return err
	})
}

// Rekey has all instances belong to another master key from now on. What was
// sealed or signed with the former one is of no use any more.
func (db *DB) Rekey(ctx context.Context, keys *invite.Keyring) error {
	return db.write(ctx, func(t *tx) error {
		err := t.later(`UPDATE instances SET master_key = $1`, keys.Mark())
		return err
	})
}

// Key is a secret key as far as it is known: the key itself is not kept.
type Key struct {
	ID        string // the first 12 digits of its hash
	CreatedAt invite.Instant
}

// Keys returns an instance's secret keys, oldest first.
func (db *DB) Keys(ctx context.Context, in *invite.Instance) ([]Key, error) {
	var list []Key
	err := db.query(ctx, func(t *tx) error {
		list = nil
		return t.each(`
			SELECT key_hash, created_at
			FROM keys
			WHERE instance_id = $1
			ORDER BY created_at, key_hash`, []any{in.ID}, func(row scanner) error {
			var k Key
			err := row.Scan(&k.ID, &k.CreatedAt)
			k.ID = k.ID[:keyIDLength]
			list = append(list, k)
			return err
		})
	})
	return list, err
}

// keyIDLength is 48 bits: an instance has a handful of keys.
const keyIDLength = 12

// CreateKey gives an instance another secret key and returns it: only its hash is
// stored.
func (db *DB) CreateKey(ctx context.Context, in *invite.Instance) (string, error) {
	secret := NewSecretKey(in.Environment)
	return secret, db.write(ctx, func(t *tx) error { return t.insertKey(in.ID, secret) })
}

// RevokeKey ends a secret key, named by the id that Keys returned. A server that
// runs refuses it within a second. It reports whether there was such a key.
func (db *DB) RevokeKey(ctx context.Context, in *invite.Instance, id string) (bool, error) {
	var n int64
	err := db.write(ctx, func(t *tx) (err error) {
		t.changed = []string{}
		t.instanceChanged()
		n, err = t.exec(`DELETE FROM keys WHERE instance_id = $1 AND substr(key_hash, 1, 12) = $2`, in.ID, id)
		return err
	})
	return n > 0, err
}

func (t *tx) insertKey(instance, secretKey string) error {
	_, err := t.exec(`
		INSERT INTO keys (key_hash, instance_id, created_at)
		VALUES ($1, $2, $3)`, hashKey(secretKey), instance, t.now)
	if err != nil && t.db.dialect.duplicate(err) {
		return invite.ParamErr(invite.ValueExists, "secret_key")
	}
	return err
}

// NewSecretKey returns 256 random bits behind the contract's prefix (§1.1).
func NewSecretKey(env invite.Environment) string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	return "sk_" + string(env) + "_" + base64.RawURLEncoding.EncodeToString(secret[:])
}

// hashKey needs no salt or stretching: keys are long and random.
func hashKey(secretKey string) string {
	sum := sha256.Sum256([]byte(secretKey))
	return hex.EncodeToString(sum[:])
}

// instanceChanged makes the next request of every key read its instance anew.
func (t *tx) instanceChanged() {
	t.after = append(t.after, func() { t.db.settings.Add(1) })
	t.tell(settingsSignal)

}

// Instances returns all instances, oldest first.
func (db *DB) Instances(ctx context.Context) ([]*invite.Instance, error) {
	var list []*invite.Instance
	err := db.read(ctx, func(t *tx) error {
		list = nil
		return t.each(`SELECT `+instanceColumns+` FROM instances id ORDER BY id.instance_id`, nil, func(row scanner) error {
			i, err := scanInstance(row)
			list = append(list, i)
			return err
		})
	})
	return list, err
}

// authenticated is the outcome of a key's last check.
type authenticated struct {
	instance *invite.Instance
	at       invite.Instant
	settings uint64 // DB.settings before it was read
}

// keyTTL is how long a checked key, and the settings of its instance, may be
// remembered: another process may change them.
const keyTTL = time.Second

// Authenticate returns the instance that a secret key selects, or an Error of
// kind KeyInvalid. A change made by this process is seen at once, one made by
// another within a second.
func (db *DB) Authenticate(ctx context.Context, secretKey string) (*invite.Instance, error) {
	hash, now, settings := hashKey(secretKey), db.Now(), db.settings.Load()
	if v, ok := db.authenticated.Load(hash); ok {
		if a := v.(authenticated); a.settings == settings && now < a.at.Add(keyTTL) && now >= a.at {
			return a.instance, nil
		}
	}
	var in *invite.Instance
	err := db.query(ctx, func(t *tx) (err error) {
		in, err = scanInstance(t.row(`
			SELECT `+instanceColumns+`
			FROM keys k
			JOIN instances id ON id.instance_id = k.instance_id
			WHERE k.key_hash = $1`, hash))
		return missing(err, invite.Err(invite.KeyInvalid))
	})
	if err != nil {
		db.authenticated.Delete(hash)
		return nil, err
	}
	db.authenticated.Store(hash, authenticated{in, now, settings})
	return in, nil
}

// maxHosts bounds how many hosts are remembered: clients make them up.
const maxHosts = 1000

// Frontend returns the instance whose Frontend API is at a host, port included:
// the one that has it as its own, else the oldest without one. It refuses with
// HostInvalid where there is neither. A change made by this process is seen at
// once, one made by another within a second.
func (db *DB) Frontend(ctx context.Context, host string) (*invite.Instance, error) {
	host = strings.ToLower(host)
	now, settings := db.Now(), db.settings.Load()
	db.hosts.Lock()
	a, ok := db.hosts.known[host]
	db.hosts.Unlock()
	if ok && a.settings == settings && now < a.at.Add(keyTTL) && now >= a.at {
		return a.instance, nil
	}
	var in *invite.Instance
	err := db.query(ctx, func(t *tx) (err error) {
		in, err = scanInstance(t.row(`
			SELECT `+instanceColumns+`
			FROM instances id
			WHERE id.frontend_host IN ($1, '')
			ORDER BY id.frontend_host DESC, id.created_at, id.instance_id
			LIMIT 1`, host))
		return missing(err, invite.Err(invite.HostInvalid))
	})
	if err != nil {
		return nil, err
	}
	db.hosts.Lock()
	defer db.hosts.Unlock()
	if db.hosts.known == nil || len(db.hosts.known) >= maxHosts {
		db.hosts.known = make(map[string]authenticated)
	}
	db.hosts.known[host] = authenticated{in, now, settings}
	return in, nil
}

// Instance returns an instance by id, or refuses with TicketInvalid: ids come from
// tickets.
func (db *DB) Instance(ctx context.Context, id string) (*invite.Instance, error) {
	var in *invite.Instance
	err := db.query(ctx, func(t *tx) (err error) {
		in, err = t.instance(id)
		return err
	})
	return in, err
}

func (t *tx) instance(id string) (*invite.Instance, error) {
	in, err := scanInstance(t.row(`SELECT `+instanceColumns+` FROM instances id WHERE id.instance_id = $1`, id))
	return in, missing(err, invite.Err(invite.TicketInvalid))
}
