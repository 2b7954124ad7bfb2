package store

import (
	"context"
	"encoding/json"
	"errors"

	"usher/internal/invite"
)

// Mail is one message kept in the inbox instead of being sent.
type Mail struct {
	ID         string
	Invitation invite.Ticket      // derives the ticket left out of Message
	Code       invite.CodeSubject // derives the code that was left out instead; without a number there is none
	Message    json.RawMessage    // as the keeper encoded it
	CreatedAt  invite.Instant
}

// KeepMail puts a message into the inbox under the outbox message's id; keeping
// the same message again changes nothing.
func (db *DB) KeepMail(ctx context.Context, m Message, to invite.Email, raw json.RawMessage) error {
	return db.write(ctx, func(t *tx) error {
		t.changed = []string{}
		t.wake(inboxSignal)
		err := t.later(`
			INSERT INTO inbox (instance_id, id, email_key, organization_id, subject_id, code_number, message, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (instance_id, id) DO NOTHING`,
			m.InstanceID, m.ID, to.Key, m.OrganizationID, m.SubjectID, m.CodeNumber, string(raw), t.now)
		return err
	})
}

// Inbox returns a page of the messages kept for an instance, or for one address
// of it when to is not empty, the newest first.
func (db *DB) Inbox(ctx context.Context, instance, to string, page invite.Page) ([]Mail, error) {
	var q where
	q.and(`instance_id = ` + q.arg(instance))
	if to != "" {
		q.in(`email_key`, keysOf([]string{to}))
	}
	return db.mails(ctx, instance, q.clause()+order(`id`, `id`, true)+q.limit(page), q.args)
}

// InboxMessage returns one kept message; ok is false when there is none.
func (db *DB) InboxMessage(ctx context.Context, instance, id string) (m Mail, ok bool, err error) {
	list, err := db.mails(ctx, instance, ` WHERE instance_id = $1 AND id = $2`, []any{instance, id})
	if err != nil || len(list) == 0 {
		return Mail{}, false, err
	}
	return list[0], true, nil
}

func (db *DB) mails(ctx context.Context, instance, rest string, args []any) ([]Mail, error) {
	var list []Mail
	err := db.read(ctx, func(t *tx) error {
		list = nil
		if err := t.each(`SELECT id, organization_id, subject_id, code_number, message, created_at FROM inbox`+rest, args, func(row scanner) error {
			var m Mail
			err := row.Scan(&m.ID, &m.Invitation.OrganizationID, &m.Invitation.SourceID, &m.Code.Number, (*[]byte)(&m.Message), &m.CreatedAt)
			list = append(list, m)
			return err
		}); err != nil {
			return err
		}
		for k := range list {
			if list[k].Code.Number > 0 {
				list[k].Code.InstanceID, list[k].Code.ID = instance, list[k].Invitation.SourceID
				continue
			}
			i, err := t.eitherInvitation(instance, list[k].Invitation.OrganizationID, list[k].Invitation.SourceID)
			if errors.Is(err, invite.Err(invite.InvitationNotFound)) {
				list[k].Invitation.InstanceID = instance
				continue // the organization is gone; its ticket says so
			}
			if err != nil {
				return err
			}
			list[k].Invitation = invite.TicketFor(i, invite.ByMail)
		}
		return nil
	})
	return list, err
}

// Received returns a channel that is closed when the next message is kept by
// this process. Take it before looking into the inbox.
func (db *DB) Received() <-chan struct{} { return db.signals.next(inboxSignal) }
