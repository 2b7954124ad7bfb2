package mail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a real SMTP server on a loopback port. Its exported fields are set before start.
type mailServer struct {
	TLS        *tls.Config // offers STARTTLS, or speaks TLS from the start with Implicit
	Implicit   bool
	Mechanisms []string // offers AUTH, for user "ada" with password "s3cret/+:@ü"
	UTF8       bool
	// Hooks; nil is success.
	OnAuth, OnMail, OnRcpt func() error
	OnData                 func(*smtp.Conn, io.Reader) error

	addr string

	mu    sync.Mutex
	conns int
	mails []delivery
	gone  chan struct{} // receives when a connection has ended
}

type delivery struct {
	user, mechanism string
	encrypted, utf8 bool
	from, to        string
	source          []byte
}

const (
	user     = "ada"
	password = "s3cret/+:@ü"
	userinfo = "ada:s3cret%2F+%3A%40%C3%BC"
)

func (m *mailServer) start(t *testing.T) *mailServer {
	t.Helper()
	m.gone = make(chan struct{}, 100)
	server := smtp.NewServer(m)
	server.Domain = "mail.example.com"
	server.AllowInsecureAuth = true
	server.EnableSMTPUTF8 = m.UTF8
	server.ErrorLog = log.New(io.Discard, "", 0)
	if !m.Implicit {
		server.TLSConfig = m.TLS
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = listener.Addr().String()
	if m.Implicit {
		listener = tls.NewListener(listener, m.TLS)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		_ = listener.Close() // the server does not know it yet when it was closed before it began
		wg.Wait()
	})
	return m
}

func (m *mailServer) NewSession(conn *smtp.Conn) (smtp.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns++
	return &serverSession{server: m, conn: conn}, nil
}

func (m *mailServer) received() (mails []delivery, connections int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails), m.conns
}

type serverSession struct {
	server *mailServer
	conn   *smtp.Conn
	mail   delivery
}

func (s *serverSession) AuthMechanisms() []string { return s.server.Mechanisms }

func (s *serverSession) Auth(mechanism string) (sasl.Server, error) {
	s.mail.mechanism = mechanism
	check := func(name string, ok bool) error {
		if s.server.OnAuth != nil {
			return s.server.OnAuth()
		}
		if !ok {
			return smtp.ErrAuthFailed
		}
		s.mail.user = name
		return nil
	}
	switch mechanism {
	case "PLAIN":
		return sasl.NewPlainServer(func(_, name, pass string) error {
			return check(name, name == user && pass == password)
		}), nil
	case "LOGIN":
		return dialogue{"Username:", "Password:"}.server(func(answers []string) error {
			return check(answers[0], answers[0] == user && answers[1] == password)
		}), nil
	case "CRAM-MD5":
		const challenge = "<1896.697170952@mail.example.com>"
		return dialogue{challenge}.server(func(answers []string) error {
			mac := hmac.New(md5.New, []byte(password))
			mac.Write([]byte(challenge))
			return check(user, answers[0] == fmt.Sprintf("%s %x", user, mac.Sum(nil)))
		}), nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// dialogue is a SASL mechanism that asks its questions and then judges the answers.
type dialogue []string

func (d dialogue) server(judge func(answers []string) error) sasl.Server {
	return &dialogueServer{questions: d, judge: judge}
}

type dialogueServer struct {
	questions, answers []string
	judge              func([]string) error
}

func (d *dialogueServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if response != nil {
		d.answers = append(d.answers, string(response))
	}
	if len(d.answers) == len(d.questions) {
		return nil, true, d.judge(d.answers)
	}
	return []byte(d.questions[len(d.answers)]), false, nil
}

func (s *serverSession) Mail(from string, options *smtp.MailOptions) error {
	if s.server.Mechanisms != nil && s.mail.user == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.mail.from, s.mail.utf8 = from, options.UTF8
	return run(s.server.OnMail)
}

func (s *serverSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = to
	return run(s.server.OnRcpt)
}

func run(hook func() error) error {
	if hook == nil {
		return nil
	}
	return hook()
}

func (s *serverSession) Data(r io.Reader) error {
	if s.server.OnData != nil {
		return s.server.OnData(s.conn, r)
	}
	source, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	done := s.mail
	done.source = source
	_, done.encrypted = s.conn.TLSConnectionState()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, done)
	return nil
}

func (s *serverSession) Reset() {}

func (s *serverSession) Logout() error {
	s.server.gone <- struct{}{}
	return nil
}

// selfSigned is a certificate for mail.example.com that only roots trusts.
func selfSigned(t *testing.T) (config *tls.Config, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"mail.example.com"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(certificate)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}

// scripted is a server for what go-smtp would not do: it answers each line with what its script says for the
// line's first word, and hangs up on a word it does not know.
func scripted(t *testing.T, script map[string]string) (addr string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { answer(conn, script) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
	})
	return listener.Addr().String()
}

func answer(conn net.Conn, script map[string]string) {
	defer conn.Close()
	_, _ = io.WriteString(conn, script["greeting"])
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		line := strings.TrimSpace(string(buffer[:n]))
		word, _, _ := strings.Cut(line, " ")
		reply, ok := script[word]
		if !ok {
			return
		}
		_, _ = io.WriteString(conn, strings.ReplaceAll(reply, "$LINE", line))
	}
}
