package mail_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/internal/mail"
)

// received is a mail as a mail program reads it.
type received struct {
	header netmail.Header
	types  []string // of the parts
	bodies []string // decoded, with LF
}

func parse(t *testing.T, source []byte) received {
	t.Helper()
	msg, err := netmail.ReadMessage(bytes.NewReader(source))
	if err != nil {
		t.Fatalf("reading what was sent: %v\n%s", err, source)
	}
	mediaType, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/alternative" {
		t.Fatalf("content type is %q, %v, want multipart/alternative", mediaType, err)
	}
	got := received{header: msg.Header}
	for parts := multipart.NewReader(msg.Body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		if encoding := part.Header.Get("Content-Transfer-Encoding"); encoding != "quoted-printable" {
			t.Errorf("transfer encoding is %q, want quoted-printable", encoding)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		got.types = append(got.types, part.Header.Get("Content-Type"))
		got.bodies = append(got.bodies, strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
}

// check compares what a mail program reads with the message that was sent.
func (r received) check(t *testing.T, want mail.Message) {
	t.Helper()
	if diff := cmp.Diff([]string{"text/plain; charset=UTF-8", "text/html; charset=UTF-8"}, r.types); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{want.Text, want.HTML}, r.bodies); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(r.header.Get("Subject"))
	if err != nil || subject != want.Subject {
		t.Errorf("Subject is %q, %v, want %q", subject, err, want.Subject)
	}
	for name, value := range map[string]string{
		"Message-ID":               "<" + want.ID + ">",
		"Date":                     "Fri, 02 Jan 2026 03:04:05 +0000",
		"Auto-Submitted":           "auto-generated",
		"X-Auto-Response-Suppress": "OOF, AutoReply",
		"MIME-Version":             "1.0",
	} {
		if got := r.header[mailHeader(name)]; !slices.Equal(got, []string{value}) {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	for name, address := range map[string]mail.Address{"From": want.From, "To": {Address: want.To}, "Reply-To": want.ReplyTo} {
		if address == (mail.Address{}) {
			if r.header.Get(name) != "" {
				t.Errorf("%s is %q, want none", name, r.header.Get(name))
			}
			continue
		}
		got, err := r.header.AddressList(name)
		if err != nil || len(got) != 1 || *got[0] != netmail.Address(address) {
			t.Errorf("%s is %v, %v, want %v", name, got, err, address)
		}
	}
	names := []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Reply-To", "Subject", "To", "X-Auto-Response-Suppress"}
	for name := range r.header {
		if !slices.Contains(names, name) {
			t.Errorf("there is a header %s", name)
		}
	}
}

func mailHeader(name string) string {
	switch name {
	case "Message-ID":
		return "Message-Id"
	case "MIME-Version":
		return "Mime-Version"
	}
	return name
}

func TestSource(t *testing.T) {
	full := render(t, nil, invitation())

	far := full
	far.Subject = "Žofie Nováková hat dich zu Größenwahn & Söhne eingeladen, 王小明 und viele andere sind schon da"
	far.From.Name = "Größenwahn, \"Söhne\" <GmbH>"
	far.ReplyTo.Name = strings.Repeat("Žofie Nováková ", 6) + "王小明"
	far.Text = ".\n..\n" + strings.Repeat("ü", 2000) + " =3D \ntrailing \n\nFrom here\n"

	nobody := full
	nobody.ReplyTo = mail.Address{}

	for name, msg := range map[string]mail.Message{"everything": full, "beyond ASCII": far, "no Reply-To": nobody} {
		t.Run(name, func(t *testing.T) {
			source, err := msg.Source()
			if err != nil {
				t.Fatal(err)
			}
			parse(t, source).check(t, msg)
			for line := range bytes.SplitSeq(source, []byte("\r\n")) {
				if len(line) > 998 || bytes.ContainsAny(line, "\r\n") || !ascii(line) {
					t.Errorf("RFC 5322 §2.1.1, or quoted-printable, forbids the line %q", line)
				}
			}
			again, err := msg.Source()
			if err != nil || !bytes.Equal(source, again) {
				t.Errorf("the same message has two sources (%v)", err)
			}
		})
	}
}

func ascii(line []byte) bool {
	return !slices.ContainsFunc(line, func(b byte) bool { return b > 126 })
}

// The struct is decoded from a database: whatever is in it, it is one mail with our headers.
func TestSourceCannotBeGivenHeaders(t *testing.T) {
	msg := render(t, nil, invitation())
	msg.Subject = "Hi\r\nBcc: all@evil.example\r\n\r\nbody\x00"
	msg.From.Name = "Ada\r\nBcc: all@evil.example"
	msg.ReplyTo.Name = "Ada\nX-Evil: 1"
	source, err := msg.Source()
	if err != nil {
		t.Fatal(err)
	}
	got := parse(t, source)
	for _, name := range []string{"Bcc", "X-Evil"} {
		if value, ok := got.header[name]; ok {
			t.Errorf("header %s: %q came in", name, value)
		}
	}

	good := render(t, nil, invitation())
	for name, breakIt := range map[string]func(*mail.Message){
		"id with a line break":        func(m *mail.Message) { m.ID = "a@b\r\nBcc: x" },
		"id in angle brackets":        func(m *mail.Message) { m.ID = "<a@b>" },
		"no id":                       func(m *mail.Message) { m.ID = "" },
		"sender with a line break":    func(m *mail.Message) { m.From.Address = "a@b.example\r\nBcc: x@evil.example" },
		"no sender":                   func(m *mail.Message) { m.From = mail.Address{} },
		"reply-to that is none":       func(m *mail.Message) { m.ReplyTo.Address = "nobody" },
		"recipient with a line break": func(m *mail.Message) { m.To = "a@b.example>\r\nRCPT TO:<x@evil.example" },
		"two recipients":              func(m *mail.Message) { m.To = "a@b.example, c@d.example" },
		"recipient with a name":       func(m *mail.Message) { m.To = "Ada <a@b.example>" },
		"no recipient":                func(m *mail.Message) { m.To = "" },
		"impossible domain":           func(m *mail.Message) { m.To = "a@ex\u202eämple.example" },
	} {
		t.Run(name, func(t *testing.T) {
			msg := good
			breakIt(&msg)
			if source, err := msg.Source(); err == nil {
				t.Errorf("composed\n%.600s", source)
			}
		})
	}
}

func TestDomainsTravelInASCII(t *testing.T) {
	msg := render(t, nil, invitation())
	msg.To = "grace@bücher.example"
	source, err := msg.Source()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := parse(t, source).header.Get("To"), "<grace@xn--bcher-kva.example>"; got != want {
		t.Errorf("To is %q, want %q", got, want)
	}
}
