package fapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
	"usher/internal/password"
)

const (
	oneNetwork   = "203.0.113.9:4711"
	otherNetwork = "198.51.100.9:4711"
	tooMany      = "429 too_many_requests"
)

// guarded is a stage with Pat, who signs in with a password.
type guarded struct {
	*stage
	pat *invite.User
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{stage: newStage(t)}
	digest, err := password.NewHasher(1).Digest(t.Context(), "correct horse")
	g.must(err)
	g.pat, err = g.db.CreateUser(t.Context(), g.atlas, invite.NewUser{EmailAddresses: []string{"pat@example.com"}, PasswordDigest: digest})
	g.must(err)
	return g
}

// tried signs in from an address and returns what came of it.
func (g *guarded) tried(from, form string) string {
	g.Helper()
	return told(g, g.ask(asked{route: "POST /v1/client/sign_ins", form: form, from: from}))
}

const (
	byPassword = "identifier=pat@example.com&password=correct+horse"
	byNothing  = "strategy=ticket&ticket=forged"
	byMail     = "strategy=email_code&identifier=pat@example.com"
)

// Whoever tries many accounts is slowed down by the network, and nobody else is.
func TestANetworkIsSlowedDown(t *testing.T) {
	for name, row := range map[string]struct{ form, want string }{
		"failing":       {byNothing, "400 ticket_invalid_code"},
		"mailing codes": {byMail, "200"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t)
			for range 3 { // what succeeds does not count
				if got := g.tried(oneNetwork, byPassword); got != "200" {
					t.Fatalf("signing in: got %s", got)
				}
			}
			for n := range 100 {
				if got := g.tried(oneNetwork, row.form); got != row.want {
					t.Fatalf("try %d: got %s, want %s", n, got, row.want)
				}
			}
			rec := g.ask(asked{route: "POST /v1/client/sign_ins", form: byPassword, from: oneNetwork})
			if got := told(t, rec); got != tooMany || rec.Header().Get("Retry-After") != "6" {
				t.Errorf("after 100: got %s, Retry-After %q, want %s and 6 seconds", got, rec.Header().Get("Retry-After"), tooMany)
			}
			for what, from := range map[string]string{"a neighbour's network": otherNetwork, "a proxy that nobody named": "10.1.2.3:80"} {
				if got := g.tried(from, byPassword); got != "200" {
					t.Errorf("from %s: got %s, want 200", what, got)
				}
			}
			g.clock.Add((6 * time.Second).Milliseconds())
			if got := g.tried("203.0.113.77:1", byPassword); got != "200" {
				t.Errorf("a while later: got %s, want 200", got)
			}
		})
	}
}

// Each way to come in, and each that mails, stands behind the brake on networks.
func TestEveryWayInIsSlowedDown(t *testing.T) {
	for _, route := range []string{
		"POST /v1/client/sign_ins",
		"POST /v1/client/sign_ins/{sign_in_id}/prepare_first_factor",
		"POST /v1/client/sign_ins/{sign_in_id}/attempt_first_factor",
		"POST /v1/client/sign_ups",
		"PATCH /v1/client/sign_ups/{sign_up_id}",
		"POST /v1/client/sign_ups/{sign_up_id}/prepare_verification",
		"POST /v1/client/sign_ups/{sign_up_id}/attempt_verification",
		"POST /v1/me/change_password",
		"POST /v1/me/remove_password",
		"POST /v1/me/email_addresses/{email_address_id}/prepare_verification",
		"POST /v1/me/email_addresses/{email_address_id}/attempt_verification",
		"POST /v1/organizations/{organization_id}/domains/{domain_id}/prepare_affiliation_verification",
		"POST /v1/organizations/{organization_id}/domains/{domain_id}/attempt_affiliation_verification",
	} {
		t.Run(route, func(t *testing.T) {
			s := newStage(t)
			form := "strategy=ticket&ticket=forged"
			for range 100 {
				if got := told(t, s.ask(asked{route: route, form: form, from: oneNetwork})); got == "200" || got == tooMany {
					t.Fatalf("a try: got %s, want another refusal", got)
				}
			}
			if got := told(t, s.ask(asked{route: route, form: form, from: oneNetwork})); got != tooMany {
				t.Errorf("after 100: got %s, want %s", got, tooMany)
			}
		})
	}
}

// A proxy that sends the instance's secret key says whose request it is; nobody else does.
func TestTheInstancesProxySaysWhoAsks(t *testing.T) {
	for _, route := range []string{"POST /v1/client/sign_ins", "GET /v1/tickets/accept?ticket=forged"} {
		t.Run(route, func(t *testing.T) {
			g := newGuarded(t)
			key, err := g.db.CreateKey(t.Context(), g.atlas)
			g.must(err)
			try := func(key, who string) string {
				header := http.Header{"X-Forwarded-For": {who}, "Accept": {"application/json"}}
				if key != "" {
					header.Set("Clerk-Secret-Key", key)
				}
				return told(t, g.ask(asked{route: route, form: byNothing, from: oneNetwork, header: header}))
			}
			for n := range 200 {
				if got := try(key, fmt.Sprintf("198.51.%d.1", n)); got == tooMany {
					t.Fatalf("try %d of as many networks: got %s", n, got)
				}
			}
			var got string
			for n := range 101 {
				got = try("", fmt.Sprintf("198.51.%d.1", n))
			}
			if got != tooMany {
				t.Errorf("who only says so: got %s, want %s", got, tooMany)
			}
		})
	}
}

// An identifier that nobody has is refused as late as a wrong password, and as often.
func TestStrangersCostAComparison(t *testing.T) {
	g := newGuarded(t)
	try := func(host, who, plain string) string {
		return told(t, g.ask(asked{route: "POST /v1/client/sign_ins", host: host, form: "identifier=" + who + "&password=" + plain}))
	}
	for who, want := range map[string]string{"pat@example.com": "422 form_password_incorrect", "nobody@example.com": "422 form_identifier_not_found", "nobody": "422 form_identifier_not_found"} {
		before := g.passwords.Worked()
		if got := try("", who, "wrong+horse"); got != want {
			t.Errorf("%s: got %s, want %s", who, got, want)
		}
		if got := g.passwords.Worked() - before; got != 1 {
			t.Errorf("%s: %d passwords were compared, want 1", who, got)
		}
	}
	for range 9 {
		try("", "nobody", "wrong+horse")
	}
	for who, want := range map[string]string{"nobody": tooMany, "NOBODY": tooMany, "somebody": "422 form_identifier_not_found"} {
		if got := try("", who, "wrong+horse"); got != want {
			t.Errorf("after ten at nobody, %s: got %s, want %s", who, got, want)
		}
	}
	if got := try(gulfHost, "nobody", "wrong+horse"); got == tooMany {
		t.Errorf("another instance's nobody: got %s", got)
	}
	if got := try("", "nobody", strings.Repeat("x", invite.MaxPassword+1)); got != "422 form_identifier_not_found" {
		t.Errorf("a password that nobody can have: got %s", got)
	}
}
