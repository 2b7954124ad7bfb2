package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
)

// code returns the number-th code mailed for what the browser has begun.
func (v *visitor) code(number int) string {
	v.Helper()
	c, err := v.db.Client(v.Context(), v.in, v.token())
	v.must(err)
	state, err := v.db.ClientState(v.Context(), v.in, c.ID)
	v.must(err)
	about := invite.CodeSubject{InstanceID: v.in.ID, Number: number}
	switch {
	case state.SignIn != nil:
		about.ID = state.SignIn.ID
	case state.SignUp != nil:
		about.ID = state.SignUp.ID
	}
	return v.keys.Code(about)
}

// wrong returns a code that is none of those.
func wrong(codes ...string) string {
	for _, try := range []string{"000000", "111111", "222222"} {
		if !strings.Contains(strings.Join(codes, " "), try) {
			return try
		}
	}
	return ""
}

func byCode(identifier, next string) url.Values {
	return url.Values{"identifier": {identifier}, "action": {"code"}, "redirect_url": {next}}
}

func TestSigningInWithACode(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	v := &visitor{site: s}
	a := v.submit("/sign-in", byCode("eve@example.com", "/docs"))
	if got := a.header.Get("Location"); got != "/sign-in/code?redirect_url=%2Fdocs" {
		t.Fatalf("want on to the code, got %d to %q:\n%s", a.status, got, a.body)
	}
	page := v.open(a.header.Get("Location"))
	for _, want := range []string{"A code is on its way to eve@example.com.", "ten minutes"} {
		if !strings.Contains(text(page.body), want) {
			t.Errorf("want %q on the page, got:\n%s", want, page.body)
		}
	}
	checkPage(t, page)
	first := v.code(1)
	if strings.Contains(page.body, first) || strings.Contains(s.dump(), first) {
		t.Error("the code is not only in the mail")
	}

	for _, answer := range []string{"", wrong(first)} {
		a := v.submit("/sign-in/code", url.Values{"code": {answer}, "redirect_url": {"/docs"}})
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `aria-describedby="problem"`) || !strings.Contains(a.body, `value="/docs"`) {
			t.Errorf("code %q: want the page again with what is wrong, got %d:\n%s", answer, a.status, a.body)
		}
		checkPage(t, a)
	}
	if v.session() != nil {
		t.Fatal("a wrong code signs in")
	}
	again := v.submit("/sign-in/code", url.Values{"action": {"again"}, "redirect_url": {"/docs"}})
	if again.header.Get("Location") != "/sign-in/code?redirect_url=%2Fdocs" {
		t.Errorf("another code: got %d to %q", again.status, again.header.Get("Location"))
	}
	if a := v.submit("/sign-in/code", url.Values{"code": {first}}); v.session() != nil {
		t.Errorf("the code before the last signs in: got %d", a.status)
	}
	before := v.cookie
	done := v.submit("/sign-in/code", url.Values{"code": {" " + v.code(2) + " "}, "redirect_url": {"/docs"}})
	if done.header.Get("Location") != "/docs" || v.session() == nil || v.cookie == before {
		t.Errorf("want signed in with another cookie and on to where one wanted, got %d to %q:\n%s", done.status, done.header.Get("Location"), done.body)
	}
	if a := v.open("/sign-in/code"); a.header.Get("Location") != "/sign-in" {
		t.Errorf("afterwards: got %d to %q, want to begin anew", a.status, a.header.Get("Location"))
	}
}

// The address of somebody who typed only a username is not shown whole.
func TestACodeDoesNotTellTheAddress(t *testing.T) {
	s := open(t)
	_, err := s.db.CreateUser(t.Context(), s.in, invite.NewUser{EmailAddresses: []string{"eve@example.com"}, Username: "eveline"})
	s.must(err)
	v := &visitor{site: s}
	page := v.open(v.submit("/sign-in", byCode("eveline", "")).header.Get("Location"))
	if strings.Contains(page.body, "eve@") || !strings.Contains(page.body, "@example.com") {
		t.Errorf("want the address masked, got:\n%s", page.body)
	}
}

func TestCodesAreNotGuessed(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	v := &visitor{site: s}
	v.submit("/sign-in", byCode("eve@example.com", ""))
	right := v.code(1)
	for range invite.MaxCodeAttempts {
		v.submit("/sign-in/code", url.Values{"code": {wrong(right)}})
	}
	if a := v.submit("/sign-in/code", url.Values{"code": {right}}); v.session() != nil || !strings.Contains(a.body, `role="alert"`) {
		t.Errorf("the right code after %d wrong ones: got %d, signed in %v:\n%s", invite.MaxCodeAttempts, a.status, v.session() != nil, a.body)
	}
	for range invite.MaxCodes - 1 {
		if a := v.submit("/sign-in/code", url.Values{"action": {"again"}}); a.status != http.StatusSeeOther {
			t.Fatalf("another code: got %d", a.status)
		}
	}
	if a := v.submit("/sign-in/code", url.Values{"action": {"again"}}); !strings.Contains(a.body, `role="alert"`) {
		t.Errorf("one code more than there are: got %d to %q:\n%s", a.status, a.header.Get("Location"), a.body)
	}
	last := v.code(invite.MaxCodes)
	s.advance(invite.CodeLifetime)
	if a := v.submit("/sign-in/code", url.Values{"code": {last}}); v.session() != nil {
		t.Errorf("a code that is over signs in: got %d", a.status)
	}
}

func openSignUp(address, password string) url.Values {
	return url.Values{"email_address": {address}, "first_name": {"Grace"}, "last_name": {"Hopper"}, "password": {password}, "redirect_url": {"/docs"}}
}

func TestSigningUpWithoutATicket(t *testing.T) {
	s := open(t)
	v := &visitor{site: s}
	if page := v.open("/sign-in?redirect_url=/docs"); !strings.Contains(page.body, `href="/sign-up?redirect_url=%2fdocs"`) {
		t.Errorf("want the way to an account, got:\n%s", page.body)
	}
	page := v.open("/sign-up?redirect_url=/docs")
	if !strings.Contains(page.body, `href="/sign-in?redirect_url=%2fdocs"`) {
		t.Errorf("want the way back, got:\n%s", page.body)
	}
	checkPage(t, page)
	a := v.submit("/sign-up", openSignUp("grace@example.com", "correct horse"))
	if got := a.header.Get("Location"); got != "/sign-up/code?redirect_url=%2Fdocs" {
		t.Fatalf("want on to the code, got %d to %q:\n%s", a.status, got, a.body)
	}
	if page := v.open(a.header.Get("Location")); !strings.Contains(text(page.body), "on its way to grace@example.com") {
		t.Errorf("want the address, got:\n%s", page.body)
	}
	code := v.code(1)
	if a := v.submit("/sign-up/code", url.Values{"code": {wrong(code)}}); a.status != http.StatusUnprocessableEntity || v.session() != nil {
		t.Errorf("a wrong code: got %d", a.status)
	}
	if _, err := s.db.UserByIdentifier(t.Context(), s.in, "grace@example.com"); err == nil {
		t.Error("there is an account before the address is proven")
	}
	done := v.submit("/sign-up/code", url.Values{"code": {code}, "redirect_url": {"/docs"}})
	if done.header.Get("Location") != "/docs" || v.session() == nil {
		t.Errorf("want signed in and on, got %d to %q:\n%s", done.status, done.header.Get("Location"), done.body)
	}
	s.signedIn("grace@example.com")
	if a := v.open("/sign-up?redirect_url=/docs"); a.header.Get("Location") != "/docs" {
		t.Errorf("signed in already: got %d to %q", a.status, a.header.Get("Location"))
	}
}

func TestSigningUpWithoutATicketKeepsWhatWasTyped(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	for name, row := range map[string]struct{ address, password, want string }{
		"no address":        {"", "correct horse", "This is needed"},
		"no such address":   {"grace", "correct horse", "address"},
		"a taken address":   {"eve@example.com", "correct horse", "Sign in instead"},
		"no password":       {"grace@example.com", "", "This is needed"},
		"a short password":  {"grace@example.com", "horse", "at least 8"},
		"a hostile address": {`"><script>`, "correct horse", "address"},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.dump()
			v := &visitor{site: s}
			a := v.submit("/sign-up", openSignUp(row.address, row.password))
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, row.want) || !strings.Contains(a.body, `aria-describedby="problem"`) {
				t.Errorf("want %q beside its field, got %d:\n%s", row.want, a.status, a.body)
			}
			if !strings.Contains(a.body, `value="Hopper"`) || !strings.Contains(a.body, `value="/docs"`) || strings.Contains(a.body, "horse") || strings.Contains(a.body, "<script>") {
				t.Errorf("want what was typed kept but for the password, got:\n%s", a.body)
			}
			checkPage(t, a)
			if s.dump() != before {
				t.Error("something has changed")
			}
		})
	}
}

func TestCodesOfNothing(t *testing.T) {
	s := open(t)
	s.account("eve@example.com")
	for path, start := range map[string]string{"/sign-in/code": "/sign-in", "/sign-up/code": "/sign-up"} {
		stranger := &visitor{site: s}
		for _, a := range []answer{stranger.open(path), stranger.submit(path, url.Values{"code": {"123456"}})} {
			if a.status != http.StatusSeeOther || a.header.Get("Location") != start {
				t.Errorf("%s of nobody: got %d to %q, want to begin at %s", path, a.status, a.header.Get("Location"), start)
			}
		}
		late := &visitor{site: s}
		late.submit("/sign-in", byCode("eve@example.com", ""))
		s.advance(invite.AttemptLifetime + time.Second)
		if a := late.open(path); a.header.Get("Location") != start {
			t.Errorf("%s a day late: got %d to %q", path, a.status, a.header.Get("Location"))
		}
	}
}
