package store

import (
	"context"

	"usher/internal/invite"
)

// A session shows no active organization of which its user is no member any more.
const (
	sessionColumns = `s.id, s.client_id, s.user_id, s.closed, CASE WHEN m.user_id IS NULL THEN '' ELSE s.organization_id END,
	s.last_active_at, s.expire_at, s.abandon_at, s.created_at, s.updated_at`
	sessionFrom = `sessions s
	LEFT JOIN memberships m ON m.instance_id = s.instance_id AND m.organization_id = s.organization_id AND m.user_id = s.user_id
		AND m.organization_id NOT IN (SELECT d.id FROM deleted_organizations d WHERE d.instance_id = s.instance_id)`
)

func scanSession(row scanner) (*invite.Session, error) {
	var s invite.Session
	err := row.Scan(&s.ID, &s.ClientID, &s.UserID, &s.Closed, &s.OrganizationID,
		&s.LastActiveAt, &s.ExpireAt, &s.AbandonAt, &s.CreatedAt, &s.UpdatedAt)
	return &s, err
}

func (t *tx) session(instance, id string) (*invite.Session, error) {
	s, err := scanSession(t.row(`
		SELECT `+sessionColumns+`
		FROM `+sessionFrom+`
		WHERE s.instance_id = $1 AND s.id = $2`, instance, id))
	return s, missing(err, invite.Err(invite.SessionNotFound, id))
}

// CreateSession signs a user in on a new client, without a browser. It refuses an
// unknown user, one who is banned, and an organization that the user is no
// member of.
func (db *DB) CreateSession(ctx context.Context, in *invite.Instance, user, organization string) (*invite.Session, error) {
	var s *invite.Session
	err := db.write(ctx, func(t *tx) error {
		t.changed = []string{}
		u, err := t.user(in.ID, user)
		if err != nil {
			return err
		}
		if u.Banned {
			return invite.Err(invite.UserBanned)
		}
		if organization != "" {
			o, err := t.organization(in.ID, organization)
			if err != nil {
				return err
			}
			if _, err := t.membership(o, user); err != nil {
				return err
			}
		}
		client := t.newID(clientID)
		if err := t.later(`
			INSERT INTO clients (instance_id, id, token_hash, active_session, created_at, updated_at)
			VALUES ($1, $2, '', '', $3, $3)`, in.ID, client, t.now); err != nil {
			return err
		}
		s = invite.NewSession(t.newID(sessionID), client, user, organization, in.Settings.Sessions, t.now)
		return t.insertSession(in.ID, s, u)
	})
	return s, err
}

// insertSession stores a new session of the user and tells of it.
func (t *tx) insertSession(instance string, s *invite.Session, u *invite.User) error {
	if err := t.later(`
		INSERT INTO sessions (instance_id, id, client_id, user_id, closed, organization_id, last_active_at, expire_at, abandon_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		instance, s.ID, s.ClientID, s.UserID, s.Closed, s.OrganizationID, s.LastActiveAt, s.ExpireAt, s.AbandonAt, s.CreatedAt, s.UpdatedAt); err != nil {
		return err
	}
	return t.event(instance, "", invite.SessionCreatedEvent, invite.SignedIn{Session: s, User: u})
}

// Session returns a session in whatever status, or refuses with SessionNotFound.
func (db *DB) Session(ctx context.Context, in *invite.Instance, id string) (*invite.Session, error) {
	var s *invite.Session
	err := db.query(ctx, func(t *tx) (err error) {
		s, err = t.session(in.ID, id)
		return err
	})
	return s, err
}

// SessionFilter selects sessions, at least by client or user.
type SessionFilter struct {
	ClientID, UserID string
	Status           invite.SessionStatus // as a reader sees it now; empty for all
	invite.Page
}

// Sessions returns one page of sessions, newest first, and how many there are.
func (db *DB) Sessions(ctx context.Context, in *invite.Instance, f SessionFilter) ([]*invite.Session, int, error) {
	var list []*invite.Session
	var total int
	err := db.read(ctx, func(t *tx) error {
		list = nil
		q := f.where(in.ID, t.now)
		if err := t.row(`SELECT count(*) FROM sessions s WHERE s.instance_id = $1`+q.more(), q.args...).Scan(&total); err != nil {
			return err
		}
		return t.each(`SELECT `+sessionColumns+` FROM `+sessionFrom+` WHERE s.instance_id = $1`+q.more()+order(`s.id`, `s.id`, true)+q.limit(f.Page), q.args, func(row scanner) error {
			s, err := scanSession(row)
			list = append(list, s)
			return err
		})
	})
	return list, total, err
}

// where returns what must hold besides s.instance_id = $1. The plus keeps to the sessions
// of the client or the user.
func (f *SessionFilter) where(instance string, now invite.Instant) *where {
	q := &where{args: []any{instance}}
	if f.ClientID != "" {
		q.and(`s.client_id = ` + q.arg(f.ClientID))
	}
	if f.UserID != "" {
		q.and(`s.user_id = ` + q.arg(f.UserID))
	}
	switch f.Status {
	case "":
	case invite.SessionActive:
		q.and(`s.closed = '' AND +s.expire_at > ` + q.arg(now) + ` AND s.abandon_at > ` + q.arg(now))
	case invite.SessionExpired:
		q.and(`s.closed = '' AND +s.expire_at <= ` + q.arg(now))
	case invite.SessionAbandoned:
		q.and(`s.closed = '' AND +s.expire_at > ` + q.arg(now) + ` AND s.abandon_at <= ` + q.arg(now))
	default:
		q.and(`s.closed = ` + q.arg(f.Status))
	}
	return q
}

// RevokeSession ends a session, for the application or for the user who asks and
// whose it is. One that has ended stays as it is, and is answered. It refuses with
// SessionNotFound.
func (db *DB) RevokeSession(ctx context.Context, in *invite.Instance, id string) (*invite.Session, error) {
	var s *invite.Session
	err := db.write(ctx, func(t *tx) (err error) {
		t.changed = []string{}
		if s, err = t.session(in.ID, id); err != nil {
			return err
		}
		if t.by != "" && s.UserID != t.by {
			return invite.Err(invite.SessionNotFound, id)
		}
		return t.closeSession(in.ID, s, invite.SessionRevoked, invite.SessionRevokedEvent)
	})
	return s, err
}

func (t *tx) closeSession(instance string, s *invite.Session, how invite.SessionStatus, event invite.EventType) error {
	if !s.Close(how, t.now) {
		return nil
	}
	if err := t.later(`
		UPDATE sessions
		SET closed = $3, updated_at = $4
		WHERE instance_id = $1 AND id = $2`, instance, s.ID, s.Closed, s.UpdatedAt); err != nil {
		return err
	}
	u, err := t.user(instance, s.UserID)
	if err != nil {
		return err
	}
	return t.event(instance, "", event, invite.SignedIn{Session: s, User: u})
}

// revokeSessions ends all sessions of a user who may not be signed in any more.
func (t *tx) revokeSessions(instance, user string) error {
	return t.revokeOthers(instance, user, "")
}

// revokeOthers ends the sessions of a user, all but one.
func (t *tx) revokeOthers(instance, user, but string) error {
	open, err := t.activeSessions(instance, SessionFilter{UserID: user})
	if err != nil {
		return err
	}
	for _, s := range open {
		if s.ID == but {
			continue
		}
		if err := t.closeSession(instance, s, invite.SessionRevoked, invite.SessionRevokedEvent); err != nil {
			return err
		}
	}
	return nil
}

// Grant returns what a token for the session may say now. That is a use of the session,
// which is written down if the last one was a pause ago. It refuses with SessionNotFound,
// or SessionOver when the session has ended.
func (db *DB) Grant(ctx context.Context, in *invite.Instance, session string) (*invite.Grant, error) {
	return db.GrantFor(ctx, in, session, nil)
}

// GrantFor is Grant for the organization that is given, by id or slug, instead of the
// session's; empty for none. It refuses with OrganizationNotFound one that is not
// the user's.
func (db *DB) GrantFor(ctx context.Context, in *invite.Instance, session string, organization *string) (*invite.Grant, error) {
	var g *invite.Grant
	err := db.read(ctx, func(t *tx) error {
		s, err := t.session(in.ID, session)
		if err != nil {
			return err
		}
		if s.StatusAt(t.now) != invite.SessionActive {
			return invite.Err(invite.SessionOver)
		}
		if organization != nil {
			if s.OrganizationID, err = t.organizationOf(in.ID, s.UserID, *organization); err != nil {
				return err
			}
		}
		g, err = t.granted(in.ID, s)
		return err
	})
	if err == nil && db.Now() >= g.Session.LastActiveAt.Add(in.Settings.Sessions.Pause()) {
		err = db.keepSession(ctx, in, session)
	}
	return g, err
}

// keepSession notes that a session is used, unless it has ended by now.
func (db *DB) keepSession(ctx context.Context, in *invite.Instance, id string) error {
	return db.write(ctx, func(t *tx) error {
		t.changed = []string{}
		s, err := t.session(in.ID, id)
		if err != nil || s.StatusAt(t.now) != invite.SessionActive {
			return err
		}
		return t.use(in, s)
	})
}

func (t *tx) granted(instance string, s *invite.Session) (*invite.Grant, error) {
	g := &invite.Grant{Session: s}
	if s.OrganizationID == "" {
		return g, nil
	}
	var o invite.Organization
	var role string
	if err := t.row(`
		SELECT o.id, o.slug, m.role_id
		FROM memberships m
		JOIN organizations o ON o.instance_id = m.instance_id AND o.id = m.organization_id
		WHERE m.instance_id = $1 AND m.organization_id = $2 AND m.user_id = $3`, instance, s.OrganizationID, s.UserID).
		Scan(&o.ID, &o.Slug, &role); err != nil {
		return nil, missing(err, invite.Err(invite.OrganizationNotFound))
	}
	g.Organization = &o
	var err error
	g.Role, err = t.roleOf(instance, role)
	return g, err
}
