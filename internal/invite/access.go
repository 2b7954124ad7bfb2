package invite

import (
	"strings"
)

// List is one of an instance's two lists of who may and who may not come in.
type List string

// The lists. An identifier on both may come in.
const (
	Allowlist List = "allowlist"
	Blocklist List = "blocklist"
)

// ListIdentifier is an entry of a list: an address, or all of a domain.
type ListIdentifier struct {
	ID                   string
	InstanceID           string
	List                 List
	Identifier           string // as people see it, *@ in front of a domain
	Key                  string // what identifiers are compared by: the domain in ASCII
	InvitationID         string // to the application, which its mailbox has got; may be empty
	CreatedAt, UpdatedAt Instant
}

// NewListIdentifier is what a client asks to put on a list.
type NewListIdentifier struct {
	List       List
	Identifier string
	Notify     bool // invite an address to the application as well
}

// Invitation returns the invitation that tells the owner of l's address; false
// for a domain, which nobody can write to.
func (l *ListIdentifier) Invitation() (NewApplicationInvitation, bool) {
	return NewApplicationInvitation{
		EmailAddress: l.Identifier, ExpiresInDays: DefaultDays, Notify: true, Template: InvitationTemplate,
	}, !strings.HasPrefix(l.Key, wildcard)
}

// wildcard stands in front of a domain of which every address is meant.
const wildcard = "*@"

// ParseIdentifier checks and folds an identifier for a list: an address, or a
// domain written *@example.com or @example.com.
func ParseIdentifier(raw string) (identifier, key string, err error) {
	if raw == "" {
		return "", "", ParamErr(ParamMissing, "identifier")
	}
	folded := strings.ToLower(strings.TrimSpace(raw))
	domain, ok := strings.CutPrefix(strings.TrimPrefix(folded, "*"), "@")
	if !ok {
		email, ok := ParseEmail(raw)
		if !ok {
			return "", "", ParamErr(ParamEmailFormat, "identifier")
		}
		return email.Address, email.Key, nil
	}
	ascii, ok := hostName(domain)
	if !ok || len(domain) > maxAddress || strings.ContainsAny(raw, lowersToASCII) {
		return "", "", ParamErr(ParamEmailFormat, "identifier")
	}
	return wildcard + domain, wildcard + ascii, nil
}

// ListKeys returns the keys under which a list would hold e.
func (e Email) ListKeys() (address, domain string) { return e.Key, wildcard + e.Domain() }

// Restricted reports whether anybody may be kept out.
func (r Restrictions) Restricted() bool {
	return r.Allowlist || r.Blocklist || r.BlockSubaddresses || r.BlockDisposableDomains
}

// AtSignIn returns what holds for who is a user already: the lists, unless they are
// for newcomers alone. Which kinds of address may come in is asked of newcomers only.
func (r Restrictions) AtSignIn() Restrictions {
	if r.ListsDisabledOnSignIn {
		return Restrictions{}
	}
	return Restrictions{Allowlist: r.Allowlist, Blocklist: r.Blocklist}
}

// Admits reports whether e may come in, given the lists that hold it. Who holds a
// ticket for the address was invited: the allow-list had its say when the
// invitation was made (contract §5.9), and is an exception from the block-list still.
func (r Restrictions) Admits(e Email, allowed, blocked, invited bool) bool {
	switch {
	case r.BlockSubaddresses && e.subaddress(), r.BlockDisposableDomains && isDisposable(e.Domain()):
		return false
	case r.Allowlist && (allowed || !invited):
		return allowed
	}
	return !r.Blocklist || !blocked
}

// subaddress reports whether what stands before the @ has a part that its
// mailbox does not need (contract §6.10).
func (e Email) subaddress() bool {
	local, _, _ := strings.Cut(e.Key, "@")
	return strings.ContainsAny(local, "+=#")
}
