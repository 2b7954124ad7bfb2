package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"usher/internal/invite"
)

const endpointColumns = `w.id, w.url, w.description, w.types, w.status, w.failing_since, w.created_at, w.updated_at`

func scanEndpoint(row scanner, instance string, more ...any) (*invite.Endpoint, error) {
	e := invite.Endpoint{InstanceID: instance}
	var types string
	err := row.Scan(append([]any{&e.ID, &e.URL, &e.Description, &types, &e.Status, &e.FailingSince, &e.CreatedAt, &e.UpdatedAt}, more...)...)
	for typ := range strings.FieldsSeq(types) {
		e.Types = append(e.Types, invite.EventType(typ))
	}
	return &e, err
}

// endpoint returns an endpoint with its secrets, or refuses with EndpointNotFound.
func (t *tx) endpoint(instance, id string) (*invite.Endpoint, error) {
	var sealed []byte
	e, err := scanEndpoint(t.row(`
		SELECT `+endpointColumns+`, w.secrets
		FROM webhook_endpoints w
		WHERE w.instance_id = $1 AND w.id = $2`, instance, id), instance, &sealed)
	if err != nil {
		return nil, missing(err, invite.Err(invite.EndpointNotFound, id))
	}
	e.Secrets, err = t.openSecrets(e, sealed)
	return e, err
}

// sealSecrets binds an endpoint's secrets to their row: a line for each, with its
// end.
func (t *tx) sealSecrets(e *invite.Endpoint) []byte {
	var plain []byte
	for _, s := range e.Secrets {
		plain = fmt.Appendf(plain, "%s %d\n", s.Secret, s.Until)
	}
	return t.db.opts.Keys.Seal(e.InstanceID+"/"+e.ID, plain)
}

// openSecrets returns none when the master key was changed since: the endpoint
// then needs a rotation, and until that nothing is posted to it.
func (t *tx) openSecrets(e *invite.Endpoint, sealed []byte) (list []invite.SigningSecret, err error) {
	plain, err := t.db.opts.Keys.Open(e.InstanceID+"/"+e.ID, sealed)
	if err != nil {
		return nil, nil
	}
	for line := range strings.Lines(string(plain)) {
		var s invite.SigningSecret
		if _, err := fmt.Sscan(line, &s.Secret, &s.Until); err != nil {
			return nil, fmt.Errorf("reading signing secrets: %w", err)
		}
		list = append(list, s)
	}
	return list, nil
}

// CreateEndpoint adds an endpoint that is told of what happens from now on. It is
// refused with TooManyEndpoints.
func (db *DB) CreateEndpoint(ctx context.Context, in *invite.Instance, n invite.NewEndpoint) (*invite.Endpoint, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	if n.Secret == "" {
		n.Secret = invite.NewSigningSecret()
	}
	var e *invite.Endpoint
	err := db.write(ctx, func(t *tx) error {
		var count int
		var newest string
		if err := t.row(`
			SELECT
				(SELECT count(*) FROM webhook_endpoints w WHERE w.instance_id = $1),
				COALESCE((SELECT max(e.id) FROM events e WHERE e.instance_id = $1), '')`, in.ID).Scan(&count, &newest); err != nil {
			return err
		}
		if count >= invite.MaxEndpoints {
			return &invite.Error{Kind: invite.TooManyEndpoints, Limit: invite.MaxEndpoints}
		}
		e = &invite.Endpoint{
			ID: t.newID(endpointID), InstanceID: in.ID, URL: n.URL, Description: n.Description, Types: n.Types,
			Secrets: []invite.SigningSecret{{Secret: n.Secret}}, Status: invite.EndpointEnabled, CreatedAt: t.now, UpdatedAt: t.now,
		}
		t.changed = []string{} // lists do not show endpoints
		t.wake(endpointsSignal)
		err := t.later(`
			INSERT INTO webhook_endpoints (instance_id, id, url, description, types, secrets, status, read_to, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			in.ID, e.ID, e.URL, e.Description, strings.Join(texts(e.Types), " "), t.sealSecrets(e), e.Status, newest, e.CreatedAt, e.UpdatedAt)
		return err
	})
	return e, err
}

// Endpoints returns one page of an instance's endpoints, newest first and without
// their secrets, and how many there are.
func (db *DB) Endpoints(ctx context.Context, in *invite.Instance, page invite.Page) (list []*invite.Endpoint, total int, err error) {
	err = db.read(ctx, func(t *tx) error {
		list = nil
		if err := t.row(`SELECT count(*) FROM webhook_endpoints WHERE instance_id = $1`, in.ID).Scan(&total); err != nil {
			return err
		}
		return t.each(`
			SELECT `+endpointColumns+`
			FROM webhook_endpoints w
			WHERE w.instance_id = $1
			ORDER BY w.id DESC
			LIMIT $2 OFFSET $3`, []any{in.ID, page.Limit, page.Offset}, func(row scanner) error {
			e, err := scanEndpoint(row, in.ID)
			list = append(list, e)
			return err
		})
	})
	return list, total, err
}

// Endpoint returns an endpoint with its secrets, or EndpointNotFound.
func (db *DB) Endpoint(ctx context.Context, in *invite.Instance, id string) (*invite.Endpoint, error) {
	var e *invite.Endpoint
	err := db.read(ctx, func(t *tx) (err error) {
		e, err = t.endpoint(in.ID, id)
		return err
	})
	return e, err
}

// UpdateEndpoint changes an endpoint. One that is enabled again goes on in the log
// where it was disabled.
func (db *DB) UpdateEndpoint(ctx context.Context, in *invite.Instance, id string, c invite.EndpointChange) (*invite.Endpoint, error) {
	return db.changeEndpoint(ctx, in, id, func(e *invite.Endpoint, _ invite.Instant) error { return c.Apply(e) })
}

// RotateSecret makes a secret, a random one if it is empty, the one in use. Those
// before it go on signing for the grace.
func (db *DB) RotateSecret(ctx context.Context, in *invite.Instance, id, secret string, grace time.Duration) (*invite.Endpoint, error) {
	if bad := invite.CheckSigningSecret(secret); bad != nil {
		return nil, bad
	}
	if secret == "" {
		secret = invite.NewSigningSecret()
	}
	return db.changeEndpoint(ctx, in, id, func(e *invite.Endpoint, now invite.Instant) error {
		e.Rotate(secret, now, grace)
		return nil
	})
}

func (db *DB) changeEndpoint(ctx context.Context, in *invite.Instance, id string, change func(*invite.Endpoint, invite.Instant) error) (*invite.Endpoint, error) {
	var e *invite.Endpoint
	err := db.write(ctx, func(t *tx) (err error) {
		if e, err = t.endpoint(in.ID, id); err != nil {
			return err
		}
		if err := change(e, t.now); err != nil {
			return err
		}
		e.UpdatedAt = t.now
		if len(e.Secrets) == 0 {
			return t.updateEndpoint(e) // those that another master key sealed stay as they are
		}
		if err := t.later(`UPDATE webhook_endpoints SET secrets = $3 WHERE instance_id = $1 AND id = $2`, in.ID, id, t.sealSecrets(e)); err != nil {
			return err
		}
		return t.updateEndpoint(e)
	})
	return e, err
}

// updateEndpoint stores everything but the secrets.
func (t *tx) updateEndpoint(e *invite.Endpoint) error {
	t.changed = []string{} // lists do not show endpoints
	t.wake(endpointsSignal)
	err := t.later(`
		UPDATE webhook_endpoints
		SET url = $3, description = $4, types = $5, status = $6, failing_since = $7, updated_at = $8
		WHERE instance_id = $1 AND id = $2`,
		e.InstanceID, e.ID, e.URL, e.Description, strings.Join(texts(e.Types), " "), e.Status, e.FailingSince, e.UpdatedAt)
	return err
}

// DeleteEndpoint deletes an endpoint and what waits for it. The history of its
// deliveries cannot be read any more and goes with its events.
func (db *DB) DeleteEndpoint(ctx context.Context, in *invite.Instance, id string) (invite.Deleted, error) {
	err := db.write(ctx, func(t *tx) error {
		if _, err := t.endpoint(in.ID, id); err != nil {
			return err
		}
		t.changed = []string{} // lists do not show endpoints
		t.wake(endpointsSignal)
		for _, query := range []string{
			`DELETE FROM outbox WHERE instance_id = $1 AND endpoint_id = $2 AND endpoint_id <> ''`,
			`DELETE FROM webhook_endpoints WHERE instance_id = $1 AND id = $2`,
		} {
			if err := t.later(query, in.ID, id); err != nil {
				return err
			}
		}
		return nil
	})
	return invite.Deleted{Object: "webhook_endpoint", ID: id}, err
}

// EndpointKey names one endpoint of one instance.
type EndpointKey struct{ InstanceID, ID string }

// EnabledEndpoints returns the endpoints of all instances that are to be told of
// events.
func (db *DB) EnabledEndpoints(ctx context.Context) ([]EndpointKey, error) {
	var list []EndpointKey
	err := db.read(ctx, func(t *tx) (err error) {
		list, err = t.endpointKeys()
		return err
	})
	return list, err
}

func (t *tx) endpointKeys() (list []EndpointKey, err error) {
	err = t.each(`SELECT instance_id, id FROM webhook_endpoints WHERE status = $1`, []any{invite.EndpointEnabled}, func(row scanner) error {
		var k EndpointKey
		err := row.Scan(&k.InstanceID, &k.ID)
		list = append(list, k)
		return err
	})
	return list, err
}

// EndpointsChanged returns a channel that is closed when this process changes an
// endpoint next. Take it before asking for them.
func (db *DB) EndpointsChanged() <-chan struct{} { return db.signals.next(endpointsSignal) }

// Posting is what a message to an endpoint has to say, and to whom.
type Posting struct {
	Endpoint *invite.Endpoint // with its secrets
	Event    invite.Event
}

// Posting reads what the message m is about. ok is false when the endpoint was
// deleted or the event is not kept any more.
func (db *DB) Posting(ctx context.Context, m Message) (p Posting, ok bool, err error) {
	err = db.read(ctx, func(t *tx) error {
		if p.Endpoint, err = t.endpoint(m.InstanceID, m.EndpointID); err != nil {
			return err
		}
		p.Event, err = t.loggedEvent(m.InstanceID, m.ID)
		return err
	})
	if errors.Is(err, invite.Err(invite.EndpointNotFound)) || errors.Is(err, invite.Err(invite.EventNotFound)) {
		return Posting{}, false, nil
	}
	return p, err == nil, err
}
