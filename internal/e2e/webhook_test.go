package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// delivery is one request that an endpoint got, as verifiers want to be given it.
type delivery struct {
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

func (d delivery) header() http.Header {
	h := http.Header{}
	for name, value := range d.Headers {
		h.Set(name, value)
	}
	return h
}

// endpoint is a receiver of events, with the secret it was given.
func (u *usher) endpoint(types string) (got <-chan delivery, id, secret string) {
	u.Helper()
	deliveries := make(chan delivery, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		d := delivery{Headers: map[string]string{}, Body: string(body)}
		for name := range r.Header {
			d.Headers[strings.ToLower(name)] = r.Header.Get(name)
		}
		deliveries <- d
	}))
	u.Cleanup(srv.Close)
	made := u.must("POST", "/usher/v1/webhooks", fmt.Sprintf(`{"url":%q,"types":%s}`, srv.URL, types))
	return deliveries, made.text("id"), made.text("secret")
}

// Those who receive deliveries verify them with libraries of their own.
func TestDeliveriesAreVerified(t *testing.T) {
	t.Parallel()
	u := dev(t)
	got, id, secret := u.endpoint(`[]`)
	byType := map[string]delivery{}
	// collect takes deliveries, which come in any order, until all types have come.
	collect := func(types ...string) {
		t.Helper()
		for len(types) > 0 {
			var d delivery
			select {
			case d = <-got:
			case <-time.After(deadline):
				t.Fatalf("nothing told of %v, only of %v", types, slices.Collect(maps.Keys(byType)))
			}
			var event object
			if err := json.Unmarshal([]byte(d.Body), &event); err != nil {
				t.Fatal(err)
			}
			byType[event.text("type")] = d
			types = slices.DeleteFunc(types, func(typ string) bool { return typ == event.text("type") })
		}
	}
	acme, _ := u.acme()
	u.invite(acme, "grace@example.com")
	u.must("POST", "/v1/tickets/redeem", redeeming(ticketOf(t, u.link(u.mail("grace@example.com")))))
	collect("organizationInvitation.accepted", "organizationInvitation.created", "organizationMembership.created", "user.created")
	next := u.must("POST", "/usher/v1/webhooks/"+id+"/rotate", `{}`).text("secret")
	u.invite(acme, "heidi@example.com")
	collect("organizationInvitation.created")

	t.Run("svix for Go", func(t *testing.T) {
		for name, d := range byType {
			if err := verify(t, secret, d.header(), d.Body); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if verify(t, secret, d.header(), d.Body+" ") == nil {
				t.Errorf("%s: another body is taken", name)
			}
		}
		rotated := byType["organizationInvitation.created"]
		if err := verify(t, next, rotated.header(), rotated.Body); err != nil {
			t.Errorf("with the new secret: %v", err)
		}
	})
	t.Run("Node", func(t *testing.T) {
		script := node(t, "webhooks.mjs")
		raw, err := json.Marshal(map[string]any{"secrets": []string{secret, next}, "deliveries": slices.Collect(maps.Values(byType))})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "deliveries.json")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		script.Env = append(script.Env, "USHER_DELIVERIES="+file)
		hear(t, script)
	})
}

func verify(t *testing.T, secret string, h http.Header, body string) error {
	t.Helper()
	return ok(svix.NewWebhook(secret))(t).Verify([]byte(body), h)
}
