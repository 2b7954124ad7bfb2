package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
	"usher/internal/password"
)

// visitor is a browser with its cookie.
type visitor struct {
	*site
	cookie string
}

func (v *visitor) open(path string) answer {
	v.Helper()
	return v.send(http.MethodGet, path, nil)
}

// submit sends a form as a browser does that is on one of our pages.
func (v *visitor) submit(path string, form url.Values) answer {
	v.Helper()
	return v.send(http.MethodPost, path, form)
}

// token returns the one that the visitor's browser is known by.
func (v *visitor) token() string {
	_, token, _ := strings.Cut(v.cookie, "=")
	return token
}

func (v *visitor) send(method, path string, form url.Values) answer {
	v.Helper()
	a := v.do(method, path, form, "Cookie", v.cookie, "Origin", v.URL, "Sec-Fetch-Site", "same-origin")
	for _, line := range a.header.Values("Set-Cookie") {
		if !strings.Contains(line, "HttpOnly") || !strings.Contains(line, "Secure") || !strings.Contains(line, "SameSite=Lax") {
			v.Errorf("the cookie may be read, sent in plain or sent along: %s", line)
		}
		v.cookie, _, _ = strings.Cut(line, ";")
	}
	return a
}

// account makes a user with a password.
func (s *site) account(addresses ...string) *invite.User {
	s.Helper()
	digest, err := password.NewHasher(1).Digest(s.Context(), "correct horse")
	s.must(err)
	u, err := s.db.CreateUser(s.Context(), s.in, invite.NewUser{EmailAddresses: addresses, FirstName: "Eve", PasswordDigest: digest})
	s.must(err)
	return u
}

// signedIn returns the browser of somebody who has signed in on the page.
func (s *site) signedIn(address string) *visitor {
	s.Helper()
	v := &visitor{site: s}
	a := v.submit("/sign-in", url.Values{"identifier": {address}, "password": {"correct horse"}})
	if a.status != http.StatusSeeOther || v.cookie == "" {
		s.Fatalf("signing in: want on with a cookie, got %d:\n%s", a.status, a.body)
	}
	return v
}

// session returns the session of a browser; nil where nobody is signed in.
func (v *visitor) session() *invite.Session {
	v.Helper()
	c, err := v.db.Client(v.Context(), v.in, v.token())
	v.must(err)
	return c.SignedIn()
}

func TestWhoIsSignedInJoins(t *testing.T) {
	s := open(t)
	eve := s.account("eve@example.com", "second@example.com")
	v := s.signedIn("eve@example.com")
	ticket := s.ticket(s.invite("second@example.com"))
	page := v.open("/accept?ticket=" + ticket)
	for _, want := range []string{"Join Acme Corporation", "You are signed in as", "Join as", "eve@example.com"} {
		if !strings.Contains(tagless(page.body), want) {
			t.Errorf("want %q on the page, got:\n%s", want, page.body)
		}
	}
	for _, when := range []string{"", "again, a moment later: "} {
		if a := v.submit("/accept", accept(ticket)); a.status != http.StatusSeeOther || a.header.Get("Location") != "/accept/joined?ticket="+ticket {
			t.Errorf("%swant on to the outcome, got %d to %q:\n%s", when, a.status, a.header.Get("Location"), a.body)
		}
	}
	if got := v.session(); got == nil || got.UserID != eve.ID || got.OrganizationID != s.acme.ID {
		t.Errorf("want Eve's session with the organization active, got %+v", got)
	}
	if got := s.members(); !slices.Contains(got, "Eve org:member") {
		t.Errorf("want Eve among the members, got %v", got)
	}
}

func TestAnotherAccountChangesNothing(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	i, err := s.db.CreateInvitation(t.Context(), s.in, s.acme.ID, invite.NewInvitation{
		EmailAddress: "grace@example.com", Role: invite.RoleMember, InviterID: s.ada.ID, ExpiresInDays: 30, RedirectURL: "https://app.example.com/join?a=b",
	})
	s.must(err)
	ticket := s.ticket(i)
	v := s.signedIn("eve@example.com")
	before := s.dump()
	for what, page := range map[string]answer{
		"reading": v.open("/accept?ticket=" + ticket), "accepting": v.submit("/accept", accept(ticket)),
	} {
		if page.status != http.StatusForbidden || !strings.Contains(tagless(page.body), "You are signed in as Eve") {
			t.Errorf("%s: want to be told who is signed in, got %d:\n%s", what, page.status, page.body)
		}
		for _, secret := range []string{"grace", "Acme", "Ada"} {
			if strings.Contains(page.body, secret) {
				t.Errorf("%s: the page tells of %s", what, secret)
			}
		}
	}
	if after := s.dump(); after != before {
		t.Error("something has changed")
	}

	out := v.submit("/sign-out", url.Values{"ticket": {ticket}})
	if want := invite.AcceptPath + "?ticket=" + ticket; out.status != http.StatusSeeOther || out.header.Get("Location") != want {
		t.Errorf("want the link opened again, got %d to %q", out.status, out.header.Get("Location"))
	}
	if v.session() != nil {
		t.Error("Eve is still signed in")
	}
	joined := v.submit("/accept", accept(ticket))
	if want := "https://app.example.com/join?a=b&__clerk_status=complete"; joined.header.Get("Location") != want {
		t.Errorf("want on to %s, got %d to %q:\n%s", want, joined.status, joined.header.Get("Location"), joined.body)
	}
	if got := v.session(); got == nil || got.OrganizationID != s.acme.ID {
		t.Errorf("want somebody new signed in with the organization active, got %+v", got)
	}
}

func TestALinkThatSignsIn(t *testing.T) {
	s := open(t, homeURL)
	s.account("eve@example.com")
	ticket := s.signIn().Ticket().Sign(s.keys)
	eve := s.signedIn("eve@example.com")
	if page := eve.open("/accept?ticket=" + ticket); !strings.Contains(tagless(page.body), "You are signed in as Eve") || strings.Contains(page.body, "ada@") {
		t.Errorf("want Eve to be told who is signed in, got:\n%s", page.body)
	}
	if a := eve.submit("/accept", accept(ticket)); a.header.Get("Location") != "/accept?ticket="+ticket {
		t.Errorf("want Eve back on the page, got %d to %q", a.status, a.header.Get("Location"))
	}
	ada := &visitor{site: s}
	if a := ada.submit("/accept", accept(ticket)); a.header.Get("Location") != s.in.HomeURL {
		t.Errorf("want Ada at home, got %d to %q:\n%s", a.status, a.header.Get("Location"), a.body)
	}
	if got := ada.session(); got == nil || got.UserID != s.ada.ID {
		t.Errorf("want Ada signed in, got %+v", got)
	}
	if a := (&visitor{site: s}).submit("/accept", accept(ticket)); a.status != http.StatusGone {
		t.Errorf("the link works twice: %d", a.status)
	}
}

func TestSigningIn(t *testing.T) {
	s := open(t, homeURL)
	s.account("eve@example.com")
	locked := s.account("kim@example.com")
	_, err := s.db.LockUser(t.Context(), s.in, locked.ID, true)
	s.must(err)
	for name, row := range map[string]struct{ identifier, password, want string }{
		"a wrong password":   {"eve@example.com", "wrong horse", "not the password"},
		"nobody":             {"nobody@example.com", "correct horse", "There is no account"},
		"no identifier":      {"", "correct horse", "This is needed"},
		"no password":        {"eve@example.com", "", "This is needed"},
		"without a password": {"ada@example.com", "correct horse", "has no password"},
		"locked":             {"kim@example.com", "correct horse", "is locked"},
	} {
		t.Run(name, func(t *testing.T) {
			v := &visitor{site: s}
			a := v.submit("/sign-in", url.Values{"identifier": {row.identifier}, "password": {row.password}, "redirect_url": {"/docs"}})
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, row.want) || !strings.Contains(a.body, `role="alert"`) {
				t.Errorf("want %q beside the field, got %d:\n%s", row.want, a.status, a.body)
			}
			if !strings.Contains(a.body, `value="`+row.identifier+`"`) || !strings.Contains(a.body, `value="/docs"`) || strings.Contains(a.body, "horse") {
				t.Errorf("want what was typed kept but for the password, got:\n%s", a.body)
			}
			if v.cookie != "" {
				t.Error("somebody who did not sign in got a cookie")
			}
		})
	}
}

func TestSigningInWithATicket(t *testing.T) {
	s := open(t)
	ticket := s.ticket(s.invite("grace@example.com"))
	if a := s.get("/sign-in?__clerk_status=sign_in&__clerk_ticket=" + ticket); a.header.Get("Location") != "/accept?ticket="+ticket {
		t.Errorf("want the page of the link, got %d to %q", a.status, a.header.Get("Location"))
	}
}

func TestSigningInLeadsNowhereElse(t *testing.T) {
	s := open(t, homeURL)
	s.account("eve@example.com")
	s.must(s.db.UpdateInstance(t.Context(), s.in, invite.InstanceChange{AllowedOrigins: &[]string{"https://allowed.usher.test"}}))
	home := s.in.HomeURL
	for wanted, want := range map[string]string{
		"": home, "/docs?a=b#c": "/docs?a=b#c", "https://allowed.usher.test/x": "https://allowed.usher.test/x",
		"https://app.example.com/other": "https://app.example.com/other", "http://localhost:3000/": "http://localhost:3000/",
		"//evil.example": home, `/\evil.example`: home, `\\evil.example`: home, "https://evil.example": home, "javascript:alert(1)": home,
		"https://allowed.usher.test@evil.example/": home, "https:evil.example": home, "https://allowed.usher.test.evil.example": home,
		"/\tevil": home, "/\r\nSet-Cookie: a=b": home, "data:text/html,x": home, "docs": home, "https://allowed.usher.test:444/": home,
	} {
		v := &visitor{site: s}
		a := v.submit("/sign-in", url.Values{"identifier": {"eve@example.com"}, "password": {"correct horse"}, "redirect_url": {wanted}})
		if got := a.header.Get("Location"); got != want {
			t.Errorf("to %q: got %d to %q, want %q", wanted, a.status, got, want)
		}
		if got := v.open("/sign-in?redirect_url=" + url.QueryEscape(wanted)).header.Get("Location"); got != want {
			t.Errorf("signed in already, to %q: got %q, want %q", wanted, got, want)
		}
	}
}

// Another site must not be able to sign somebody in as whom it likes, nor out.
func TestFormsOfOtherSites(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	v := s.signedIn("eve@example.com")
	before := s.dump()
	for _, path := range []string{"/sign-in", "/sign-up", "/sign-out", "/accept", "/organization/invite", "/organization/leave", "/user/create"} {
		form := url.Values{"identifier": {"eve@example.com"}, "password": {"correct horse"}, "action": {"accept"}}
		for _, header := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "null"}} {
			a := s.do(http.MethodPost, path, form, append([]string{"Cookie", v.cookie}, header...)...)
			if a.status != http.StatusForbidden {
				t.Errorf("%s with %v: got %d, want 403", path, header, a.status)
			}
		}
	}
	if s.dump() != before {
		t.Error("something has changed")
	}
	s.advance(invite.SessionLifetime + time.Second)
	if v.session() != nil {
		t.Error("the session outlives its time")
	}
}

func TestPasswordsAreNotGuessed(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	try := func(word string) answer {
		return (&visitor{site: s}).submit("/sign-in", url.Values{"identifier": {"eve@example.com"}, "password": {word}})
	}
	const refusal = "tried too often"
	for range 10 {
		if a := try("wrong horse"); !strings.Contains(a.body, "not the password") {
			t.Fatalf("want a wrong password told, got %d:\n%s", a.status, a.body)
		}
	}
	for _, word := range []string{"wrong horse", "correct horse"} {
		if a := try(word); !strings.Contains(a.body, refusal) {
			t.Errorf("%s, after ten: got %d, want %q", word, a.status, refusal)
		}
	}
	s.advance(10 * time.Second)
	if a := try("correct horse"); a.status != http.StatusSeeOther {
		t.Errorf("a while later: got %d, want signed in", a.status)
	}
	if a := try("wrong horse"); !strings.Contains(a.body, "not the password") {
		t.Errorf("whoever knew it does not begin anew: got %d:\n%s", a.status, a.body)
	}
}

// A browser that somebody else prepared must not share what its user does later.
func TestAPlantedCookieIsWorthNothing(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	planted, err := s.db.CreateClient(t.Context(), s.in, "")
	s.must(err)
	v := &visitor{site: s, cookie: "__client=" + planted.Token}
	attacker := *v
	v.submit("/sign-in", url.Values{"identifier": {"eve@example.com"}, "password": {"correct horse"}})
	if v.session() == nil {
		t.Fatal("Eve is not signed in")
	}
	if attacker.session() != nil {
		t.Error("whoever planted the cookie is signed in as well")
	}
}

// tagless returns what a person reads on a page.
func tagless(body string) string {
	var b strings.Builder
	for rest := body; rest != ""; {
		text, tag, _ := strings.Cut(rest, "<")
		b.WriteString(text)
		_, rest, _ = strings.Cut(tag, ">")
	}
	return b.String()
}
