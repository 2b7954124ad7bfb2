package store

import (
	"context"
	"fmt"
	"time"

	"usher/internal/invite"
)

// event appends to the instance's log what this transaction does. There is one
// writer, so the order of ids is the order in which the events become visible:
// whoever has read up to an id has missed none before it.
func (t *tx) event(instance, organization string, typ invite.EventType, data any) error {
	_, err := t.appendEvent(instance, organization, typ, data)
	return err
}

// appendEvent is event for who needs the entry.
func (t *tx) appendEvent(instance, organization string, typ invite.EventType, data any) (invite.Event, error) {
	raw, err := t.db.opts.Event(data, t.now)
	if err != nil {
		return invite.Event{}, fmt.Errorf("rendering %s: %w", typ, err)
	}
	t.wake(instance)
	if err := t.continueLog(instance); err != nil {
		return invite.Event{}, err
	}
	e := invite.Event{ID: t.newID(eventID), InstanceID: instance, Type: typ, Data: raw, CreatedAt: t.now}
	err = t.later(`
		INSERT INTO events (instance_id, id, type, organization_id, data, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		instance, e.ID, typ, organization, string(raw), t.now)
	return e, err
}

// continueLog makes the ids of events come after those in the log of an instance that
// other processes have written, whatever their clocks say. Until the transaction ends
// nobody else writes.
func (t *tx) continueLog(instance string) error {
	w := t.db.writer
	if t.db.opts.Database == "" || w.continued[instance] {
		return nil
	}
	var newest string
	if err := t.row(`
		SELECT COALESCE((SELECT max(e.id) FROM events e WHERE e.instance_id = $1), id.events_forgotten)
		FROM instances id
		WHERE id.instance_id = $1`, instance).Scan(&newest); err != nil {
		return err
	}
	if at, n, ok := parseID(eventID, newest); ok {
		t.db.made.advance(at, n)
	}
	w.continued[instance] = true
	return nil
}

// Happened returns a channel that is closed when this process logs the next event
// of an instance. Take it before reading the log.
func (db *DB) Happened(instance string) <-chan struct{} { return db.signals.next(instance) }

// EventFilter selects a stretch of an instance's log.
type EventFilter struct {
	After string // an event's id, or empty for the beginning of what is kept
	// Organization selects the events of one, of whatever type.
	Organization string
	Types        invite.EventTypes
	Limit        int
}

// Events returns events in the order in which they happened, and the cursor to
// go on from: everything up to it was looked at. It refuses with CursorExpired
// when events after After were forgotten.
func (db *DB) Events(ctx context.Context, in *invite.Instance, f EventFilter) (list []invite.Event, cursor string, err error) {
	if _, _, ok := parseID(eventID, f.After); f.After != "" && !ok {
		return nil, "", invite.ParamErr(invite.ParamFormat, "after")
	}
	err = db.read(ctx, func(t *tx) error {
		list = nil
		var forgotten string
		if err := t.row(`
			SELECT events_forgotten, COALESCE((SELECT max(e.id) FROM events e WHERE e.instance_id = id.instance_id), '')
			FROM instances id
			WHERE id.instance_id = $1`, in.ID).Scan(&forgotten, &cursor); err != nil {
			return err
		}
		if f.After != "" && f.After < forgotten {
			return invite.ParamErr(invite.CursorExpired, "after")
		}
		cursor = max(cursor, f.After, forgotten)
		query, args := f.query(in.ID)
		if err := t.each(query, args, func(row scanner) error {
			e, err := scanEvent(row, in.ID)
			list = append(list, e)
			return err
		}); err != nil {
			return err
		}
		if len(list) == f.Limit {
			cursor = list[len(list)-1].ID
		}
		return nil
	})
	return list, cursor, err
}

func (f *EventFilter) query(instance string) (string, []any) {
	var q where
	q.and(`instance_id = ` + q.arg(instance))
	q.and(`id > ` + q.arg(f.After))
	if types := texts(f.Types); len(types) > 0 {
		q.in(`type`, types)
	} else if f.Organization == "" {
		q.and(`type NOT IN (` + q.list(texts(invite.ExtraEvents())) + `)`)
	}
	if f.Organization != "" {
		q.and(`organization_id = ` + q.arg(f.Organization))
	}
	return `SELECT id, type, data, created_at FROM events` + q.clause() + order(`id`, `id`, false) + ` LIMIT ` + q.arg(f.Limit), q.args
}

// texts turns types into what a statement takes.
func texts(types []invite.EventType) []string {
	list := make([]string, len(types))
	for i, t := range types {
		list[i] = string(t)
	}
	return list
}

func scanEvent(row scanner, instance string) (invite.Event, error) {
	e := invite.Event{InstanceID: instance}
	err := row.Scan(&e.ID, &e.Type, (*[]byte)(&e.Data), &e.CreatedAt)
	return e, err
}

// loggedEvent returns one entry, or refuses with EventNotFound.
func (t *tx) loggedEvent(instance, id string) (invite.Event, error) {
	e, err := scanEvent(t.row(`
		SELECT id, type, data, created_at
		FROM events
		WHERE instance_id = $1 AND id = $2`, instance, id), instance)
	return e, missing(err, invite.Err(invite.EventNotFound, id))
}

// ForgetEvents drops up to limit events of each instance that are older than keep,
// with the history of their deliveries, and returns the most it dropped of one.
func (db *DB) ForgetEvents(ctx context.Context, keep time.Duration, limit int) (int, error) {
	most := 0
	err := db.write(ctx, func(t *tx) error {
		most, t.changed = 0, []string{} // lists do not show events
		instances, err := t.strings(`SELECT instance_id FROM instances`)
		if err != nil {
			return err
		}
		for _, in := range instances {
			n, err := t.forgetEvents(in, firstID(eventID, t.now.Add(-keep)), limit)
			if err != nil {
				return err
			}
			most = max(most, n)
		}
		return nil
	})
	return most, err
}

func (t *tx) forgetEvents(instance, before string, limit int) (int, error) {
	old, err := t.strings(`
		SELECT id
		FROM events
		WHERE instance_id = $1 AND id < $2
		ORDER BY id
		LIMIT $3`, instance, before, limit)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	last := old[len(old)-1]
	if err := t.later(`UPDATE instances SET events_forgotten = $2 WHERE instance_id = $1`, instance, last); err != nil {
		return 0, err
	}
	for _, query := range []string{
		`DELETE FROM attempts WHERE instance_id = $1 AND event_id <= $2`,
		`DELETE FROM deliveries WHERE instance_id = $1 AND event_id <= $2`,
		`DELETE FROM events WHERE instance_id = $1 AND id <= $2`,
	} {
		if err := t.later(query, instance, last); err != nil {
			return 0, err
		}
	}
	// A message whose event is gone is dropped when its turn comes.
	return len(old), nil
}
