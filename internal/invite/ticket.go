package invite

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

// Channel is the way a ticket left the server. Only a ticket that left by mail
// went to the mailbox and nowhere else.
type Channel string

// The channels.
const (
	ByMail Channel = "mail" // in the invitation's own message
	ByAPI  Channel = "api"  // in the url of an API answer
)

// Source is what a ticket stands for.
type Source string

// The sources, in the contract's words.
const (
	ToOrganization Source = "organization_invitation"
	ToApplication  Source = "invitation"
	ToSignIn       Source = "sign_in_token"
)

// Ticket is the bearer credential inside an invitation's link: a JWT (RFC 7519)
// signed with HMAC-SHA256 under a key derived from the master key. Its claims
// carry the contract's names (§5.6) and two of our own: ch, the channel, and
// gen, the invitation's generation. It is derived whenever it is needed and
// never stored.
type Ticket struct {
	Channel        Channel
	Lifetime       int64 // seconds, claim eis
	ExpiresAt      int64 // Unix seconds, claim exp
	Generation     int
	InstanceID     string
	OrganizationID string // empty for an invitation to the application; of a sign-in token, the one to be active
	RedirectURL    string
	SourceID       string // the invitation's id, or the sign-in token's
	Source         Source
}

// TicketFor returns the ticket of i for the given channel.
func TicketFor(i *Invitation, ch Channel) Ticket {
	source := ToOrganization
	if i.OrganizationID == "" {
		source = ToApplication
	}
	return Ticket{
		Channel:        ch,
		Lifetime:       int64(i.ExpiresAt-i.CreatedAt) / 1000,
		ExpiresAt:      int64(i.ExpiresAt) / 1000,
		Generation:     i.Generation,
		InstanceID:     i.InstanceID,
		OrganizationID: i.OrganizationID,
		RedirectURL:    i.RedirectURL,
		SourceID:       i.ID,
		Source:         source,
	}
}

// claims has its fields in the order in which they are encoded.
type claims struct {
	Channel        Channel `json:"ch"`
	Lifetime       int64   `json:"eis"`
	ExpiresAt      int64   `json:"exp"`
	Generation     int     `json:"gen"`
	InstanceID     string  `json:"iid"`
	OrganizationID string  `json:"oid,omitempty"`
	RedirectURL    string  `json:"rurl,omitempty"`
	SourceID       string  `json:"sid"`
	Source         Source  `json:"st"`
}

var (
	ticketEncoding = base64.RawURLEncoding.Strict()
	// ticketHeader is the only header a ticket may have: there is no algorithm to choose.
	ticketHeader = ticketEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
)

// Append appends t, signed, to dst.
func (t Ticket) Append(dst []byte, keys *Keyring) []byte {
	start := len(dst)
	dst = append(dst, ticketHeader...)
	dst = append(dst, '.')
	var claims [512]byte
	dst = ticketEncoding.AppendEncode(dst, t.appendClaims(claims[:0]))
	var mac [sha256.Size]byte
	signature := keys.appendTicketMAC(mac[:0], dst[start:])
	dst = append(dst, '.')
	return ticketEncoding.AppendEncode(dst, signature)
}

// Sign returns t as the string that goes into a link.
func (t Ticket) Sign(keys *Keyring) string { return string(t.Append(nil, keys)) }

// appendClaims encodes by hand what is signed on every page of a list: the
// strings are identifiers, except the redirect URL, which JSON may have to escape.
func (t Ticket) appendClaims(b []byte) []byte {
	b = append(b, `{"ch":"`...)
	b = append(b, t.Channel...)
	b = append(b, `","eis":`...)
	b = strconv.AppendInt(b, t.Lifetime, 10)
	b = append(b, `,"exp":`...)
	b = strconv.AppendInt(b, t.ExpiresAt, 10)
	b = append(b, `,"gen":`...)
	b = strconv.AppendInt(b, int64(t.Generation), 10)
	b = append(b, `,"iid":"`...)
	b = append(b, t.InstanceID...)
	if t.OrganizationID != "" {
		b = append(b, `","oid":"`...)
		b = append(b, t.OrganizationID...)
	}
	if t.RedirectURL != "" {
		b = append(b, `","rurl":`...)
		b = appendQuoted(b, t.RedirectURL)
		b = append(b, `,"sid":"`...)
	} else {
		b = append(b, `","sid":"`...)
	}
	b = append(b, t.SourceID...)
	b = append(b, `","st":"`...)
	b = append(b, t.Source...)
	return append(b, `"}`...)
}

// appendQuoted appends s as JSON without the escapes for HTML, which would make three
// letters of a URL six times as long and its ticket longer than maxTicket.
func appendQuoted(dst []byte, s string) []byte {
	if strings.IndexFunc(s, escaped) < 0 {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// escaped reports whether JSON may have to write r in another way.
func escaped(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }

// maxTicket bounds what is decoded before the signature is known to be good.
const maxTicket = 8 << 10

// ParseTicket verifies a ticket's form and signature. It returns an Error of
// kind TicketInvalid for anything this server did not sign. It does not look at
// the expiry: the invitation decides that.
func ParseTicket(s string, keys *Keyring) (Ticket, error) {
	invalid := Err(TicketInvalid)
	signed, sig, ok := cutLast(s, '.')
	header, payload, ok2 := strings.Cut(signed, ".")
	if !ok || !ok2 || len(s) > maxTicket || header != ticketHeader {
		return Ticket{}, invalid
	}
	// The texts are compared, since decoding would overlook line breaks.
	want := ticketEncoding.AppendEncode(nil, keys.appendTicketMAC(nil, []byte(signed)))
	if !hmac.Equal([]byte(sig), want) {
		return Ticket{}, invalid
	}
	raw, err := ticketEncoding.DecodeString(payload)
	if err != nil {
		return Ticket{}, invalid
	}
	return ParseClaims(string(raw))
}

// Claims returns what t says, as JSON. Without the signature it opens nothing.
func (t Ticket) Claims() string { return string(t.appendClaims(nil)) }

// ParseClaims reads what Claims returned. It must come from where only the server
// writes.
func ParseClaims(s string) (Ticket, error) {
	var c claims
	if err := json.Unmarshal([]byte(s), &c); err != nil || !c.Source.known() {
		return Ticket{}, Err(TicketInvalid)
	}
	return Ticket(c), nil
}

func (s Source) known() bool { return s == ToOrganization || s == ToApplication || s == ToSignIn }

func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// Link returns the address at which t is redeemed; publicURL has no slash at its
// end (contract §5.6).
func (t Ticket) Link(publicURL string, keys *Keyring) string {
	return publicURL + AcceptPath + "?ticket=" + t.Sign(keys)
}

// AcceptPath is where the link of every invitation points.
const AcceptPath = "/v1/tickets/accept"
