package invite

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
	Link      string // the one link in it
	Source    []byte // as it would travel, RFC 5322
	CreatedAt Instant
}
