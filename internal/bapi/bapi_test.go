package bapi_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/internal/bapi"
	"usher/internal/invite"
	"usher/internal/limit"
	"usher/internal/store"
)

// api is a server of start's kind, called as a client would.
type api struct {
	*httptest.Server
	vars map[string]string
}

func newAPI(t *testing.T, change func(*bapi.Server)) *api {
	t.Helper()
	h, vars := startWith(t, change)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &api{srv, vars}
}

// call sends a request with the instance's key; headers are name and value in turn.
func (a *api) call(t *testing.T, method, path, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.URL+path, strings.NewReader(body))
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+a.vars["key"])
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := a.Client().Do(req)
	must(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, resp.Header, string(got)
}

func TestInboxWaitsForMail(t *testing.T) {
	var mu sync.Mutex
	var letters []invite.Letter
	asked := make(chan struct{}, 10)
	var server *bapi.Server
	a := newAPI(t, func(s *bapi.Server) {
		server = s
		s.Letters = func(_ context.Context, _, to string, _ invite.Page) ([]invite.Letter, error) {
			mu.Lock()
			defer mu.Unlock()
			asked <- struct{}{}
			if to != "grace@example.com" {
				return nil, nil
			}
			return letters, nil
		}
	})
	if status, _, body := a.call(t, "GET", "/usher/v1/inbox?to=grace@example.com", ""); status != http.StatusOK || body != `{"data":[],"total_count":0}` {
		t.Errorf("without wait: %d %s, want an empty list at once", status, body)
	}
	<-asked
	answered := make(chan string)
	go func() {
		_, _, body := a.call(t, "GET", "/usher/v1/inbox?to=grace@example.com&wait=50s", "")
		answered <- body
	}()
	<-asked // it has looked, and found nothing
	mu.Lock()
	letters = []invite.Letter{{ID: "ema_1", To: "grace@example.com", Subject: "Join <Acme>", Link: "https://usher.test/x"}}
	mu.Unlock()
	must(t, server.DB.KeepMail(t.Context(), store.Message{InstanceID: "ins_1", ID: "ema_1"}, invite.Email{Key: "grace@example.com"}, []byte(`{}`)))
	want := `{"data":[{"object":"inbox_message","id":"ema_1","from":"","reply_to":null,"to":"grace@example.com",` +
		`"subject":"Join <Acme>","html":"","text":"","link":"https://usher.test/x","code":null,"created_at":0}],"total_count":1}`
	if got := <-answered; got != want {
		t.Errorf("after mail arrived:\n%s\nwant\n%s", got, want)
	}
}

func TestAStopAnswersThoseWhoWait(t *testing.T) {
	stopping, asked := make(chan struct{}), make(chan struct{}, 10)
	a := newAPI(t, func(s *bapi.Server) {
		s.Stopping = stopping
		s.Letters = func(context.Context, string, string, invite.Page) ([]invite.Letter, error) {
			asked <- struct{}{}
			return nil, nil
		}
	})
	go func() {
		<-asked // it has looked, and found nothing
		close(stopping)
	}()
	if status, _, body := a.call(t, "GET", "/usher/v1/inbox?wait=60s", ""); status != http.StatusOK || body != `{"data":[],"total_count":0}` {
		t.Errorf("%d %s, want an empty list", status, body)
	}
}

func TestARequestLimitRefusesBeforeTheBodyIsRead(t *testing.T) {
	a := newAPI(t, func(s *bapi.Server) {
		rules, err := limit.Parse("POST /v1/users=1/1m", bapi.Routes())
		must(t, err)
		s.Limits = limit.New(rules, func() time.Time { return now })
	})
	if status, _, body := a.call(t, "POST", "/v1/users", `{"username":"grace"}`); status != http.StatusOK {
		t.Fatalf("the first: %d %s", status, body)
	}
	status, header, body := a.call(t, "POST", "/v1/users", `{`)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") != "60" ||
		!strings.Contains(body, `"code":"too_many_requests","meta":{"resets_in":60}`) {
		t.Errorf("the second: %d, Retry-After %q, %s; want 429 for 60 s", status, header.Get("Retry-After"), body)
	}
	if status, _, body := a.call(t, "GET", "/v1/users", ""); status != http.StatusOK {
		t.Errorf("another route: %d %s", status, body)
	}
}

func TestHostedLimitsNameRoutesThatExist(t *testing.T) {
	for _, r := range limit.Hosted {
		if r.Route != limit.All && !slices.Contains(bapi.Routes(), r.Route) {
			t.Errorf("there is no %s", r.Route)
		}
	}
}

func TestInboxRefusesWaitsThatAreNone(t *testing.T) {
	a := newAPI(t, func(s *bapi.Server) {
		s.Letters = func(context.Context, string, string, invite.Page) ([]invite.Letter, error) { return nil, nil }
	})
	for _, wait := range []string{"soon", "-1s", "61s", "5"} {
		if status, _, body := a.call(t, "GET", "/usher/v1/inbox?wait="+wait, ""); status != http.StatusUnprocessableEntity || !strings.Contains(body, `"param_name":"wait"`) {
			t.Errorf("wait=%s: %d %s, want 422 about wait", wait, status, body)
		}
	}
}

func TestWithoutAnInboxItsPathDoesNotExist(t *testing.T) {
	a := newAPI(t, nil)
	if status, _, body := a.call(t, "GET", "/usher/v1/inbox", ""); status != http.StatusNotFound {
		t.Errorf("%d %s, want 404", status, body)
	}
}

func TestConcurrentRepetitionsOfOneKeyHaveOneEffect(t *testing.T) {
	a := newAPI(t, nil)
	path := "/v1/organizations/" + a.vars["acme"] + "/invitations"
	body := `{"email_address":"grace@example.com","role":"org:member"}`
	const clients = 40
	answers := make([]string, clients)
	replayed := make([]string, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			status, header, got := a.call(t, "POST", path, body, "Idempotency-Key", "once", "Content-Type", "application/json")
			answers[i], replayed[i] = fmt.Sprint(status, got), header.Get("Idempotent-Replayed")
		})
	}
	wg.Wait()
	first := 0
	for i := range clients {
		if answers[i] != answers[0] {
			t.Errorf("answers differ:\n%s\n%s", answers[i], answers[0])
		}
		if replayed[i] == "" {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d answers say that they are the first, want 1", first)
	}
	if _, _, list := a.call(t, "GET", path+"/pending", ""); !strings.HasSuffix(list, `"total_count":1}`) {
		t.Errorf("pending afterwards: %s", list)
	}
}

func TestTheDatabaseHoldsNothingThatCanBeReplayed(t *testing.T) {
	a := newAPI(t, nil)
	status, _, body := a.call(t, "POST", "/v1/organizations/"+a.vars["acme"]+"/invitations",
		`{"email_address":"grace@example.com","role":"org:member"}`, "Idempotency-Key", "once")
	if status != http.StatusOK || !strings.Contains(body, "ticket=eyJ") {
		t.Fatalf("%d %s, want an answer with a ticket", status, body)
	}
	const password = "correct horse battery"
	md5 := fmt.Sprintf("%x", md5.Sum([]byte(password)))
	user := `{"username":"grace","password":"` + password + `"}`
	fingerprint := sha256.New()
	for _, part := range []string{"POST", "/v1/users", "", user} {
		_, _ = io.WriteString(fingerprint, part+"\x00")
	}
	for _, body := range []string{user, `{"username":"imported","password_digest":"` + md5 + `","password_hasher":"md5"}`} {
		if status, _, answer := a.call(t, "POST", "/v1/users", body, "Idempotency-Key", body[:20]); status != http.StatusOK {
			t.Fatalf("creating a user: %d %s", status, answer)
		}
	}
	for _, file := range []string{a.vars["database"], a.vars["database"] + "-wal"} {
		raw, err := os.ReadFile(file)
		must(t, err)
		for what, secret := range map[string]string{
			"a ticket": "eyJ", "a secret key": a.vars["key"], "a password": password, "a digest that costs nothing to try": md5,
			"what a password can be tried by": hex.EncodeToString(fingerprint.Sum(nil)),
		} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s holds %s", filepath.Base(file), what)
			}
		}
	}
}

func TestAPageReadAgainIsNeverStale(t *testing.T) {
	a := newAPI(t, nil)
	path := "/v1/organizations/" + a.vars["acme"] + "/invitations"
	total := func() string {
		_, _, body := a.call(t, "GET", path+"/pending?limit=1", "")
		return body[strings.LastIndex(body, ":")+1:]
	}
	for i := range 20 {
		if got, want := total(), fmt.Sprintf("%d}", i); got != want {
			t.Fatalf("pending before invitation %d: %s, want %s", i, got, want)
		}
		status, _, body := a.call(t, "POST", path, fmt.Sprintf(`{"email_address":"u%d@example.com","role":"org:member"}`, i))
		if status != http.StatusOK {
			t.Fatalf("creating: %d %s", status, body)
		}
	}
	_, _, before := a.call(t, "GET", path+"/pending?limit=1", "")
	status, _, body := a.call(t, "PATCH", "/v1/users/"+a.vars["ada"], `{"first_name":"Augusta"}`)
	if status != http.StatusOK {
		t.Fatalf("renaming: %d %s", status, body)
	}
	_, _, invitation := a.call(t, "POST", path, `{"email_address":"named@example.com","role":"org:member","inviter_user_id":"`+a.vars["ada"]+`"}`)
	if !strings.Contains(invitation, `"first_name":"Augusta"`) {
		t.Errorf("the inviter's old name was remembered: %s", invitation)
	}
	status, _, body = a.call(t, "PATCH", "/v1/users/"+a.vars["ada"], `{"first_name":"Ada"}`)
	if status != http.StatusOK {
		t.Fatalf("renaming: %d %s", status, body)
	}
	if _, _, after := a.call(t, "GET", path+"/pending?limit=1", ""); after == before || !strings.Contains(after, `"first_name":"Ada"`) {
		t.Errorf("the page shows the inviter's old name: %s", after)
	}
}
