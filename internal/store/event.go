package store

import (
	"fmt"

	"usher/internal/invite"
)

// event appends to the instance's log what this transaction does.
func (t *tx) event(instance, organization string, typ invite.EventType, data any) error {
	raw, err := t.db.opts.Event(data, t.now)
	if err != nil {
		return fmt.Errorf("rendering %s: %w", typ, err)
	}
	_, err = t.exec(`
		INSERT INTO events (instance_id, id, type, organization_id, data, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		instance, t.newID(eventID), typ, organization, string(raw), t.now)
	return err
}
