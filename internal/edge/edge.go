// Package edge is what every HTTP request passes on its way in and out: a trace
// id, the refusal of unclean paths, a deadline, recovery from panics, one log
// event and the metrics. The surfaces behind it answer; edge tells of it.
package edge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// MaxBody is the largest request body in bytes.
const MaxBody = 1 << 20

// maxRest is how much of a body that is too large is still read, and thrown away.
const maxRest = 32 << 20

// Edge wraps the surfaces of a server.
type Edge struct {
	Log     *slog.Logger
	Now     func() time.Time
	Timeout time.Duration // of one request; Exempt requests may take longer

	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
}

// New returns an Edge whose metrics are registered with reg.
func New(log *slog.Logger, now func() time.Time, timeout time.Duration, reg prometheus.Registerer) *Edge {
	e := &Edge{
		Log: log, Now: now, Timeout: timeout,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_http_requests_total", Help: "Requests served, by route pattern, method and class of status.",
		}, []string{"pattern", "method", "class"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "usher_http_request_duration_seconds", Help: "Time from the end of a request's headers to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"pattern"}),
	}
	reg.MustRegister(e.requests, e.latency)
	return e
}

// Event is what is said of one request when it has been answered. The surfaces
// fill in what they learn; nothing in it is secret.
type Event struct {
	TraceID  string
	Pattern  string // of the route, never the path: paths carry tickets
	Instance string
	Replayed bool
	Err      error // why it was refused
	status   int
	bytes    int
	body     io.ReadCloser // without MaxBody
}

type eventKey struct{}

// EventOf returns the event of the request that ctx belongs to.
func EventOf(ctx context.Context) *Event {
	if e, ok := ctx.Value(eventKey{}).(*Event); ok {
		return e
	}
	return new(Event)
}

// Wrap returns next behind the edge.
func (e *Edge) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := e.Now()
		event := &Event{TraceID: newTraceID()}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), eventKey{}, event), e.Timeout)
		defer cancel()
		r = r.WithContext(ctx)
		rec := &recorder{ResponseWriter: w, event: event}
		rec.conn, _ = ctx.Value(connKey{}).(*conn)
		h := rec.Header()
		h.Set("Clerk-Trace-Id", event.TraceID)
		h.Set("X-Clerk-Trace-Id", event.TraceID)
		h.Set("X-Content-Type-Options", "nosniff")
		defer func() {
			e.recovered(rec, recover())
			e.tell(r, event, start)
		}()
		if r.Body != nil {
			event.body = r.Body
			r.Body = http.MaxBytesReader(rec, r.Body, MaxBody)
		}
		if !clean(r.URL.Path) {
			Refuse(rec, r, invite.Err(clerk.RouteNotFound))
			return
		}
		next.ServeHTTP(rec, r)
		if event.status == http.StatusRequestEntityTooLarge {
			// Whoever writes all before reading would see a reset instead of the answer.
			_, _ = io.CopyN(io.Discard, event.body, maxRest)
		}
	})
}

// AllowBody lets the body of a request that nobody has read yet have up to n bytes
// instead of MaxBody.
func AllowBody(r *http.Request, n int64) {
	if body := EventOf(r.Context()).body; body != nil {
		r.Body = http.MaxBytesReader(nil, body, n)
	}
}

// clean reports whether a path is what ServeMux would not redirect: it answers
// others with HTML before any surface sees them.
func clean(p string) bool {
	return strings.HasPrefix(p, "/") && (path.Clean(p) == p || path.Clean(p)+"/" == p)
}

func newTraceID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// recovered answers a request whose handler panicked, if it can still be
// answered. The server's own way to abort a response stays what it is.
func (e *Edge) recovered(rec *recorder, v any) {
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // a recovered value, not an error chain
		panic(v)
	}
	rec.event.Err = panicked{v, stack()}
	if rec.event.status == 0 {
		WriteJSON(rec, http.StatusInternalServerError, clerk.Envelope(clerk.ErrorsOf(rec.event.Err), rec.event.TraceID))
	}
}

func (e *Edge) tell(r *http.Request, event *Event, start time.Time) {
	took := e.Now().Sub(start)
	if event.status == http.StatusServiceUnavailable && errors.Is(r.Context().Err(), context.Canceled) {
		event.status = clientGone // nobody was refused
	}
	if event.Pattern == "" {
		event.Pattern = "unknown"
	}
	method := r.Method
	if !known[method] {
		method = "other"
	}
	e.requests.WithLabelValues(event.Pattern, method, class(event.status)).Inc()
	e.latency.WithLabelValues(event.Pattern).Observe(took.Seconds())
	level := slog.LevelInfo
	if event.status >= 500 {
		level = slog.LevelError
	}
	if !e.Log.Enabled(r.Context(), level) {
		return
	}
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs,
		slog.String("method", method), slog.String("pattern", event.Pattern), slog.Int("status", event.status),
		slog.Duration("took", took), slog.Int("bytes", event.bytes), slog.String("trace_id", event.TraceID))
	if event.Instance != "" {
		attrs = append(attrs, slog.String("instance", event.Instance))
	}
	if event.Replayed {
		attrs = append(attrs, slog.Bool("replayed", true))
	}
	if event.Err != nil {
		attrs = append(attrs, slog.String("refused", reason(event.Err)))
	}
	e.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// reason describes an error without the values that a client sent: they may be
// somebody's address.
func reason(err error) string {
	if many, ok := errors.AsType[invite.Errors](err); ok && len(many) > 0 {
		err = many[0]
	}
	if e, ok := errors.AsType[*invite.Error](err); ok && e.Kind != invite.Unavailable {
		param := e.Param
		if e.Kind == invite.ParamUnknown {
			param = "" // the client's word, not ours
		}
		return (&invite.Error{Kind: e.Kind, Param: param}).Error()
	}
	return err.Error()
}

// clientGone is what is logged and counted when the client did not wait.
const clientGone = 499

// known bounds the values of the method label.
var known = map[string]bool{
	http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true,
	http.MethodPatch: true, http.MethodDelete: true, http.MethodOptions: true,
}

func class(status int) string {
	switch {
	case status >= 500:
		return "5xx"
	case status >= 400:
		return "4xx"
	case status >= 300:
		return "3xx"
	}
	return "2xx"
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	event *Event
	conn  *conn // nil when it is another server's
}

func (r *recorder) WriteHeader(status int) {
	if r.event.status == 0 {
		r.event.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.event.status == 0 {
		r.event.status = http.StatusOK
	}
	n, err := r.write(b)
	r.event.bytes += n
	return n, err
}

func (r *recorder) write(b []byte) (int, error) {
	if r.conn == nil || len(b) < piece/2 { // with its header it is one anyway
		return r.ResponseWriter.Write(b)
	}
	return r.conn.whole(r.ResponseWriter, b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteJSON answers with a body that is complete. The content type has no
// charset: one official client compares it byte for byte (contract §1.6).
func WriteJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Cache-Control"] = noStore
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away is not our error
}

var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"} // answers carry tickets
)

// Refuse answers with err in the envelope and notes it in the event.
func Refuse(w http.ResponseWriter, r *http.Request, err error) {
	event := EventOf(r.Context())
	event.Err = err
	errs := clerk.ErrorsOf(err)
	status := clerk.Status(errs)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if e, ok := errors.AsType[*invite.Error](err); ok && e.Kind == invite.TooManyRequests {
		w.Header().Set("Retry-After", strconv.Itoa(e.Limit)) // seconds, RFC 9110 §10.2.3
	}
	WriteJSON(w, status, clerk.Envelope(errs, event.TraceID))
}
