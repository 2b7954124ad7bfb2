package mail_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"usher/internal/mail"
)

func open(t *testing.T, url string) *mail.SMTP {
	t.Helper()
	sender, err := mail.ParseSMTPURL(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	return sender
}

func TestSend(t *testing.T) {
	cert, roots := selfSigned(t)
	all := []string{"PLAIN", "LOGIN", "CRAM-MD5"}
	for _, row := range []struct {
		name      string
		server    *mailServer
		url       string // of mail.example.com, unless it has ADDR
		encrypted bool
		mechanism string
	}{
		{"in clear on this machine", &mailServer{}, "smtp://ADDR", false, ""},
		{"STARTTLS on this machine", &mailServer{TLS: cert}, "smtp://ADDR", true, ""},
		{"STARTTLS turned off", &mailServer{TLS: cert}, "smtp://mail.example.com?starttls=off", false, ""},
		{"STARTTLS if offered", &mailServer{TLS: cert}, "smtp://mail.example.com?starttls=opportunistic", true, ""},
		{"STARTTLS if offered, and it is not", &mailServer{}, "smtp://mail.example.com?starttls=opportunistic", false, ""},
		{"STARTTLS by default", &mailServer{TLS: cert}, "smtp://mail.example.com", true, ""},
		{"TLS from the start", &mailServer{TLS: cert, Implicit: true}, "smtps://mail.example.com", true, ""},
		{"TLS from the start on this machine", &mailServer{TLS: cert, Implicit: true}, "smtps://ADDR", true, ""},
		{"login by PLAIN", &mailServer{TLS: cert, Mechanisms: all}, "smtp://USER@mail.example.com", true, "PLAIN"},
		{"login by PLAIN over TLS from the start", &mailServer{TLS: cert, Implicit: true, Mechanisms: all}, "smtps://USER@mail.example.com?auth=plain", true, "PLAIN"},
		{"login by LOGIN", &mailServer{TLS: cert, Mechanisms: all}, "smtp://USER@mail.example.com?auth=login", true, "LOGIN"},
		{"login by LOGIN because there is no other", &mailServer{TLS: cert, Mechanisms: []string{"LOGIN"}}, "smtp://USER@mail.example.com?auth=auto", true, "LOGIN"},
		{"login by CRAM-MD5", &mailServer{TLS: cert, Mechanisms: all}, "smtp://USER@mail.example.com?auth=cram-md5", true, "CRAM-MD5"},
		{"login in clear prefers CRAM-MD5", &mailServer{Mechanisms: all}, "smtp://USER@mail.example.com?starttls=opportunistic", false, "CRAM-MD5"},
		{"login in clear prefers CRAM-MD5 on this machine too", &mailServer{Mechanisms: all}, "smtp://USER@ADDR", false, "CRAM-MD5"},
		{"login in clear where that is wanted", &mailServer{Mechanisms: []string{"PLAIN"}}, "smtp://USER@mail.example.com?starttls=off", false, "PLAIN"},
		{"login in clear on this machine", &mailServer{Mechanisms: []string{"LOGIN"}}, "smtp://USER@ADDR", false, "LOGIN"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := row.server.start(t)
			sender := open(t, strings.NewReplacer("USER", userinfo, "ADDR", server.addr).Replace(row.url))
			sender.DialInstead(server.addr)
			sender.Trust(roots)
			msg := render(t, nil, invitation())
			if err := sender.Send(t.Context(), msg); err != nil {
				t.Fatal(err)
			}
			mails, _ := server.received()
			if len(mails) != 1 {
				t.Fatalf("the server has %d mails, want 1", len(mails))
			}
			got := mails[0]
			if got.from != "invitations@myapp.example" || got.to != "grace@hopper.example" {
				t.Errorf("envelope is from %q to %q", got.from, got.to)
			}
			if got.encrypted != row.encrypted {
				t.Errorf("encrypted: %v, want %v", got.encrypted, row.encrypted)
			}
			if got.mechanism != row.mechanism {
				t.Errorf("login was by %q, want %q", got.mechanism, row.mechanism)
			}
			parse(t, got.source).check(t, msg)
		})
	}
}

func TestSendRefusesWhatIsNotSafe(t *testing.T) {
	cert, roots := selfSigned(t)
	for _, row := range []struct {
		name   string
		server *mailServer
		url    string
		trust  bool
		want   string
	}{
		{"no STARTTLS", &mailServer{}, "smtp://mail.example.com", true, "the server offers no STARTTLS (hint: "},
		{"unknown certificate", &mailServer{TLS: cert}, "smtp://mail.example.com", false, "STARTTLS: tls: failed to verify certificate: "},
		{"unknown certificate where TLS is a choice", &mailServer{TLS: cert}, "smtp://mail.example.com?starttls=opportunistic", false, "STARTTLS: tls: failed to verify certificate: "},
		{"unknown certificate, TLS from the start", &mailServer{TLS: cert, Implicit: true}, "smtps://mail.example.com", false, "greeting: tls: failed to verify certificate: "},
		{"another host's certificate", &mailServer{TLS: cert}, "smtp://mx.example.com", true, "certificate is valid for mail.example.com, not mx.example.com"},
		{"password in clear", &mailServer{Mechanisms: []string{"PLAIN", "LOGIN"}}, "smtp://USER@mail.example.com?starttls=opportunistic", true, `AUTH: the server offers ["PLAIN" "LOGIN"], wanted is one of ["CRAM-MD5"]`},
		{"password in clear by PLAIN", &mailServer{Mechanisms: []string{"PLAIN"}}, "smtp://USER@mail.example.com?starttls=opportunistic&auth=plain", true, "AUTH: unencrypted connection"},
		{"password in clear by LOGIN", &mailServer{Mechanisms: []string{"LOGIN"}}, "smtp://USER@mail.example.com?starttls=opportunistic&auth=login", true, "AUTH: unencrypted connection"},
		{"mechanism not offered", &mailServer{TLS: cert, Mechanisms: []string{"PLAIN"}}, "smtp://USER@mail.example.com?auth=cram-md5", true, `AUTH: the server offers ["PLAIN"], wanted is one of ["CRAM-MD5"]`},
		{"no login offered", &mailServer{TLS: cert}, "smtp://USER@mail.example.com", true, `AUTH: the server offers [], wanted is one of `},
		{"no login given", &mailServer{TLS: cert, Mechanisms: []string{"PLAIN"}}, "smtp://mail.example.com", true, "MAIL FROM: 530 5.7.0 Authentication required"},
		{"wrong password", &mailServer{TLS: cert, Mechanisms: []string{"PLAIN"}}, "smtp://ada:hunter2@mail.example.com", true, "AUTH: 535 5.7.8 Authentication failed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := row.server.start(t)
			sender := open(t, strings.ReplaceAll(row.url, "USER", userinfo))
			sender.DialInstead(server.addr)
			if row.trust {
				sender.Trust(roots)
			}
			err := sender.Send(t.Context(), render(t, nil, invitation()))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Send said\n%v\nwant\n%s", err, row.want)
			}
			if permanent(err) {
				t.Errorf("%v is called permanent, but an operator can put it right", err)
			}
			if mails, _ := server.received(); len(mails) > 0 {
				t.Errorf("a mail was sent")
			}
		})
	}
}

// permanent asks as the outbox does.
func permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

func TestRefusals(t *testing.T) {
	refuse := func(code int, a, b int, text string) func() error {
		return func() error {
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, a, b}, Message: text}
		}
	}
	atData := func(hook func() error) func(*smtp.Conn, io.Reader) error {
		return func(_ *smtp.Conn, r io.Reader) error {
			if _, err := io.Copy(io.Discard, r); err != nil {
				return err
			}
			return hook()
		}
	}
	for _, row := range []struct {
		name      string
		server    *mailServer
		want      string
		permanent bool
	}{
		{"no such mailbox", &mailServer{OnRcpt: refuse(550, 1, 1, "No such mailbox")}, "RCPT TO: 550 5.1.1 No such mailbox", true},
		{"greylisted", &mailServer{OnRcpt: refuse(451, 7, 1, "Try again later")}, "RCPT TO: 451 4.7.1 Try again later", false},
		{"mailbox full for now", &mailServer{OnRcpt: refuse(452, 2, 2, "Mailbox full")}, "RCPT TO: 452 4.2.2 Mailbox full", false},
		{"login wanted for this recipient", &mailServer{OnRcpt: refuse(530, 7, 0, "Log in first")}, "RCPT TO: 530 5.7.0 Log in first", false},
		{"sender not allowed", &mailServer{OnMail: refuse(550, 7, 1, "Not your domain")}, "MAIL FROM: 550 5.7.1 Not your domain", false},
		{"message refused", &mailServer{OnData: atData(refuse(554, 6, 0, "Looks like spam"))}, "message: 554 5.6.0 Looks like spam", true},
		{"message not now", &mailServer{OnData: atData(refuse(451, 3, 0, "Disk full"))}, "message: 451 4.3.0 Disk full", false},
		{"an answer of many lines", &mailServer{OnRcpt: refuse(550, 1, 1, "No such\nmailbox \u202e\x1b[31mhere")}, "RCPT TO: 550 No such 5.1.1 mailbox [31mhere", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := row.server.start(t)
			sender := open(t, "smtp://"+server.addr)
			err := sender.Send(t.Context(), render(t, nil, invitation()))
			if want := "sending mail through " + server.addr + ": " + row.want; fmt.Sprint(err) != want {
				t.Errorf("Send said\n%v\nwant\n%s", err, want)
			}
			if got := permanent(err); got != row.permanent {
				t.Errorf("permanent: %v, want %v", got, row.permanent)
			}
		})
	}
}

func TestServersThatSayNo(t *testing.T) {
	hello := "250-mail.example.com\r\n250 AUTH PLAIN LOGIN\r\n"
	for _, row := range []struct {
		name   string
		script map[string]string
		want   string
	}{
		{"greeting", map[string]string{"greeting": "554 no service\r\n"}, "greeting: 554 no service"},
		{"hello", map[string]string{"greeting": "220 hi\r\n", "EHLO": "550 go away\r\n", "HELO": "550 go away\r\n"}, "EHLO: 550 go away"},
		{"it repeats the command", map[string]string{"greeting": "220 hi\r\n", "EHLO": hello, "AUTH": "500 unknown command: $LINE\r\n"}, "AUTH: 500 unknown command: AUTH PLAIN [redacted]"},
		{"it hangs up", map[string]string{"greeting": "220 hi\r\n", "EHLO": hello}, "AUTH: EOF"},
	} {
		t.Run(row.name, func(t *testing.T) {
			addr := scripted(t, row.script)
			sender := open(t, "smtp://"+userinfo+"@"+addr+"?starttls=off")
			err := sender.Send(t.Context(), render(t, nil, invitation()))
			if want := "sending mail through " + addr + ": " + row.want; fmt.Sprint(err) != want {
				t.Errorf("Send said\n%v\nwant\n%s", err, want)
			}
			if permanent(err) {
				t.Errorf("%v is called permanent, but says nothing about the mail", err)
			}
		})
	}
}

func TestErrorsNeverShowCredentials(t *testing.T) {
	secrets := []string{
		password,
		base64.StdEncoding.EncodeToString([]byte(password)),
		base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password)),
	}
	for _, secret := range secrets {
		server := (&mailServer{Mechanisms: []string{"PLAIN"}, OnAuth: func() error {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "wrong: " + secret + "!"}
		}}).start(t)
		sender := open(t, "smtp://"+userinfo+"@"+server.addr)
		err := sender.Send(t.Context(), render(t, nil, invitation()))
		if want := "sending mail through " + server.addr + ": AUTH: 535 5.7.8 wrong: [redacted]!"; fmt.Sprint(err) != want {
			t.Errorf("Send said\n%v\nwant\n%s", err, want)
		}
		if text := fmt.Sprintf("%v %+v %s", sender, sender, sender); strings.Contains(text, "s3cret") {
			t.Errorf("the sender prints as %q", text)
		}
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	wait := func() error { <-release; return nil }
	for name, server := range map[string]*mailServer{
		"slow to take the sender":  {OnMail: wait},
		"slow to take the message": {OnData: func(*smtp.Conn, io.Reader) error { return wait() }},
	} {
		t.Run(name, func(t *testing.T) {
			server.start(t)
			sender := open(t, "smtp://"+server.addr)
			for what, limit := range map[string]func() (context.Context, context.CancelFunc){
				"deadline": func() (context.Context, context.CancelFunc) {
					return context.WithTimeout(t.Context(), 30*time.Millisecond)
				},
				"cancel": func() (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(30*time.Millisecond, cancel)
					return ctx, cancel
				},
			} {
				ctx, cancel := limit()
				err := sender.Send(ctx, render(t, nil, invitation()))
				<-ctx.Done() // a connection's timer may have been first
				late, ok := errors.AsType[net.Error](err)
				if timedOut := ok && late.Timeout(); !timedOut && !errors.Is(err, ctx.Err()) {
					t.Errorf("%s: Send said %v, context %v", what, err, ctx.Err())
				}
				if permanent(err) {
					t.Errorf("%s: %v is called permanent", what, err)
				}
				cancel()
			}
		})
	}
	close(release)
}

func TestInterruptedConnectionsAreClosed(t *testing.T) {
	server := (&mailServer{}).start(t)
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := make(chan struct{})
	server.OnMail = func() error {
		cancel()
		<-interrupted
		return nil
	}
	sender := open(t, "smtp://"+server.addr)
	sender.KeepFor(time.Hour)
	err := sender.Send(ctx, render(t, nil, invitation()))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Send said %v, want %v", err, context.Canceled)
	}
	close(interrupted)
	select {
	case <-server.gone:
	case <-time.After(5 * time.Second):
		t.Error("the connection is still open")
	}
	if err := sender.Send(ctx, render(t, nil, invitation())); !errors.Is(err, context.Canceled) {
		t.Errorf("Send after the end of its context said %v, want %v", err, context.Canceled)
	}
}

func TestServerHangsUpWithinTheMessage(t *testing.T) {
	server := (&mailServer{OnData: func(conn *smtp.Conn, r io.Reader) error {
		_, _ = r.Read(make([]byte, 10))
		return conn.Conn().Close()
	}}).start(t)
	sender := open(t, "smtp://"+server.addr)
	for range 2 {
		err := sender.Send(t.Context(), render(t, nil, invitation()))
		if err == nil || permanent(err) || !strings.Contains(err.Error(), ": message: ") {
			t.Errorf("Send said %v (permanent: %v), want a passing error in the message", err, permanent(err))
		}
	}
	if _, connections := server.received(); connections != 2 {
		t.Errorf("%d connections for two mails, want 2: a broken one was used again", connections)
	}
}

func TestNobodyListens(t *testing.T) {
	server := (&mailServer{}).start(t)
	sender := open(t, "smtp://"+strings.Replace(server.addr, "127.0.0.1", "127.0.0.2", 1))
	err := sender.Send(t.Context(), render(t, nil, invitation()))
	if err == nil || permanent(err) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("Send said %v", err)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	cert, roots := selfSigned(t)
	server := (&mailServer{TLS: cert, Mechanisms: []string{"PLAIN"}}).start(t)
	refused := false
	server.OnRcpt = func() error {
		if refused = !refused; refused {
			return &smtp.SMTPError{Code: 550, Message: "not this one"}
		}
		return nil
	}
	sender := open(t, "smtp://"+userinfo+"@mail.example.com")
	sender.DialInstead(server.addr)
	sender.Trust(roots)
	for i := range 4 {
		err := sender.Send(t.Context(), render(t, nil, invitation()))
		if permanent(err) != (i%2 == 0) {
			t.Errorf("mail %d: %v", i, err)
		}
	}
	if mails, connections := server.received(); len(mails) != 2 || connections != 1+1 { // go-smtp counts one more after STARTTLS
		t.Errorf("%d mails over %d connections, want 2 over 1", len(mails), connections-1)
	}
}

func TestConcurrentSends(t *testing.T) {
	server := (&mailServer{}).start(t)
	sender := open(t, "smtp://"+server.addr)
	const workers, each = 8, 25
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for i := range each {
				msg := mail.Message{
					ID: fmt.Sprintf("%d.%d@usher.example", worker, i), Date: now,
					From: mail.Address{Address: "a@usher.example"}, To: fmt.Sprintf("to-%d-%d@usher.example", worker, i),
					Subject: "x", HTML: "x", Text: "x",
				}
				if err := sender.Send(t.Context(), msg); err != nil {
					t.Errorf("worker %d, mail %d: %v", worker, i, err)
				}
			}
		})
	}
	wg.Wait()
	mails, connections := server.received()
	seen := map[string]bool{}
	for _, m := range mails {
		seen[m.to] = true
		if id := parse(t, m.source).header.Get("Message-ID"); id != "<"+strings.ReplaceAll(strings.Split(m.to[3:], "@")[0], "-", ".")+"@usher.example>" {
			t.Errorf("mail to %s has id %s", m.to, id)
		}
	}
	if len(seen) != workers*each || len(mails) != workers*each {
		t.Errorf("%d mails to %d mailboxes, want %d", len(mails), len(seen), workers*each)
	}
	if connections > workers {
		t.Errorf("%d connections for %d workers", connections, workers)
	}
}

func TestUnusedConnectionsEnd(t *testing.T) {
	server := (&mailServer{}).start(t)
	sender := open(t, "smtp://"+server.addr)
	sender.KeepFor(time.Millisecond)
	send := func() {
		t.Helper()
		if err := sender.Send(t.Context(), render(t, nil, invitation())); err != nil {
			t.Fatal(err)
		}
	}
	send()
	<-server.gone
	send()
	<-server.gone
	if _, connections := server.received(); connections != 2 {
		t.Errorf("%d connections, want 2", connections)
	}

	sender.KeepFor(time.Hour)
	send()
	sender.Close()
	<-server.gone
	send()
	<-server.gone // nothing is kept after Close
}

func TestServerForgetsAKeptConnection(t *testing.T) {
	server := (&mailServer{}).start(t)
	var conns []*smtp.Conn
	server.OnData = func(conn *smtp.Conn, r io.Reader) error {
		conns = append(conns, conn)
		_, err := io.Copy(io.Discard, r)
		return err
	}
	sender := open(t, "smtp://"+server.addr)
	for i := range 2 {
		if err := sender.Send(t.Context(), render(t, nil, invitation())); err != nil {
			t.Fatalf("mail %d: %v", i, err)
		}
		_ = conns[i].Close()
	}
}

func TestAddressesBeyondASCII(t *testing.T) {
	msg := render(t, nil, invitation())
	for _, row := range []struct {
		name     string
		utf8     bool
		to       string
		want     string
		wantUTF8 bool
		err      string
	}{
		{"nothing special is asked for", true, "grace@hopper.example", "grace@hopper.example", false, ""},
		{"domain", false, "grace@bücher.example", "grace@xn--bcher-kva.example", false, ""},
		{"mailbox", true, "žofie@bücher.example", "žofie@xn--bcher-kva.example", true, ""},
		{"mailbox, and the server cannot", false, "žofie@bücher.example", "", false, "the server offers no SMTPUTF8"},
		{"quoted", false, `"grace h"@hopper.example`, "grace h@hopper.example", false, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := (&mailServer{UTF8: row.utf8}).start(t)
			sender := open(t, "smtp://"+server.addr)
			msg.To = row.to
			err := sender.Send(t.Context(), msg)
			if row.err != "" {
				if err == nil || !strings.Contains(err.Error(), row.err) {
					t.Errorf("Send said %v, want %s", err, row.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			mails, _ := server.received()
			if mails[0].to != row.want || mails[0].utf8 != row.wantUTF8 {
				t.Errorf("sent to %q (SMTPUTF8 %v), want %q (%v)", mails[0].to, mails[0].utf8, row.want, row.wantUTF8)
			}
		})
	}
}

func TestParseSMTPURL(t *testing.T) {
	for _, row := range []struct{ url, want string }{
		{"smtp://mail.example.com", "mail.example.com:587"},
		{"smtp://mail.example.com:25/", "mail.example.com:25"},
		{"smtps://mail.example.com", "mail.example.com:465"},
		{"smtps://ada:p%40ss@mail.example.com:2465?auth=PLAIN", "mail.example.com:2465"},
		{"smtp://ada:p@ss@mail.example.com", "mail.example.com:587"},
		{"smtp://[::1]:1025?starttls=required", "[::1]:1025"},
	} {
		sender, err := mail.ParseSMTPURL(row.url)
		if err != nil || sender.String() != row.want {
			t.Errorf("ParseSMTPURL(%q) = %v, %v, want %s", row.url, sender, err, row.want)
		}
	}

	const form = "not of the form smtp://user:password@host:587 or smtps://user:password@host:465"
	for _, row := range []struct{ name, url, want string }{
		{"empty", "", form},
		{"no scheme", "mail.example.com:587", form},
		{"another scheme", "http://ada:s3cret@mail.example.com", form},
		{"no host", "smtp://ada:s3cret@", form},
		{"a path", "smtp://ada:12/s3cret@mail.example.com", form},
		{"password with a hash", "smtp://ada:12#s3cret@mail.example.com", form},
		{"password with a percent sign", "smtp://ada:%s3cret@mail.example.com", form},
		{"password with a slash", "smtp://ada:x/s3cret@mail.example.com", form},
		{"password with a question mark", "smtp://ada:12?s3cret@mail.example.com", "the options are starttls and auth; another one is given"},
		{"unknown option", "smtp://mail.example.com?s3cret=1", "the options are starttls and auth; another one is given"},
		{"unreadable options", "smtp://mail.example.com?auth=%s3cret", "the options after the question mark are not of the form"},
		{"unknown STARTTLS mode", "smtp://mail.example.com?starttls=s3cret", "starttls is none of required, opportunistic, off"},
		{"STARTTLS within TLS", "smtps://mail.example.com?starttls=off", "starttls has no meaning with smtps://"},
		{"unknown mechanism", "smtp://ada:s3cret@mail.example.com?auth=ntlm", "auth is none of auto, plain, login, cram-md5"},
		{"mechanism without user", "smtp://mail.example.com?auth=plain", "auth is given, but no user"},
		{"user without password", "smtp://s3cret@mail.example.com", "user and password go together"},
		{"password without user", "smtp://:s3cret@mail.example.com", "user and password go together"},
		{"all at once", "smtp://s3cret@mail.example.com?starttls=x&auth=y", "auth is none of"},
		{"all at once", "smtp://s3cret@mail.example.com?starttls=x&auth=y", "starttls is none of"},
		{"all at once", "smtp://s3cret@mail.example.com?starttls=x&auth=y", "one of them is missing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			sender, err := mail.ParseSMTPURL(row.url)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("ParseSMTPURL(%q) = %v, %v, want %s", row.url, sender, err, row.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error repeats what may be a password: %v", err)
			}
		})
	}
}
