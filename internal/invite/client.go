package invite

import (
	"slices"
	"time"
)

// Client is a browser, known by a token in its cookie.
type Client struct {
	ID       string
	Sessions []*Session // those that are active, oldest first
	// ActiveSessionID is the session that was used last; empty when it is not among
	// the active ones.
	ActiveSessionID      string
	CreatedAt, UpdatedAt Instant
}

// Key returns the id of the browser, empty for one that nobody knows.
func (c *Client) Key() string {
	if c == nil {
		return ""
	}
	return c.ID
}

// Session returns the active session with that id, or nil.
func (c *Client) Session(id string) *Session {
	if c == nil {
		return nil
	}
	if k := slices.IndexFunc(c.Sessions, func(s *Session) bool { return s.ID == id }); k >= 0 {
		return c.Sessions[k]
	}
	return nil
}

// SignedIn returns the active session that was used last, or nil.
func (c *Client) SignedIn() *Session {
	if c == nil {
		return nil
	}
	return c.Session(c.ActiveSessionID)
}

// ClientTTL is how long a browser is remembered that does nothing and is signed in nowhere.
const ClientTTL = 7 * 24 * time.Hour

// Account is one session as its browser sees it.
type Account struct {
	Session     *Session
	User        *User
	Memberships []*Membership // newest first
}

// Grant returns what a token for the session may say.
func (a *Account) Grant() *Grant {
	for _, m := range a.Memberships {
		if m.Organization.ID == a.Session.OrganizationID {
			return &Grant{Session: a.Session, Organization: &m.Organization, Role: m.Role}
		}
	}
	return &Grant{Session: a.Session}
}

// ClientState is all that a browser sees of itself.
type ClientState struct {
	*Client
	Accounts []Account // one for each session, in its order
	SignIn   *SignIn   // nil without one under way
	SignUp   *SignUp
}
