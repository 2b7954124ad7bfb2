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
	"time"

	"usher/internal/invite"
)

const instanceColumns = `id.instance_id, id.environment, id.name, id.home_url, id.max_allowed_memberships, id.mail_proof_only, id.settings, id.created_at`

func scanInstance(row scanner) (*invite.Instance, error) {
	var i invite.Instance
	var settings []byte
	err := row.Scan(&i.ID, &i.Environment, &i.Name, &i.HomeURL, &i.MaxAllowedMemberships, &i.MailProofOnly, &settings, &i.CreatedAt)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(settings, &i.Settings); err != nil {
		return nil, fmt.Errorf("reading the settings of %s: %w", i.ID, err)
	}
	return &i, nil
}

// CreateInstance creates an instance with its two default roles and a secret
// key, and returns the key: only its hash is stored, so it cannot be shown again.
// An empty secretKey makes a random one.
func (db *DB) CreateInstance(ctx context.Context, in invite.Instance, secretKey string) (*invite.Instance, string, error) {
	if secretKey == "" {
		secretKey = NewSecretKey(in.Environment)
	}
	err := db.write(ctx, func(t *tx) error {
		in.ID, in.CreatedAt = t.newID(instanceID), t.now
		for _, role := range invite.DefaultRoles() {
			if err := t.insertRole(in.ID, &role); err != nil {
				return err
			}
			switch role.Key {
			case invite.RoleAdmin:
				in.Settings.CreatorRoleID = role.ID
			case invite.RoleMember:
				in.Settings.DomainsRoleID = role.ID
			}
		}
		settings, err := json.Marshal(in.Settings)
		if err != nil {
			return fmt.Errorf("writing settings: %w", err)
		}
		if _, err := t.exec(`
			INSERT INTO instances (instance_id, environment, name, home_url, max_allowed_memberships, mail_proof_only, settings, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			in.ID, in.Environment, in.Name, in.HomeURL, in.MaxAllowedMemberships, in.MailProofOnly, string(settings), in.CreatedAt); err != nil {
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

func (t *tx) instance(id string) (*invite.Instance, error) {
	in, err := scanInstance(t.row(`SELECT `+instanceColumns+` FROM instances id WHERE id.instance_id = $1`, id))
	return in, missing(err, invite.Err(invite.TicketInvalid))
}
