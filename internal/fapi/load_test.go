package fapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"

	"usher/internal/invite"
	"usher/internal/store/storetest"
)

// crowd is how many browsers one account is signed in with at once.
const crowd = 200

// answers counts what was told, by status and code.
type answers struct {
	sync.Mutex
	told map[string]int
}

// at once lets all browsers ask at the same time and returns how often what was told.
func (s *stage) atOnce(browsers int, ask func(n int) asked) map[string]int {
	s.Helper()
	all := answers{told: map[string]int{}}
	var ready, done sync.WaitGroup
	ready.Add(browsers)
	for n := range browsers {
		done.Go(func() {
			a := ask(n)
			ready.Done()
			ready.Wait()
			rec := s.ask(a)
			code := told(s, rec)
			all.Lock()
			defer all.Unlock()
			all.told[code]++
		})
	}
	done.Wait()
	return all.told
}

func TestACrowdOnOneAccount(t *testing.T) {
	s := newStage(t)
	tokens, sessions := make([]string, crowd), make([]string, crowd)
	for n := range crowd {
		v := s.signIn(s.atlas, "", "Ada")
		tokens[n], sessions[n] = v.Token, v.Session.ID
	}
	own := s.ids["own"]
	got := s.atOnce(4*crowd, func(k int) asked {
		n := k % crowd
		a := asked{token: tokens[n], ids: map[string]string{"session_id": sessions[n], "invitation_id": own}}
		switch k / crowd {
		case 0:
			a.route = "POST /v1/client/sessions/{session_id}/tokens"
		case 1:
			a.route, a.form = "POST /v1/client/sessions/{session_id}/touch", "active_organization_id="+[]string{"", s.acme}[n%2]
		case 2:
			a.route, a.form = "POST /v1/client/sessions/{session_id}/tokens", "organization_id="+s.acme
		default:
			a.route = "POST /v1/me/organization_invitations/{invitation_id}/accept"
		}
		return a
	})
	want := map[string]int{"200": 3*crowd + 1, "404 organization_invitation_not_pending": crowd - 1}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := s.rows(`SELECT count(*) FROM memberships WHERE organization_id = '` + s.beta + `' AND user_id = '` + s.users["Ada"].ID + `'`); got[0] != "1" {
		t.Errorf("Ada has %s memberships of Beta, want 1", got[0])
	}
	for n, token := range tokens {
		c, err := s.db.Client(t.Context(), s.atlas, token)
		s.must(err)
		if got := c.SignedIn(); got == nil || got.ID != sessions[n] || n%2 == 1 && got.OrganizationID != s.acme {
			t.Fatalf("browser %d has lost its session: %+v", n, got)
		}
	}
	storetest.Invariants(t, s.db, s.raw)
}

// One ticket in many browsers: one signs in and joins, and its account is nobody else's.
func TestACrowdWithOneTicket(t *testing.T) {
	for _, row := range []struct{ name, address, route, form string }{
		{"of somebody known", "gus@example.com", "POST /v1/client/sign_ins", "strategy=ticket&ticket=%s"},
		{"of somebody new", "nova@example.com", "POST /v1/client/sign_ups", "strategy=ticket&ticket=%s&first_name=Nova&password=correct+horse"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newStage(t)
			ticket := s.byMail(s.invite(s.acme, row.address))
			const browsers = 20
			got := s.atOnce(browsers, func(int) asked { return asked{route: row.route, form: fmt.Sprintf(row.form, ticket)} })
			if want := map[string]int{"200": 1, "400 organization_invitation_already_accepted": browsers - 1}; !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			if got := s.rows(`SELECT a.user_id FROM email_addresses a JOIN memberships m ON m.user_id = a.user_id WHERE a.email_key = '` + row.address + `'`); len(got) != 1 {
				t.Errorf("there are %d members with the address, want 1", len(got))
			}
			storetest.Invariants(t, s.db, s.raw)
		})
	}
}

// A browser that signs out while it asks for tokens gets them or is told that it is
// signed out, and none afterwards.
func TestSigningOutInACrowd(t *testing.T) {
	s := newStage(t)
	v := s.signIn(s.atlas, "", "Gus")
	routes := []string{
		"POST /v1/client/sessions/{session_id}/tokens", "POST /v1/client/sessions/{session_id}/touch", "GET /v1/me", "GET /v1/client",
		"POST /v1/client/sessions/{session_id}/end",
	}
	got := s.atOnce(100, func(n int) asked {
		return asked{route: routes[n%len(routes)], token: v.Token, ids: map[string]string{"session_id": v.Session.ID}}
	})
	for told := range got {
		if told != "200" && told != noMember && told != signedOut {
			t.Errorf("somebody was told %s", told)
		}
	}
	if got := s.atOnce(3, func(n int) asked {
		return asked{route: routes[n%2], token: v.Token, ids: map[string]string{"session_id": v.Session.ID}}
	}); got[noMember] != 3 {
		t.Errorf("afterwards: got %v, want %s", got, noMember)
	}
	if got := s.rows(`SELECT count(*) FROM events WHERE type = '` + string(invite.SessionEndedEvent) + `'`); got[0] != "1" {
		t.Errorf("the session has ended %s times", got[0])
	}
	if rec := s.ask(asked{route: "GET /v1/me", token: s.tokens["Ada"]}); rec.Code != http.StatusOK {
		t.Errorf("Ada: got %d", rec.Code)
	}
}
