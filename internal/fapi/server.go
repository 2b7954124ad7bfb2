// Package fapi serves the Frontend API: what browsers ask of the server. routes.go
// is the whole surface; each resource has a file. A handler decodes, calls one
// operation of the store and returns what is to be encoded; the rules are the
// store's.
package fapi

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"usher/internal/browser"
	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/password"
	"usher/internal/store"
)

// Prefix is where the surface is served as well, for products that pass it on
// from their own origin.
const Prefix = "/__clerk"

// Server serves the Frontend API.
type Server struct {
	DB       *store.DB
	Encoder  *clerk.Encoder
	Keys     *invite.Keyring
	Browsers *browser.Keeper
	// Passwords makes and compares the digests of passwords.
	Passwords *password.Hasher
	PublicURL string // where our own pages are; without a slash at its end

	tokens tokens
}

// request is one request of a browser.
type request struct {
	*http.Request
	instance *invite.Instance
	version  clerk.Version
	query    url.Values
	form     url.Values      // the fields of the body
	browser  *invite.Client  // nil for one that nobody knows
	session  *invite.Session // the active one that the request is made with; nil without
	visit    *store.Visit    // what was done for the browser
	upload   []byte          // the body of an upload, whose fields are not in form
}

// user returns who is signed in, or refuses with SessionOver.
func (r *request) user() (string, error) {
	if r.session == nil {
		return "", invite.Err(invite.SessionOver)
	}
	return r.session.UserID, nil
}

// handler serves one operation and returns the value of the answer's response.
type handler func(*Server, *request) (any, error)

// attempt adapts an operation by which somebody may try to come in: refusals count for
// the network that it is asked from, and there may be too many.
func attempt(h handler) handler { return counted(h, false) }

// mailing adapts an operation that mails a code; each counts like a refusal of attempt.
func mailing(h handler) handler { return counted(h, true) }

func counted(h handler, mails bool) handler {
	return func(s *Server, r *request) (any, error) {
		return browser.Attempt(s.Browsers, s.network(r.Request), mails, func() (any, error) { return h(s, r) })
	}
}

// network returns the network of the browser that a request is from. A proxy with the
// instance's secret key, which was checked when the request came in, speaks for the
// instance's browsers.
func (s *Server) network(r *http.Request) netip.Prefix {
	return s.Browsers.Network(r, r.Header.Get("Clerk-Secret-Key") != "")
}

// bare is an answer without the envelope.
type bare struct{ value any }

// Handler returns the surface, to be served behind the edge.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, methods := range routes {
		handlers := edge.Methods{}
		for method, h := range methods {
			handlers[method] = s.answer(h, method == http.MethodGet && organizational(pattern))
		}
		edge.Handle(mux, pattern, handlers, edge.Refuse)
	}
	for pattern, methods := range s.redirects() {
		edge.Handle(mux, pattern, methods, edge.Refuse)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		edge.Refuse(w, r, invite.Err(clerk.RouteNotFound))
	})
	return s.enter(mux)
}

// Routes lists the whole surface, sorted: "GET /v1/client" and so on.
func Routes() []string {
	var list []string
	for pattern, methods := range routes {
		for method := range methods {
			list = append(list, method+" "+pattern)
		}
	}
	for pattern, methods := range (*Server)(nil).redirects() {
		for method := range methods {
			list = append(list, method+" "+pattern)
		}
	}
	slices.Sort(list)
	return list
}

// Serves reports whether a request below /v1 is for this surface and not for the
// Backend API, which has paths of the same names: it has no secret key, and either
// its path is one that only browsers use or it says what they say.
func Serves(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return false
	}
	for _, path := range own {
		if r.URL.Path == path || strings.HasPrefix(r.URL.Path, path+"/") {
			return true
		}
	}
	q := r.URL.Query()
	if slices.ContainsFunc([]string{"__clerk_api_version", "_clerk_js_version", "_clerk_session_id", "_is_native"}, q.Has) {
		return true
	}
	return browser.Marked(r)
}

// answer adapts an operation: it reads and checks what all have, and sends its
// value in the envelope, with all that the browser sees of itself. Where there is a
// standby it may answer what only reads.
func (s *Server) answer(h handler, reads bool) edge.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		req, err := s.read(r)
		if err != nil {
			return err
		}
		if ctx, track := s.DB.Track(req.Context(), reads, ""); track != nil {
			req.Request = req.WithContext(ctx)
		}
		value, err := h(s, req)
		if errors.Is(err, invite.Err(invite.NotAMember)) {
			err = invite.Err(invite.OrganizationNotFound) // to strangers it does not exist
		}
		if err != nil {
			return err
		}
		s.remember(w, req)
		if b, ok := value.(bare); ok {
			return write(w, b.value)
		}
		out := clerk.Enveloped{Response: value}
		if out.Client, err = s.client(req); err != nil {
			return err
		}
		return write(w, out)
	}
}

// organizational reports whether a path is of organizations or of somebody's place in
// them, and not of sessions, which decide who may come in.
func organizational(pattern string) bool {
	return strings.HasPrefix(pattern, "/v1/organizations/") || strings.HasPrefix(pattern, "/v1/me/organization_")
}

func write(w http.ResponseWriter, value any) error {
	body, err := clerk.Marshal(value)
	if err != nil {
		return err
	}
	edge.WriteJSON(w, http.StatusOK, body)
	return nil
}

// read parses what does not depend on the operation.
func (s *Server) read(r *http.Request) (*request, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invite.Err(clerk.QueryMalformed)
	}
	in, _ := r.Context().Value(instanceKey{}).(*invite.Instance)
	version, err := clerk.ParseVersion(nil, query["__clerk_api_version"])
	if err != nil {
		return nil, err
	}
	req := &request{Request: r, instance: in, version: version, query: query}
	if clerk.IsForm(r.Header.Get("Content-Type")) {
		req.upload, err = readUpload(r)
	} else {
		req.form, err = readForm(r)
	}
	if err != nil {
		return nil, err
	}
	if err := clerk.CheckTexts(query, req.form); err != nil {
		return nil, err
	}
	if token := clientToken(r, in); token != "" {
		if req.browser, err = s.DB.Client(r.Context(), in, token); err != nil {
			return nil, err
		}
	}
	if id := query.Get("_clerk_session_id"); id != "" {
		req.session = req.browser.Session(id)
	} else {
		req.session = req.browser.SignedIn()
	}
	return req, nil
}

// readUpload reads the body of an upload, which may be larger than others.
func readUpload(r *http.Request) ([]byte, error) {
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

// readForm reads the fields of a body.
func readForm(r *http.Request) (url.Values, error) {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if r.ContentLength != 0 && media != "" && !strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded") && r.Method != http.MethodGet {
		return nil, invite.Err(clerk.ContentTypeUnsupported)
	}
	method := r.Method
	r.Method = http.MethodPost // what was asked for with _method has its fields in the body too
	err := r.ParseForm()
	r.Method = method
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, invite.Err(clerk.BodyTooLarge)
	}
	if err != nil {
		return nil, invite.Err(clerk.BodyInvalid)
	}
	return r.PostForm, nil
}

// client returns all that the browser sees of itself; nil for one that nobody knows.
func (s *Server) client(r *request) (*clerk.Client, error) {
	id := r.browser.Key()
	if r.visit != nil {
		id = r.visit.ClientID
	}
	if id == "" {
		return nil, nil
	}
	state, err := s.DB.ClientState(r.Context(), r.instance, id)
	if err != nil {
		return nil, err
	}
	tokens := make([]*clerk.Token, len(state.Accounts))
	for i := range state.Accounts {
		if tokens[i], err = s.recentToken(r, state.Accounts[i].Grant(), state.UpdatedAt); err != nil {
			return nil, err
		}
	}
	return s.Encoder.Client(state, tokens, s.DB.Now()), nil
}
