// Package bapi serves the Backend API: what an application's back end does with
// its secret key. routes.go is the whole surface; each resource has a file. A
// handler decodes, calls one operation of the store and encodes; the rules are
// the store's.
package bapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/limit"
	"usher/internal/password"
	"usher/internal/store"
)

// Server serves the Backend API.
type Server struct {
	DB      *store.DB
	Encoder *clerk.Encoder
	Keys    *invite.Keyring
	// Passwords makes and compares the digests of passwords.
	Passwords *password.Hasher
	// Limits bounds how often an instance may call; nil for no bound.
	Limits *limit.Limiter
	// PrivateWebhooks allows endpoints inside: by plain http, at private addresses.
	PrivateWebhooks bool
	// Stopping is closed when the server is to stop: whoever waits then is answered.
	Stopping <-chan struct{}
	// Letters reads the inbox; nil where mail is not kept in one.
	Letters func(ctx context.Context, instance, to string, page invite.Page) ([]invite.Letter, error)
}

// request is one authenticated request.
type request struct {
	*http.Request
	instance *invite.Instance
	version  clerk.Version
	query    url.Values
	body     []byte // complete; empty without one
	results  results
}

// handler serves one operation: its answer is the complete body, or nil for none.
type handler func(*Server, *request) ([]byte, error)

// Handler returns the surface, to be served behind the edge.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, methods := range routes {
		s.handle(mux, pattern, methods)
	}
	if s.Letters != nil {
		s.handle(mux, inboxRoute, inboxMethods)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		edge.Refuse(w, r, invite.Err(clerk.RouteNotFound))
	})
	return s.authenticate(mux)
}

func (s *Server) handle(mux *http.ServeMux, pattern string, methods map[string]handler) {
	handlers := edge.Methods{}
	for method, h := range methods {
		if organizational(pattern) {
			h = enabled(h)
		}
		handlers[method] = s.answer(method+" "+pattern, h)
	}
	edge.Handle(mux, pattern, handlers, edge.Refuse)
}

// organizational reports whether a path is of the feature that an instance may
// switch off.
func organizational(pattern string) bool {
	return strings.Contains(pattern, "/organization") && !strings.HasPrefix(pattern, "/v1/instance") || strings.HasPrefix(pattern, "/v1/role_sets")
}

// enabled lets h serve only where organizations are switched on.
func enabled(h handler) handler {
	return func(s *Server, r *request) ([]byte, error) {
		if err := r.instance.Settings.CheckOrganizations(); err != nil {
			return nil, err
		}
		return h(s, r)
	}
}

// position is the header in which an answer says how far the database's log was behind
// what the request wrote, and a request what its answer must not be older than. It is
// only there where a standby answers reads.
const position = "Usher-Position"

type instanceKey struct{}

// authenticate refuses a request without a valid key before anything else is
// looked at, unknown paths included (contract §1.3).
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, key, ok := strings.Cut(r.Header.Get("Authorization"), " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") || key == "" {
			edge.Refuse(w, r, invite.Err(clerk.AuthorizationMalformed))
			return
		}
		in, err := s.DB.Authenticate(r.Context(), key)
		if err != nil {
			edge.Refuse(w, r, err)
			return
		}
		edge.EventOf(r.Context()).Instance = in.ID
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), instanceKey{}, in)))
	})
}

// Routes returns the whole surface, each as a method and a pattern, in order.
func Routes() []string {
	var list []string
	for pattern, methods := range routes {
		for method := range methods {
			list = append(list, method+" "+pattern)
		}
	}
	slices.Sort(list)
	return list
}

// answer adapts an operation: it counts the request, reads and checks what all
// have, lets the operation run once for each Idempotency-Key, and writes its
// answer.
func (s *Server) answer(route string, h handler) edge.Handler {
	reads := strings.HasPrefix(route, "GET /v1/")
	return func(w http.ResponseWriter, r *http.Request) error {
		in, _ := r.Context().Value(instanceKey{}).(*invite.Instance)
		if err := s.Limits.Take(in, route, r.URL.Path); err != nil {
			return err
		}
		ctx, track := s.DB.Track(r.Context(), reads, r.Header.Get(position))
		if track != nil {
			r = r.WithContext(ctx)
		}
		req, err := s.read(in, r, route)
		if err != nil {
			return err
		}
		body, err := s.once(w, req, h)
		if err != nil {
			return err
		}
		if token := track.Token(); token != "" {
			w.Header().Set(position, token)
		}
		if len(body) == 0 {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		edge.WriteJSON(w, http.StatusOK, body)
		return nil
	}
}

// read parses what does not depend on the operation, in the order of contract §2.3.
func (s *Server) read(in *invite.Instance, r *http.Request, route string) (*request, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invite.Err(clerk.QueryMalformed)
	}
	version, err := clerk.ParseVersion(r.Header.Values("Clerk-Api-Version"), query["__clerk_api_version"])
	if err != nil {
		return nil, err
	}
	req := &request{Request: r, instance: in, version: version, query: query}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return req, nil
	}
	if route == uploadRoute {
		req.body, err = readForm(r)
	} else {
		req.body, err = readBody(r)
	}
	return req, err
}

// readForm reads the body of an upload, which may be larger than others.
func readForm(r *http.Request) ([]byte, error) {
	if !clerk.IsForm(r.Header.Get("Content-Type")) {
		return nil, invite.Err(clerk.ContentTypeUnsupported)
	}
	edge.AllowBody(r, clerk.MaxUpload)
	body, err := io.ReadAll(r.Body)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, invite.ParamErr(invite.LogoTooLarge, "file")
	}
	if err != nil {
		return nil, invite.Err(clerk.BodyInvalid)
	}
	return body, nil
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, invite.Err(clerk.BodyTooLarge)
	}
	if err != nil {
		return nil, invite.Err(clerk.BodyInvalid) // the client went away or lied about its length
	}
	if len(bytes.TrimSpace(body)) > 0 && !isJSON(r.Header.Get("Content-Type")) {
		return nil, invite.Err(clerk.ContentTypeUnsupported)
	}
	return body, nil
}

// bareList reads the page of a list that is answered as a bare array, or with
// paginated=true in the envelope of the others (contract §4.1).
func (r *request) bareList() (page invite.Page, envelope bool, err error) {
	if page, err = clerk.ParsePage(r.query); err != nil {
		return page, false, err
	}
	envelope, err = clerk.ParseBool(r.query, "paginated")
	return page, envelope, err
}

func marshalBare[T any](envelope bool, list clerk.List[T]) ([]byte, error) {
	if envelope {
		return clerk.Marshal(list)
	}
	return clerk.Marshal(list.Data)
}

// isJSON accepts a missing type: a body is JSON here or nothing.
func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.TrimSpace(media)
	return media == "" || strings.EqualFold(media, "application/json")
}
