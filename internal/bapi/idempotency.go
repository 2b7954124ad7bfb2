package bapi

import (
	"context"
	"errors"
	"net/http"

	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
)

// Headers of a request that may be sent again, after the draft
// ietf-httpapi-idempotency-key-header: the client names the request, and a
// repeated answer says that it is one.
const (
	idempotencyKey      = "Idempotency-Key"
	idempotencyReplayed = "Idempotent-Replayed"
)

// once runs h. A POST that carries an Idempotency-Key has its effect and its
// answer kept together, and every repetition gets that answer.
func (s *Server) once(w http.ResponseWriter, req *request, h handler) ([]byte, error) {
	keys := req.Header.Values(idempotencyKey)
	if req.Method != http.MethodPost || len(keys) == 0 {
		return h(s, req)
	}
	if len(keys) > 1 || !printable(keys[0]) {
		return nil, invite.Err(clerk.IdempotencyKeyInvalid)
	}
	results := results{}
	operate := func(ctx context.Context) ([]byte, error) {
		joined := *req
		joined.Request, joined.results = req.Request.WithContext(ctx), results
		return h(s, &joined)
	}
	body, replayed, err := s.DB.Once(req.Context(), req.instance, keys[0], s.fingerprint(req), operate)
	for todo, ok := errors.AsType[*errAside](err); ok; todo, ok = errors.AsType[*errAside](err) {
		results[todo.name] = todo.work(req.Context())
		body, replayed, err = s.DB.Once(req.Context(), req.instance, keys[0], s.fingerprint(req), operate)
	}
	if replayed && err == nil {
		w.Header().Set(idempotencyReplayed, "true")
		edge.EventOf(req.Context()).Replayed = true
	}
	return body, err
}

// printable holds keys to 1 to 255 characters of printable ASCII.
func printable(key string) bool {
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(key) >= 1 && len(key) <= 255
}

// fingerprint tells requests apart that must not share a key. It is kept, and
// the request may have a password in it: only who has the master key can try one.
func (s *Server) fingerprint(req *request) string {
	return s.Keys.Fingerprint(req.Method, req.URL.Path, req.URL.RawQuery, string(req.body))
}
