// Package mail renders the mails of invitations and codes and sends them by SMTP.
//
// [ParseTemplates] reads and proves the templates at start, [Templates.Render] makes a [Message] of an
// [Invitation] or a [Code], and [SMTP.Send] hands it to a server. The package decides nothing about when a mail is sent
// and how often it is tried again; a failure that says it is permanent need not be.
//
// A mail has two readers who must be able to trust it. The invited person: everything that somebody else
// chose (names, metadata) is shown as plain text without links, and the only links are the invitation's own
// and the logos. And the operator: the server's answer is kept, credentials never appear in an error.
package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	netmail "net/mail"
	"regexp"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"
)

// Address is a mailbox. Name may be empty; the zero Address is none.
type Address struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

// Message is a rendered mail to one person. Its JSON form is what the development inbox stores.
type Message struct {
	// ID is the Message-ID without angle brackets. The same on each attempt, so that a mail
	// delivered twice is recognized as one.
	ID      string    `json:"id"`
	Date    time.Time `json:"date"`
	From    Address   `json:"from"`
	ReplyTo Address   `json:"reply_to,omitzero"`
	To      string    `json:"to"` // as it is stored
	Subject string    `json:"subject"`
	HTML    string    `json:"html"`
	Text    string    `json:"text"`
	// ActionURL is the link both parts carry; empty without one.
	ActionURL string `json:"action_url"`
}

var messageID = regexp.MustCompile(`^[!-;=?A-~]+@[!-;=?A-~]+$`)

// Source returns the mail as RFC 5322 bytes: multipart/alternative, the text part first, both in UTF-8 and
// quoted-printable. The same message gives the same bytes. It fails if an address or the ID is not one;
// nothing in a Message can add a header.
func (m Message) Source() ([]byte, error) {
	if !messageID.MatchString(m.ID) {
		return nil, fmt.Errorf("composing mail: %q is not a message id", m.ID)
	}
	// Derived, so that the bytes are stable; nobody who writes into the body knows the id.
	boundary := sha256.Sum256([]byte(m.ID))
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary(hex.EncodeToString(boundary[:16])))
	for header, address := range map[gomail.AddrHeader]Address{
		gomail.HeaderFrom:    m.From,
		gomail.HeaderReplyTo: m.ReplyTo,
		gomail.HeaderTo:      {Address: m.To},
	} {
		if header == gomail.HeaderReplyTo && address == (Address{}) {
			continue
		}
		wire, err := address.wire()
		if err != nil {
			return nil, fmt.Errorf("composing mail: %s: %w", header, err)
		}
		msg.SetAddrHeaderFromMailAddress(header, wire)
	}
	msg.SetMessageIDWithValue(m.ID)
	msg.SetDateWithValue(m.Date)
	msg.Subject(m.Subject)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")           // RFC 3834
	msg.SetGenHeader("X-Auto-Response-Suppress", "OOF, AutoReply") // what Exchange reads instead
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)

	var source bytes.Buffer
	if _, err := msg.WriteTo(&source); err != nil {
		return nil, fmt.Errorf("composing mail: %w", err)
	}
	return source.Bytes(), nil
}

// wire is the address as every mail server understands it: the domain in ASCII (RFC 5891). A local part
// beyond ASCII stays and needs a server with SMTPUTF8 (RFC 6531).
func (a Address) wire() (*netmail.Address, error) {
	parsed, err := netmail.ParseAddress(a.Address)
	if err != nil || parsed.Name != "" {
		return nil, fmt.Errorf("%q is not an e-mail address", a.Address)
	}
	at := strings.LastIndexByte(parsed.Address, '@')
	if local, domain := parsed.Address[:at], parsed.Address[at+1:]; !isASCII(domain) {
		domain, err = idna.Lookup.ToASCII(domain)
		if err != nil {
			return nil, fmt.Errorf("domain of %q: %w", a.Address, err)
		}
		parsed.Address = local + "@" + domain
	}
	parsed.Name = a.Name
	return parsed, nil
}

// path is the address as MAIL FROM and RCPT TO take it: <local@domain>.
func (a Address) path() (string, error) {
	wire, err := a.wire()
	if err != nil {
		return "", err
	}
	wire.Name = ""
	return wire.String(), nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0
}
