package fapi_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
	"usher/internal/password"
)

// byMail returns the ticket in an invitation's mail.
func (s *stage) byMail(i *invite.Invitation) string {
	return invite.TicketFor(i, invite.ByMail).Sign(s.keys)
}

// bring asks with a ticket for all that one is good for, and fails unless each is told
// want and nothing is done.
func (s *stage) bring(name, ticket, want string) {
	s.Helper()
	before := s.dump()
	form := url.Values{"strategy": {"ticket"}, "ticket": {ticket}}.Encode()
	for _, token := range []string{"", s.tokens["after a sign-out"]} {
		for _, route := range []string{"POST /v1/client/sign_ins", "POST /v1/client/sign_ups"} {
			rec := s.ask(asked{route: route, form: form, token: token})
			if got := told(s, rec); got != want {
				s.Errorf("%s, %s: got %s, want %s", name, route, got, want)
			}
			if rec.Header().Get("Set-Cookie") != "" {
				s.Errorf("%s, %s: got a cookie", name, route)
			}
		}
	}
	rec := s.ask(asked{route: "PATCH /v1/client/sign_ups/{sign_up_id}", form: form, token: s.tokens["Gus"]})
	if got := told(s, rec); got != want {
		s.Errorf("%s, in a sign-up under way: got %s, want %s", name, got, want)
	}
	s.unchanged(before, name)
}

func TestTicketsThatOpenNothing(t *testing.T) {
	s := newStage(t)
	mine, others := s.invite(s.acme, "mine@example.com"), s.invite(s.acme, "others@example.com")
	good, other := s.byMail(mine), s.byMail(others)
	parts, otherParts := strings.Split(good, "."), strings.Split(other, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	rows := map[string]string{
		"signed by another server":            invite.TicketFor(mine, invite.ByMail).Sign(keyring(t, 8)),
		"the signature of another invitation": parts[0] + "." + parts[1] + "." + otherParts[2],
		"the claims of another invitation":    parts[0] + "." + otherParts[1] + "." + parts[2],
		"without a signature":                 parts[0] + "." + parts[1] + ".",
		"without a part":                      parts[0] + "." + parts[1],
		"unsigned by its own word":            none + "." + parts[1] + ".",
		"unsigned by its own word, signed":    none + "." + parts[1] + "." + parts[2],
		"of 64 KB":                            strings.Repeat("x", 64<<10),
		"of 64 KB, with a good one first":     good + strings.Repeat("A", 64<<10),
		"of dots":                             strings.Repeat(".", 1000),
		"with a line break":                   good[:20] + "\r\n" + good[20:],
		"with a space":                        good + " ",
		"of a session":                        s.tokens["Ada"],
	}
	for _, n := range []int{1, len(good) / 4, len(good) / 2, len(good) - 10, len(good) - 1} {
		rows["truncated after "+good[max(0, n-5):n]] = good[:n]
	}
	for name, ticket := range rows {
		s.bring(name, ticket, "400 ticket_invalid_code")
	}
}

func TestTicketsOfAnotherInstance(t *testing.T) {
	s := newStage(t)
	theirs, err := s.db.CreateInvitation(t.Context(), s.gulf, s.delta, invite.NewInvitation{
		EmailAddress: "gus@example.com", Role: invite.RoleMember, ExpiresInDays: 30,
	})
	s.must(err)
	s.bring("another instance's", s.byMail(theirs), "400 ticket_invalid_code")
	token, err := s.db.CreateSignInToken(t.Context(), s.gulf, invite.NewSignInToken{UserID: s.users["Ida"].ID, ExpiresInSeconds: 60})
	s.must(err)
	s.bring("another instance's, to sign in", token.Ticket().Sign(s.keys), "400 ticket_invalid_code")
}

func TestTicketsWhoseTimeIsOver(t *testing.T) {
	rows := []struct {
		name, want string
		end        func(*stage, *invite.Invitation)
	}{
		{"expired", "400 ticket_expired_code", func(s *stage, _ *invite.Invitation) { s.clock.Add((30 * 24 * time.Hour).Milliseconds()) }},
		{"revoked", "400 organization_invitation_revoked_code", func(s *stage, i *invite.Invitation) {
			_, err := s.db.RevokeInvitation(s.Context(), s.atlas, s.acme, i.ID, "")
			s.must(err)
		}},
		{"declined", "400 organization_invitation_revoked_code", func(s *stage, i *invite.Invitation) {
			s.must(s.db.DeclineInvitation(s.Context(), invite.TicketFor(i, invite.ByMail)))
		}},
		{"of a deleted organization", "400 organization_invitation_to_deleted_organization", func(s *stage, _ *invite.Invitation) {
			_, err := s.db.DeleteOrganization(s.Context(), s.atlas, s.acme)
			s.must(err)
		}},
		{"used by another browser", "400 organization_invitation_already_accepted", func(s *stage, i *invite.Invitation) {
			rec := s.ask(asked{route: "POST /v1/client/sign_ins", form: "strategy=ticket&ticket=" + s.byMail(i)})
			if rec.Code != http.StatusOK {
				s.Fatalf("using the ticket: got %d\n%s", rec.Code, rec.Body)
			}
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newStage(t)
			i := s.invite(s.acme, "gus@example.com")
			row.end(s, i)
			if row.name == "expired" { // so is the attempt
				delete(s.tokens, "Gus")
			}
			before := s.dump()
			for _, route := range []string{"POST /v1/client/sign_ins", "POST /v1/client/sign_ups"} {
				rec := s.ask(asked{route: route, form: "strategy=ticket&ticket=" + s.byMail(i)})
				if got := told(t, rec); got != row.want {
					t.Errorf("%s: got %s, want %s", route, got, row.want)
				}
			}
			s.unchanged(before, row.name)
		})
	}
}

// A ticket shows whom it is for, not to whoever is signed in here.
func TestSomebodyElsesTicket(t *testing.T) {
	s := newStage(t)
	ticket := s.byMail(s.invite(s.acme, "gus@example.com"))
	before := s.dump()
	for _, route := range []string{"POST /v1/client/sign_ins", "POST /v1/client/sign_ups"} {
		rec := s.ask(asked{route: route, form: "strategy=ticket&ticket=" + ticket, token: s.tokens["Eve"]})
		if got := told(t, rec); got != "400 session_exists" {
			t.Errorf("%s: got %s, want 400 session_exists", route, got)
		}
		if strings.Contains(rec.Body.String(), "gus") {
			t.Errorf("%s tells for whom it is: %s", route, rec.Body)
		}
	}
	s.unchanged(before, "somebody else's ticket")
}

// Whoever plants a cookie, or knows an old one, is not signed in with it afterwards.
func TestAPlantedTokenOpensNothing(t *testing.T) {
	digest, err := password.NewHasher(1).Digest(t.Context(), "correct horse")
	must(t, err)
	for name, enter := range map[string]func(*stage) asked{
		"a password": func(s *stage) asked {
			_, err := s.db.CreateUser(s.Context(), s.atlas, invite.NewUser{EmailAddresses: []string{"pat@example.com"}, PasswordDigest: digest})
			s.must(err)
			return asked{route: "POST /v1/client/sign_ins", form: "identifier=pat@example.com&password=correct+horse"}
		},
		"a ticket": func(s *stage) asked {
			return asked{route: "POST /v1/client/sign_ins", form: "ticket=" + s.byMail(s.invite(s.acme, "gus@example.com"))}
		},
		"a new account": func(s *stage) asked {
			return asked{route: "POST /v1/client/sign_ups", form: "password=correct+horse&ticket=" + s.byMail(s.invite(s.acme, "nova@example.com"))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			planted, err := s.db.CreateClient(t.Context(), s.atlas, "")
			s.must(err)
			a := enter(s)
			a.token = planted.Token
			rec := s.ask(a)
			if rec.Code != http.StatusOK {
				t.Fatalf("got %d\n%s", rec.Code, rec.Body)
			}
			cookie := s.cookie(rec.Result())
			if cookie == planted.Token {
				t.Error("the token stays what it was")
			}
			if rec := s.ask(asked{route: "GET /v1/me", token: cookie}); rec.Code != http.StatusOK {
				t.Errorf("with the new token: got %d, want 200", rec.Code)
			}
			for _, header := range []http.Header{{"Cookie": {"__client=" + planted.Token}}, {"Authorization": {planted.Token}}} {
				rec := s.ask(asked{route: "GET /v1/me?_is_native=1", header: header})
				if got := told(t, rec); got != signedOut {
					t.Errorf("with the planted token in %v: got %s, want %s", header, got, signedOut)
				}
				if rec := s.ask(asked{route: "GET /v1/client", header: header}); strings.TrimSpace(rec.Body.String()) != `{"response":null,"client":null}` {
					t.Errorf("the planted token shows %s", rec.Body)
				}
			}
		})
	}
}

// cookie returns the token that an answer gives the browser in both its cookies, and
// checks how.
func (s *stage) cookie(res *http.Response) string {
	s.Helper()
	var names, values []string
	for _, c := range res.Cookies() {
		if !strings.HasPrefix(c.Name, "__client") {
			continue
		}
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Domain != "" || c.Path != "/" {
			s.Errorf("the cookie goes to others: %s", c.Raw)
		}
		names, values = append(names, c.Name), append(values, c.Value)
	}
	if want := []string{"__client", "__client_" + s.atlas.ID}; !slices.Equal(names, want) || values[0] != values[1] {
		s.Fatalf("there are the cookies %v, want %v with one token", names, want)
	}
	return values[0]
}

// Neither tickets nor tokens are left where others read them: in a cache, a Referer
// or the log.
func TestSecretsAreNotLeftBehind(t *testing.T) {
	s := newStage(t)
	ticket := s.byMail(s.invite(s.acme, "gus@example.com"))
	var secrets []string
	for _, token := range s.tokens {
		secrets = append(secrets, token)
	}
	secrets = append(secrets, ticket, "correct+horse", "correct horse")
	for _, a := range []asked{
		{route: "GET /v1/tickets/accept?ticket=" + ticket},
		{route: "GET /v1/tickets/accept?ticket=" + ticket, token: s.tokens["Eve"]},
		{route: "GET /v1/tickets/accept?ticket=" + ticket + "x", header: http.Header{"Accept": {"application/json"}}},
		{route: "GET /v1/client/handshake?redirect_url=https%3A%2F%2Fapp.atlas.test%2F", token: s.tokens["Ada"]},
		{route: "POST /v1/client/sign_ins", form: "identifier=gus@example.com&password=correct+horse"},
		{route: "POST /v1/client/sign_ins?ticket=" + ticket, form: "ticket=" + ticket, token: s.tokens["Eve"]},
		{route: "POST /v1/client/sign_ins", form: "ticket=" + ticket},
		{route: "GET /v1/client", token: s.tokens["Ada"]},
		{route: "POST /v1/client/sessions/{session_id}/tokens", token: s.tokens["Ada"]},
		{route: "GET /v1/nowhere?ticket=" + ticket},
	} {
		rec := s.ask(a)
		h := rec.Header()
		if h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%.40s: got %d with %v, want it kept nowhere", a.route, rec.Code, h)
		}
		if rec.Code >= 400 && strings.Contains(rec.Body.String(), ticket) {
			t.Errorf("%.40s: the refusal repeats the ticket: %s", a.route, rec.Body)
		}
	}
	log := s.log.String()
	if !strings.Contains(log, "/v1/client/sign_ins") {
		t.Fatalf("the log tells nothing: %s", log)
	}
	for _, secret := range secrets {
		if strings.Contains(log, secret) || strings.Contains(log, url.QueryEscape(secret)) {
			t.Errorf("the log has %s", secret)
		}
	}
}

// evil are addresses that must lead nobody away from where they are.
var evil = []string{
	"//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, `https:\\evil.example`, "https:evil.example", "https:/evil.example",
	"https://app.atlas.test@evil.example/", "https://app.atlas.test:x@evil.example/", `https://app.atlas.test\@evil.example/`, `https://evil.example\@app.atlas.test/`,
	"https://app.atlas.test.evil.example/", "https://app.atlas.test%2eevil.example/", "https://app.atlas.test%00.evil.example/",
	"https://app.atlas.test:444/", "http://app.atlas.test/", "https://APP.atlas.test.evil.example", "https://evil.example/https://app.atlas.test/",
	"https://evil.example#https://app.atlas.test/", "https://evil.example?https://app.atlas.test/", "https://app.atlas.test／evil.example/", "https://ａpp.atlas.test/",
	"https://app.atlas。test/", "https://xn--evil.example", "javascript:alert(1)", "java\tscript:alert(1)", "JavaScript://app.atlas.test/%0aalert(1)",
	"data:text/html,x", "h\tttps://evil.example", "https://ev\til.example", " https://evil.example", "\x00https://evil.example", "https://app.atlas.test\r\nLocation: https://evil.example",
	"https://app.atlas.test/\r\nSet-Cookie: a=b", "https://[::1]:80@evil.example", "https://app.atlas.test:443:444/", "https://[app.atlas.test]/", "blob:https://app.atlas.test/x", "ftp://app.atlas.test/",
	"view-source:https://app.atlas.test/", "https://localhost/", "http://127.0.0.1:1/", "http://2130706433/", "file:///etc/passwd",
}

// The handshake tells the page to which it leads who is signed in.
func TestHandshakesLeadNowhereElse(t *testing.T) {
	s := newStage(t)
	s.must(s.db.UpdateInstance(t.Context(), s.atlas, invite.InstanceChange{AllowedOrigins: &[]string{"https://app.atlas.test"}}))
	before := s.dump()
	for _, wanted := range slices.Concat(evil, []string{"/relative", "relative", "https://", "https://app.atlas.test@/"}) {
		for _, host := range []string{"", "evil.example", "app.atlas.test"} {
			rec := s.ask(asked{
				route: "GET /v1/client/handshake?redirect_url=" + url.QueryEscape(wanted), token: s.tokens["Ada"], host: host,
				header: http.Header{"X-Forwarded-Host": {"evil.example"}, "Forwarded": {"host=evil.example"}, "Clerk-Proxy-Url": {"https://evil.example"}},
			})
			if host == "evil.example" && rec.Code < 400 {
				continue // it asks itself
			}
			if rec.Code < 400 || rec.Code >= 500 || rec.Header().Get("Location") != "" || rec.Header().Get("Set-Cookie") != "" {
				t.Errorf("%q at %q: got %d to %q with %q, want it refused", wanted, host, rec.Code, rec.Header().Get("Location"), rec.Header().Get("Set-Cookie"))
			}
		}
	}
	s.unchanged(before, "handshakes")
}

// The link of an invitation leads where the invitation says, whatever the address has beside.
func TestLinksLeadNowhereElse(t *testing.T) {
	s := newStage(t)
	ticket := s.byMail(s.invite(s.acme, "gus@example.com"))
	for _, wanted := range evil {
		q := url.QueryEscape(wanted)
		for _, query := range []string{
			"ticket=" + ticket + "&redirect_url=" + q, "redirect_url=" + q + "&ticket=" + ticket, "ticket=" + q, "ticket=" + ticket + "&ticket=" + q,
		} {
			rec := s.ask(asked{route: "GET /v1/tickets/accept?" + query, host: "evil.example"})
			to, err := url.Parse(rec.Header().Get("Location"))
			if err != nil || to.Scheme+"://"+to.Host != origin || to.Path != "/accept" {
				t.Errorf("%s: got %d to %q, want our page", query, rec.Code, rec.Header().Get("Location"))
			}
		}
	}
}

// A code has six digits and an attempt few answers, but attempts are free: the account's
// guesses count, whatever browser they come from.
func TestCodesAreNotGuessed(t *testing.T) {
	const refusal = "429 too_many_requests"
	for name, row := range map[string]struct{ begin, answer, id string }{
		"of somebody known": {"POST /v1/client/sign_ins", "POST /v1/client/sign_ins/ID/attempt_first_factor", "sia_"},
		"of somebody new":   {"POST /v1/client/sign_ups", "POST /v1/client/sign_ups/ID/attempt_verification", "sua_"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			try := func(right bool) string {
				form := "strategy=email_code&identifier=gus@example.com&email_address=nova@example.com"
				if right {
					form += "&password=correct+horse"
				}
				rec := s.ask(asked{route: row.begin, form: form})
				_, rest, _ := strings.Cut(rec.Body.String(), row.id)
				id, _, _ := strings.Cut(row.id+rest, `"`)
				token := s.cookie(rec.Result())
				if row.id == "sua_" {
					s.ask(asked{route: "POST /v1/client/sign_ups/" + id + "/prepare_verification", form: "strategy=email_code", token: token})
				}
				code := s.keys.Code(invite.CodeSubject{InstanceID: s.atlas.ID, ID: id, Number: 1})
				if !right {
					code = "wrong"
				}
				return told(t, s.ask(asked{route: strings.Replace(row.answer, "ID", id, 1), form: "strategy=email_code&code=" + code, token: token}))
			}
			for range 10 {
				if got := try(false); got != "422 form_code_incorrect" {
					t.Fatalf("a wrong code: got %s", got)
				}
			}
			for _, right := range []bool{false, true} {
				if got := try(right); got != refusal {
					t.Errorf("after ten, right: %t: got %s, want %s", right, got, refusal)
				}
			}
			s.clock.Add((10 * time.Second).Milliseconds())
			if got := try(true); got != "200" {
				t.Errorf("a while later: got %s, want 200", got)
			}
		})
	}
}

// The database counts guesses for good: what a server that stops forgets, and what was
// guessed slowly.
func TestGuessingLocksTheAccount(t *testing.T) {
	s := newStage(t)
	digest, err := password.NewHasher(1).Digest(t.Context(), "correct horse")
	s.must(err)
	pat, err := s.db.CreateUser(t.Context(), s.atlas, invite.NewUser{EmailAddresses: []string{"pat@example.com"}, PasswordDigest: digest})
	s.must(err)
	try := func(plain string) string {
		return told(t, s.ask(asked{route: "POST /v1/client/sign_ins", form: "identifier=pat@example.com&password=" + plain}))
	}
	for range invite.MaxGuesses - 1 {
		s.must(s.db.CountGuess(t.Context(), s.atlas, pat.ID))
	}
	if got := try("wrong+horse"); got != "422 form_password_incorrect" {
		t.Errorf("the last guess: got %s", got)
	}
	rec := s.ask(asked{route: "POST /v1/client/sign_ins", form: "identifier=pat@example.com&password=correct+horse"})
	if got, meta := told(t, rec), `"meta":{"lockout_expires_in_seconds":3600}`; got != "403 user_locked" || !strings.Contains(rec.Body.String(), meta) {
		t.Errorf("the right one then: got %s, want 403 user_locked with %s in %s", got, meta, rec.Body)
	}
	s.clock.Add(invite.LockoutTime.Milliseconds())
	if got := try("correct+horse"); got != "200" {
		t.Errorf("an hour later: got %s, want 200", got)
	}
}

// The admins of many organizations could each prove the same domain, code after code.
func TestGuessesAtADomainAreCountedForItsAddress(t *testing.T) {
	s := newStage(t)
	domains := map[string]string{}
	guess := func(admin, organization string) string {
		path := "POST /v1/organizations/" + organization + "/domains"
		if domains[admin] == "" {
			_, rest, _ := strings.Cut(s.ask(asked{route: path, form: "name=nova.test", token: s.tokens[admin]}).Body.String(), `"id":"`)
			domains[admin], _, _ = strings.Cut(rest, `"`)
		}
		path += "/" + domains[admin]
		s.ask(asked{route: path + "/prepare_affiliation_verification", form: "affiliation_email_address=ceo@nova.test", token: s.tokens[admin]})
		return told(t, s.ask(asked{route: path + "/attempt_affiliation_verification", form: "code=wrong", token: s.tokens[admin]}))
	}
	for range 5 {
		for admin, organization := range map[string]string{"Ada": s.acme, "Eve": s.beta} {
			if got, want := guess(admin, organization), "422 form_code_incorrect"; got != want {
				t.Fatalf("a wrong code: got %s, want %s", got, want)
			}
		}
	}
	for admin, organization := range map[string]string{"Ada": s.acme, "Eve": s.beta} {
		if got := guess(admin, organization); got != tooMany {
			t.Errorf("%s after ten: got %s, want %s", admin, got, tooMany)
		}
	}
}

// Who knows a password could begin anew with it, and so prove any address in the end.
func TestTheOwnPasswordFreesNoGuessesAtAddresses(t *testing.T) {
	s := newStage(t)
	digest, err := password.NewHasher(1).Digest(t.Context(), "correct horse")
	s.must(err)
	_, err = s.db.CreateUser(t.Context(), s.atlas, invite.NewUser{EmailAddresses: []string{"pat@example.com"}, PasswordDigest: digest})
	s.must(err)
	signIn := func() string {
		return s.cookie(s.ask(asked{route: "POST /v1/client/sign_ins", form: "identifier=pat@example.com&password=correct+horse"}).Result())
	}
	rec := s.ask(asked{route: "POST /v1/me/email_addresses", form: "email_address=else@example.com", token: signIn()})
	_, rest, _ := strings.Cut(rec.Body.String(), "idn_")
	id, _, _ := strings.Cut("idn_"+rest, `"`)
	var got string
	for range 11 {
		token := signIn()
		s.ask(asked{route: "POST /v1/me/email_addresses/" + id + "/prepare_verification", form: "strategy=email_code", token: token})
		got = told(t, s.ask(asked{route: "POST /v1/me/email_addresses/" + id + "/attempt_verification", form: "code=wrong", token: token}))
	}
	if want := "429 too_many_requests"; got != want {
		t.Errorf("after ten: got %s, want %s", got, want)
	}
}
