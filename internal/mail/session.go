package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// ReplyError is the answer of a mail server that did not do what it was asked.
type ReplyError struct {
	Step string // what was asked: "greeting", "EHLO", "STARTTLS", "AUTH", "MAIL FROM", "RCPT TO", "DATA", "message"
	Code int    // RFC 5321 §4.2: 4xx or 5xx
	Text string // on one line, with the enhanced code (RFC 3463) where the server gives one
}

// Error returns step, code and text, as in "RCPT TO: 550 5.1.1 no such mailbox".
func (e *ReplyError) Error() string { return fmt.Sprintf("%s: %d %s", e.Step, e.Code, e.Text) }

// Permanent reports whether the server refused this recipient or this message for good, so that sending it
// again is in vain. What it says about us (the connection, the login, the sender, which an operator can put
// right) is never permanent.
func (e *ReplyError) Permanent() bool {
	switch e.Step {
	case "RCPT TO", "DATA", "message":
		return e.Code >= 500 && e.Code/10 != 53 // 53x: about the login, RFC 4954 §6
	}
	return false
}

const maxReplyRunes = 500

// at names the step in which err happened.
func at(step string, err error) error {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		text := strings.Join(strings.Fields(strings.Map(visible, strings.ToValidUTF8(reply.Msg, ""))), " ")
		return &ReplyError{Step: step, Code: reply.Code, Text: shorten(text, maxReplyRunes)}
	}
	return fmt.Errorf("%s: %w", step, err)
}

// session is a connection to a mail server, greeted and logged in.
type session struct {
	conn   net.Conn
	client *smtp.Client
	dead   bool
	expiry *time.Timer
}

// within runs f, whose reads and writes fail as soon as ctx ends. Then the session is dead, even if f made it.
func (c *session) within(ctx context.Context, f func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	err := f()
	if c.dead = !stop(); c.dead && err != nil {
		return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	return err
}

// deliver is one mail transaction (RFC 5321 §3.3). An error other than a [*ReplyError] leaves it half done:
// the connection must be closed, since any further command would end the message and send what there is of it.
func (c *session) deliver(from, to string, source []byte) error {
	ascii := isASCII(from) && isASCII(to)
	if utf8, _ := c.client.Extension("SMTPUTF8"); !ascii && !utf8 {
		return errors.New("the address is not ASCII and the server offers no SMTPUTF8")
	}
	// Asking for it without need makes a mail fail at the first server on the way that lacks it.
	c.client.SkipSMTPUTF8(ascii)
	if err := c.client.Mail(from); err != nil {
		return at("MAIL FROM", err)
	}
	if err := c.client.Rcpt(to); err != nil {
		return at("RCPT TO", err)
	}
	w, err := c.client.Data()
	if err != nil {
		return at("DATA", err)
	}
	if _, err := w.Write(source); err != nil {
		return at("message", err)
	}
	if err := w.Close(); err != nil {
		return at("message", err)
	}
	return nil
}

// quit says goodbye, for a moment, and closes.
func (c *session) quit() {
	ctx, cancel := context.WithTimeout(context.Background(), quitTimeout)
	defer cancel()
	_ = c.within(ctx, c.client.Quit)
	_ = c.conn.Close()
}

// heloName is the name for EHLO: the machine's if it has a full one, or else the address it calls from, as
// RFC 5321 §4.1.4 wants it. Servers refuse names without a dot.
func heloName(conn net.Conn) string {
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") {
		return name
	}
	tcp, ok := conn.LocalAddr().(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case tcp.IP.To4() == nil:
		return "[IPv6:" + tcp.IP.String() + "]"
	}
	return "[" + tcp.IP.String() + "]"
}
