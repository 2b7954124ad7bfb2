package invite

import (
	"strconv"
	"time"
)

// SignInToken lets one user sign in once, with nothing else to prove (contract
// §4.9). Its ticket is derived, like an invitation's, and never stored.
type SignInToken struct {
	ID             string
	InstanceID     string
	UserID         string
	OrganizationID string // to be active after signing in; may be empty
	Status         Status // Pending, Accepted or Revoked
	ExpiresAt      Instant
	CreatedAt      Instant
	UpdatedAt      Instant
}

// Ticket returns the ticket of s. It leaves by the API: to whom it goes then is
// the product's to decide.
func (s *SignInToken) Ticket() Ticket {
	return Ticket{
		Channel: ByAPI, Lifetime: int64(s.ExpiresAt-s.CreatedAt) / 1000, ExpiresAt: int64(s.ExpiresAt) / 1000,
		InstanceID: s.InstanceID, OrganizationID: s.OrganizationID, SourceID: s.ID, Source: ToSignIn,
	}
}

// Usable returns nil while the token can be used, else why not.
func (s *SignInToken) Usable(now Instant) error {
	switch {
	case s.Status == Accepted:
		return Err(SignInTokenUsed)
	case s.Status != Pending:
		return Err(SignInTokenRevoked)
	case now >= s.ExpiresAt:
		return Err(TicketExpired)
	}
	return nil
}

// Use makes a usable token accepted, or refuses as Usable does.
func (s *SignInToken) Use(now Instant) error {
	if err := s.Usable(now); err != nil {
		return err
	}
	s.Status, s.UpdatedAt = Accepted, now
	return nil
}

// Revoke makes a pending token revoked and refuses every other with
// SignInTokenEnded. Its expiry does not matter.
func (s *SignInToken) Revoke(now Instant) error {
	if s.Status != Pending {
		return Err(SignInTokenEnded)
	}
	s.Status, s.UpdatedAt = Revoked, now
	return nil
}

// Life of a sign-in token in seconds, by default and at most.
const (
	DefaultSignInSeconds = 30 * 24 * 60 * 60
	MaxSignInSeconds     = 10 * 365 * 24 * 60 * 60
)

// NewSignInToken is what is asked for with a sign-in token.
type NewSignInToken struct {
	UserID           string
	OrganizationID   string // may be empty
	ExpiresInSeconds int
}

// Check refuses inputs that break a rule of contract §4.9.
func (n *NewSignInToken) Check() error {
	if n.UserID == "" {
		return ParamErr(ParamMissing, "user_id")
	}
	if n.ExpiresInSeconds < 1 || n.ExpiresInSeconds > MaxSignInSeconds {
		return ParamErr(ParamValue, "expires_in_seconds", strconv.Itoa(n.ExpiresInSeconds))
	}
	return nil
}

// ExpiresAt returns when a token created at now ends.
func (n *NewSignInToken) ExpiresAt(now Instant) Instant {
	return now.Add(time.Duration(n.ExpiresInSeconds) * time.Second)
}
