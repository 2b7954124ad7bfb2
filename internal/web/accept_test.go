package web_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
	"usher/internal/store"
)

const day = 24 * time.Hour

// states are all that can have become of a link, each with what its page says.
var states = []struct {
	name   string
	ticket func(*site) string
	status int
	want   []string
	not    []string
}{
	{"live, for a new person", func(s *site) string { return s.ticket(s.invite("grace@example.com")) }, http.StatusOK,
		[]string{"Join Acme Corporation", "Ada Lovelace has invited you", "ada@example.com", "grace@example.com", "Member", "1 February 2026, 03:04 UTC", "in 30 days", "Atlas", `name="first_name"`, `value="accept"`, `value="decline"`}, nil},
	{"live, for somebody with an account", func(s *site) string {
		s.user("grace@example.com", "Grace", "Hopper")
		return s.ticket(s.invite("grace@example.com"))
	}, http.StatusOK, []string{"Join Acme Corporation"}, []string{"first_name", "Hopper"}},
	{"revoked, because the invited person joined in another way", func(s *site) string {
		u := s.user("grace@example.com", "Grace", "Hopper")
		k := s.ticket(s.invite("grace@example.com"))
		_, err := s.db.CreateMembership(s.Context(), s.in, s.acme.ID, invite.NewMembership{UserID: u.ID, Role: invite.RoleMember})
		s.must(err)
		return k
	}, http.StatusConflict, []string{"You are a member already"}, []string{"Hopper"}},
	{"live, but the link left by the API", func(s *site) string {
		return invite.TicketFor(s.invite("grace@example.com"), invite.ByAPI).Sign(s.keys)
	}, http.StatusOK, []string{"Join Acme Corporation", "g…@example.com"}, []string{"grace@example.com"}},
	{"expired", func(s *site) string {
		i := s.invite("grace@example.com")
		s.advance(30 * day)
		return s.ticket(i)
	}, http.StatusGone, []string{"has expired", "1 February 2026", "Ask Ada Lovelace (ada@example.com)"}, []string{"<form"}},
	{"revoked", func(s *site) string {
		i := s.invite("grace@example.com")
		_, err := s.db.RevokeInvitation(s.Context(), s.in, s.acme.ID, i.ID, "")
		s.must(err)
		return s.ticket(i)
	}, http.StatusGone, []string{"was withdrawn", "Acme Corporation", "ask Ada Lovelace"}, []string{"<form"}},
	{"declined", func(s *site) string {
		k := s.ticket(s.invite("grace@example.com"))
		s.must(s.db.DeclineInvitation(s.Context(), s.parsed(k)))
		return k
	}, http.StatusGone, []string{"was declined", "Ask Ada Lovelace"}, []string{"<form", "withdrawn"}},
	{"already used", func(s *site) string {
		k := s.ticket(s.invite("grace@example.com"))
		_, err := s.db.AcceptInvitation(s.Context(), s.parsed(k), invite.Joiner{})
		s.must(err)
		return k
	}, http.StatusGone, []string{"has been used", "sign in to Atlas", "tell Ada Lovelace"}, []string{"<form"}},
	{"to the application, for a new person", func(s *site) string { return s.ticket(s.inviteToApp("grace@example.com")) }, http.StatusOK,
		[]string{"Join Atlas", "You have been invited.", "grace@example.com", "1 February 2026, 03:04 UTC", `name="first_name"`, `value="accept"`, `value="decline"`},
		[]string{"Role", "Invited by"}},
	{"to the application, for somebody with an account", func(s *site) string {
		k := s.ticket(s.inviteToApp("grace@example.com"))
		s.user("grace@example.com", "Grace", "Hopper")
		return k
	}, http.StatusOK, []string{"Join Atlas"}, []string{"first_name", "Hopper"}},
	{"to the application, expired", func(s *site) string {
		i := s.inviteToApp("grace@example.com")
		s.advance(30 * day)
		return s.ticket(i)
	}, http.StatusGone, []string{"has expired", "Ask the person who invited you"}, []string{"<form"}},
	{"to the application, revoked", func(s *site) string {
		i := s.inviteToApp("grace@example.com")
		_, err := s.db.RevokeApplicationInvitation(s.Context(), s.in, i.ID)
		s.must(err)
		return s.ticket(i)
	}, http.StatusGone, []string{"was withdrawn", "Atlas took it back"}, []string{"<form"}},
	{"to the application, declined", func(s *site) string {
		k := s.ticket(s.inviteToApp("grace@example.com"))
		s.must(s.db.DeclineInvitation(s.Context(), s.parsed(k)))
		return k
	}, http.StatusGone, []string{"was declined", "Nobody joined Atlas"}, []string{"<form", "withdrawn"}},
	{"to the application, already used", func(s *site) string {
		k := s.ticket(s.inviteToApp("grace@example.com"))
		_, err := s.db.AcceptApplicationInvitation(s.Context(), s.parsed(k), invite.Joiner{})
		s.must(err)
		return k
	}, http.StatusGone, []string{"has been used", "an account of Atlas", "sign in to Atlas"}, []string{"<form"}},
	{"to sign in", func(s *site) string { return s.signIn().Ticket().Sign(s.keys) }, http.StatusOK,
		[]string{"Sign in to Atlas", "This link signs you in as", "It works once"}, []string{"invit"}},
	{"to sign in, expired", func(s *site) string {
		k := s.signIn().Ticket().Sign(s.keys)
		s.advance(time.Minute)
		return k
	}, http.StatusGone, []string{"This link has expired", "made to sign you in"}, []string{"<form", "invit"}},
	{"to sign in, revoked", func(s *site) string {
		token := s.signIn()
		_, err := s.db.RevokeSignInToken(s.Context(), s.in, token.ID)
		s.must(err)
		return token.Ticket().Sign(s.keys)
	}, http.StatusGone, []string{"This link was withdrawn"}, []string{"<form", "invit"}},
	{"to sign in, already used", func(s *site) string {
		token := s.signIn()
		_, err := s.db.RedeemSignInToken(s.Context(), token.Ticket())
		s.must(err)
		return token.Ticket().Sign(s.keys)
	}, http.StatusGone, []string{"This link has been used", "works once"}, []string{"<form", "invit"}},
	{"of an organization that is gone", func(s *site) string {
		k := s.ticket(s.invite("grace@example.com"))
		_, err := s.db.DeleteOrganization(s.Context(), s.in, s.acme.ID)
		s.must(err)
		return k
	}, http.StatusGone, []string{"no longer exists", "the person who invited you"}, []string{"<form", "Acme"}},
	{"garbage", func(*site) string { return "<script>alert(1)</script>" }, http.StatusBadRequest,
		[]string{"This link does not work", "Open the link"}, []string{"<form", "alert(1)"}},
	{"cut off", func(s *site) string {
		k := s.ticket(s.invite("grace@example.com"))
		return k[:len(k)-3]
	}, http.StatusBadRequest, []string{"This link does not work"}, []string{"<form", "Acme"}},
	{"of another server", func(s *site) string {
		return invite.TicketFor(s.invite("grace@example.com"), invite.ByMail).Sign(keyring(s, 8))
	}, http.StatusBadRequest, []string{"This link does not work", "another server"}, []string{"<form", "Acme"}},
	{"of an earlier generation", func(s *site) string {
		old := invite.TicketFor(s.invite("grace@example.com"), invite.ByMail)
		old.Generation--
		return old.Sign(s.keys)
	}, http.StatusBadRequest, []string{"This link does not work", "newer invitation"}, []string{"<form", "Acme"}},
	{"without a ticket", func(*site) string { return "" }, http.StatusBadRequest,
		[]string{"This link is incomplete", "copy it whole"}, []string{"<form"}},
}

// text is a page as a reader sees it: without isolates, which have no width, and
// without the elements around names.
func text(body string) string {
	return html.UnescapeString(strings.NewReplacer("\u2068", "", "\u2069", "", "<bdi>", "", "</bdi>", "").Replace(body))
}

func TestEveryStateHasItsPage(t *testing.T) {
	for _, row := range states {
		t.Run(row.name, func(t *testing.T) {
			s := open(t)
			a := s.get("/accept?ticket=" + url.QueryEscape(row.ticket(s)))
			if a.status != row.status {
				t.Errorf("want status %d, got %d", row.status, a.status)
			}
			body := text(a.body)
			for _, want := range row.want {
				if !strings.Contains(body, want) {
					t.Errorf("want %q on the page, got\n%s", want, body)
				}
			}
			for _, not := range row.not {
				if strings.Contains(body, not) {
					t.Errorf("want no %q on the page, got\n%s", not, body)
				}
			}
			checkPage(t, a)
		})
	}
}

// checkPage holds what is promised of every page.
func checkPage(t *testing.T, a answer) {
	t.Helper()
	for header, want := range map[string]string{
		"Content-Type":            "text/html; charset=utf-8",
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		"Cache-Control":           "no-store",
		"X-Frame-Options":         "DENY",
	} {
		if got := a.header.Get(header); got != want {
			t.Errorf("want %s: %s, got %q", header, want, got)
		}
	}
	if got := a.header.Get("Referrer-Policy"); got != "no-referrer" && (got != "same-origin" || !strings.Contains(a.body, "<form")) {
		t.Errorf("want no referrer to leave the page, got %q", got)
	}
	for _, not := range []string{"<script", "javascript:", "style=", "onclick", "ticket_invalid", "ZgotmplZ", "<no value>"} {
		if strings.Contains(a.body, not) {
			t.Errorf("want no %q in the page, got\n%s", not, a.body)
		}
	}
}

// A mail scanner opens, opens again, asks for the head only, and follows what a
// form would lead to.
func TestReadingChangesNothing(t *testing.T) {
	for _, row := range states {
		t.Run(row.name, func(t *testing.T) {
			s := open(t)
			query := "?ticket=" + url.QueryEscape(row.ticket(s))
			before := s.dump()
			for _, path := range []string{"/accept", "/accept/joined", "/accept/declined"} {
				for _, method := range []string{http.MethodHead, http.MethodGet, http.MethodGet, http.MethodOptions} {
					s.do(method, path+query+"&action=accept", nil)
				}
			}
			if diff := cmp.Diff(before, s.dump()); diff != "" {
				t.Errorf("want nothing changed by reading, got (-before +after)\n%s", diff)
			}
		})
	}
}

func TestAccept(t *testing.T) {
	s := open(t, homeURL)
	k := s.ticket(s.invite("grace@example.com"))
	form := accept(k)
	form.Set("first_name", " Grace\u202e\n")
	form.Set("last_name", "Hopper")
	first := s.post(form)
	joined := s.follow(first)
	if body := text(joined.body); joined.status != http.StatusOK || !strings.Contains(body, "You have joined Acme Corporation") ||
		!strings.Contains(body, `href="https://app.example.com/home?a=1&b=2"`) || !strings.Contains(body, "Continue to Atlas") {
		t.Errorf("want the page that says so with the way on, got %d\n%s", joined.status, body)
	}
	checkPage(t, joined)
	if got, want := s.members(), []string{"Ada Lovelace org:admin", "Grace Hopper org:member"}; !cmp.Equal(got, want) {
		t.Errorf("want members %q, got %q", want, got)
	}

	after := s.dump()
	again := s.follow(s.post(form)) // sent twice, or reloaded
	if !strings.Contains(text(again.body), "You have joined") {
		t.Errorf("want who sends the form twice to end where it went, got\n%s", again.body)
	}
	late := s.follow(s.follow(s.post(decline(k))))
	if !strings.Contains(late.body, "has been used") {
		t.Errorf("want declining afterwards to tell that it is too late, got\n%s", late.body)
	}
	if diff := cmp.Diff(after, s.dump()); diff != "" {
		t.Errorf("want nothing changed afterwards, got\n%s", diff)
	}
}

func TestDecline(t *testing.T) {
	s := open(t)
	k := s.ticket(s.invite("grace@example.com"))
	page := s.follow(s.post(decline(k)))
	if !strings.Contains(text(page.body), "You did not join Acme Corporation") || !strings.Contains(text(page.body), "Ask Ada Lovelace") {
		t.Errorf("want the page that says so, got\n%s", page.body)
	}
	checkPage(t, page)
	after := s.dump()
	if page := s.follow(s.post(decline(k))); !strings.Contains(page.body, "You have declined") {
		t.Errorf("want the same page the second time, got\n%s", page.body)
	}
	if page := s.follow(s.follow(s.post(accept(k)))); !strings.Contains(page.body, "was declined") {
		t.Errorf("want accepting afterwards to be told, got\n%s", page.body)
	}
	if diff := cmp.Diff(after, s.dump()); diff != "" {
		t.Errorf("want nothing changed afterwards, got\n%s", diff)
	}
}

func TestAcceptAnAccount(t *testing.T) {
	s := open(t, homeURL)
	k := s.ticket(s.inviteToApp("grace@example.com"))
	form := accept(k)
	form.Set("first_name", "Grace")
	joined := s.follow(s.post(form))
	if body := text(joined.body); joined.status != http.StatusOK || !strings.Contains(body, "You have joined Atlas") ||
		!strings.Contains(body, "Your account is ready.") || !strings.Contains(body, "Continue to Atlas") {
		t.Errorf("want the page that says so with the way on, got %d\n%s", joined.status, body)
	}
	checkPage(t, joined)
	list, err := s.db.Users(s.Context(), s.in, store.UserFilter{EmailAddresses: []string{"grace@example.com"}, OrderBy: "created_at", Page: invite.Page{Limit: 10}})
	if err != nil || len(list) != 1 || list[0].FirstName != "Grace" || !list[0].Owns("grace@example.com") {
		t.Errorf("want one user with the name and the address, got %+v, %v", list, err)
	}
	after := s.dump()
	if again := s.follow(s.post(form)); !strings.Contains(text(again.body), "You have joined") {
		t.Errorf("want who sends the form twice to end where it went, got\n%s", again.body)
	}
	if late := s.follow(s.follow(s.post(decline(k)))); !strings.Contains(late.body, "has been used") {
		t.Errorf("want declining afterwards to tell that it is too late, got\n%s", late.body)
	}
	if diff := cmp.Diff(after, s.dump()); diff != "" {
		t.Errorf("want nothing changed afterwards, got\n%s", diff)
	}
	other := s.ticket(s.inviteToApp("heidi@example.com"))
	if page := s.follow(s.post(decline(other))); !strings.Contains(text(page.body), "You did not join Atlas") {
		t.Errorf("want the page that says so, got\n%s", page.body)
	}
}

// An outcome's page is not proof by itself: it reads the state.
func TestOutcomesAreRead(t *testing.T) {
	s := open(t)
	k := s.ticket(s.invite("grace@example.com"))
	for _, path := range []string{"/accept/joined", "/accept/declined"} {
		if a := s.get(path + "?ticket=" + k); a.header.Get("Location") != "/accept?ticket="+k {
			t.Errorf("want %s of a pending invitation to lead back, got %d %v", path, a.status, a.header)
		}
		if a := s.get(path); a.status != http.StatusBadRequest {
			t.Errorf("want %s without a ticket refused, got %d", path, a.status)
		}
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	rows := []struct {
		name    string
		options []option
		form    func(*site) url.Values
		status  int
		want    string
		again   bool // offers the way back
	}{
		{"the organization is full", nil, func(s *site) url.Values {
			k := s.ticket(s.invite("grace@example.com"))
			one := 1
			_, err := s.db.UpdateOrganization(s.Context(), s.in, s.acme.ID, invite.OrganizationChange{MaxAllowedMemberships: &one})
			s.must(err)
			return accept(k)
		}, http.StatusConflict, "There is no room left", true},
		{"the link proves no mailbox", []option{mailProofOnly}, func(s *site) url.Values {
			return accept(invite.TicketFor(s.invite("grace@example.com"), invite.ByAPI).Sign(s.keys))
		}, http.StatusForbidden, "use the link in the mail", true},
		{"a member already", []option{homeURL}, func(s *site) url.Values {
			u := s.user("grace@example.com", "Grace", "Hopper")
			k := s.ticket(s.invite("heidi@example.com"))
			_, err := s.db.CreateMembership(s.Context(), s.in, s.acme.ID, invite.NewMembership{UserID: u.ID, Role: invite.RoleMember})
			s.must(err)
			s.sql(`UPDATE invitations SET email_address = 'grace@example.com', email_key = 'grace@example.com'`)
			return accept(k)
		}, http.StatusConflict, "You are a member already", false},
		{"a name of 257 characters", nil, func(s *site) url.Values {
			form := accept(s.ticket(s.invite("grace@example.com")))
			form.Set("last_name", strings.Repeat("x", 257))
			return form
		}, http.StatusUnprocessableEntity, "That name is too long", true},
		{"neither accept nor decline", nil, func(s *site) url.Values {
			return url.Values{"ticket": {s.ticket(s.invite("grace@example.com"))}}
		}, http.StatusBadRequest, "did not arrive whole", false},
		{"a form of more than the limit", nil, func(s *site) url.Values {
			form := accept(s.ticket(s.invite("grace@example.com")))
			form.Set("last_name", strings.Repeat("x", 1<<20))
			return form
		}, http.StatusRequestEntityTooLarge, "That was too much", false},
		{"no ticket", nil, func(*site) url.Values { return accept("") }, http.StatusBadRequest, "This link is incomplete", false},
		{"garbage for a ticket", nil, func(*site) url.Values { return accept("x.y.z") }, http.StatusBadRequest, "This link does not work", false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := open(t, row.options...)
			form := row.form(s)
			before := s.dump()
			a := s.post(form)
			if a.status != row.status || !strings.Contains(text(a.body), row.want) {
				t.Errorf("want %d and %q, got %d\n%s", row.status, row.want, a.status, a.body)
			}
			if back := strings.Contains(a.body, "Back to the invitation"); back != row.again {
				t.Errorf("want a way back %v, got\n%s", row.again, a.body)
			}
			checkPage(t, a)
			if diff := cmp.Diff(before, s.dump()); diff != "" {
				t.Errorf("want nothing changed, got\n%s", diff)
			}
		})
	}
}

// An answer that comes too late leads to what became of the invitation.
func TestLateAnswers(t *testing.T) {
	for _, row := range states {
		if row.status != http.StatusGone || strings.HasSuffix(row.name, "already used") || strings.HasPrefix(row.name, "to sign in") || row.name == "of an organization that is gone" {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			s := open(t)
			form := accept(row.ticket(s))
			before := s.dump()
			a := s.follow(s.follow(s.post(form)))
			if a.status != http.StatusGone || !strings.Contains(text(a.body), row.want[0]) {
				t.Errorf("want the page of an invitation that %s, got %d\n%s", row.want[0], a.status, a.body)
			}
			if diff := cmp.Diff(before, s.dump()); diff != "" {
				t.Errorf("want nothing changed, got\n%s", diff)
			}
		})
	}
}

func TestOnlyTheOwnPageMayAnswer(t *testing.T) {
	rows := []struct {
		name    string
		header  func(*site) []string
		allowed bool
	}{
		{"from the page itself", func(s *site) []string { return []string{"Sec-Fetch-Site", "same-origin"} }, true},
		{"from the page, in a browser without Sec-Fetch-Site", func(s *site) []string { return []string{"Origin", s.URL} }, true},
		{"from the public origin, behind a proxy that renames the host", func(s *site) []string {
			return []string{"Origin", s.pages.PublicURL, "Sec-Fetch-Site", "cross-site"}
		}, true},
		{"from another site", func(s *site) []string {
			return []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}
		}, false},
		{"from a sibling domain", func(s *site) []string { return []string{"Sec-Fetch-Site", "same-site"} }, false},
		{"from another site, in a browser without Sec-Fetch-Site", func(s *site) []string { return []string{"Origin", "https://evil.example"} }, false},
		{"from nowhere that has a name", func(s *site) []string { return []string{"Origin", "null"} }, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := open(t)
			form := accept(s.ticket(s.invite("grace@example.com")))
			before := s.dump()
			a := s.do(http.MethodPost, "/accept", form, row.header(s)...)
			if row.allowed {
				if a.status != http.StatusSeeOther || len(s.members()) != 2 {
					t.Errorf("want the answer taken, got %d\n%s", a.status, a.body)
				}
				return
			}
			if a.status != http.StatusForbidden || !strings.Contains(a.body, "another site") {
				t.Errorf("want it refused with a page, got %d\n%s", a.status, a.body)
			}
			checkPage(t, a)
			if diff := cmp.Diff(before, s.dump()); diff != "" {
				t.Errorf("want nothing changed, got\n%s", diff)
			}
		})
	}
}

func TestHostileNames(t *testing.T) {
	const inviter = "Mallory\u202e\u2066\u200b<img src=x onerror=alert(1)>{{.}}"
	s := open(t, func(_ *site, in *invite.Instance) { in.Name, in.HomeURL = "App\u202e\"'><b>", "javascript:alert(1)" })
	u := s.user("mallory@example.com", inviter, strings.Repeat("z", 200))
	_, err := s.db.CreateMembership(s.Context(), s.in, s.acme.ID, invite.NewMembership{UserID: u.ID, Role: invite.RoleAdmin})
	s.must(err)
	name := "Acme\u200beruces & \"Sons\" {organization} " + strings.Repeat("ä", 150)
	_, err = s.db.UpdateOrganization(s.Context(), s.in, s.acme.ID, invite.OrganizationChange{Name: &name})
	s.must(err)
	i, err := s.db.CreateInvitation(s.Context(), s.in, s.acme.ID, invite.NewInvitation{
		EmailAddress: "grace@example.com", Role: invite.RoleMember, InviterID: u.ID, ExpiresInDays: 1,
	})
	s.must(err)
	k := s.ticket(i)
	pages := []answer{s.get("/accept?ticket=" + k)}
	pages = append(pages, s.follow(s.post(accept(k))), s.get("/accept?ticket="+k))
	for _, a := range pages {
		checkHostile(t, a)
	}
	if !strings.Contains(pages[0].body, "Acmeeruces &amp; &#34;Sons&#34; {organization} ää") {
		t.Errorf("want the organization's name readable, got\n%s", pages[0].body)
	}
}

func checkHostile(t *testing.T, a answer) {
	t.Helper()
	body := strings.NewReplacer("\u2068", "", "\u2069", "").Replace(a.body) // our own isolates
	for _, not := range []string{"\u202e", "\u2066", "\u200b", "\x00", "<img src=x", "<b>", `href="javascript`, strings.Repeat("z", 81), strings.Repeat("ä", 81)} {
		if strings.Contains(body, not) {
			t.Errorf("want no %q on the page, got\n%s", not, body)
		}
	}
	if strings.Count(a.body, "\u2068") != strings.Count(a.body, "\u2069") {
		t.Errorf("want every isolate closed, got\n%q", a.body)
	}
}

func TestWrongAddressesAndMethods(t *testing.T) {
	s := open(t)
	rows := []struct {
		name, method, path string
		status             int
		want, allow        string
	}{
		{"no page there", http.MethodGet, "/nothing", http.StatusNotFound, "There is no page here", ""},
		{"no inbox", http.MethodGet, "/inbox", http.StatusNotFound, "There is no page here", ""},
		{"no mail", http.MethodGet, "/inbox/ins_1/ema_1/html", http.StatusNotFound, "There is no page here", ""},
		{"an image without its ending", http.MethodGet, "/img/org_1/AC", http.StatusNotFound, "There is no page here", ""},
		{"another method", http.MethodDelete, "/accept", http.StatusMethodNotAllowed, "This page cannot do that", "GET, HEAD, POST"},
		{"a form where there is none", http.MethodPost, "/accept/joined", http.StatusMethodNotAllowed, "This page cannot do that", "GET, HEAD"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := s.do(row.method, row.path, nil)
			if a.status != row.status || !strings.Contains(a.body, row.want) || a.header.Get("Allow") != row.allow {
				t.Errorf("want %d, %q and Allow %q, got %d %q\n%s", row.status, row.want, row.allow, a.status, a.header.Get("Allow"), a.body)
			}
			checkPage(t, a)
		})
	}
}

// members returns the names and roles in Acme, in the order of joining.
func (s *site) members() []string {
	s.Helper()
	list, _, err := s.db.Memberships(s.Context(), s.in, s.acme.ID, store.MembershipFilter{OrderBy: "created_at", Page: invite.Page{Limit: 10}})
	s.must(err)
	var names []string
	for _, m := range list {
		names = append(names, m.User.Name()+" "+m.Role.Key)
	}
	return names
}
