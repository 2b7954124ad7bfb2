package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"usher/internal/invite"
)

func signUp(ticket, first, password string) url.Values {
	return url.Values{"__clerk_ticket": {ticket}, "first_name": {first}, "last_name": {"Hopper"}, "password": {password}}
}

func TestSigningUpWithATicket(t *testing.T) {
	s := open(t)
	ticket := s.ticket(s.invite("grace@example.com"))
	v := &visitor{site: s}
	if page := v.open("/accept?ticket=" + ticket); !strings.Contains(page.body, "/sign-up?__clerk_ticket="+ticket) {
		t.Errorf("want the way to a password, got:\n%s", page.body)
	}
	page := v.open("/sign-up?__clerk_ticket=" + ticket)
	for _, want := range []string{"Create your account", "Acme Corporation", "grace@example.com"} {
		if !strings.Contains(text(page.body), want) {
			t.Errorf("want %q on the page, got:\n%s", want, page.body)
		}
	}
	checkPage(t, page)

	a := v.submit("/sign-up", signUp(ticket, "Grace", "correct horse"))
	if a.header.Get("Location") != "/accept/joined?ticket="+ticket {
		t.Fatalf("want on to the outcome, got %d to %q:\n%s", a.status, a.header.Get("Location"), a.body)
	}
	if got := v.session(); got == nil || got.OrganizationID != s.acme.ID {
		t.Errorf("want Grace signed in with the organization active, got %+v", got)
	}
	joined := v.open(a.header.Get("Location"))
	if !strings.Contains(joined.body, `href="/organization"`) {
		t.Errorf("want the way to the organization, got:\n%s", joined.body)
	}
	if stranger := s.get(a.header.Get("Location")); strings.Contains(stranger.body, `href="/organization"`) {
		t.Error("a stranger is led to the organization")
	}
	if got := s.signedIn("grace@example.com").session(); got == nil {
		t.Error("the password does not sign in")
	}
	if again := v.submit("/sign-up", signUp(ticket, "Grace", "correct horse")); again.header.Get("Location") != "/accept?ticket="+ticket {
		t.Errorf("sent twice: got %d to %q", again.status, again.header.Get("Location"))
	}
}

func TestSigningUpGoesOnToTheProduct(t *testing.T) {
	s := open(t)
	i, err := s.db.CreateInvitation(t.Context(), s.in, s.acme.ID, invite.NewInvitation{
		EmailAddress: "grace@example.com", Role: invite.RoleMember, ExpiresInDays: 30, RedirectURL: "https://app.example.com/join?a=b",
	})
	s.must(err)
	ticket := s.ticket(i)
	v := &visitor{site: s}
	page := v.open("/sign-up?__clerk_ticket=" + ticket)
	if got := page.header.Get("Content-Security-Policy"); !strings.Contains(got, "form-action 'self' https://app.example.com;") {
		t.Errorf("want browsers to be let go there, got %q", got)
	}
	a := v.submit("/sign-up", signUp(ticket, "", "correct horse"))
	if want := "https://app.example.com/join?a=b&__clerk_status=complete"; a.header.Get("Location") != want {
		t.Errorf("got %d to %q, want %q", a.status, a.header.Get("Location"), want)
	}
}

func TestSigningUpKeepsWhatWasTyped(t *testing.T) {
	s := open(t)
	ticket := s.ticket(s.invite("grace@example.com"))
	before := s.dump()
	for name, row := range map[string]struct{ first, password, want string }{
		"no password":      {"Grace", "", "This is needed"},
		"a short password": {"Grace", "horse", "at least 8"},
		"a long password":  {"Grace", strings.Repeat("x", 2000), "too long"},
		"a long name":      {strings.Repeat("x", 257), "correct horse", "room for 256"},
	} {
		t.Run(name, func(t *testing.T) {
			v := &visitor{site: s}
			a := v.submit("/sign-up", signUp(ticket, row.first, row.password))
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, row.want) || !strings.Contains(a.body, `aria-describedby="problem"`) {
				t.Errorf("want %q beside its field, got %d:\n%s", row.want, a.status, a.body)
			}
			if !strings.Contains(a.body, `value="`+row.first+`"`) || !strings.Contains(a.body, `value="Hopper"`) || strings.Contains(a.body, "horse") {
				t.Errorf("want what was typed kept but for the password, got:\n%s", a.body)
			}
			checkPage(t, a)
			if v.cookie != "" {
				t.Error("somebody who did not sign up got a cookie")
			}
		})
	}
	if s.dump() != before {
		t.Error("something has changed")
	}
}

// Where an account is of no use, the page of the invitation knows what is.
func TestSigningUpIsForNewcomers(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	eve, stranger := s.signedIn("eve@example.com"), &visitor{site: s}
	reserved := s.ticket(s.invite("kept@example.com"))
	_, err := s.db.CreateUser(t.Context(), s.in, invite.NewUser{EmailAddresses: []string{"kept@example.com"}, AddressStatuses: []string{"reserved"}})
	s.must(err)
	over := s.invite("heidi@example.com")
	_, err = s.db.RevokeInvitation(t.Context(), s.in, s.acme.ID, over.ID, "")
	s.must(err)
	for name, row := range map[string]struct {
		who    *visitor
		ticket string
	}{
		"who has an account":           {stranger, s.ticket(s.invite("eve@example.com"))},
		"for whom the address is kept": {stranger, reserved},
		"who is signed in":             {eve, s.ticket(s.invite("grace@example.com"))},
		"whose invitation is over":     {stranger, s.ticket(over)},
		"whose link signs in":          {stranger, s.signIn().Ticket().Sign(s.keys)},
	} {
		before := s.dump()
		get, post := row.who.open("/sign-up?__clerk_ticket="+row.ticket), row.who.submit("/sign-up", signUp(row.ticket, "X", "correct horse"))
		for _, a := range []answer{get, post} {
			if a.header.Get("Location") != "/accept?ticket="+row.ticket {
				t.Errorf("%s: want the page of the link, got %d to %q:\n%s", name, a.status, a.header.Get("Location"), a.body)
			}
		}
		if s.dump() != before {
			t.Errorf("%s: something has changed", name)
		}
	}
	if a := stranger.open("/sign-up?__clerk_ticket=x.y.z"); a.status != http.StatusBadRequest {
		t.Errorf("garbage: got %d", a.status)
	}
}
