// Package invite is usher's domain: organizations, their members and roles,
// the users behind them, and the invitations that bring people in. Every rule
// that decides something lives here as a pure function of its arguments, so
// that the API, the pages and the command line cannot disagree; the store calls
// these functions inside the transaction that owns the data.
//
// The package knows no database and no wire format. Time is always an argument.
package invite

import "time"

// Instant is a moment in Unix milliseconds, UTC: the form in which instants are
// stored and sent. The zero Instant stands for none.
type Instant int64

// Never is later than every instant that is stored.
const Never Instant = 1 << 62

// At returns the Instant of t, truncated to milliseconds.
func At(t time.Time) Instant { return Instant(t.UnixMilli()) }

// Time returns i as a time.Time in UTC.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

// Add returns i moved by d, which is truncated to milliseconds.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d.Milliseconds()) }

// Environment says what an instance is for. It decides the prefix of its keys.
type Environment string

// The two environments of the contract, §1.1.
const (
	Test Environment = "test"
	Live Environment = "live"
)

// Instance is one tenant of the server: an application with its own users,
// organizations and keys. A secret key selects exactly one instance.
type Instance struct {
	ID          string
	Environment Environment
	Name        string // the application, as people know it
	HomeURL     string // where people go after joining; may be empty
	// FrontendHost is where its Frontend API is, a name in lower case with a port if
	// it has one; empty: at the server's own name.
	FrontendHost string
	// MaxAllowedMemberships is the limit a new organization starts with; 0 is no limit.
	MaxAllowedMemberships int
	// MailProofOnly makes a ticket that did not leave by mail no proof of the
	// mailbox: it can be redeemed only for a user who owns the address already.
	MailProofOnly bool
	// RedirectURLs is how many redirect URLs are listed. Where there are any,
	// invitations may lead to them and nowhere else.
	RedirectURLs int
	Settings     Settings
	CreatedAt    Instant
}

// Page selects a window of a list: Limit rows after skipping Offset.
type Page struct {
	Limit, Offset int
}

// Choice selects by id: only those in Only, if there are any, and none of Except.
type Choice struct {
	Only, Except []string
}
