package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"usher/internal/invite"
)

// Line is an endpoint's way through the log: it turns what the endpoint wants into
// deliveries, and hands them out. One goroutine at a time may use it.
type Line struct {
	db  *DB
	key EndpointKey
	// What was looked at beyond the stored place, because nothing in it was
	// wanted: storing each step would cost a commit.
	from, seen string
}

// Line returns the line of an endpoint.
func (db *DB) Line(key EndpointKey) *Line { return &Line{db: db, key: key} }

// Bounds of a line.
const (
	lookAhead = 500 // events looked at with one statement
	// maxWaiting is how many messages may wait for an endpoint that does not
	// answer; the events after them wait in the log.
	maxWaiting = 1000
)

// glance is what a line finds to do.
type glance struct {
	due    bool           // messages wait to be sent
	next   invite.Instant // when the next one will; 0 without any
	from   string         // the stored place
	to     string         // everything up to here was looked at
	wanted []invite.Event
}

// Claim takes up to limit due messages and hides them for the lease, as DB.Claim
// does. When none is due it first goes on in the log.
func (l *Line) Claim(ctx context.Context, limit int, lease time.Duration) ([]Message, invite.Instant, error) {
	g, err := l.look(ctx, limit)
	if err != nil || !g.due && len(g.wanted) == 0 {
		return nil, g.next, err
	}
	var list []Message
	err = l.db.write(ctx, func(t *tx) error {
		list, t.changed = nil, []string{} // lists do not show messages
		if len(g.wanted) > 0 {
			if moved, err := t.advance(l.key, g.from, g.to); err != nil || !moved {
				return err
			}
			for _, e := range g.wanted {
				if err := t.deliver(l.key, e); err != nil {
					return err
				}
			}
		}
		if err := t.begin(); err != nil {
			return err
		}
		return t.each(`
			UPDATE outbox
			SET attempt = attempt + 1, due_at = $4, last_error = ''
			WHERE (instance_id, bucket, endpoint_id, id) IN (
				SELECT instance_id, bucket, endpoint_id, id
				FROM outbox
				WHERE instance_id = $1 AND endpoint_id = $2 AND endpoint_id <> '' AND due_at <= $3
				ORDER BY due_at, id
				LIMIT $5)
			RETURNING instance_id, organization_id, bucket, endpoint_id, id, kind, subject_id, code_number, attempt, created_at`,
			[]any{l.key.InstanceID, l.key.ID, t.now, t.now.Add(lease), limit}, scanMessages(&list))
	})
	slices.SortFunc(list, func(a, b Message) int { return strings.Compare(a.ID, b.ID) })
	return list, g.next, err
}

// look finds out what there is to do, without writing.
func (l *Line) look(ctx context.Context, limit int) (g glance, err error) {
	for {
		var more bool
		err := l.db.read(ctx, func(t *tx) (err error) {
			g, more, err = t.glance(l, limit)
			return err
		})
		if err != nil || !more {
			return g, err
		}
	}
}

// glance looks at one stretch of the log. more is true when nothing in it was
// wanted and it was not the last.
func (t *tx) glance(l *Line, limit int) (g glance, more bool, err error) {
	e, mayRead, err := t.reader(l, &g)
	if e == nil || err != nil {
		return g, false, err
	}
	err = t.row(`
		SELECT due_at
		FROM outbox
		WHERE instance_id = $1 AND endpoint_id = $2 AND endpoint_id <> ''
		ORDER BY due_at, id
		LIMIT 1`, l.key.InstanceID, l.key.ID).Scan(&g.next)
	g.due = err == nil && g.next <= t.now
	if err := missing(err, nil); err != nil || g.due || !mayRead {
		return g, false, err
	}
	examined := 0
	err = t.each(`
		SELECT id, type
		FROM events
		WHERE instance_id = $1 AND id > $2
		ORDER BY id
		LIMIT $3`, []any{l.key.InstanceID, g.to, lookAhead}, func(row scanner) error {
		var event invite.Event
		if err := row.Scan(&event.ID, &event.Type); err != nil || len(g.wanted) == limit {
			return err
		}
		examined, g.to = examined+1, event.ID
		if e.Types.Want(event.Type) && event.Type != invite.EndpointTestedEvent { // a test has its delivery
			g.wanted = append(g.wanted, event)
		}
		return nil
	})
	if len(g.wanted) == 0 {
		l.from, l.seen = g.from, g.to
	}
	return g, len(g.wanted) == 0 && examined == lookAhead, err
}

// reader returns the endpoint, nil if it is not enabled, and whether it may go on
// in the log; it sets from where.
func (t *tx) reader(l *Line, g *glance) (_ *invite.Endpoint, mayRead bool, err error) {
	var waiting int
	e, err := scanEndpoint(t.row(`
		SELECT `+endpointColumns+`, w.read_to,
			(SELECT count(*) FROM (
				SELECT 1
				FROM outbox q
				WHERE q.instance_id = $1 AND q.endpoint_id = $2 AND q.endpoint_id <> ''
				LIMIT $3) AS waiting)
		FROM webhook_endpoints w
		WHERE w.instance_id = $1 AND w.id = $2`, l.key.InstanceID, l.key.ID, maxWaiting), l.key.InstanceID, &g.from, &waiting)
	if err != nil || e.Status != invite.EndpointEnabled {
		return nil, false, missing(err, nil)
	}
	if g.to = g.from; l.from == g.from {
		g.to = max(g.to, l.seen)
	}
	return e, e.FailingSince == 0 || waiting < maxWaiting, nil
}

// advance moves an enabled endpoint's place in the log, unless it was moved since
// it was read.
func (t *tx) advance(key EndpointKey, from, to string) (bool, error) {
	n, err := t.exec(`
		UPDATE webhook_endpoints
		SET read_to = $4
		WHERE instance_id = $1 AND id = $2 AND read_to = $3 AND status = $5`,
		key.InstanceID, key.ID, from, to, invite.EndpointEnabled)
	return n > 0, err
}

// deliver queues an event for an endpoint, once again if it was delivered before,
// and now if it waits for another attempt.
func (t *tx) deliver(key EndpointKey, e invite.Event) error {
	if err := t.later(`
		INSERT INTO deliveries (instance_id, event_id, endpoint_id, type, status, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (instance_id, event_id, endpoint_id) DO UPDATE
		SET status = excluded.status, updated_at = excluded.updated_at`,
		key.InstanceID, e.ID, key.ID, e.Type, invite.DeliveryPending, t.now, t.now); err != nil {
		return err
	}
	err := t.later(`
		INSERT INTO outbox (instance_id, organization_id, bucket, endpoint_id, id, kind, subject_id, due_at, created_at)
		VALUES ($1, '', $2, $3, $4, $5, '', $6, $7)
		ON CONFLICT (instance_id, bucket, endpoint_id, id) DO UPDATE
		SET due_at = excluded.due_at
		WHERE outbox.last_error <> ''`, // else it is being delivered
		key.InstanceID, bucketOf(key.ID), key.ID, e.ID, WebhookKind, t.now, t.now)
	return err
}

// attempted writes down an attempt to deliver, and how its endpoint stands.
func (t *tx) attempted(m Message, status invite.DeliveryStatus, reason string, r Receipt) error {
	n, err := t.exec(`
		UPDATE deliveries
		SET status = $4, attempts = attempts + 1, updated_at = $5
		WHERE instance_id = $1 AND event_id = $2 AND endpoint_id = $3`, m.InstanceID, m.ID, m.EndpointID, status, t.now)
	if err != nil || n == 0 {
		return err // forgotten meanwhile
	}
	if err := t.later(`
		INSERT INTO attempts (instance_id, event_id, endpoint_id, number, status_code, response, error, took, created_at)
		SELECT instance_id, event_id, endpoint_id, attempts, $4, $5, $6, $7, $8
		FROM deliveries
		WHERE instance_id = $1 AND event_id = $2 AND endpoint_id = $3`,
		m.InstanceID, m.ID, m.EndpointID, r.StatusCode, r.Response, reason, r.Took.Milliseconds(), t.now); err != nil {
		return err
	}
	if reason == "" {
		err := t.later(`
			UPDATE webhook_endpoints
			SET failing_since = 0
			WHERE instance_id = $1 AND id = $2 AND failing_since <> 0`, m.InstanceID, m.EndpointID)
		return err
	}
	e, err := t.endpoint(m.InstanceID, m.EndpointID)
	if err != nil {
		return err
	}
	before := *e
	if e.Failed(t.now); e.FailingSince == before.FailingSince && e.Status == before.Status {
		return nil
	}
	return t.updateEndpoint(e)
}

// DeliveryFilter selects deliveries to one endpoint.
type DeliveryFilter struct {
	Statuses []invite.DeliveryStatus // none: all
	Before   string                  // an event's id, or empty for the newest
	Limit    int
}

// Deliveries returns deliveries to an endpoint, those of the newest events first,
// and the cursor to go on before; empty at the end.
func (db *DB) Deliveries(ctx context.Context, in *invite.Instance, endpoint string, f DeliveryFilter) (list []invite.Delivery, next string, err error) {
	if len(f.Statuses) == 0 {
		f.Statuses = []invite.DeliveryStatus{invite.DeliveryPending, invite.DeliverySucceeded, invite.DeliveryFailed}
	}
	slices.Sort(f.Statuses)
	f.Statuses = slices.Compact(f.Statuses)
	err = db.read(ctx, func(t *tx) error {
		list, next = nil, ""
		if _, err := t.endpoint(in.ID, endpoint); err != nil {
			return err
		}
		for _, status := range f.Statuses {
			query, args := f.query(in.ID, endpoint, status)
			if err := t.each(query, args, func(row scanner) error {
				d, err := scanDelivery(row)
				list = append(list, d)
				return err
			}); err != nil {
				return err
			}
		}
		slices.SortFunc(list, func(a, b invite.Delivery) int { return strings.Compare(b.EventID, a.EventID) })
		if len(list) >= f.Limit {
			list = list[:f.Limit]
			next = list[f.Limit-1].EventID
		}
		return nil
	})
	return list, next, err
}

const deliveryColumns = `d.event_id, d.endpoint_id, d.type, d.status, d.attempts, d.created_at, d.updated_at,
	COALESCE((SELECT q.due_at FROM outbox q WHERE q.instance_id = $1 AND q.bucket = $2 AND q.endpoint_id = $3 AND q.id = d.event_id), 0)`

func scanDelivery(row scanner) (invite.Delivery, error) {
	var d invite.Delivery
	err := row.Scan(&d.EventID, &d.EndpointID, &d.Type, &d.Status, &d.Attempts, &d.CreatedAt, &d.UpdatedAt, &d.NextAttemptAt)
	return d, err
}

// query selects one status, because the index then gives the order.
func (f *DeliveryFilter) query(instance, endpoint string, status invite.DeliveryStatus) (string, []any) {
	var q where
	q.and(`d.instance_id = ` + q.arg(instance))
	q.arg(bucketOf(endpoint)) // of deliveryColumns
	q.and(`d.endpoint_id = ` + q.arg(endpoint))
	q.and(`d.status = ` + q.arg(status))
	if f.Before != "" {
		q.and(`d.event_id < ` + q.arg(f.Before))
	}
	return `SELECT ` + deliveryColumns + ` FROM deliveries d` + q.clause() + order(`d.event_id`, `d.event_id`, true) + ` LIMIT ` + q.arg(f.Limit), q.args
}

// DeliveryHistory is a delivery with what was sent and how that went.
type DeliveryHistory struct {
	invite.Delivery
	Event    invite.Event
	Attempts []invite.Attempt // oldest first
}

// Delivery returns the delivery of an event to an endpoint, or refuses with
// EndpointNotFound or DeliveryNotFound.
func (db *DB) Delivery(ctx context.Context, in *invite.Instance, endpoint, event string) (h DeliveryHistory, err error) {
	err = db.read(ctx, func(t *tx) (err error) {
		h, err = t.delivery(in.ID, endpoint, event)
		return err
	})
	return h, err
}

func (t *tx) delivery(instance, endpoint, event string) (h DeliveryHistory, err error) {
	if _, err := t.endpoint(instance, endpoint); err != nil {
		return h, err
	}
	if h.Delivery, err = scanDelivery(t.row(`
		SELECT `+deliveryColumns+`
		FROM deliveries d
		WHERE d.instance_id = $1 AND d.endpoint_id = $3 AND d.event_id = $4`, instance, bucketOf(endpoint), endpoint, event)); err != nil {
		return h, missing(err, invite.Err(invite.DeliveryNotFound, event))
	}
	if h.Event, err = t.loggedEvent(instance, event); err != nil {
		return h, err
	}
	err = t.each(`
		SELECT number, status_code, response, error, took, created_at
		FROM attempts
		WHERE instance_id = $1 AND event_id = $2 AND endpoint_id = $3
		ORDER BY number`, []any{instance, event, endpoint}, func(row scanner) error {
		var a invite.Attempt
		var took int64
		err := row.Scan(&a.Number, &a.StatusCode, &a.Response, &a.Error, &took, &a.At)
		a.Took = time.Duration(took) * time.Millisecond
		h.Attempts = append(h.Attempts, a)
		return err
	})
	return h, err
}

// receiver returns an endpoint that something may be sent to now, or refuses with
// EndpointNotFound or EndpointDisabled.
func (t *tx) receiver(instance, id string) (*invite.Endpoint, error) {
	e, err := t.endpoint(instance, id)
	if err == nil && e.Status != invite.EndpointEnabled {
		err = invite.Err(invite.EndpointDisabled)
	}
	return e, err
}

// TestEndpoint sends an endpoint an event of its own, whatever types it wants.
func (db *DB) TestEndpoint(ctx context.Context, in *invite.Instance, id string) (h DeliveryHistory, err error) {
	err = db.write(ctx, func(t *tx) error {
		t.changed = []string{} // lists do not show deliveries
		e, err := t.receiver(in.ID, id)
		if err != nil {
			return err
		}
		event, err := t.appendEvent(in.ID, "", invite.EndpointTestedEvent, e)
		if err != nil {
			return err
		}
		if err := t.deliver(EndpointKey{in.ID, id}, event); err != nil {
			return err
		}
		h, err = t.delivery(in.ID, id, event.ID)
		return err
	})
	return h, err
}

// ReplayEvent sends an event that is still kept to an endpoint, once more if it
// was sent before.
func (db *DB) ReplayEvent(ctx context.Context, in *invite.Instance, id, event string) (h DeliveryHistory, err error) {
	err = db.write(ctx, func(t *tx) error {
		t.changed = []string{} // lists do not show deliveries
		if _, err := t.receiver(in.ID, id); err != nil {
			return err
		}
		e, err := t.loggedEvent(in.ID, event)
		if err != nil {
			return err
		}
		t.wake(in.ID)
		if err := t.deliver(EndpointKey{in.ID, id}, e); err != nil {
			return err
		}
		h, err = t.delivery(in.ID, id, event)
		return err
	})
	return h, err
}

// replayBatch bounds how long other operations wait for a replay.
const replayBatch = 1000

// ReplayFailed sends once more what an endpoint has failed to take, and returns
// how many events that are. Each thousand is one transaction; after an error the
// same call goes on with the rest.
func (db *DB) ReplayFailed(ctx context.Context, in *invite.Instance, id string) (int, error) {
	replayed := 0
	for {
		n := 0
		err := db.write(ctx, func(t *tx) (err error) {
			t.changed = []string{} // lists do not show deliveries
			n, err = t.replayFailed(EndpointKey{in.ID, id})
			return err
		})
		if replayed += n; err != nil || n < replayBatch {
			return replayed, err
		}
	}
}

func (t *tx) replayFailed(key EndpointKey) (int, error) {
	if _, err := t.receiver(key.InstanceID, key.ID); err != nil {
		return 0, err
	}
	var failed []invite.Event
	if err := t.each(`
		SELECT event_id, type
		FROM deliveries
		WHERE instance_id = $1 AND endpoint_id = $2 AND status = $3
		ORDER BY event_id
		LIMIT $4`, []any{key.InstanceID, key.ID, invite.DeliveryFailed, replayBatch}, func(row scanner) error {
		var e invite.Event
		err := row.Scan(&e.ID, &e.Type)
		failed = append(failed, e)
		return err
	}); err != nil {
		return 0, err
	}
	t.wake(key.InstanceID)
	for _, e := range failed {
		if err := t.deliver(key, e); err != nil {
			return 0, err
		}
	}
	return len(failed), nil
}

// ReplaySince sends an endpoint again all it wants of what happened since an
// instant and is still kept: it goes back to that place in the log.
func (db *DB) ReplaySince(ctx context.Context, in *invite.Instance, id string, since invite.Instant) error {
	return db.write(ctx, func(t *tx) error {
		t.changed = []string{} // lists do not show deliveries
		if _, err := t.receiver(in.ID, id); err != nil {
			return err
		}
		t.wake(in.ID)
		err := t.later(`
			UPDATE webhook_endpoints
			SET read_to = $3
			WHERE instance_id = $1 AND id = $2 AND read_to > $3`, in.ID, id, firstID(eventID, min(since, t.now)))
		return err
	})
}
