package fapi_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	_ "modernc.org/sqlite" // tells whether the database was changed

	"usher/internal/browser"
	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/fapi"
	"usher/internal/invite"
	"usher/internal/store"
	"usher/internal/store/storetest"
)

// origin is where the pages of the server in these tests are.
const origin = "https://usher.test"

const asBrowser = "text/html,application/xhtml+xml,*/*;q=0.8"

type server struct {
	testing.TB
	http.Handler
	db    *store.DB
	keys  *invite.Keyring
	in    *invite.Instance
	acme  *invite.Organization
	path  string
	clock atomic.Int64 // Unix milliseconds
}

func open(t testing.TB) *server {
	t.Helper()
	s := &server{TB: t, keys: keyring(t, 7), path: filepath.Join(t.TempDir(), "usher.db")}
	s.clock.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMilli())
	now := func() time.Time { return time.UnixMilli(s.clock.Load()) }
	var err error
	s.db, err = store.Open(t.Context(), store.Options{
		NewSigningKey: storetest.NewSigningKey,
		Path:          s.path, Now: now, Keys: s.keys,
		Event: (&clerk.Encoder{PublicURL: origin, Keys: s.keys}).EventData,
	})
	s.must(err)
	t.Cleanup(func() { s.must(s.db.Close()) })
	s.in, _, err = s.db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "Atlas"}, "")
	s.must(err)
	s.acme, err = s.db.CreateOrganization(t.Context(), s.in, invite.NewOrganization{Name: "Acme"})
	s.must(err)
	front := &fapi.Server{DB: s.db, Keys: s.keys, PublicURL: origin, Browsers: &browser.Keeper{DB: s.db, PublicURL: origin}}
	s.Handler = edge.New(slog.New(slog.DiscardHandler), now, time.Minute, prometheus.NewRegistry()).Wrap(front.Handler())
	return s
}

func keyring(t testing.TB, b byte) *invite.Keyring {
	t.Helper()
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{b}, invite.MinMasterKey))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (s *server) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *server) invite(redirectURL string) *invite.Invitation {
	s.Helper()
	i, err := s.db.CreateInvitation(s.Context(), s.in, s.acme.ID, invite.NewInvitation{
		EmailAddress: "grace@example.com", Role: invite.RoleMember, RedirectURL: redirectURL, ExpiresInDays: 30,
	})
	s.must(err)
	return i
}

func (s *server) inviteToApp(redirectURL string) *invite.Invitation {
	s.Helper()
	i, err := s.db.CreateApplicationInvitation(s.Context(), s.in, invite.NewApplicationInvitation{
		EmailAddress: "grace@example.com", RedirectURL: redirectURL, ExpiresInDays: 30, Template: invite.InvitationTemplate,
	})
	s.must(err)
	return i
}

func (s *server) signIn() *invite.SignInToken {
	s.Helper()
	u, err := s.db.CreateUser(s.Context(), s.in, invite.NewUser{EmailAddresses: []string{"frank@example.com"}})
	s.must(err)
	token, err := s.db.CreateSignInToken(s.Context(), s.in, invite.NewSignInToken{UserID: u.ID, ExpiresInSeconds: 60})
	s.must(err)
	return token
}

func (s *server) sign(i *invite.Invitation) string {
	return invite.TicketFor(i, invite.ByMail).Sign(s.keys)
}

func (s *server) parsed(ticket string) invite.Ticket {
	s.Helper()
	t, err := invite.ParseTicket(ticket, s.keys)
	s.must(err)
	return t
}

func (s *server) do(method, target, accept string) *httptest.ResponseRecorder {
	s.Helper()
	req := httptest.NewRequestWithContext(s.Context(), method, target, nil)
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, req)
	for header, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
		if got := rec.Header().Get(header); got != want {
			s.Errorf("want %s: %s, got %q", header, want, got)
		}
	}
	return rec
}

func TestLiveTicketLeadsToTheProduct(t *testing.T) {
	rows := []struct{ name, redirectURL, want string }{
		{"a plain page", "https://app.example.com/welcome", "https://app.example.com/welcome?STATUS&TICKET"},
		{"a bare host", "https://app.example.com", "https://app.example.com?STATUS&TICKET"},
		{"an empty query", "https://app.example.com/?", "https://app.example.com/?STATUS&TICKET"},
		{"parameters and a fragment", "https://app.example.com/w?b=2&a=%7E+x&&c#/top?x=1", "https://app.example.com/w?b=2&a=%7E+x&&c&STATUS&TICKET#/top?x=1"},
		{"its own parameters of those names", "https://app.example.com/?__clerk_ticket=old&k=v&__clerk%5Fstatus=old&__clerk_ticket2=kept", "https://app.example.com/?k=v&__clerk_ticket2=kept&STATUS&TICKET"},
		{"an application's own scheme", "myapp://join/now?x=1", "myapp://join/now?x=1&STATUS&TICKET"},
		{"a path of parameters", "http://localhost:3000/a/../b;c=d/%2F", "http://localhost:3000/a/../b;c=d/%2F?STATUS&TICKET"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := open(t)
			ticket := s.sign(s.invite(row.redirectURL))
			for _, accept := range []string{"", asBrowser, "application/json"} {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					rec := s.do(method, "/v1/tickets/accept?ticket="+ticket, accept)
					want := strings.NewReplacer("STATUS", "__clerk_status=sign_up", "TICKET", "__clerk_ticket="+ticket).Replace(row.want)
					if got := rec.Header().Get("Location"); rec.Code != http.StatusSeeOther || got != want {
						t.Errorf("want 303 to %s, got %d to %s", want, rec.Code, got)
					}
				}
			}
		})
	}
}

func TestStatusSaysWhetherTheAddressHasAnOwner(t *testing.T) {
	s := open(t)
	ticket := s.sign(s.invite("https://app.example.com/"))
	_, err := s.db.CreateUser(t.Context(), s.in, invite.NewUser{EmailAddresses: []string{"Grace@Example.com"}})
	s.must(err)
	rec := s.do(http.MethodGet, "/v1/tickets/accept?ticket="+ticket, asBrowser)
	if got := rec.Header().Get("Location"); !strings.Contains(got, "__clerk_status=sign_in&") {
		t.Errorf("want sign_in for an address with an owner, got %s", got)
	}
}

// The channel is part of what a ticket proves, so the very ticket is handed on.
func TestTheTicketKeepsItsChannel(t *testing.T) {
	s := open(t)
	i := s.invite("https://app.example.com/")
	for _, ch := range []invite.Channel{invite.ByMail, invite.ByAPI} {
		rec := s.do(http.MethodGet, "/v1/tickets/accept?ticket="+invite.TicketFor(i, ch).Sign(s.keys), asBrowser)
		target, err := url.Parse(rec.Header().Get("Location"))
		s.must(err)
		got, err := invite.ParseTicket(target.Query().Get("__clerk_ticket"), s.keys)
		s.must(err)
		if got.Channel != ch {
			t.Errorf("want channel %s, got %s", ch, got.Channel)
		}
	}
}

func TestTheInvitationDecidesWhereToGo(t *testing.T) {
	s := open(t)
	ticket := invite.TicketFor(s.invite("https://app.example.com/"), invite.ByMail)
	ticket.RedirectURL = "https://elsewhere.example.com/"
	rec := s.do(http.MethodGet, "/v1/tickets/accept?ticket="+ticket.Sign(s.keys), asBrowser)
	if got := rec.Header().Get("Location"); !strings.HasPrefix(got, "https://app.example.com/?") {
		t.Errorf("want the invitation's redirect URL, got %s", got)
	}
}

func TestLiveTicketWithoutRedirectLeadsToOurPage(t *testing.T) {
	s := open(t)
	ticket := s.sign(s.invite(""))
	for _, accept := range []string{"", asBrowser, "application/json"} {
		rec := s.do(http.MethodGet, "/v1/tickets/accept?ticket="+ticket, accept)
		if got, want := rec.Header().Get("Location"), origin+"/accept?ticket="+ticket; rec.Code != http.StatusSeeOther || got != want {
			t.Errorf("want 303 to %s, got %d to %s", want, rec.Code, got)
		}
	}
}

func TestDeadTickets(t *testing.T) {
	rows := []struct {
		name   string
		ticket func(*server, *invite.Invitation) string
		code   string
	}{
		{"expired", func(s *server, i *invite.Invitation) string {
			s.clock.Add((30 * 24 * time.Hour).Milliseconds())
			return s.sign(i)
		}, "ticket_expired_code"},
		{"revoked", func(s *server, i *invite.Invitation) string {
			_, err := s.db.RevokeInvitation(s.Context(), s.in, s.acme.ID, i.ID, "")
			s.must(err)
			return s.sign(i)
		}, "organization_invitation_revoked_code"},
		{"declined", func(s *server, i *invite.Invitation) string {
			s.must(s.db.DeclineInvitation(s.Context(), invite.TicketFor(i, invite.ByMail)))
			return s.sign(i)
		}, "organization_invitation_revoked_code"},
		{"accepted", func(s *server, i *invite.Invitation) string {
			_, err := s.db.AcceptInvitation(s.Context(), invite.TicketFor(i, invite.ByMail), invite.Joiner{})
			s.must(err)
			return s.sign(i)
		}, "organization_invitation_already_accepted"},
		{"of a deleted organization", func(s *server, i *invite.Invitation) string {
			_, err := s.db.DeleteOrganization(s.Context(), s.in, s.acme.ID)
			s.must(err)
			return s.sign(i)
		}, "organization_invitation_to_deleted_organization"},
		{"to the application, revoked", func(s *server, _ *invite.Invitation) string {
			i := s.inviteToApp("https://app.example.com/")
			_, err := s.db.RevokeApplicationInvitation(s.Context(), s.in, i.ID)
			s.must(err)
			return s.sign(i)
		}, "revoked_invitation"},
		{"to the application, accepted", func(s *server, _ *invite.Invitation) string {
			i := s.inviteToApp("https://app.example.com/")
			_, err := s.db.AcceptApplicationInvitation(s.Context(), invite.TicketFor(i, invite.ByMail), invite.Joiner{})
			s.must(err)
			return s.sign(i)
		}, "invitation_already_accepted"},
		{"to sign in, used", func(s *server, _ *invite.Invitation) string {
			token := s.signIn()
			_, err := s.db.RedeemSignInToken(s.Context(), token.Ticket())
			s.must(err)
			return token.Ticket().Sign(s.keys)
		}, "sign_in_token_already_used_code"},
		{"to sign in, revoked", func(s *server, _ *invite.Invitation) string {
			token := s.signIn()
			_, err := s.db.RevokeSignInToken(s.Context(), s.in, token.ID)
			s.must(err)
			return token.Ticket().Sign(s.keys)
		}, "sign_in_token_revoked_code"},
		{"garbage", func(*server, *invite.Invitation) string { return "a&b=c d" }, "ticket_invalid_code"},
		{"of another server", func(s *server, i *invite.Invitation) string {
			return invite.TicketFor(i, invite.ByMail).Sign(keyring(s, 8))
		}, "ticket_invalid_code"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := open(t)
			ticket := url.QueryEscape(row.ticket(s, s.invite("https://app.example.com/")))
			for _, accept := range []string{"", asBrowser, "application/json, text/html"} {
				rec := s.do(http.MethodGet, "/v1/tickets/accept?ticket="+ticket, accept)
				if got, want := rec.Header().Get("Location"), origin+"/accept?ticket="+ticket; rec.Code != http.StatusSeeOther || got != want {
					t.Errorf("want a person sent to %s, got %d to %s", want, rec.Code, got)
				}
			}
			rec := s.do(http.MethodGet, "/v1/tickets/accept?ticket="+ticket, "application/json")
			if got := codeOf(t, rec); rec.Code != http.StatusBadRequest || got != row.code {
				t.Errorf("want a program told 400 %s, got %d %s", row.code, rec.Code, got)
			}
		})
	}
}

func TestALinkToTheApplicationLeadsToTheProduct(t *testing.T) {
	s := open(t)
	ticket := s.sign(s.inviteToApp("https://app.example.com/in?x=1"))
	for _, status := range []string{"sign_up", "sign_in"} {
		rec := s.do(http.MethodGet, "/v1/tickets/accept?ticket="+ticket, asBrowser)
		if got, want := rec.Header().Get("Location"), "https://app.example.com/in?x=1&__clerk_status="+status+"&__clerk_ticket="+ticket; rec.Code != http.StatusSeeOther || got != want {
			t.Errorf("got %d to %s, want 303 to %s", rec.Code, got, want)
		}
		if status == "sign_up" {
			_, err := s.db.CreateUser(s.Context(), s.in, invite.NewUser{EmailAddresses: []string{"grace@example.com"}})
			s.must(err)
		}
	}
	i, err := s.db.CreateApplicationInvitation(s.Context(), s.in, invite.NewApplicationInvitation{
		EmailAddress: "heidi@example.com", ExpiresInDays: 30, Template: invite.InvitationTemplate,
	})
	s.must(err)
	ours := s.sign(i)
	if rec := s.do(http.MethodGet, "/v1/tickets/accept?ticket="+ours, asBrowser); rec.Header().Get("Location") != origin+"/accept?ticket="+ours {
		t.Errorf("without a redirect URL it leads to %s, want our page", rec.Header().Get("Location"))
	}
}

func TestMissingTicket(t *testing.T) {
	s := open(t)
	for _, accept := range []string{"", "application/json"} {
		rec := s.do(http.MethodGet, "/v1/tickets/accept", accept)
		if got := codeOf(t, rec); rec.Code != http.StatusBadRequest || got != "missing_query_parameter" {
			t.Errorf("want 400 missing_query_parameter for Accept %q, got %d %s", accept, rec.Code, got)
		}
	}
	rec := s.do(http.MethodGet, "/v1/tickets/accept?ticket=", asBrowser)
	if got, want := rec.Header().Get("Location"), origin+"/accept?ticket="; rec.Code != http.StatusSeeOther || got != want {
		t.Errorf("want a person sent to the page that explains, got %d to %s", rec.Code, got)
	}
}

// Scanners open every link of a mail, more than once.
func TestOpeningTheLinkChangesNothing(t *testing.T) {
	s := open(t)
	other, err := sql.Open("sqlite", "file:"+s.path)
	s.must(err)
	defer other.Close()
	watch, err := other.Conn(t.Context())
	s.must(err)
	defer watch.Close()
	version := func() (v int) {
		s.must(watch.QueryRowContext(t.Context(), `PRAGMA data_version`).Scan(&v))
		return v
	}
	targets := []string{"", s.sign(s.invite("")), "x"}
	before := version()
	for _, ticket := range targets {
		for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodGet, http.MethodOptions} {
			s.do(method, "/v1/tickets/accept?ticket="+ticket, asBrowser)
		}
	}
	if after := version(); after != before {
		t.Errorf("want no commit while the link is opened, got version %d after %d", after, before)
	}
	s.must(s.db.DeclineInvitation(t.Context(), s.parsed(targets[1])))
	if version() == before {
		t.Error("want a change to be seen by this test, got none")
	}
}

func TestOtherMethodsAndPaths(t *testing.T) {
	s := open(t)
	ticket := s.sign(s.invite(""))
	rec := s.do(http.MethodPost, "/v1/tickets/accept?ticket="+ticket, asBrowser)
	if rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("want 405 with GET, HEAD, got %d with %q", rec.Code, rec.Header().Get("Allow"))
	}
	if rec := s.do(http.MethodGet, "/v1/tickets", asBrowser); rec.Code != http.StatusNotFound || codeOf(t, rec) != "resource_not_found" {
		t.Errorf("want 404 in the envelope, got %d %s", rec.Code, rec.Body)
	}
}

func codeOf(t testing.TB, rec *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct {
		Errors []struct {
			Code string `json:"code"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil || len(body.Errors) != 1 {
		t.Fatalf("want an envelope with one error, got %d\n%s", rec.Code, rec.Body)
	}
	return body.Errors[0].Code
}

// FuzzHandOver holds that a redirect cannot leave the place the invitation
// names, and that what the product put into its URL arrives.
func FuzzHandOver(f *testing.F) {
	for _, seed := range []string{
		"https://app.example.com", "https://app.example.com?", "https://app.example.com/#?__clerk_ticket=x", "myapp:///x?__clerk_status",
		"https://app.example.com/a?b=c&__clerk%5Fticket=d#e", "http://[::1]:8080/?%zz=1&&=", "https://app.example.com/?a;__clerk_ticket=1",
		"https://app.example.com:443/é?ü=#%", "https://app.example.com?@evil.example", "https://app.example.com#@evil.example?x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, redirect string) {
		if redirect == "" || invite.CheckRedirectURL("redirect_url", redirect, invite.Test) != nil {
			return // such a URL is never stored
		}
		const ticket = "eyJ.e30.x_-"
		before, err := url.Parse(redirect)
		if err != nil {
			t.Fatal(err)
		}
		got := clerk.HandOver(redirect, "sign_up", ticket)
		after, err := url.Parse(got)
		if err != nil {
			t.Fatalf("want a URL, got %q: %v", got, err)
		}
		if after.Scheme != before.Scheme || after.Host != before.Host || after.EscapedPath() != before.EscapedPath() || after.Fragment != before.Fragment {
			t.Errorf("want the same place as %q, got %q", redirect, got)
		}
		values := after.Query()
		if v := values["__clerk_ticket"]; len(v) != 1 || v[0] != ticket {
			t.Errorf("want the ticket once, got %q in %q", v, got)
		}
		if v := values["__clerk_status"]; len(v) != 1 || v[0] != "sign_up" {
			t.Errorf("want the status once, got %q in %q", v, got)
		}
		for name, want := range before.Query() {
			if v := values[name]; name != "__clerk_ticket" && name != "__clerk_status" && strings.Join(v, "\n") != strings.Join(want, "\n") {
				t.Errorf("want %s kept as %q, got %q in %q", name, want, v, got)
			}
		}
	})
}
