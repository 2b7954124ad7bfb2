package invite

import (
	"cmp"
	"crypto/rsa"
	"time"
)

// SessionStatus says whether a session can be used, and why not (contract §4.9).
type SessionStatus string

// The statuses of a session. A session is active until it is ended in one of the
// ways of which there is a word, or until its time is over.
const (
	SessionActive    SessionStatus = "active"
	SessionPending   SessionStatus = "pending"
	SessionRevoked   SessionStatus = "revoked"   // by the application
	SessionEnded     SessionStatus = "ended"     // by its user
	SessionRemoved   SessionStatus = "removed"   // from its client
	SessionReplaced  SessionStatus = "replaced"  // by another on its client
	SessionExpired   SessionStatus = "expired"   // its longest life is over
	SessionAbandoned SessionStatus = "abandoned" // nobody used it for long
)

// How long a session lives, at the most and without being used, unless its instance
// says otherwise: a long weekend away signs nobody out.
const (
	SessionLifetime = 7 * 24 * time.Hour
	SessionIdle     = 4 * 24 * time.Hour
)

// The bounds of what an instance may say of either, which whoever asks for it checks.
const (
	MinSessionLifetime = 5 * time.Minute
	MaxSessionLifetime = 10 * 365 * 24 * time.Hour
)

// SessionLimits are how long the sessions of an instance live: at the most, and without
// being used. What is 0 is SessionLifetime and SessionIdle.
type SessionLimits struct {
	Lifetime time.Duration `json:"lifetime,omitzero"` // nanoseconds
	Idle     time.Duration `json:"idle,omitzero"`     // nanoseconds
}

// Longest returns how long a session may live.
func (l SessionLimits) Longest() time.Duration { return cmp.Or(l.Lifetime, SessionLifetime) }

// Unused returns how long a session lives without being used.
func (l SessionLimits) Unused() time.Duration { return cmp.Or(l.Idle, SessionIdle) }

// Pause returns how long the use of a session that changes nothing else need not be
// written down again: browsers ask for a token each minute.
func (l SessionLimits) Pause() time.Duration { return l.Unused() / 24 }

// SessionRetention is how long a session is remembered after its longest life.
const SessionRetention = 30 * 24 * time.Hour

// Session is one user signed in on one client.
type Session struct {
	ID       string
	ClientID string
	UserID   string
	Closed   SessionStatus // how it was ended; empty while it was not
	// OrganizationID is the active organization, empty for none. The user is a
	// member of it.
	OrganizationID       string
	LastActiveAt         Instant
	ExpireAt, AbandonAt  Instant
	CreatedAt, UpdatedAt Instant
}

// SignedIn is what an event tells of a session: it, and its user.
type SignedIn struct {
	*Session
	User *User
}

// StatusAt returns the session's status: what ends by time has ended at its
// instant, whether or not anybody wrote that down.
func (s *Session) StatusAt(now Instant) SessionStatus {
	switch {
	case s.Closed != "":
		return s.Closed
	case now >= s.ExpireAt:
		return SessionExpired
	case now >= s.AbandonAt:
		return SessionAbandoned
	}
	return SessionActive
}

// NewSession returns a session that begins now and lives as long as l lets it.
func NewSession(id, client, user, organization string, l SessionLimits, now Instant) *Session {
	return &Session{
		ID: id, ClientID: client, UserID: user, OrganizationID: organization, LastActiveAt: now,
		ExpireAt: now.Add(l.Longest()), AbandonAt: now.Add(l.Unused()), CreatedAt: now, UpdatedAt: now,
	}
}

// Use notes that the session is used now, which keeps it from being abandoned.
func (s *Session) Use(l SessionLimits, now Instant) {
	s.LastActiveAt, s.AbandonAt, s.UpdatedAt = now, now.Add(l.Unused()), now
}

// Close ends an active session. One that has ended stays as it is; Close reports
// whether it changed.
func (s *Session) Close(how SessionStatus, now Instant) bool {
	if s.StatusAt(now) != SessionActive {
		return false
	}
	s.Closed, s.UpdatedAt = how, now
	return true
}

// Grant is what a session token says: the session, and what its user is in the
// active organization at the moment.
type Grant struct {
	Session      *Session
	Organization *Organization // nil without an active one; id and slug only
	Role         Role
}

// Bounds of how long a session token is good (contract §4.9).
const (
	TokenLifetime    = time.Minute
	MinTokenLifetime = 30 * time.Second
	MaxTokenLifetime = 315_360_000 * time.Second
)

// TokenKey signs an instance's session tokens. The newest one signs; the others
// are published until the tokens they signed have died.
type TokenKey struct {
	ID      string // kid
	Private *rsa.PrivateKey
	Until   Instant // when it is no longer published; 0 for the one that signs
}
