package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

const (
	sendTimeout = time.Minute
	// A connection kept for the next mail is closed before a firewall or the server forgets it.
	idleTimeout = 15 * time.Second
	quitTimeout = 2 * time.Second
)

// SMTP sends mail through one server. Its methods are safe for concurrent use: each Send has a connection of
// its own, which is kept for a few seconds for the Send that follows.
type SMTP struct {
	host, addr     string
	implicitTLS    bool
	startTLS       string // one of startTLSModes
	auth           string // one of authMechanisms, or "" for the first that suits
	user, password string

	roots       *x509.CertPool // nil for the system's
	dial        func(ctx context.Context, network, addr string) (net.Conn, error)
	idleTimeout time.Duration

	mu     sync.Mutex
	idle   []*session
	closed bool
}

var (
	startTLSModes  = []string{"required", "opportunistic", "off"}
	authMechanisms = []string{"PLAIN", "LOGIN", "CRAM-MD5"}
)

// ParseSMTPURL reads the address of a mail server:
//
//	smtp://user:password@mail.example.com:587   STARTTLS; port 587 if none is given
//	smtps://user:password@mail.example.com:465  TLS from the start; port 465 if none is given
//
// User and password are percent-encoded; without them there is no login. Options follow a question mark:
// starttls=required, the default, refuses a server without STARTTLS; opportunistic, the default for this machine
// (localhost, 127.0.0.1, ::1), takes what is offered; off sends in clear. auth=plain, login, cram-md5 or auto,
// the default, which takes what the server offers and never sends the password itself over a connection that
// was not encrypted unless starttls=off or the server is this machine, whose certificate is not checked.
//
// The error never repeats a part of s, which may hold the password.
func ParseSMTPURL(s string) (*SMTP, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" ||
		strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return nil, errors.New("not of the form smtp://user:password@host:587 or smtps://user:password@host:465" +
			" (in user and password, write signs other than letters and digits percent-encoded, @ as %40)")
	}
	server := &SMTP{
		host:        u.Hostname(),
		implicitTLS: u.Scheme == "smtps",
		startTLS:    "required",
		dial:        new(net.Dialer).DialContext,
		idleTimeout: idleTimeout,
	}
	port := u.Port()
	switch {
	case port == "" && server.implicitTLS:
		port = "465"
	case port == "":
		port = "587"
	}
	server.addr = net.JoinHostPort(server.host, port)
	if server.loopback() {
		server.startTLS = "opportunistic"
	}
	server.user = u.User.Username()
	server.password, _ = u.User.Password()
	if err := server.options(u.RawQuery); err != nil {
		return nil, err
	}
	return server, nil
}

// options reads what follows the question mark, and reports all that is wrong with the server at once.
func (s *SMTP) options(query string) error {
	var errs []error
	options, err := url.ParseQuery(query)
	if err != nil {
		errs = append(errs, errors.New("the options after the question mark are not of the form name=value&name=value"))
	}
	for name, values := range options {
		value := strings.ToLower(values[len(values)-1])
		switch name {
		case "starttls":
			s.startTLS = value
			if !slices.Contains(startTLSModes, value) {
				errs = append(errs, errors.New("starttls is none of required, opportunistic, off"))
			}
			if s.implicitTLS {
				errs = append(errs, errors.New("starttls has no meaning with smtps://, where TLS comes first"))
			}
		case "auth":
			s.auth = strings.ToUpper(value)
			if value == "auto" {
				s.auth = ""
			} else if !slices.Contains(authMechanisms, s.auth) {
				errs = append(errs, errors.New("auth is none of auto, plain, login, cram-md5"))
			}
			if s.user == "" {
				errs = append(errs, errors.New("auth is given, but no user"))
			}
		default:
			errs = append(errs, errors.New("the options are starttls and auth; another one is given"))
		}
	}
	if (s.user == "") != (s.password == "") {
		errs = append(errs, errors.New("user and password go together, one of them is missing"))
	}
	return errors.Join(errs...)
}

// String returns the server's address, without user and password.
func (s *SMTP) String() string { return s.addr }

// Send hands m to the server and returns nil once the server has accepted it. It waits as long as ctx lets
// it, at most a minute; then the error is ctx's, and whether the mail was sent is unknown if the message was
// already under way. If the server refused, the error is a [*ReplyError].
func (s *SMTP) Send(ctx context.Context, m Message) error {
	source, err := m.Source()
	if err != nil {
		return err
	}
	from, err := m.From.path()
	if err != nil {
		return err
	}
	to, err := Address{Address: m.To}.path()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	c, err := s.connect(ctx)
	if err == nil {
		err = c.within(ctx, func() error { return c.deliver(from, to, source) })
		s.release(c, err)
	}
	if err != nil {
		return fmt.Errorf("sending mail through %s: %w", s.addr, err)
	}
	return nil
}

// Close ends the connections kept for reuse; those in use end with their Send. A Send afterwards still works.
func (s *SMTP) Close() {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range idle {
		wg.Go(c.quit)
	}
	wg.Wait()
}

// connect returns a session that waits for a mail: a kept one that still answers, or a new one.
func (s *SMTP) connect(ctx context.Context) (*session, error) {
	for c := s.takeIdle(); c != nil; c = s.takeIdle() {
		if c.within(ctx, c.client.Reset) == nil {
			return c, nil
		}
		_ = c.conn.Close()
	}
	conn, err := s.dial(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	c := &session{conn: conn}
	if err := c.within(ctx, func() error { return s.greet(c) }); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// greet brings a new connection to the point where the server takes mail.
func (s *SMTP) greet(c *session) error {
	config := &tls.Config{
		ServerName: s.host,
		RootCAs:    s.roots,
		// Nobody stands between this machine and itself, and its certificate seldom says localhost.
		InsecureSkipVerify: s.loopback(), //nolint:gosec // for loopback addresses only
	}
	conn := c.conn
	if s.implicitTLS {
		conn = tls.Client(conn, config)
	}
	var err error
	if c.client, err = smtp.NewClient(conn, s.host); err != nil {
		return at("greeting", err)
	}
	if err := c.client.Hello(heloName(c.conn)); err != nil {
		return at("EHLO", err)
	}
	if !s.implicitTLS && s.startTLS != "off" {
		offered, _ := c.client.Extension("STARTTLS")
		if !offered && s.startTLS == "required" {
			return errors.New("the server offers no STARTTLS (hint: smtps:// if it speaks TLS from the start;" +
				" ?starttls=off to send in clear)")
		}
		if offered {
			if err := c.client.StartTLS(config); err != nil {
				return at("STARTTLS", err)
			}
		}
	}
	if s.user == "" {
		return nil
	}
	return s.login(c.client)
}

func (s *SMTP) login(client *smtp.Client) error {
	_, offered := client.Extension("AUTH")
	_, encrypted := client.TLSConnectionState()
	inClear := s.startTLS == "off" || s.loopback()
	mechanism, err := s.mechanism(strings.Fields(offered), encrypted, inClear)
	if err != nil {
		return err
	}
	var auth smtp.Auth
	switch mechanism {
	case "PLAIN":
		auth = smtp.PlainAuth("", s.user, s.password, s.host, inClear)
	case "LOGIN":
		auth = smtp.LoginAuth(s.user, s.password, s.host, inClear)
	case "CRAM-MD5":
		auth = smtp.CRAMMD5Auth(s.user, s.password)
	}
	if err := client.Auth(auth); err != nil {
		return s.redact(at("AUTH", err))
	}
	return nil
}

// mechanism chooses how to log in. PLAIN and LOGIN show the password to the server and, on a connection that
// is not encrypted, to everybody on the way.
func (s *SMTP) mechanism(offered []string, encrypted, inClear bool) (string, error) {
	preferred := []string{"PLAIN", "LOGIN", "CRAM-MD5"}
	switch {
	case s.auth != "":
		preferred = []string{s.auth}
	case !encrypted && inClear:
		preferred = []string{"CRAM-MD5", "PLAIN", "LOGIN"}
	case !encrypted:
		preferred = []string{"CRAM-MD5"}
	}
	for _, mechanism := range preferred {
		if slices.ContainsFunc(offered, func(o string) bool { return strings.EqualFold(o, mechanism) }) {
			return mechanism, nil
		}
	}
	return "", fmt.Errorf("AUTH: the server offers %q, wanted is one of %q", offered, preferred)
}

// redact takes the credentials out of an error: some servers repeat the command they did not like.
func (s *SMTP) redact(err error) error {
	base64Of := base64.StdEncoding.EncodeToString
	secrets := strings.NewReplacer(
		base64Of([]byte("\x00"+s.user+"\x00"+s.password)), "[redacted]",
		base64Of([]byte(s.password)), "[redacted]",
		s.password, "[redacted]",
	)
	if reply, ok := errors.AsType[*ReplyError](err); ok {
		reply.Text = secrets.Replace(reply.Text)
		return reply
	}
	if text := secrets.Replace(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}

func (s *SMTP) loopback() bool {
	ip := net.ParseIP(s.host)
	return s.host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *SMTP) takeIdle() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) == 0 {
		return nil
	}
	c := s.idle[len(s.idle)-1]
	s.idle = s.idle[:len(s.idle)-1]
	c.expiry.Stop()
	return c
}

// release keeps c for the next mail, unless err says that it is of no more use.
func (s *SMTP) release(c *session, err error) {
	reply, refused := errors.AsType[*ReplyError](err)
	if c.dead || err != nil && !refused || refused && reply.Code == 421 {
		_ = c.conn.Close()
		return
	}
	s.mu.Lock()
	keep := !s.closed
	if keep {
		s.idle = append(s.idle, c)
		c.expiry = time.AfterFunc(s.idleTimeout, func() { s.expire(c) })
	}
	s.mu.Unlock()
	if !keep {
		c.quit()
	}
}

func (s *SMTP) expire(c *session) {
	s.mu.Lock()
	i := slices.Index(s.idle, c)
	if i >= 0 {
		s.idle = slices.Delete(s.idle, i, i+1)
	}
	s.mu.Unlock()
	if i >= 0 {
		c.quit()
	}
}
