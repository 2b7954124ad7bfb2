package store

import (
	"cmp"
	"context"
	"hash/fnv"
	"time"

	"usher/internal/invite"
)

// The kinds of messages: what carries an invitation or a code to its mailbox, and
// what tells an endpoint of an event.
const (
	MailKind    = "mail"
	WebhookKind = "webhook"
)

// Message is one thing to deliver. It names what it is about; what is said, and
// the ticket or the code in it, is made at the moment of delivery.
type Message struct {
	InstanceID string
	Bucket     int
	ID         string // stable over all attempts; to an endpoint, the event's
	Kind       string
	Subject           // zero to an endpoint
	EndpointID string // empty for mail
	Attempt    int    // 1 for the first; also the fence of the claim
	CreatedAt  invite.Instant
}

// Subject is what a mail is about: an invitation, or a code.
type Subject struct {
	OrganizationID string // of the invitation; empty for one to the application
	SubjectID      string // the invitation's, or that of what the code is for: a sign-in, a sign-up or an address
	CodeNumber     int    // which of its codes; 0 for an invitation
}

// buckets spread messages so that a claim names one part of the table only.
const buckets = 8

func bucketOf(subject string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject)) // never fails
	return int(h.Sum32() % buckets)
}

// enqueue queues a mail about s; workers wake when the transaction is durable.
func (t *tx) enqueue(instance string, s Subject) error {
	t.wake(outboxSignal)
	err := t.later(`
		INSERT INTO outbox (instance_id, organization_id, bucket, endpoint_id, id, kind, subject_id, code_number, due_at, created_at)
		VALUES ($1, $2, $3, '', $4, $5, $6, $7, $8, $9)`,
		instance, s.OrganizationID, bucketOf(cmp.Or(s.OrganizationID, s.SubjectID)), t.newID(emailID), MailKind, s.SubjectID, s.CodeNumber, t.now, t.now)
	return err
}

// Queued returns a channel that is closed when the next mail is queued by
// this process. Take it before asking for what is due.
func (db *DB) Queued() <-chan struct{} { return db.signals.next(outboxSignal) }

// Claim takes up to limit due mails and hides them for the lease. A message
// whose lease ran out is due again, with the next attempt. It also returns when
// the next message will be due; zero when none is queued.
func (db *DB) Claim(ctx context.Context, limit int, lease time.Duration) ([]Message, invite.Instant, error) {
	due, next, err := db.dueBuckets(ctx)
	if err != nil || len(due) == 0 {
		return nil, next, err
	}
	var list []Message
	err = db.write(ctx, func(t *tx) error {
		list, t.changed = nil, []string{} // lists do not show messages
		first := int(t.now) % len(due)    // no bucket is always the last
		for k := range due {
			share := (limit - len(list) + len(due) - k - 1) / (len(due) - k)
			if err := t.claim(due[(first+k)%len(due)], share, lease, &list); err != nil {
				return err
			}
		}
		return nil
	})
	return list, next, err
}

// dueBuckets returns the buckets that have due mail, and the instant at which the
// next mail of any bucket is due.
func (db *DB) dueBuckets(ctx context.Context) (due []int, next invite.Instant, err error) {
	err = db.read(ctx, func(t *tx) error {
		due, next = nil, 0
		for bucket := range buckets {
			var first invite.Instant
			err := t.row(`
				SELECT due_at
				FROM outbox
				WHERE bucket = $1 AND parked = 0 AND endpoint_id = ''
				ORDER BY due_at, id
				LIMIT 1`, bucket).Scan(&first)
			switch {
			case missing(err, nil) != nil:
				return err
			case err != nil:
				continue
			case first <= t.now:
				due = append(due, bucket)
			}
			if next == 0 || first < next {
				next = first
			}
		}
		return nil
	})
	return due, next, err
}

func (t *tx) claim(bucket, limit int, lease time.Duration, list *[]Message) error {
	if limit <= 0 {
		return nil
	}
	if err := t.begin(); err != nil {
		return err
	}
	return t.each(`
		UPDATE outbox
		SET attempt = attempt + 1, due_at = $3, last_error = ''
		WHERE (instance_id, bucket, endpoint_id, id) IN (
			SELECT instance_id, bucket, endpoint_id, id
			FROM outbox
			WHERE bucket = $1 AND parked = 0 AND endpoint_id = '' AND due_at <= $2
			ORDER BY due_at, id
			LIMIT $4)
		RETURNING instance_id, organization_id, bucket, endpoint_id, id, kind, subject_id, code_number, attempt, created_at`,
		[]any{bucket, t.now, t.now.Add(lease), limit}, scanMessages(list))
}

// scanMessages adds the rows that a claim returns to list.
func scanMessages(list *[]Message) func(scanner) error {
	return func(row scanner) error {
		var m Message
		err := row.Scan(&m.InstanceID, &m.OrganizationID, &m.Bucket, &m.EndpointID, &m.ID, &m.Kind, &m.SubjectID, &m.CodeNumber, &m.Attempt, &m.CreatedAt)
		*list = append(*list, m)
		return err
	}
}

// Receipt is what is known of an attempt besides whether and why it failed.
type Receipt struct {
	StatusCode int    // of an endpoint's answer; 0 without one
	Response   string // the beginning of its body
	Took       time.Duration
	Mail       *invite.SentMail // nil unless a mail was sent
}

// finish changes or removes a claimed message, and then lets record tell of it. It
// does nothing when the lease has run out and the message was claimed again: that
// attempt is not ours.
func (db *DB) finish(ctx context.Context, m Message, record func(*tx) error, statement string, args ...any) error {
	return db.write(ctx, func(t *tx) error {
		t.changed = []string{} // lists do not show messages
		n, err := t.exec(statement+` WHERE instance_id = $1 AND bucket = $2 AND endpoint_id = $3 AND id = $4 AND attempt = $5`,
			append([]any{m.InstanceID, m.Bucket, m.EndpointID, m.ID, m.Attempt}, args...)...)
		if err != nil || n == 0 || record == nil {
			return err
		}
		return record(t)
	})
}

// Delivered removes a message that has reached its destination. That a mail has is
// an event.
func (db *DB) Delivered(ctx context.Context, m Message, r Receipt) error {
	return db.finish(ctx, m, func(t *tx) error {
		if m.Kind == WebhookKind {
			return t.attempted(m, invite.DeliverySucceeded, "", r)
		}
		if r.Mail == nil {
			return nil
		}
		return t.event(m.InstanceID, m.OrganizationID, invite.EmailCreatedEvent, r.Mail)
	}, `DELETE FROM outbox`)
}

// Drop removes a message that has become pointless.
func (db *DB) Drop(ctx context.Context, m Message) error {
	return db.finish(ctx, m, nil, `DELETE FROM outbox`)
}

// Retry makes a message due again at the given instant and keeps why.
func (db *DB) Retry(ctx context.Context, m Message, at invite.Instant, reason string, r Receipt) error {
	return db.finish(ctx, m, func(t *tx) error {
		if m.Kind != WebhookKind {
			return nil
		}
		return t.attempted(m, invite.DeliveryPending, reason, r)
	}, `UPDATE outbox SET due_at = $6, last_error = $7`, at, reason)
}

// Park sets a message aside after its last attempt and keeps why: a mail in the
// outbox, a delivery in its endpoint's history.
func (db *DB) Park(ctx context.Context, m Message, reason string, r Receipt) error {
	if m.Kind != WebhookKind {
		return db.finish(ctx, m, nil, `UPDATE outbox SET parked = 1, last_error = $6`, reason)
	}
	return db.finish(ctx, m, func(t *tx) error {
		return t.attempted(m, invite.DeliveryFailed, reason, r)
	}, `DELETE FROM outbox`)
}

// Release hands a message back that was claimed and not tried.
func (db *DB) Release(ctx context.Context, m Message) error {
	err := db.finish(ctx, m, nil, `UPDATE outbox SET due_at = $6, attempt = attempt - 1`, db.Now())
	db.signals.wake(outboxSignal)
	db.signals.wake(m.InstanceID)
	return err
}

// ReleaseLeases makes every message due at once whose attempt began and never came
// to an end, because the server was killed meanwhile. Only a process that has
// reserved the database may call it, before it claims anything: then whoever held
// a lease is gone. On PostgreSQL it does nothing, since another process may be at it.
func (db *DB) ReleaseLeases(ctx context.Context) error {
	if db.opts.Database != "" {
		return nil
	}
	return db.write(ctx, func(t *tx) error {
		t.changed = []string{} // lists do not show messages
		for bucket := range buckets {
			if err := t.later(`
				UPDATE outbox
				SET due_at = $2
				WHERE bucket = $1 AND parked = 0 AND endpoint_id = '' AND due_at > $2 AND attempt > 0 AND last_error = ''`, bucket, t.now); err != nil {
				return err
			}
		}
		endpoints, err := t.endpointKeys()
		if err != nil {
			return err
		}
		for _, e := range endpoints {
			if err := t.later(`
				UPDATE outbox
				SET due_at = $3
				WHERE instance_id = $1 AND endpoint_id = $2 AND endpoint_id <> '' AND due_at > $3 AND attempt > 0 AND last_error = ''`,
				e.InstanceID, e.ID, t.now); err != nil {
				return err
			}
		}
		return nil
	})
}

// OutboxStats says how the outbox stands. Messages to endpoints do not count: they
// wait for their endpoint.
type OutboxStats struct {
	Queued, Parked int
	OldestDue      invite.Instant // when the oldest of those due was queued; 0 when nothing is due
	// Endpoints counts the webhook endpoints of all instances. Those failing are
	// enabled and have had no success since they failed; those failed are disabled
	// for it.
	Endpoints struct{ Enabled, Failing, Disabled, Failed int }
}

// OutboxStats counts the outbox's messages.
func (db *DB) OutboxStats(ctx context.Context) (OutboxStats, error) {
	var s OutboxStats
	err := db.read(ctx, func(t *tx) error {
		if err := t.row(`
			SELECT
				count(*) FILTER (WHERE status = $1 AND failing_since = 0), count(*) FILTER (WHERE status = $1 AND failing_since <> 0),
				count(*) FILTER (WHERE status = $2), count(*) FILTER (WHERE status = $3)
			FROM webhook_endpoints`, invite.EndpointEnabled, invite.EndpointOff, invite.EndpointFailed).
			Scan(&s.Endpoints.Enabled, &s.Endpoints.Failing, &s.Endpoints.Disabled, &s.Endpoints.Failed); err != nil {
			return err
		}
		return t.row(`
			SELECT
				(SELECT count(*) FROM outbox WHERE parked = 0 AND endpoint_id = ''),
				(SELECT count(*) FROM outbox WHERE parked = 1 AND endpoint_id = ''),
				(SELECT COALESCE(min(created_at), 0) FROM outbox WHERE parked = 0 AND endpoint_id = '' AND due_at <= $1)`, t.now).
			Scan(&s.Queued, &s.Parked, &s.OldestDue)
	})
	return s, err
}

// Parked returns why messages were set aside, by message id: the newest limit of them.
func (db *DB) Parked(ctx context.Context, limit int) (map[string]string, error) {
	reasons := make(map[string]string)
	err := db.read(ctx, func(t *tx) error {
		return t.each(`SELECT id, last_error FROM outbox WHERE parked = 1 ORDER BY id DESC LIMIT $1`, []any{limit}, func(row scanner) error {
			var id, reason string
			err := row.Scan(&id, &reason)
			reasons[id] = reason
			return err
		})
	})
	return reasons, err
}
