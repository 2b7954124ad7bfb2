package web_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
	"usher/internal/web"
)

// forms are all that change something, each with what would do it for an admin of Acme.
var forms = map[string]struct {
	form string
	from string // the form of the page before, by which this one's is begun
	open bool   // for those as well who are not signed in
	self bool   // about nobody but who is signed in
}{
	"/accept":              {form: "ticket={ticket}&action=accept", open: true},
	"/sign-in":             {form: "identifier=ada@example.com&password=correct+horse", open: true},
	"/sign-in/code":        {form: "code=424242", from: "identifier=pat%2Bclerk_test@example.com&action=code", open: true},
	"/sign-up/code":        {form: "code=424242", from: "email_address=new%2Bclerk_test@example.com&first_name=Nova&last_name=Star&password=correct+horse", open: true},
	"/sign-up":             {form: "__clerk_ticket={ticket}&password=correct+horse", open: true},
	"/sign-out":            {open: true},
	"/organization/invite": {form: "organization={acme}&email_address=nova@example.com&role=org:member"},
	"/organization/revoke": {form: "organization={acme}&invitation={invitation}"},
	"/organization/role":   {form: "organization={acme}&user={cid}&role=org:admin"},
	"/organization/remove": {form: "organization={acme}&user={cid}"},
	"/organization/leave":  {form: "organization={acme}", self: true},
	"/user/organization":   {form: "organization={acme}", self: true},
	"/user/create":         {form: "name=Nova", self: true},
	"/user/accept":         {form: "invitation={own}", self: true},
}

// attacked is a site where Ada runs Acme with the members Bob and Cid, and Eve runs
// Beta, to which Ada is invited. Ida is of another instance.
type attacked struct {
	*site
	cookies map[string]string
	fill    *strings.Replacer
	beta    string
}

func attack(t *testing.T) *attacked {
	t.Helper()
	s := &attacked{site: open(t), cookies: map[string]string{"nobody": ""}}
	ctx := t.Context()
	users := map[string]*invite.User{"Ada": s.ada}
	for _, name := range []string{"Bob", "Cid", "Eve", "Ban", "Del", "Out"} {
		users[name] = s.user(strings.ToLower(name)+"@example.com", name, "")
	}
	for _, name := range []string{"Bob", "Cid"} {
		_, err := s.db.CreateMembership(ctx, s.in, s.acme.ID, invite.NewMembership{UserID: users[name].ID, Role: invite.RoleMember})
		s.must(err)
	}
	beta, err := s.db.CreateOrganization(ctx, s.in, invite.NewOrganization{Name: "Beta", CreatedBy: users["Eve"].ID})
	s.must(err)
	gulf, _, err := s.db.CreateInstance(ctx, invite.Instance{Environment: invite.Test, Name: "Gulf", FrontendHost: "clerk.gulf.test"}, "")
	s.must(err)
	ida, err := s.db.CreateUser(ctx, gulf, invite.NewUser{EmailAddresses: []string{"ida@example.com"}})
	s.must(err)
	enter := func(in *invite.Instance, client string, u *invite.User) (token, id string) {
		link, err := s.db.CreateSignInToken(ctx, in, invite.NewSignInToken{UserID: u.ID, ExpiresInSeconds: 60})
		s.must(err)
		v, err := s.db.SignInWithTicket(ctx, in, client, link.Ticket())
		s.must(err)
		return v.Token, v.ClientID
	}
	planted, err := s.db.CreateClient(ctx, s.in, "")
	s.must(err)
	s.cookies["a cookie from before a sign-in"] = planted.Token
	s.cookies["Ada"], _ = enter(s.in, planted.ClientID, s.ada)
	for _, name := range []string{"Bob", "Eve"} {
		s.cookies[name], _ = enter(s.in, "", users[name])
	}
	s.cookies["the cookie of another instance"], _ = enter(gulf, "", ida)
	token, client := enter(s.in, "", users["Out"])
	s.must(s.db.CloseClient(ctx, s.in, client, false))
	s.cookies["a cookie after a sign-out"] = token
	s.cookies["the cookie of a deleted user"], _ = enter(s.in, "", users["Del"])
	_, err = s.db.DeleteUser(ctx, s.in, users["Del"].ID)
	s.must(err)
	s.cookies["the cookie of a banned user"], _ = enter(s.in, "", users["Ban"])
	_, err = s.db.BanUsers(ctx, s.in, []string{users["Ban"].ID}, true)
	s.must(err)
	own, err := s.db.CreateInvitation(ctx, s.in, beta.ID, invite.NewInvitation{EmailAddress: "ada@example.com", Role: invite.RoleMember, ExpiresInDays: 30})
	s.must(err)
	open, dead := s.invite("new@example.com"), s.invite("dead@example.com")
	_, err = s.db.RevokeInvitation(ctx, s.in, s.acme.ID, dead.ID, "")
	s.must(err)
	s.beta = beta.ID
	s.fill = strings.NewReplacer("{acme}", s.acme.ID, "{cid}", users["Cid"].ID, "{own}", own.ID, "{invitation}", open.ID, "{ticket}", s.ticket(open))
	return s
}

// submit sends a form from a page of ours, with other headers in place of its own.
func (s *attacked) submit(path, form, by string, header ...string) answer {
	s.Helper()
	values, err := url.ParseQuery(s.fill.Replace(form))
	s.must(err)
	header = append([]string{"Origin", s.URL, "Sec-Fetch-Site", "same-origin"}, header...)
	if token := s.cookies[by]; token != "" {
		header = append(header, "Cookie", "__client="+token)
	}
	return s.do(http.MethodPost, path, values, header...)
}

func TestFormsOfWhoMayNot(t *testing.T) {
	s := attack(t)
	before := s.dump()
	for _, path := range web.Forms() {
		f, ok := forms[path]
		if !ok {
			t.Errorf("who may send %s? forms in this file does not say", path)
		}
		for _, header := range [][]string{
			{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example", "Sec-Fetch-Site", ""},
			{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, {"Origin", "https://sibling.usher.test", "Sec-Fetch-Site", "same-site"},
			{"Origin", "https://usher.test.evil.example", "Sec-Fetch-Site", ""}, {"Origin", "http://usher.test", "Sec-Fetch-Site", "cross-site"},
		} {
			if a := s.submit(path, f.form, "Ada", header...); a.status != http.StatusForbidden || a.header.Get("Set-Cookie") != "" {
				t.Errorf("%s with %v: got %d, want 403", path, header, a.status)
			}
		}
		for by := range s.cookies {
			member := by == "Bob" || by == "Eve"
			if by == "Ada" || f.open || f.self && member {
				continue // they may
			}
			a := s.submit(path, f.form, by)
			if member && a.status != http.StatusForbidden && a.status != http.StatusUnprocessableEntity {
				t.Errorf("%s by %s: got %d, want it refused", path, by, a.status)
			}
			if !member && (a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/sign-in?")) {
				t.Errorf("%s with %s: got %d to %q, want to sign in", path, by, a.status, a.header.Get("Location"))
			}
			if s.dump() != before {
				t.Fatalf("%s by %s has changed something", path, by)
			}
		}
		if s.dump() != before {
			t.Fatalf("%s from elsewhere has changed something", path)
		}
	}
}

// What the forms above would do, they do for Ada.
func TestFormsOfWhoMay(t *testing.T) {
	for path, f := range forms {
		t.Run(path, func(t *testing.T) {
			s := attack(t)
			by := "Ada"
			if f.open && path != "/sign-out" {
				by = ""
			}
			if path == "/organization/leave" { // Ada is the last admin
				by = "Bob"
			}
			if path == "/sign-in" {
				s.account("pat@example.com")
				f.form = strings.Replace(f.form, "ada@", "pat@", 1)
			}
			if f.from != "" {
				s.account("pat+clerk_test@example.com")
				begun := s.submit(strings.TrimSuffix(path, "/code"), f.from, "")
				by = "who has begun"
				_, s.cookies[by], _ = strings.Cut(strings.Split(begun.header.Get("Set-Cookie"), ";")[0], "=")
			}
			before := s.dump()
			if a := s.submit(path, f.form, by); a.status != http.StatusSeeOther {
				t.Errorf("got %d, want it done:\n%s", a.status, a.body)
			}
			if s.dump() == before {
				t.Error("nothing has changed")
			}
		})
	}
}

// Ids of another organization, of another instance or of nothing are ids of nothing.
func TestFormsAboutOthers(t *testing.T) {
	s := attack(t)
	before := s.dump()
	for path, f := range forms {
		if f.open || path == "/user/create" {
			continue
		}
		values, err := url.ParseQuery(s.fill.Replace(f.form))
		s.must(err)
		for _, field := range []string{"organization", "invitation", "user"} {
			if !values.Has(field) {
				continue
			}
			for _, id := range []string{s.beta, "org_nowhere", "../" + s.acme.ID, s.acme.ID + "\x00", strings.Repeat("x", 9000), "é\xff"} {
				changed := maps.Clone(values)
				changed.Set(field, id)
				a := s.submit(path, changed.Encode(), "Ada")
				if a.status < 400 || a.status >= 500 {
					t.Errorf("%s with %s %.30q: got %d, want it refused", path, field, id, a.status)
				}
				if s.dump() != before {
					t.Fatalf("%s with %s %.30q has changed something", path, field, id)
				}
			}
		}
	}
}

// Dead, forged and foreign links open nothing on our pages, and say so.
func TestFormsWithTicketsThatOpenNothing(t *testing.T) {
	s := attack(t)
	good := s.fill.Replace("{ticket}")
	parts := strings.Split(good, ".")
	other := strings.Split(s.ticket(s.invite("other@example.com")), ".")
	revoked := s.invite("revoked@example.com")
	_, err := s.db.RevokeInvitation(t.Context(), s.in, s.acme.ID, revoked.ID, "")
	s.must(err)
	before := s.dump()
	for name, ticket := range map[string]string{
		"of another server": invite.TicketFor(revoked, invite.ByMail).Sign(keyring(t, 8)), "of dots": "..", "none": "", "of 64 KB": good + strings.Repeat("A", 64<<10),
		"truncated": good[:len(good)-1], "with another's signature": parts[0] + "." + parts[1] + "." + other[2], "with a line break": good + "\r\nSet-Cookie: a=b",
		"revoked": s.ticket(revoked),
	} {
		for path, field := range map[string]string{"/accept": "ticket", "/sign-up": "__clerk_ticket"} {
			for _, action := range []string{"accept", "decline"} {
				form := url.Values{field: {ticket}, "action": {action}, "password": {"correct horse"}, "first_name": {"Nova"}}
				a := s.submit(path, form.Encode(), "")
				to := a.header.Get("Location")
				if a.status < 300 || a.status >= 500 || a.header.Get("Set-Cookie") != "" || a.status < 400 && !strings.HasPrefix(to, "/accept") {
					t.Errorf("%s, %s %s: got %d to %q", name, action, path, a.status, to)
				}
				if a.status < 400 && len(to) < 4000 { // the page that tells what became of it
					for a = s.get(to); a.status == http.StatusSeeOther; {
						a = s.get(a.header.Get("Location"))
					}
					if a.status < 400 {
						t.Errorf("%s, %s %s ends at %d:\n%s", name, action, path, a.status, a.body)
					}
				}
			}
		}
		if a := s.submit("/sign-out", url.Values{"ticket": {ticket}}.Encode(), ""); a.status >= 500 || a.status < 400 && !strings.HasPrefix(a.header.Get("Location"), "/") {
			t.Errorf("%s: signing out got %d to %q", name, a.status, a.header.Get("Location"))
		}
		if s.dump() != before {
			t.Fatalf("a ticket %s has changed something", name)
		}
	}
	s.advance(31 * 24 * time.Hour)
	if a := s.submit("/accept", "ticket={ticket}&action=accept", ""); a.status != http.StatusSeeOther || a.header.Get("Set-Cookie") != "" {
		t.Errorf("expired: got %d with %q", a.status, a.header.Get("Set-Cookie"))
	}
	if s.dump() != before {
		t.Error("an expired ticket has changed something")
	}
}

// No page can be put into a frame, kept, or told to another by a Referer.
func TestPagesAreNotFramedKeptOrTold(t *testing.T) {
	s := attack(t)
	v := &visitor{site: s.site, cookie: "__client=" + s.cookies["Ada"]}
	for _, path := range []string{
		"/", "/sign-in", "/sign-in?redirect_url=%2F%2Fevil.example", "/sign-up?__clerk_ticket={ticket}", "/accept?ticket={ticket}", "/accept?ticket=x",
		"/accept/joined?ticket={ticket}", "/accept/declined?ticket={ticket}", "/organization", "/user", "/nowhere?ticket={ticket}",
	} {
		for who, a := range map[string]answer{"Ada": v.open(s.fill.Replace(path)), "nobody": s.get(s.fill.Replace(path))} {
			csp := a.header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "default-src 'none'") || a.header.Get("X-Frame-Options") != "DENY" ||
				a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s for %s: got %d with %v", path, who, a.status, a.header)
			}
			// Forms need an Origin, which no-referrer would take from them.
			if p := a.header.Get("Referrer-Policy"); p != "no-referrer" && p != "same-origin" {
				t.Errorf("%s for %s: got Referrer-Policy %q", path, who, p)
			}
			if strings.Contains(a.body, "evil.example\"") && strings.Contains(csp, "evil") {
				t.Errorf("%s for %s lets a form lead to %s", path, who, csp)
			}
		}
	}
}
