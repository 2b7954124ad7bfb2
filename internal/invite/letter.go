package invite

import "encoding/json"

// Letter is a mail as the inbox shows it to the developer who receives it in
// place of the addressee.
type Letter struct {
	ID        string
	From      string
	ReplyTo   string // empty when there is none
	To        string
	Subject   string
	HTML      string
	Text      string
	Link      string // the one link in it; empty without one
	Code      string // the code in it; empty without one
	Source    []byte // as it would travel, RFC 5322
	CreatedAt Instant
}

// SentMail is what may be told of a mail that left: nothing in it lets somebody use
// its link.
type SentMail struct {
	ID            string
	Slug          string // of its template
	From, ReplyTo string // the parts before the @; ReplyTo may be empty
	To            string
	Subject       string
	Variables     json.RawMessage // of its template
}
