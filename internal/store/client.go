package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"usher/internal/invite"
)

// hashToken returns what is kept of the secret in a browser's token.
func hashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// newClientToken returns a token for a client: its id, a dot and 130 random bits.
func newClientToken(client string) (token, hash string) {
	secret := rand.Text()
	return client + "." + secret, hashToken(secret)
}

// Client returns the browser that a token belongs to, or nil: a token that is
// unknown or was replaced is that of a browser nobody knows.
func (db *DB) Client(ctx context.Context, in *invite.Instance, token string) (*invite.Client, error) {
	id, secret, ok := strings.Cut(token, ".")
	if !ok {
		return nil, nil
	}
	var c *invite.Client
	err := db.read(ctx, func(t *tx) (err error) {
		var hash string
		c, err = t.client(in.ID, id, &hash)
		if missing(err, nil) == nil && err != nil {
			c = nil
			return nil
		}
		if err == nil && subtle.ConstantTimeCompare([]byte(hash), []byte(hashToken(secret))) != 1 {
			c = nil
		}
		return err
	})
	return c, err
}

// client reads a client with its active sessions.
func (t *tx) client(instance, id string, hash *string) (*invite.Client, error) {
	c := invite.Client{ID: id}
	if err := t.row(`
		SELECT token_hash, active_session, created_at, updated_at
		FROM clients
		WHERE instance_id = $1 AND id = $2`, instance, id).Scan(hash, &c.ActiveSessionID, &c.CreatedAt, &c.UpdatedAt); err != nil {
		return nil, err
	}
	var err error
	c.Sessions, err = t.activeSessions(instance, SessionFilter{ClientID: id})
	if err == nil && c.SignedIn() == nil {
		c.ActiveSessionID = ""
	}
	return &c, err
}

// activeSessions returns the active sessions that f selects, oldest first.
func (t *tx) activeSessions(instance string, f SessionFilter) ([]*invite.Session, error) {
	f.Status = invite.SessionActive
	var list []*invite.Session
	q := f.where(instance, t.now)
	err := t.each(`SELECT `+sessionColumns+` FROM `+sessionFrom+` WHERE s.instance_id = $1`+q.more()+order(`s.id`, `s.id`, false), q.args, func(row scanner) error {
		s, err := scanSession(row)
		list = append(list, s)
		return err
	})
	return list, err
}

// ClientState returns all that a browser sees of itself, as of one moment.
func (db *DB) ClientState(ctx context.Context, in *invite.Instance, id string) (*invite.ClientState, error) {
	var state *invite.ClientState
	err := db.read(ctx, func(t *tx) (err error) {
		state = &invite.ClientState{}
		if state.Client, err = t.client(in.ID, id, new(string)); err != nil {
			return missing(err, invite.Err(invite.SessionOver))
		}
		for _, s := range state.Sessions {
			a, err := t.account(in, s)
			if err != nil {
				return err
			}
			state.Accounts = append(state.Accounts, *a)
		}
		if state.SignIn, err = t.signIn(in.ID, id); err != nil {
			return err
		}
		state.SignUp, err = t.signUp(in.ID, id)
		return err
	})
	return state, err
}

// Account returns a session with its user, or refuses with SessionNotFound.
func (db *DB) Account(ctx context.Context, in *invite.Instance, session string) (*invite.Account, error) {
	var a *invite.Account
	err := db.read(ctx, func(t *tx) error {
		s, err := t.session(in.ID, session)
		if err != nil {
			return err
		}
		a, err = t.account(in, s)
		return err
	})
	return a, err
}

func (t *tx) account(in *invite.Instance, s *invite.Session) (*invite.Account, error) {
	u, err := t.user(in.ID, s.UserID)
	if err != nil {
		return nil, err
	}
	memberships, err := t.membershipsOf(in.ID, s.UserID)
	return &invite.Account{Session: s, User: u, Memberships: memberships}, err
}

// maxOwnMemberships is how many of a user's memberships a session shows; the
// others are found in the list of them.
const maxOwnMemberships = 100

// membershipsOf returns a user's newest memberships.
func (t *tx) membershipsOf(instance, user string) ([]*invite.Membership, error) {
	q := where{}
	q.and(`m.instance_id = ` + q.arg(instance))
	q.and(`m.user_id = ` + q.arg(user))
	return t.memberships(instance, q, &MembershipFilter{OrderBy: "created_at", Descending: true, Page: invite.Page{Limit: maxOwnMemberships}})
}

// Visit is what an operation did for a browser.
type Visit struct {
	ClientID string
	// Token replaces the one in the browser's cookie; empty when that stays good.
	Token   string
	SignIn  *invite.SignIn
	SignUp  *invite.SignUp
	Session *invite.Session
}

// visitor returns the visit of a client, which is made when id is empty.
func (t *tx) visitor(in *invite.Instance, id string) (*Visit, error) {
	t.changed = []string{} // lists of invitations do not show browsers
	if id != "" {
		return &Visit{ClientID: id}, t.touchClient(in.ID, id)
	}
	v := &Visit{ClientID: t.newID(clientID)}
	token, hash := newClientToken(v.ClientID)
	v.Token = token
	err := t.later(`
		INSERT INTO clients (instance_id, id, token_hash, active_session, created_at, updated_at)
		VALUES ($1, $2, $3, '', $4, $4)`, in.ID, v.ClientID, hash, t.now)
	return v, err
}

func (t *tx) touchClient(instance, id string) error {
	n, err := t.exec(`UPDATE clients SET updated_at = $3 WHERE instance_id = $1 AND id = $2`, instance, id, t.now)
	if err == nil && n == 0 {
		return invite.Err(invite.SessionOver)
	}
	return err
}

// CreateClient makes a client for a browser that has none, or answers the one it has.
func (db *DB) CreateClient(ctx context.Context, in *invite.Instance, id string) (*Visit, error) {
	var v *Visit
	err := db.write(ctx, func(t *tx) (err error) {
		v, err = t.visitor(in, id)
		return err
	})
	return v, err
}

// enter begins a session of the user in the visiting browser, whose token is
// replaced: whoever knew the old one is not signed in with it. Guesses at the user's
// password are forgotten. It refuses those who may not be signed in.
func (t *tx) enter(in *invite.Instance, v *Visit, u *invite.User, organization string) error {
	if err := u.CheckEntry(t.now); err != nil {
		return err
	}
	s := invite.NewSession(t.newID(sessionID), v.ClientID, u.ID, organization, in.Settings.Sessions, t.now)
	u.LastSignInAt, u.LastActiveAt, u.Lockout = t.now, t.now, invite.Lockout{}
	if err := t.insertSession(in.ID, s, u); err != nil {
		return err
	}
	token, hash := newClientToken(v.ClientID)
	v.Token, v.Session = token, s
	if err := t.later(`
		UPDATE clients
		SET token_hash = $3, active_session = $4, updated_at = $5
		WHERE instance_id = $1 AND id = $2`, in.ID, v.ClientID, hash, s.ID, t.now); err != nil {
		return err
	}
	err := t.later(`
		UPDATE users
		SET last_sign_in_at = $3, last_active_at = $3, guesses = 0, locked_until = 0
		WHERE instance_id = $1 AND id = $2`, in.ID, u.ID, t.now)
	return err
}

// activate makes the organization active in a session and the session the one
// that was used last.
func (t *tx) activate(in *invite.Instance, s *invite.Session, organization string) error {
	s.OrganizationID = organization
	if err := t.use(in, s); err != nil {
		return err
	}
	return t.later(`
		UPDATE clients
		SET active_session = $3, updated_at = $4
		WHERE instance_id = $1 AND id = $2`, in.ID, s.ClientID, s.ID, t.now)
}

// use stores that a session, and its user with it, is active now.
func (t *tx) use(in *invite.Instance, s *invite.Session) error {
	s.Use(in.Settings.Sessions, t.now)
	if err := t.later(`
		UPDATE sessions
		SET organization_id = $3, last_active_at = $4, abandon_at = $5, updated_at = $4
		WHERE instance_id = $1 AND id = $2`, in.ID, s.ID, s.OrganizationID, s.LastActiveAt, s.AbandonAt); err != nil {
		return err
	}
	return t.later(`UPDATE users SET last_active_at = $3 WHERE instance_id = $1 AND id = $2`, in.ID, s.UserID, t.now)
}

// clientSession returns an active session of a client, or refuses with SessionNotFound.
func (t *tx) clientSession(in *invite.Instance, client, id string) (*invite.Session, error) {
	s, err := t.session(in.ID, id)
	if err == nil && (s.ClientID != client || s.StatusAt(t.now) != invite.SessionActive) {
		err = invite.Err(invite.SessionNotFound, id)
	}
	return s, err
}

// touchPause is how long a use of a session that changes nothing else is not
// written down again.
const touchPause = invite.Instant(60_000)

// TouchSession notes that a session of the client is used, and makes an
// organization active when one is given: the id or slug of one that the user is a
// member of, or empty for none. It refuses with SessionNotFound, or
// OrganizationNotFound for an organization that is not the user's.
func (db *DB) TouchSession(ctx context.Context, in *invite.Instance, client, id string, organization *string) (*invite.Session, error) {
	var s *invite.Session
	err := db.write(ctx, func(t *tx) (err error) {
		t.changed = []string{}
		if s, err = t.clientSession(in, client, id); err != nil {
			return err
		}
		active := s.OrganizationID
		if organization != nil {
			if active, err = t.organizationOf(in.ID, s.UserID, *organization); err != nil {
				return err
			}
		}
		var last string
		if err := t.row(`SELECT active_session FROM clients WHERE instance_id = $1 AND id = $2`, in.ID, client).Scan(&last); err != nil {
			return err
		}
		if active == s.OrganizationID && last == s.ID && t.now < s.LastActiveAt+touchPause {
			return nil
		}
		return t.activate(in, s, active)
	})
	return s, err
}

// organizationOf returns the id of a user's organization, empty for none.
func (t *tx) organizationOf(instance, user, idOrSlug string) (string, error) {
	if idOrSlug == "" {
		return "", nil
	}
	var id string
	err := t.row(`
		SELECT m.organization_id
		FROM organizations o
		JOIN memberships m ON m.instance_id = o.instance_id AND m.organization_id = o.id
		WHERE o.instance_id = $1 AND (o.id = $2 OR o.slug = $2) AND m.user_id = $3`, instance, idOrSlug, user).Scan(&id)
	return id, missing(err, invite.Err(invite.OrganizationNotFound))
}

// CloseSession ends an active session of a client in the given way, or refuses
// with SessionNotFound.
func (db *DB) CloseSession(ctx context.Context, in *invite.Instance, client, id string, how invite.SessionStatus) (*invite.Session, error) {
	var s *invite.Session
	err := db.write(ctx, func(t *tx) (err error) {
		t.changed = []string{}
		if s, err = t.clientSession(in, client, id); err != nil {
			return err
		}
		if err := t.leaveClient(in.ID, s, how); err != nil {
			return err
		}
		return t.touchClient(in.ID, client)
	})
	return s, err
}

func (t *tx) leaveClient(instance string, s *invite.Session, how invite.SessionStatus) error {
	event := invite.SessionEndedEvent
	if how == invite.SessionRemoved {
		event = invite.SessionRemovedEvent
	}
	return t.closeSession(instance, s, how, event)
}

// CloseClient ends all active sessions of a client. With forget the client is
// gone afterwards.
func (db *DB) CloseClient(ctx context.Context, in *invite.Instance, client string, forget bool) error {
	return db.write(ctx, func(t *tx) error {
		t.changed = []string{}
		list, err := t.activeSessions(in.ID, SessionFilter{ClientID: client})
		if err != nil {
			return err
		}
		for _, s := range list {
			if err := t.leaveClient(in.ID, s, invite.SessionRemoved); err != nil {
				return err
			}
		}
		if !forget {
			return t.touchClient(in.ID, client)
		}
		return t.forgetClient(in.ID, client)
	})
}

func (t *tx) forgetClient(instance, client string) error {
	for _, query := range []string{
		`DELETE FROM sign_ins WHERE instance_id = $1 AND client_id = $2`,
		`DELETE FROM sign_ups WHERE instance_id = $1 AND client_id = $2`,
		`UPDATE clients SET token_hash = '', active_session = '' WHERE instance_id = $1 AND id = $2`,
	} {
		if err := t.later(query, instance, client); err != nil {
			return err
		}
	}
	return nil
}

// ForgetClients drops up to limit browsers of each instance that are signed in nowhere
// and did nothing for ClientTTL, with what they began to sign in and up, and as many
// sessions whose longest life was over a SessionRetention ago. It returns the most it
// dropped of either.
func (db *DB) ForgetClients(ctx context.Context, limit int) (int, error) {
	return db.forget(ctx, func(t *tx, instance string) (int, error) { return t.forgetClients(instance, limit) })
}

func (t *tx) forgetClients(instance string, limit int) (int, error) {
	const idle = `
		SELECT id
		FROM clients
		WHERE instance_id = $1 AND updated_at <= $2 AND NOT EXISTS (
			SELECT 1
			FROM sessions s
			WHERE s.instance_id = $1 AND s.client_id = clients.id AND s.closed = '' AND +s.expire_at > $4 AND s.abandon_at > $4)
		ORDER BY updated_at, id
		LIMIT $3`
	since, most := t.now.Add(-invite.ClientTTL), 0
	for _, query := range []string{
		`DELETE FROM sign_ins WHERE instance_id = $1 AND client_id IN (` + idle + `)`,
		`DELETE FROM sign_ups WHERE instance_id = $1 AND client_id IN (` + idle + `)`,
		`DELETE FROM clients WHERE instance_id = $1 AND id IN (` + idle + `)`,
	} {
		n, err := t.exec(query, instance, since, limit, t.now)
		if err != nil {
			return 0, err
		}
		most = max(most, int(n))
	}
	n, err := t.exec(`
		DELETE FROM sessions
		WHERE instance_id = $1 AND id IN (
			SELECT id
			FROM sessions
			WHERE instance_id = $1 AND expire_at <= $2
			ORDER BY expire_at
			LIMIT $3)`, instance, t.now.Add(-invite.SessionRetention), limit)
	return max(most, int(n)), err
}
