package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
	"usher/internal/store"
)

// enroll makes a user with a password a member of Acme.
func (s *site) enroll(address, role string) *invite.User {
	s.Helper()
	u := s.account(address)
	_, err := s.db.CreateMembership(s.Context(), s.in, s.acme.ID, invite.NewMembership{UserID: u.ID, Role: role})
	s.must(err)
	return u
}

// inAcme returns the browser of a member who has opened Acme.
func (s *site) inAcme(address string) *visitor {
	s.Helper()
	v := s.signedIn(address)
	if a := v.submit("/user/organization", url.Values{"organization": {s.acme.ID}}); a.header.Get("Location") != "/organization" {
		s.Fatalf("opening the organization: got %d to %q:\n%s", a.status, a.header.Get("Location"), a.body)
	}
	return v
}

// pending returns the addresses with a pending invitation to Acme, newest first.
func (s *site) pending() (addresses []string) {
	s.Helper()
	page, err := s.db.Invitations(s.Context(), s.in, s.acme.ID, store.InvitationFilter{
		Statuses: []invite.Status{invite.Pending}, OrderBy: "created_at", Descending: true, Page: invite.Page{Limit: 100},
	})
	s.must(err)
	for _, i := range page.Invitations {
		addresses = append(addresses, i.Email.Address+" "+i.Role)
	}
	return addresses
}

// after follows a form to the page that it ends on, which must say what it did.
func (v *visitor) after(path string, form url.Values, says string) {
	v.Helper()
	form.Set("organization", v.acme.ID)
	a := v.submit(path, form)
	if a.status != http.StatusSeeOther {
		v.Fatalf("%s: want a redirect, got %d:\n%s", path, a.status, a.body)
	}
	page := v.open(a.header.Get("Location"))
	if page.status == http.StatusSeeOther {
		page = v.open(page.header.Get("Location"))
	}
	if page.status != http.StatusOK || !strings.Contains(text(page.body), says) {
		v.Errorf("%s: want %q, got %d:\n%s", path, says, page.status, page.body)
	}
}

func TestAdminsRunTheirOrganization(t *testing.T) {
	s := open(t)
	s.enroll("eve@example.com", invite.RoleAdmin)
	bob := s.enroll("bob@example.com", invite.RoleMember)
	v := s.inAcme("eve@example.com")
	v.after("/organization/invite", url.Values{"email_address": {"Grace@example.com"}, "role": {invite.RoleAdmin}}, "The invitation is on its way.")
	v.after("/organization/invite", url.Values{"email_address": {"heidi@example.com"}, "role": {invite.RoleMember}}, "heidi@example.com")
	if got, want := s.pending(), []string{"heidi@example.com org:member", "grace@example.com org:admin"}; !cmp.Equal(got, want) {
		t.Errorf("invitations: got %q, want %q", got, want)
	}
	page, err := s.db.Invitations(t.Context(), s.in, s.acme.ID, store.InvitationFilter{Page: invite.Page{Limit: 1}})
	s.must(err)
	if i := page.Invitations[0]; i.Inviter == nil || i.Inviter.Identifier != "eve@example.com" {
		t.Errorf("want Eve to have invited, got %+v", i.Inviter)
	}
	v.after("/organization/revoke", url.Values{"invitation": {page.Invitations[0].ID}}, "The invitation was withdrawn.")
	v.after("/organization/role", url.Values{"user": {bob.ID}, "role": {invite.RoleAdmin}}, "The role was changed.")
	if got, want := s.members(), []string{"Ada Lovelace org:admin", "Eve org:admin", "Eve org:admin"}; !cmp.Equal(got, want) {
		t.Errorf("members: got %q, want %q", got, want)
	}
	v.after("/organization/remove", url.Values{"user": {bob.ID}}, "The member was removed.")
	v.after("/organization/leave", url.Values{}, "You have left the organization.")
	if got, want := s.members(), []string{"Ada Lovelace org:admin"}; !cmp.Equal(got, want) {
		t.Errorf("members: got %q, want %q", got, want)
	}
	if got := v.session(); got == nil || got.OrganizationID != "" {
		t.Errorf("want who left signed in, in no organization, got %+v", got)
	}
	for _, a := range []answer{v.open("/organization"), v.open("/user")} {
		if strings.Contains(a.body, "Acme") {
			t.Errorf("want who left to see nothing of it, got %d:\n%s", a.status, a.body)
		}
	}
}

// What a member may not see is not on the page, and what a member may not do is
// refused whatever page the form was sent from.
func TestMembersSeeWhatTheyMay(t *testing.T) {
	s := open(t)
	s.enroll("eve@example.com", invite.RoleMember)
	bob := s.enroll("bob@example.com", invite.RoleMember)
	i := s.invite("grace@example.com")
	v := s.inAcme("eve@example.com")
	page := v.open("/organization")
	for _, want := range []string{"Acme Corporation", "Ada Lovelace", "bob@example.com"} {
		if !strings.Contains(text(page.body), want) {
			t.Errorf("want %q on the page, got:\n%s", want, page.body)
		}
	}
	for _, not := range []string{"grace@", "Invite", "Remove", "/organization/role"} {
		if strings.Contains(page.body, not) {
			t.Errorf("want no %q on the page, got:\n%s", not, page.body)
		}
	}
	before := s.dump()
	for path, form := range map[string]url.Values{
		"/organization/invite": {"email_address": {"x@example.com"}, "role": {invite.RoleMember}},
		"/organization/revoke": {"invitation": {i.ID}},
		"/organization/role":   {"user": {bob.ID}, "role": {invite.RoleAdmin}},
		"/organization/remove": {"user": {bob.ID}},
	} {
		form.Set("organization", s.acme.ID)
		a := v.submit(path, form)
		if a.status != http.StatusForbidden || !strings.Contains(a.body, "You may not do that") {
			t.Errorf("%s: want 403 with the reason, got %d:\n%s", path, a.status, a.body)
		}
		checkPage(t, a)
	}
	if diff := cmp.Diff(before, s.dump()); diff != "" {
		t.Errorf("something has changed:\n%s", diff)
	}
}

// Whoever is no member learns nothing of an organization, and changes nothing there.
func TestStrangersAreKeptOut(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	i := s.invite("grace@example.com")
	v := s.signedIn("eve@example.com")
	before := s.dump()
	for path, form := range map[string]url.Values{
		"/organization/invite": {"email_address": {"x@example.com"}, "role": {invite.RoleMember}},
		"/organization/revoke": {"invitation": {i.ID}},
		"/organization/role":   {"user": {s.ada.ID}, "role": {invite.RoleMember}},
		"/organization/remove": {"user": {s.ada.ID}},
		"/organization/leave":  {},
		"/user/organization":   {},
		"/user/accept":         {"invitation": {i.ID}},
	} {
		form.Set("organization", s.acme.ID)
		a := v.submit(path, form)
		if a.status != http.StatusForbidden && a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%s: want it refused with the reason, got %d:\n%s", path, a.status, a.body)
		}
		for _, not := range []string{"Acme", "Ada", "grace"} {
			if strings.Contains(a.body, not) {
				t.Errorf("%s: the page tells of %s", path, not)
			}
		}
	}
	if diff := cmp.Diff(before, s.dump()); diff != "" {
		t.Errorf("something has changed:\n%s", diff)
	}
}

func TestWhatWasTypedIsKept(t *testing.T) {
	s := open(t)
	s.enroll("eve@example.com", invite.RoleAdmin)
	s.invite("grace@example.com")
	v := s.inAcme("eve@example.com")
	for name, row := range map[string]struct {
		path  string
		form  url.Values
		field string
		says  string
	}{
		"invited already":     {"/organization/invite", url.Values{"email_address": {"grace@example.com"}, "role": {invite.RoleAdmin}}, "email_address", "still open"},
		"a member already":    {"/organization/invite", url.Values{"email_address": {"ada@example.com"}, "role": {invite.RoleAdmin}}, "email_address", "a member already"},
		"no address":          {"/organization/invite", url.Values{"email_address": {"grace@"}, "role": {invite.RoleAdmin}}, "email_address", "not an e-mail address"},
		"nothing":             {"/organization/invite", url.Values{"email_address": {""}, "role": {invite.RoleAdmin}}, "email_address", "This is needed"},
		"no such role":        {"/organization/invite", url.Values{"email_address": {"x@example.com"}, "role": {"org:king"}}, "", "cannot be given"},
		"no such member":      {"/organization/remove", url.Values{"user": {"user_2"}}, "", "no member any more"},
		"no such invitation":  {"/organization/revoke", url.Values{"invitation": {"orginv_2"}}, "", "is gone"},
		"a name with markup":  {"/user/create", url.Values{"name": {"<b>Bold"}}, "name", "cannot be used"},
		"a name of nothing":   {"/user/create", url.Values{"name": {""}}, "name", "This is needed"},
		"a name without end":  {"/user/create", url.Values{"name": {strings.Repeat("x", 257)}}, "name", "room for 256"},
		"somebody else's own": {"/user/accept", url.Values{"invitation": {"orginv_2"}}, "", "is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.dump()
			row.form.Set("organization", s.acme.ID)
			a := v.submit(row.path, row.form)
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, row.says) || !strings.Contains(a.body, `role="alert"`) {
				t.Errorf("want %q, got %d:\n%s", row.says, a.status, a.body)
			}
			if described := strings.Contains(a.body, `aria-describedby="problem"`); described != (row.field != "") {
				t.Errorf("want the problem beside the field %q, got:\n%s", row.field, a.body)
			}
			if typed := row.form.Get(row.field); row.field != "" && !strings.Contains(text(a.body), `value="`+typed+`"`) {
				t.Errorf("want %q kept, got:\n%s", typed, a.body)
			}
			checkPage(t, a)
			if diff := cmp.Diff(before, s.dump()); diff != "" {
				t.Errorf("something has changed:\n%s", diff)
			}
		})
	}
}

// Nobody is left without somebody who can manage members.
func TestTheLastAdminStays(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	v := s.signedIn("eve@example.com")
	made := v.submit("/user/create", url.Values{"name": {"Beta"}})
	if made.header.Get("Location") != "/organization?done=created" {
		t.Fatalf("want on to the new organization, got %d:\n%s", made.status, made.body)
	}
	page := v.open("/organization?done=created")
	if !strings.Contains(text(page.body), "The organization is ready") || !strings.Contains(text(page.body), "Beta") {
		t.Errorf("want the new organization, got:\n%s", page.body)
	}
	form := url.Values{"organization": {v.session().OrganizationID}, "user": {v.session().UserID}, "role": {invite.RoleMember}}
	for _, path := range []string{"/organization/leave", "/organization/role", "/organization/remove"} {
		if a := v.submit(path, form); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Somebody has to be able") {
			t.Errorf("%s: want the last admin kept, got %d:\n%s", path, a.status, a.body)
		}
	}
}

func TestInvitationsThatWaitAreAccepted(t *testing.T) {
	s := open(t)
	s.account("eve@example.com", "second@example.com")
	i := s.invite("second@example.com")
	v := s.signedIn("eve@example.com")
	if page := v.open("/user"); !strings.Contains(text(page.body), "You are invited") || !strings.Contains(text(page.body), "Acme Corporation") {
		t.Errorf("want the invitation on the page, got:\n%s", page.body)
	}
	v.after("/user/accept", url.Values{"invitation": {i.ID}}, "You are a member now.")
	if got := v.session(); got.OrganizationID != s.acme.ID {
		t.Errorf("want the organization active, got %q", got.OrganizationID)
	}
	if got := s.members(); !slices.Contains(got, "Eve org:member") {
		t.Errorf("want Eve among the members, got %q", got)
	}
	if again := v.submit("/user/accept", url.Values{"invitation": {i.ID}}); again.status != http.StatusUnprocessableEntity {
		t.Errorf("want it to work once, got %d", again.status)
	}
}

func TestOnlyGuestsComeIn(t *testing.T) {
	s := open(t)
	v := &visitor{site: s}
	before := s.dump()
	for path, want := range map[string]string{
		"/organization?members=2": "/sign-in?redirect_url=%2Forganization%3Fmembers%3D2", "/user": "/sign-in?redirect_url=%2Fuser",
	} {
		if a := v.open(path); a.status != http.StatusSeeOther || a.header.Get("Location") != want {
			t.Errorf("%s: got %d to %q, want %q", path, a.status, a.header.Get("Location"), want)
		}
	}
	for _, path := range []string{
		"/organization/invite", "/organization/revoke", "/organization/role", "/organization/remove", "/organization/leave",
		"/user/organization", "/user/create", "/user/accept",
	} {
		if a := v.submit(path, url.Values{"name": {"Beta"}}); a.header.Get("Location") != "/sign-in?redirect_url=%2Forganization" {
			t.Errorf("%s: want to sign in first, got %d to %q", path, a.status, a.header.Get("Location"))
		}
	}
	if s.dump() != before {
		t.Error("something has changed")
	}
}

func TestPagesOfALongList(t *testing.T) {
	s := open(t)
	s.enroll("eve@example.com", invite.RoleAdmin)
	for n := range 55 {
		s.invite("invited" + string(rune('a'+n%26)) + strings.Repeat("x", n/26) + "@example.com")
	}
	v := s.inAcme("eve@example.com")
	first, second := v.open("/organization"), v.open("/organization?invitations=2")
	if got := strings.Count(first.body, "/organization/revoke"); got != 50 || !strings.Contains(first.body, `href="?invitations=2"`) {
		t.Errorf("want 50 lines and the way on, got %d", got)
	}
	if got := strings.Count(second.body, "/organization/revoke"); got != 5 || !strings.Contains(second.body, `href="?invitations=1"`) || strings.Contains(second.body, `href="?invitations=3"`) {
		t.Errorf("want 5 lines and the way back only, got %d", got)
	}
	for _, n := range []string{"0", "-1", "x", "99999999999999999999"} {
		if a := v.open("/organization?invitations=" + n); a.status != http.StatusOK || strings.Count(a.body, "/organization/revoke") != 50 {
			t.Errorf("page %s: want the first, got %d", n, a.status)
		}
	}
}

// The first page of a server says who is signed in, and leads on.
func TestHomeFitsWhoOpensIt(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	if a := s.get("/"); !strings.Contains(text(a.body), "Sign in to Atlas") || strings.Contains(a.body, "Sign out") {
		t.Errorf("want a stranger to be able to sign in, got:\n%s", a.body)
	}
	v := s.signedIn("eve@example.com")
	if a := v.open("/"); !strings.Contains(tagless(a.body), "You are signed in as Eve") || !strings.Contains(a.body, "Sign out") {
		t.Errorf("want to be told who is signed in, got:\n%s", a.body)
	}
	if a := v.submit("/sign-out", url.Values{}); a.header.Get("Location") != "/sign-in" || v.session() != nil {
		t.Errorf("want nobody signed in, got %d to %q", a.status, a.header.Get("Location"))
	}
}
