package store

import (
	"context"

	"usher/internal/invite"
)

// admit refuses with NotAllowed the addresses that the instance's restrictions
// keep out, all of them at once. It costs nothing where there are none.
func (t *tx) admit(in *invite.Instance, emails ...invite.Email) error {
	return t.admitted(in.ID, in.Settings.Restrictions, false, emails)
}

// admitted is admit under the given restrictions, also for those who were invited.
func (t *tx) admitted(instance string, restrictions invite.Restrictions, invited bool, emails []invite.Email) error {
	if !restrictions.Restricted() {
		return nil
	}
	var refused []string
	for _, e := range emails {
		address, domain := e.ListKeys()
		var allowed, blocked bool
		if err := t.row(`
			SELECT
				EXISTS (SELECT 1 FROM list_identifiers WHERE instance_id = $1 AND identifier_key IN ($2, $3) AND list = 'allowlist'),
				EXISTS (SELECT 1 FROM list_identifiers WHERE instance_id = $1 AND identifier_key IN ($2, $3) AND list = 'blocklist')`,
			instance, address, domain).Scan(&allowed, &blocked); err != nil {
			return err
		}
		if !restrictions.Admits(e, allowed, blocked, invited) {
			refused = append(refused, e.Address)
		}
	}
	if len(refused) > 0 {
		return invite.Err(invite.NotAllowed, refused...)
	}
	return nil
}

// CreateListIdentifier puts an address or a domain on a list of the instance. It
// refuses with IdentifierListed what is there already. When it cannot invite the
// address, it puts nothing on the list.
func (db *DB) CreateListIdentifier(ctx context.Context, in *invite.Instance, n invite.NewListIdentifier) (*invite.ListIdentifier, error) {
	identifier, key, err := invite.ParseIdentifier(n.Identifier)
	if err != nil {
		return nil, err
	}
	var l *invite.ListIdentifier
	err = db.write(ctx, func(t *tx) error {
		t.changed = []string{} // lists of invitations do not show it
		prefix := allowlistID
		if n.List == invite.Blocklist {
			prefix = blocklistID
		}
		l = &invite.ListIdentifier{
			ID: t.newID(prefix), InstanceID: in.ID, List: n.List, Identifier: identifier, Key: key, CreatedAt: t.now, UpdatedAt: t.now,
		}
		if err := t.insertListIdentifier(l); err != nil || !n.Notify {
			return err
		}
		return t.notifyListed(in, l)
	})
	return l, err
}

func (t *tx) insertListIdentifier(l *invite.ListIdentifier) error {
	n, err := t.exec(`
		INSERT INTO list_identifiers (instance_id, list, id, identifier, identifier_key, invitation_id, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (instance_id, identifier_key, list) DO NOTHING`,
		l.InstanceID, l.List, l.ID, l.Identifier, l.Key, l.InvitationID, l.CreatedAt, l.UpdatedAt)
	if err == nil && n == 0 {
		return invite.Err(invite.IdentifierListed, l.Identifier)
	}
	return err
}

// notifyListed invites the owner of an address that has come onto the allow-list
// to the application.
func (t *tx) notifyListed(in *invite.Instance, l *invite.ListIdentifier) error {
	n, ok := l.Invitation()
	if !ok {
		return nil
	}
	if err := n.Check(in.Environment); err != nil {
		return err
	}
	made, err := t.inviteToApplication(in, []invite.NewApplicationInvitation{n}, false)
	if err != nil {
		return err
	}
	l.InvitationID = made[0].ID
	err = t.later(`
		UPDATE list_identifiers
		SET invitation_id = $4
		WHERE instance_id = $1 AND list = $2 AND id = $3`, in.ID, l.List, l.ID, l.InvitationID)
	return err
}

const listIdentifierColumns = `l.id, l.list, l.identifier, l.identifier_key, l.invitation_id, l.created_at, l.updated_at`

func scanListIdentifier(row scanner, instance string) (*invite.ListIdentifier, error) {
	l := invite.ListIdentifier{InstanceID: instance}
	err := row.Scan(&l.ID, &l.List, &l.Identifier, &l.Key, &l.InvitationID, &l.CreatedAt, &l.UpdatedAt)
	return &l, err
}

// ListIdentifiers returns one page of a list, newest first, and how many it has.
func (db *DB) ListIdentifiers(ctx context.Context, in *invite.Instance, list invite.List, p invite.Page) ([]*invite.ListIdentifier, int, error) {
	var page []*invite.ListIdentifier
	var total int
	err := db.read(ctx, func(t *tx) error {
		page = nil
		if err := t.row(`SELECT count(*) FROM list_identifiers WHERE instance_id = $1 AND list = $2`, in.ID, list).Scan(&total); err != nil {
			return err
		}
		return t.each(`
			SELECT `+listIdentifierColumns+`
			FROM list_identifiers l
			WHERE l.instance_id = $1 AND l.list = $2
			ORDER BY l.id DESC
			LIMIT $3 OFFSET $4`, []any{in.ID, list, p.Limit, p.Offset}, func(row scanner) error {
			l, err := scanListIdentifier(row, in.ID)
			page = append(page, l)
			return err
		})
	})
	return page, total, err
}

// DeleteListIdentifier takes an identifier off a list. Whoever came in because of
// it stays.
func (db *DB) DeleteListIdentifier(ctx context.Context, in *invite.Instance, list invite.List, id string) (invite.Deleted, error) {
	gone := invite.Deleted{Object: string(list) + "_identifier", ID: id}
	err := db.write(ctx, func(t *tx) error {
		t.changed = []string{} // lists of invitations do not show it
		n, err := t.exec(`DELETE FROM list_identifiers WHERE instance_id = $1 AND list = $2 AND id = $3`, in.ID, list, id)
		if err == nil && n == 0 {
			return invite.Err(invite.IdentifierNotListed, id)
		}
		return err
	})
	return gone, err
}
