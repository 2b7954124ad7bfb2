package edge_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
)

// gate is an edge around some handlers, with what it said.
type gate struct {
	*httptest.Server
	log bytes.Buffer
	reg *prometheus.Registry
}

func newGate(t *testing.T, routes map[string]edge.Methods) *gate {
	t.Helper()
	g := &gate{reg: prometheus.NewRegistry()}
	mux := http.NewServeMux()
	for pattern, methods := range routes {
		edge.Handle(mux, pattern, methods, edge.Refuse)
	}
	e := edge.New(slog.New(slog.NewJSONHandler(&g.log, nil)), time.Now, time.Minute, g.reg)
	g.Server = httptest.NewServer(e.Wrap(mux))
	t.Cleanup(g.Close)
	return g
}

// reply is a response that was read.
type reply struct {
	status int
	header http.Header
}

func (g *gate) do(t *testing.T, method, path, body string) (reply, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header}, string(got)
}

// events returns what was logged, after the server has finished with it.
func (g *gate) events(t *testing.T) []map[string]any {
	t.Helper()
	g.Close()
	var list []map[string]any
	for dec := json.NewDecoder(&g.log); ; {
		var event map[string]any
		err := dec.Decode(&event)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, event)
	}
}

func answer(body string) edge.Handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		edge.WriteJSON(w, http.StatusOK, []byte(body))
		return nil
	}
}

func refuse(err error) edge.Handler {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

func TestAnswersCarryOneTraceIDEverywhere(t *testing.T) {
	g := newGate(t, map[string]edge.Methods{"/x": {"GET": refuse(invite.Err(invite.NotPending))}})
	resp, body := g.do(t, "GET", "/x", "")
	var envelope struct {
		TraceID string `json:"clerk_trace_id"`
	}
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		t.Fatal(err)
	}
	trace := resp.header.Get("Clerk-Trace-Id")
	if len(trace) != 32 || trace != resp.header.Get("X-Clerk-Trace-Id") || trace != envelope.TraceID {
		t.Errorf("trace ids: headers %q and %q, body %q", trace, resp.header.Get("X-Clerk-Trace-Id"), envelope.TraceID)
	}
	if events := g.events(t); len(events) != 1 || events[0]["trace_id"] != trace {
		t.Errorf("logged %v, want one event with trace id %s", events, trace)
	}
}

func TestContentTypeHasNoCharset(t *testing.T) {
	g := newGate(t, map[string]edge.Methods{"/x": {"GET": answer(`{}`)}})
	resp, _ := g.do(t, "GET", "/x", "")
	if got := resp.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type = %q, want it without a charset", got)
	}
	if got := resp.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q, want no-store: answers carry tickets", got)
	}
}

func TestWrongMethodNamesTheRightOnes(t *testing.T) {
	g := newGate(t, map[string]edge.Methods{"/x": {"GET": answer(`{}`), "POST": answer(`{}`)}})
	resp, body := g.do(t, "DELETE", "/x", "")
	if resp.status != http.StatusMethodNotAllowed || resp.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("DELETE: %d, Allow %q", resp.status, resp.header.Get("Allow"))
	}
	if !strings.Contains(body, `"method_not_allowed"`) {
		t.Errorf("body %s is not the envelope", body)
	}
	if resp, body := g.do(t, "HEAD", "/x", ""); resp.status != http.StatusOK || body != "" {
		t.Errorf("HEAD: %d with body %q", resp.status, body)
	}
}

func TestUncleanPathsAreRefusedInTheEnvelope(t *testing.T) {
	g := newGate(t, map[string]edge.Methods{"/x": {"GET": answer(`{}`)}, "/": {"GET": answer(`{"root":true}`)}})
	for _, path := range []string{"//x", "/a/../x", "/./x", "/a//b", "/a/%2e%2e/x"} {
		resp, body := g.do(t, "GET", path, "")
		if resp.status != http.StatusNotFound || !strings.Contains(body, `"resource_not_found"`) {
			t.Errorf("%s: %d %s, want the envelope's 404 and no redirect", path, resp.status, body)
		}
	}
}

func TestAPanicIsAnInternalErrorWithoutItsText(t *testing.T) {
	g := newGate(t, map[string]edge.Methods{
		"/x": {"GET": func(http.ResponseWriter, *http.Request) error { panic("secret detail") }},
	})
	resp, body := g.do(t, "GET", "/x", "")
	if resp.status != http.StatusInternalServerError || strings.Contains(body, "secret") || !strings.Contains(body, `"internal_clerk_error"`) {
		t.Errorf("answer %d %s", resp.status, body)
	}
	events := g.events(t)
	if len(events) != 1 || events[0]["level"] != "ERROR" {
		t.Fatalf("logged %v, want one error", events)
	}
	if text, _ := events[0]["refused"].(string); !strings.Contains(text, "secret detail") || !strings.Contains(text, "edge_test.go") {
		t.Errorf("the log does not say what panicked and where: %s", text)
	}
}

func TestTheLogTellsTheRouteAndNothingAClientSent(t *testing.T) {
	g := newGate(t, map[string]edge.Methods{
		"/x/{id}": {"GET": refuse(invite.Err(invite.AlreadyMember, "grace@example.com"))},
		"/y":      {"GET": refuse(invite.Errors{invite.ParamErr(invite.ParamValue, "role", "sk_test_secret")})},
	})
	g.do(t, "GET", "/x/eyJ0aWNrZXQ?ticket=eyJ0aWNrZXQ", "")
	g.do(t, "GET", "/y", "")
	g.do(t, "GET", "/nowhere/eyJ0aWNrZXQ", "")
	log := g.log.String()
	events := g.events(t)
	for _, secret := range []string{"eyJ0aWNrZXQ", "grace@example.com", "sk_test_secret"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
	if len(events) != 3 || events[0]["pattern"] != "/x/{id}" || events[0]["refused"] != "already a member" {
		t.Errorf("events = %v", events)
	}
}

func TestABodyBeyondTheLimitCannotBeRead(t *testing.T) {
	g := newGate(t, map[string]edge.Methods{"/x": {"POST": func(_ http.ResponseWriter, r *http.Request) error {
		_, err := io.ReadAll(r.Body)
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return invite.Err(clerk.BodyTooLarge)
		}
		return errors.New("the body was read whole")
	}}})
	if resp, body := g.do(t, "POST", "/x", strings.Repeat("x", edge.MaxBody+1)); resp.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s, want 413", resp.status, body)
	}
}

// TestWhoWritesBeforeReadingSeesTheRefusal sends a whole body of ten megabytes before
// it reads, as some clients do: a server that closes meanwhile resets the connection,
// and the client never learns why.
func TestWhoWritesBeforeReadingSeesTheRefusal(t *testing.T) {
	g := newGate(t, map[string]edge.Methods{"/x": {"POST": func(_ http.ResponseWriter, r *http.Request) error {
		_, _ = io.ReadAll(r.Body)
		return invite.Err(clerk.BodyTooLarge)
	}}})
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", g.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size = 10_000_000
	if _, err := fmt.Fprintf(conn, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %s, want 413", resp.Status)
	}
}

func TestAnUploadMayBeLarger(t *testing.T) {
	g := newGate(t, map[string]edge.Methods{"/x": {"PUT": func(_ http.ResponseWriter, r *http.Request) error {
		edge.AllowBody(r, 2*edge.MaxBody)
		body, err := io.ReadAll(r.Body)
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok && len(body) == 2*edge.MaxBody {
			return invite.Err(clerk.BodyTooLarge)
		}
		return err
	}}})
	for size, want := range map[int]int{2 * edge.MaxBody: http.StatusOK, 2*edge.MaxBody + 1: http.StatusRequestEntityTooLarge} {
		if resp, body := g.do(t, "PUT", "/x", strings.Repeat("x", size)); resp.status != want {
			t.Errorf("%d bytes: %d %s, want %d", size, resp.status, body, want)
		}
	}
}

func TestUnavailableAsksToComeBack(t *testing.T) {
	g := newGate(t, map[string]edge.Methods{"/x": {"GET": refuse(invite.Err(invite.Unavailable))}})
	if resp, _ := g.do(t, "GET", "/x", ""); resp.status != http.StatusServiceUnavailable || resp.header.Get("Retry-After") == "" {
		t.Errorf("%d, Retry-After %q", resp.status, resp.header.Get("Retry-After"))
	}
}

func TestRequestsAreCountedByRouteMethodAndClass(t *testing.T) {
	g := newGate(t, map[string]edge.Methods{"/x/{id}": {"GET": answer(`{}`)}})
	g.do(t, "GET", "/x/1", "")
	g.do(t, "GET", "/x/2", "")
	g.do(t, "BREW", "/x/3", "")
	g.Close()
	want := `
# HELP usher_http_requests_total Requests served, by route pattern, method and class of status.
# TYPE usher_http_requests_total counter
usher_http_requests_total{class="2xx",method="GET",pattern="/x/{id}"} 2
usher_http_requests_total{class="4xx",method="other",pattern="/x/{id}"} 1
`
	if err := testutil.GatherAndCompare(g.reg, strings.NewReader(want), "usher_http_requests_total"); err != nil {
		t.Error(err)
	}
}
