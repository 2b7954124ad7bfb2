package mail_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
	"usher/internal/mail"
	"usher/internal/store"
	"usher/internal/store/storetest"
)

// office is a courier on a real store with one organization and its admin.
type office struct {
	mail.Courier
	in   *invite.Instance
	acme *invite.Organization
	ada  *invite.User
	dir  string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{dir: t.TempDir()}
	var err error
	if o.Keys, err = invite.NewKeyring(bytes.Repeat([]byte{5}, invite.MinMasterKey)); err != nil {
		t.Fatal(err)
	}
	if o.Templates, err = mail.ParseTemplates(nil); err != nil {
		t.Fatal(err)
	}
	o.PublicURL, o.ReplyToInviter = "https://invite.example.com", true
	o.From = mail.Address{Name: "Atlas", Address: "invitations@example.com"}
	o.DB, err = store.Open(t.Context(), store.Options{
		NewSigningKey: storetest.NewSigningKey,
		Path:          filepath.Join(o.dir, "usher.db"), Keys: o.Keys,
		Now:   func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC) },
		Event: func(any, invite.Instant) (json.RawMessage, error) { return json.RawMessage(`{}`), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.DB.Close() })
	if o.in, _, err = o.DB.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "Atlas"}, ""); err != nil {
		t.Fatal(err)
	}
	if o.ada, err = o.DB.CreateUser(t.Context(), o.in, invite.NewUser{EmailAddresses: []string{"ada@example.com"}, FirstName: "Ada", LastName: "Lovelace"}); err != nil {
		t.Fatal(err)
	}
	if o.acme, err = o.DB.CreateOrganization(t.Context(), o.in, invite.NewOrganization{Name: "Acme", CreatedBy: o.ada.ID}); err != nil {
		t.Fatal(err)
	}
	return o
}

// queue invites an address and returns the invitation with its claimed message.
func (o *office) queue(t *testing.T, address string) (*invite.Invitation, store.Message) {
	t.Helper()
	i, err := o.DB.CreateInvitation(t.Context(), o.in, o.acme.ID, invite.NewInvitation{
		EmailAddress: address, Role: invite.RoleMember, InviterID: o.ada.ID, ExpiresInDays: 7, Notify: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := o.DB.Claim(t.Context(), 1, time.Minute)
	if err != nil || len(list) != 1 {
		t.Fatalf("claimed %v, %v", list, err)
	}
	return i, list[0]
}

func ticketOf(t *testing.T, link string, keys *invite.Keyring) invite.Ticket {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := invite.ParseTicket(u.Query().Get("ticket"), keys)
	if err != nil {
		t.Fatalf("the link %q: %v", link, err)
	}
	return ticket
}

func TestAKeptMailHasItsTicketOnlyWhenRead(t *testing.T) {
	o := newOffice(t)
	i, m := o.queue(t, "grace@example.com")
	if sent, err := o.Deliver(t.Context(), m); sent == nil || err != nil {
		t.Fatalf("Deliver = %v, %v", sent, err)
	}
	for _, name := range []string{"usher.db", "usher.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(o.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("eyJ")) {
			t.Errorf("%s holds a ticket", name)
		}
	}
	letters, err := o.Letters(t.Context(), o.in.ID, "Grace@Example.com", invite.Page{Limit: 10})
	if err != nil || len(letters) != 1 {
		t.Fatalf("letters = %d, %v; want 1", len(letters), err)
	}
	l := letters[0]
	if !strings.HasPrefix(l.Link, "https://invite.example.com/v1/tickets/accept?ticket=") {
		t.Errorf("link = %s", l.Link)
	}
	if ticket := ticketOf(t, l.Link, o.Keys); ticket.SourceID != i.ID || ticket.Channel != invite.ByMail {
		t.Errorf("the ticket is %+v, want that of %s by mail", ticket, i.ID)
	}
	for part, text := range map[string]string{"HTML": l.HTML, "text": l.Text} {
		if strings.Count(text, "?ticket=eyJ") != 1 {
			t.Errorf("the %s part has the link %d times, want once", part, strings.Count(text, "?ticket=eyJ"))
		}
	}
	if l.ReplyTo != "ada@example.com" || l.To != "grace@example.com" || l.Subject != "Ada Lovelace invited you to Acme on Atlas" {
		t.Errorf("letter to %q, answers to %q: %s", l.To, l.ReplyTo, l.Subject)
	}
	if !bytes.Contains(l.Source, []byte("Message-ID: <"+m.ID+"@example.com>")) {
		t.Errorf("the source does not carry the message's id:\n%s", l.Source)
	}
	if one, ok, err := o.Letter(t.Context(), o.in.ID, l.ID); err != nil || !ok || one.Link != l.Link {
		t.Errorf("Letter = %v, %v, %v", one.Link, ok, err)
	}
	if _, ok, err := o.Letter(t.Context(), "ins_other", l.ID); ok || err != nil {
		t.Errorf("another tenant's mail was found: %v, %v", ok, err)
	}
}

func TestWhatIsToldOfAMailOpensNothing(t *testing.T) {
	o := newOffice(t)
	_, m := o.queue(t, "grace@example.com")
	sent, err := o.Deliver(t.Context(), m)
	if err != nil || sent == nil {
		t.Fatalf("Deliver = %v, %v", sent, err)
	}
	if raw := sent.Subject + string(sent.Variables); strings.Contains(raw, "ticket=") || strings.Contains(raw, "eyJ") {
		t.Errorf("a ticket is told of: %s", raw)
	}
	type named struct {
		Name string `json:"name"`
	}
	var variables struct {
		ActionURL string         `json:"action_url"`
		Org       named          `json:"org"`
		Inviter   named          `json:"inviter"`
		About     map[string]any `json:"invitation"`
	}
	if err := json.Unmarshal(sent.Variables, &variables); err != nil {
		t.Fatal(err)
	}
	if variables.ActionURL != "https://invite.example.com/v1/tickets/accept" || variables.Org.Name != "Acme" || variables.Inviter.Name != "Ada Lovelace" || variables.About["expires_in_days"] == nil {
		t.Errorf("got variables %s", sent.Variables)
	}
	sent.Variables = nil
	want := &invite.SentMail{
		ID: m.ID, Slug: "organization_invitation", From: sent.From, ReplyTo: "ada", To: "grace@example.com",
		Subject: "Ada Lovelace invited you to Acme on Atlas",
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestAnInvitationToTheApplicationIsMailed(t *testing.T) {
	o := newOffice(t)
	i, err := o.DB.CreateApplicationInvitation(t.Context(), o.in, invite.NewApplicationInvitation{
		EmailAddress: "grace@example.com", ExpiresInDays: 7, Notify: true, Template: invite.WaitlistTemplate,
	})
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := o.DB.Claim(t.Context(), 1, time.Minute)
	if err != nil || len(list) != 1 {
		t.Fatalf("claimed %v, %v", list, err)
	}
	if sent, err := o.Deliver(t.Context(), list[0]); sent == nil || err != nil {
		t.Fatalf("Deliver = %v, %v", sent, err)
	}
	letters, err := o.Letters(t.Context(), o.in.ID, "grace@example.com", invite.Page{Limit: 10})
	if err != nil || len(letters) != 1 || letters[0].Subject != "You can join Atlas now" {
		t.Fatalf("letters = %+v, %v; want the one to somebody who has waited", letters, err)
	}
	if got, want := ticketOf(t, letters[0].Link, o.Keys), invite.TicketFor(i, invite.ByMail); got != want {
		t.Errorf("the ticket is %+v, want %+v", got, want)
	}
	if _, err := o.DB.RevokeApplicationInvitation(t.Context(), o.in, i.ID); err != nil {
		t.Fatal(err)
	}
	if sent, err := o.Deliver(t.Context(), list[0]); sent != nil || err != nil {
		t.Errorf("after it was revoked Deliver = %v, %v; want nothing sent", sent, err)
	}
}

func TestAMessageIsKeptOnceHoweverOftenItIsDelivered(t *testing.T) {
	o := newOffice(t)
	_, m := o.queue(t, "grace@example.com")
	for range 3 {
		if _, err := o.Deliver(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if letters, err := o.Letters(t.Context(), o.in.ID, "", invite.Page{Limit: 10}); err != nil || len(letters) != 1 {
		t.Errorf("%d letters, %v; want 1", len(letters), err)
	}
}

func TestNoMailForAnInvitationThatIsNotPending(t *testing.T) {
	o := newOffice(t)
	revoked, m := o.queue(t, "grace@example.com")
	if _, err := o.DB.RevokeInvitation(t.Context(), o.in, o.acme.ID, revoked.ID, ""); err != nil {
		t.Fatal(err)
	}
	_, gone := o.queue(t, "heidi@example.com")
	if _, err := o.DB.DeleteOrganization(t.Context(), o.in, o.acme.ID); err != nil {
		t.Fatal(err)
	}
	for what, m := range map[string]store.Message{"revoked": m, "organization deleted": gone} {
		if sent, err := o.Deliver(t.Context(), m); sent != nil || err != nil {
			t.Errorf("%s: Deliver = %v, %v; want nothing sent", what, sent, err)
		}
	}
}

func TestTheSMTPServerGetsTheLinkByMail(t *testing.T) {
	server := (&mailServer{}).start(t)
	o := newOffice(t)
	o.SMTP = open(t, "smtp://"+server.addr)
	i, m := o.queue(t, "grace@example.com")
	if sent, err := o.Deliver(t.Context(), m); sent == nil || err != nil {
		t.Fatalf("Deliver = %v, %v", sent, err)
	}
	mails, _ := server.received()
	if len(mails) != 1 || mails[0].to != "grace@example.com" {
		t.Fatalf("received %+v", mails)
	}
	body := strings.NewReplacer("=\r\n", "", "=3D", "=").Replace(string(mails[0].source))
	_, rest, _ := strings.Cut(body, "https://invite.example.com/v1/tickets/accept")
	link, _, _ := strings.Cut(rest, "\r\n")
	if ticket := ticketOf(t, strings.TrimSpace(link), o.Keys); ticket.SourceID != i.ID || ticket.Channel != invite.ByMail {
		t.Errorf("the ticket is %+v, want that of %s by mail", ticket, i.ID)
	}
	if letters, err := o.Letters(t.Context(), o.in.ID, "", invite.Page{Limit: 10}); err != nil || len(letters) != 0 {
		t.Errorf("%d letters were kept, %v; want none", len(letters), err)
	}
}

func TestAServerThatQuotesTheLinkDoesNotMakeItKept(t *testing.T) {
	for code, permanent := range map[int]bool{451: false, 554: true} {
		o := newOffice(t)
		i, m := o.queue(t, "grace@example.com")
		ticket := invite.TicketFor(i, invite.ByMail).Sign(o.Keys)
		server := (&mailServer{OnData: func(_ *smtp.Conn, r io.Reader) error {
			if _, err := io.Copy(io.Discard, r); err != nil {
				return err
			}
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 7, 1}, Message: "suspicious link ?ticket=" + ticket}
		}}).start(t)
		o.SMTP = open(t, "smtp://"+server.addr)
		_, err := o.Deliver(t.Context(), m)
		if err == nil || strings.Contains(err.Error(), "eyJ") || !strings.Contains(err.Error(), "suspicious link") {
			t.Errorf("%d: error %v, want the reply without the ticket", code, err)
		}
		refused, ok := errors.AsType[*mail.ReplyError](err)
		if !ok || refused.Permanent() != permanent {
			t.Errorf("%d: permanent = %v, want %v", code, ok && refused.Permanent(), permanent)
		}
	}
}

// signIn begins to sign Ada in and returns the attempt with its claimed message.
func (o *office) signIn(t *testing.T, strategy invite.Strategy) (*store.Visit, store.Message) {
	t.Helper()
	v, err := o.DB.BeginSignIn(t.Context(), o.in, "", "ada@example.com", strategy)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := o.DB.Claim(t.Context(), 1, time.Minute)
	if err != nil || len(list) != 1 {
		t.Fatalf("claimed %v, %v", list, err)
	}
	return v, list[0]
}

func TestACodeIsMailedAndKeptNowhere(t *testing.T) {
	for strategy, subject := range map[invite.Strategy]string{
		invite.ByEmailCode: "%s is your code for Atlas", invite.ByReset: "%s is your code to choose another password for Atlas",
	} {
		o := newOffice(t)
		if _, err := o.DB.UpdateUser(t.Context(), o.in, o.ada.ID, invite.UserChange{PasswordDigest: new("argon2id:x")}); err != nil {
			t.Fatal(err)
		}
		v, m := o.signIn(t, strategy)
		sent, err := o.Deliver(t.Context(), m)
		if sent == nil || err != nil {
			t.Fatalf("%s: Deliver = %v, %v", strategy, sent, err)
		}
		letters, err := o.Letters(t.Context(), o.in.ID, "ada@example.com", invite.Page{Limit: 10})
		if err != nil || len(letters) != 1 {
			t.Fatalf("letters = %d, %v; want 1", len(letters), err)
		}
		l := letters[0]
		if want := fmt.Sprintf(subject, l.Code); len(l.Code) != 6 || l.Subject != want || l.Link != "" {
			t.Errorf("the letter %q has the code %q and the link %q; want %q", l.Subject, l.Code, l.Link, want)
		}
		for part, text := range map[string]string{"HTML": l.HTML, "text": l.Text} {
			if !strings.Contains(text, l.Code) || !strings.Contains(text, "10 minutes") {
				t.Errorf("the %s part does not say the code, or how long it is good:\n%s", part, text)
			}
		}
		if told := sent.Subject + string(sent.Variables); strings.Contains(told, l.Code) || !strings.Contains(told, "******") {
			t.Errorf("%s: told of the mail is %s", sent.Slug, told)
		}
		for _, name := range []string{"usher.db", "usher.db-wal"} {
			raw, err := os.ReadFile(filepath.Join(o.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(raw, []byte(l.Code)) {
				t.Errorf("%s holds the code", name)
			}
		}
		if _, err := o.DB.SignInWithCode(t.Context(), o.in, v.ClientID, v.SignIn.ID, strategy, l.Code); err != nil {
			t.Errorf("the code that was mailed for %s is refused: %v", strategy, err)
		}
		if sent, err := o.Deliver(t.Context(), m); sent != nil || err != nil {
			t.Errorf("a code that was answered: Deliver = %v, %v; want nothing sent", sent, err)
		}
	}
}

func TestNoMailForACodeThatAnotherReplaced(t *testing.T) {
	o := newOffice(t)
	v, first := o.signIn(t, invite.ByEmailCode)
	if _, err := o.DB.SendSignInCode(t.Context(), o.in, v.ClientID, v.SignIn.ID, invite.ByEmailCode, ""); err != nil {
		t.Fatal(err)
	}
	if sent, err := o.Deliver(t.Context(), first); sent != nil || err != nil {
		t.Errorf("Deliver = %v, %v; want nothing sent", sent, err)
	}
	second, _, err := o.DB.Claim(t.Context(), 1, time.Minute)
	if err != nil || len(second) != 1 {
		t.Fatalf("claimed %v, %v", second, err)
	}
	if sent, err := o.Deliver(t.Context(), second[0]); sent == nil || err != nil {
		t.Errorf("the second: Deliver = %v, %v; want it sent", sent, err)
	}
}

func TestAServerThatQuotesTheCodeDoesNotMakeItKept(t *testing.T) {
	o := newOffice(t)
	v, m := o.signIn(t, invite.ByEmailCode)
	code := o.Keys.Code(invite.CodeSubject{InstanceID: o.in.ID, ID: v.SignIn.ID, Number: 1})
	server := (&mailServer{OnData: func(_ *smtp.Conn, r io.Reader) error {
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "suspicious subject " + code}
	}}).start(t)
	o.SMTP = open(t, "smtp://"+server.addr)
	if _, err := o.Deliver(t.Context(), m); err == nil || strings.Contains(err.Error(), code) || !strings.Contains(err.Error(), "suspicious subject") {
		t.Errorf("error %v, want the reply without the code", err)
	}
}
