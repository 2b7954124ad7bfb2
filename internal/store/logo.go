package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"sync"
	"weak"

	"usher/internal/invite"
)

// SetLogo gives an organization a logo in place of the one it has. It refuses
// with OrganizationNotFound, or with UserNotFound for an uploader who is nobody.
func (db *DB) SetLogo(ctx context.Context, in *invite.Instance, organization string, logo *invite.Logo) (*invite.Organization, error) {
	return db.changeLogo(ctx, in, organization, func(t *tx, o *invite.Organization) error {
		if logo.UploaderID != "" {
			if _, err := t.user(in.ID, logo.UploaderID); err != nil {
				return err
			}
		}
		o.Logo = logo.Name
		err := t.later(`
			INSERT INTO organization_logos (instance_id, organization_id, name, type, content, uploader_id, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (instance_id, organization_id)
			DO UPDATE SET name = $3, type = $4, content = $5, uploader_id = $6, created_at = $7`,
			in.ID, o.ID, logo.Name, logo.Type, logo.Content, logo.UploaderID, t.now)
		return err
	})
}

// DeleteLogo takes an organization's logo away. One that has none stays as it is.
func (db *DB) DeleteLogo(ctx context.Context, in *invite.Instance, organization string) (*invite.Organization, error) {
	return db.changeLogo(ctx, in, organization, func(t *tx, o *invite.Organization) error {
		if o.Logo == "" {
			return nil
		}
		o.Logo = ""
		err := t.later(`DELETE FROM organization_logos WHERE instance_id = $1 AND organization_id = $2`, in.ID, o.ID)
		return err
	})
}

func (db *DB) changeLogo(ctx context.Context, in *invite.Instance, organization string, change func(*tx, *invite.Organization) error) (*invite.Organization, error) {
	var o *invite.Organization
	err := db.write(ctx, func(t *tx) (err error) {
		o, err = t.organization(in.ID, organization)
		if err := t.unswept(o, err); err != nil {
			return err
		}
		if err := t.may(o, invite.ProfileManage); err != nil {
			return err
		}
		before := o.Logo
		if err := change(t, o); err != nil || before == "" && o.Logo == "" {
			return err
		}
		o.UpdatedAt = t.now
		t.changed = append(t.changed, o.ID)
		if err := t.later(`
			UPDATE organizations
			SET logo = $3, updated_at = $4
			WHERE instance_id = $1 AND id = $2`, in.ID, o.ID, o.Logo, o.UpdatedAt); err != nil {
			return err
		}
		return t.event(in.ID, o.ID, invite.OrganizationUpdatedEvent, o)
	})
	return o, err
}

// Logo returns the logo that an organization has under a name, and whether it has. The
// logo must not be modified: who asks for it while another still sends it gets the same
// one, so that slow readers of a large picture do not fill the memory.
func (db *DB) Logo(ctx context.Context, instance, organization, name string) (*invite.Logo, bool, error) {
	logo := &invite.Logo{Name: name}
	err := db.query(ctx, func(t *tx) error {
		if err := t.row(`
			SELECT type
			FROM organization_logos
			WHERE instance_id = $1 AND organization_id = $2 AND name = $3`, instance, organization, name).Scan(&logo.Type); err != nil {
			return err
		}
		if sent := db.logos.sent(name); sent != nil {
			logo = sent
			return nil
		}
		return t.row(`
			SELECT content
			FROM organization_logos
			WHERE instance_id = $1 AND organization_id = $2 AND name = $3`, instance, organization, name).Scan(&logo.Content)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return db.logos.send(logo), true, nil
}

// logos are those that somebody has in hand, by name, which follows from the content.
type logos struct {
	mu     sync.Mutex
	inHand map[string]weak.Pointer[invite.Logo]
}

// sent returns the logo of that name if somebody has it in hand, else nil.
func (l *logos) sent(name string) *invite.Logo {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inHand[name].Value()
}

// send returns the logo to use instead of logo, which is it unless another came first.
func (l *logos) send(logo *invite.Logo) *invite.Logo {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sent := l.inHand[logo.Name].Value(); sent != nil {
		return sent
	}
	if l.inHand == nil {
		l.inHand = make(map[string]weak.Pointer[invite.Logo])
	}
	maps.DeleteFunc(l.inHand, func(_ string, p weak.Pointer[invite.Logo]) bool { return p.Value() == nil })
	l.inHand[logo.Name] = weak.Make(logo)
	return logo
}
