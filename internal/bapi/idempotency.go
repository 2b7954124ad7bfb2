package bapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	body, replayed, err := s.DB.Once(req.Context(), req.instance, keys[0], fingerprint(req), func(ctx context.Context) ([]byte, error) {
		joined := *req
		joined.Request = req.Request.WithContext(ctx)
		return h(s, &joined)
	})
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

// fingerprint tells requests apart that must not share a key.
func fingerprint(req *request) string {
	h := sha256.New()
	for _, part := range []string{req.Method, req.URL.Path, req.URL.RawQuery, string(req.body)} {
		_, _ = h.Write([]byte(part)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
