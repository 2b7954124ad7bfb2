package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// receiver is a product's webhook handler: it verifies what it gets and keeps it.
type receiver struct {
	*testing.T
	*httptest.Server

	mu      sync.Mutex
	secret  string         // verifies nothing while it is empty
	refuses bool           // answers 500
	got     map[string]int // how often, by type of event and id of its data
	calls   int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{T: t, got: make(map[string]int)}
	r.Server = httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) receive(w http.ResponseWriter, req *http.Request) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return // the server was killed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls++; r.refuses {
		http.Error(w, "not now", http.StatusInternalServerError)
		return
	}
	if r.secret != "" {
		verifier, err := standardwebhooks.NewWebhook(r.secret)
		if err == nil {
			err = verifier.Verify(raw, req.Header)
		}
		if err != nil {
			r.Errorf("%s: %v", raw, err)
		}
	}
	var event struct {
		Type string `json:"type"`
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &event); err != nil || strings.Contains(string(raw), "ticket=") {
		r.Errorf("got %s, %v; want an event without a ticket", raw, err)
	}
	r.got[event.Type+" "+event.Data.ID]++
}

// times returns how often an event about a resource has arrived.
func (r *receiver) times(typ, id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[typ+" "+id]
}

func (r *receiver) refuse(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = yes
}

// webhook runs a command about endpoints and returns what it prints.
func (u *usher) webhook(args ...string) string {
	u.Helper()
	out, err := u.tryWebhook(args...)
	if err != nil {
		u.Fatalf("usher webhook %v: %v\n%s", args, err, out)
	}
	return out
}

func (u *usher) tryWebhook(args ...string) (string, error) {
	cmd := exec.CommandContext(u.Context(), binary, append([]string{"webhook"}, args...)...)
	cmd.Env = append(os.Environ(), "USHER_SERVER="+u.url, "USHER_SECRET_KEY="+u.key)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var createdEndpoint = regexp.MustCompile(`endpoint        (ep_\w+)\nsigning secret  (whsec_\S+)\n`)

// TestWebhooks manages an endpoint as an operator would, and receives its events as a
// product does.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	u := dev(t, "--log-level", "error")
	r := newReceiver(t)
	found := createdEndpoint.FindStringSubmatch(u.webhook("create", "--url", r.URL+"/hook", "--description", "a test"))
	if found == nil {
		t.Fatal("no endpoint and secret were printed")
	}
	endpoint := found[1]
	r.mu.Lock()
	r.secret = found[2]
	r.mu.Unlock()
	if out := u.webhook("test", "--endpoint", endpoint); !strings.Contains(out, "answered 200") {
		t.Errorf("usher webhook test: %s", out)
	}
	org := u.organization("Hooked", 0)
	invited := func(address string) string {
		return u.must("POST", "/v1/organizations/"+org+"/invitations", fmt.Sprintf(`{"email_address":%q,"role":"org:member"}`, address)).text("id")
	}
	first := invited("first@example.com")
	u.until("the invitation is told of", func() bool { return r.times("organizationInvitation.created", first) == 1 })

	mail := u.must("GET", "/usher/v1/inbox?wait=20s&to=first@example.com", "").data()[0].text("id")
	u.until("its mail is told of", func() bool { return r.times("email.created", mail) == 1 })

	r.refuse(true)
	second := invited("second@example.com")
	u.until("its delivery has failed once", func() bool {
		return strings.Contains(u.webhook("deliveries", "--endpoint", endpoint, "--status", "pending"), "organizationInvitation.created")
	})
	if out, err := u.tryWebhook("test", "--endpoint", endpoint); err == nil || !strings.Contains(out, "status 500") {
		t.Errorf("usher webhook test, refused: %v %s", err, out)
	}
	r.refuse(false)
	u.until("it is tried again", func() bool { return r.times("organizationInvitation.created", second) == 1 })

	u.webhook("disable", "--endpoint", endpoint)
	third := invited("third@example.com")
	if out := u.webhook("list"); !strings.Contains(out, "disabled") {
		t.Errorf("usher webhook list: %s", out)
	}
	u.webhook("enable", "--endpoint", endpoint)
	u.until("what happened meanwhile is told", func() bool { return r.times("organizationInvitation.created", third) == 1 })

	u.webhook("rotate", "--endpoint", endpoint) // the secret before goes on signing
	u.webhook("replay", "--endpoint", endpoint, "--since", "2020-01-01T00:00:00Z")
	for _, id := range []string{first, second, third} {
		u.until("everything is told again", func() bool { return r.times("organizationInvitation.created", id) == 2 })
	}
	u.webhook("update", "--endpoint", endpoint, "--types", "organizationInvitation.revoked")
	u.must("POST", "/v1/organizations/"+org+"/invitations/"+first+"/revoke", "{}")
	u.until("what is wanted is told", func() bool { return r.times("organizationInvitation.revoked", first) == 1 })
	fourth := invited("fourth@example.com")
	u.must("POST", "/v1/organizations/"+org+"/invitations/"+fourth+"/revoke", "{}")
	u.until("what is wanted is told", func() bool { return r.times("organizationInvitation.revoked", fourth) == 1 })
	if n := r.times("organizationInvitation.created", fourth); n != 0 {
		t.Errorf("what is not wanted was told %d times", n)
	}
	u.webhook("delete", "--endpoint", endpoint)
	if out, err := u.tryWebhook("test", "--endpoint", endpoint); err == nil || !strings.Contains(out, "No webhook endpoint was found") {
		t.Errorf("usher webhook test after delete: %v %s", err, out)
	}
}

// A dead endpoint and a slow one hold up neither mail nor a third.
func TestEndpointsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	u := dev(t, "--log-level", "error")
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		select {
		case <-release:
		case <-req.Context().Done():
		}
	}))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(release) })
	r := newReceiver(t)
	for _, to := range []string{"http://127.0.0.1:1/", slow.URL, slow.URL + "/again", r.URL} {
		u.webhook("create", "--url", to)
	}
	org := u.organization("Patient", 0)
	for k := range 30 {
		address := fmt.Sprintf("u%d@example.com", k)
		id := u.must("POST", "/v1/organizations/"+org+"/invitations", fmt.Sprintf(`{"email_address":%q,"role":"org:member"}`, address)).text("id")
		u.until("the healthy endpoint is told", func() bool { return r.times("organizationInvitation.created", id) > 0 })
		if mail := u.must("GET", "/usher/v1/inbox?wait=20s&to="+address, ""); len(mail.data()) == 0 {
			t.Fatalf("the mail to %s did not arrive", address)
		}
	}
}

// Without the switch a server posts to nothing inside, not even where a name leads.
func TestAProductionServerPostsNothingInside(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	u := dev(t, "--log-level", "error", "--no-webhook-private-addresses")
	found := createdEndpoint.FindStringSubmatch(u.webhook("create", "--url", strings.Replace(r.URL, "127.0.0.1", "localhost", 1)))
	if found == nil {
		t.Fatal("no endpoint was printed")
	}
	if out, err := u.tryWebhook("test", "--endpoint", found[1]); err == nil || !strings.Contains(out, "not a public address") {
		t.Errorf("usher webhook test: %v %s", err, out)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls != 0 {
		t.Errorf("the receiver was called %d times", r.calls)
	}
}
