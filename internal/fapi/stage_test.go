package fapi_test

import (
	"bytes"
	"cmp"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/internal/browser"
	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/fapi"
	"usher/internal/invite"
	"usher/internal/password"
	"usher/internal/store"
	"usher/internal/store/storetest"
)

// stage is a server of two instances. In Atlas, at any host, stands Acme with the
// admin Ada and the members Bob and Cid, and Beta with the admin Eve; in Gulf, at its own host,
// Delta with the admin Ida. All of them are signed in.
type stage struct {
	testing.TB
	http.Handler
	db          *store.DB
	raw         *sql.DB
	keys        *invite.Keyring
	atlas, gulf *invite.Instance
	users       map[string]*invite.User
	acme, beta  string
	delta       string
	tokens      map[string]string // of browsers, by who sits there
	ids         map[string]string // what the paths name, by the name in the path
	clock       atomic.Int64      // Unix milliseconds
	passwords   *password.Hasher
	log         bytes.Buffer // of the server, to be read when nobody asks
}

const (
	atlasHost = "usher.test"
	gulfHost  = "clerk.gulf.test"
)

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{TB: t, keys: keyring(t, 7), users: map[string]*invite.User{}, tokens: map[string]string{}, ids: map[string]string{}}
	s.clock.Store(now.UnixMilli())
	encoder := &clerk.Encoder{PublicURL: origin, Keys: s.keys}
	path := filepath.Join(t.TempDir(), "usher.db")
	var err error
	s.db, err = store.Open(t.Context(), store.Options{
		NewSigningKey: storetest.NewSigningKey,
		Path:          path, Now: s.now, Keys: s.keys, Event: encoder.EventData,
	})
	s.must(err)
	t.Cleanup(func() { s.must(s.db.Close()) })
	s.raw, err = sql.Open("sqlite", "file:"+path+"?_pragma=query_only(1)")
	s.must(err)
	t.Cleanup(func() { s.must(s.raw.Close()) })

	s.atlas = s.instance(invite.Instance{Environment: invite.Live, Name: "Atlas", HomeURL: "https://app.atlas.test/home"})
	s.gulf = s.instance(invite.Instance{Environment: invite.Live, Name: "Gulf", FrontendHost: gulfHost})
	for _, name := range []string{"Bob", "Cid", "Eve", "Ban", "Del", "Rex", "Out", "Gus"} {
		s.user(s.atlas, name, name+"@example.com")
	}
	s.user(s.gulf, "Ida", "ida@example.com")
	s.beta = s.organization(s.atlas, "Beta", "Eve")
	s.domain(s.beta, "ada.test")
	s.user(s.atlas, "Ada", "ada@ada.test")
	s.acme = s.organization(s.atlas, "Acme", "Ada")
	s.ids["domain_id"] = s.domain(s.acme, "acme.test")
	s.user(s.atlas, "Joe", "joe@acme.test")
	s.delta = s.organization(s.gulf, "Delta", "Ida")
	for _, name := range []string{"Bob", "Cid"} {
		_, err = s.db.CreateMembership(t.Context(), s.atlas, s.acme, invite.NewMembership{UserID: s.users[name].ID, Role: invite.RoleMember})
		s.must(err)
	}

	s.passwords = password.NewHasher(1)
	front := &fapi.Server{DB: s.db, Encoder: encoder, Keys: s.keys, Passwords: s.passwords, PublicURL: origin}
	front.Browsers = &browser.Keeper{DB: s.db, Passwords: front.Passwords, PublicURL: origin}
	s.Handler = edge.New(slog.New(slog.NewJSONHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug})), s.now, time.Minute, prometheus.NewRegistry()).Wrap(front.Handler())
	s.arrange()
	return s
}

func (s *stage) now() time.Time { return time.UnixMilli(s.clock.Load()) }

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stage) instance(n invite.Instance) *invite.Instance {
	s.Helper()
	in, _, err := s.db.CreateInstance(s.Context(), n, "")
	s.must(err)
	settings, err := s.db.UpdateOrganizationSettings(s.Context(), in, invite.OrganizationSettingsChange{DomainsEnabled: new(true)})
	s.must(err)
	return settings.Instance
}

func (s *stage) user(in *invite.Instance, name, address string) {
	s.Helper()
	u, err := s.db.CreateUser(s.Context(), in, invite.NewUser{EmailAddresses: []string{strings.ToLower(address)}, FirstName: name})
	s.must(err)
	s.users[name] = u
}

func (s *stage) organization(in *invite.Instance, name, admin string) string {
	s.Helper()
	o, err := s.db.CreateOrganization(s.Context(), in, invite.NewOrganization{Name: name, CreatedBy: s.users[admin].ID})
	s.must(err)
	return o.ID
}

func (s *stage) domain(organization, name string) string {
	s.Helper()
	d, err := s.db.CreateDomain(s.Context(), s.atlas, organization, invite.NewDomain{Name: name, Mode: string(invite.AutomaticSuggestion), Verified: true})
	s.must(err)
	return d.ID
}

func (s *stage) invite(organization, address string) *invite.Invitation {
	s.Helper()
	i, err := s.db.CreateInvitation(s.Context(), s.atlas, organization, invite.NewInvitation{EmailAddress: address, Role: invite.RoleMember, ExpiresInDays: 30})
	s.must(err)
	return i
}

// signIn signs a user in, in the browser with that client id or in a new one.
func (s *stage) signIn(in *invite.Instance, client, name string) *store.Visit {
	s.Helper()
	token, err := s.db.CreateSignInToken(s.Context(), in, invite.NewSignInToken{UserID: s.users[name].ID, ExpiresInSeconds: 60})
	s.must(err)
	v, err := s.db.SignInWithTicket(s.Context(), in, client, token.Ticket())
	s.must(err)
	return v
}

func (s *stage) suggestion(name string) string {
	s.Helper()
	list, _, err := s.db.Suggestions(s.Context(), s.atlas, s.users[name].ID, nil, invite.Page{Limit: 10})
	s.must(err)
	if len(list) != 1 {
		s.Fatalf("%s has %d suggestions, want 1", name, len(list))
	}
	return list[0].ID
}

// arrange makes what the paths name, and the browsers: those of the users who are
// signed in, and those whose time is over in one way or another.
func (s *stage) arrange() {
	s.Helper()
	ctx := s.Context()
	fresh, err := s.db.CreateClient(ctx, s.atlas, "")
	s.must(err)
	s.tokens["before a sign-in"] = fresh.Token
	ada := s.signIn(s.atlas, fresh.ClientID, "Ada")
	s.tokens["Ada"] = ada.Token
	for _, name := range []string{"Bob", "Eve"} {
		v := s.signIn(s.atlas, "", name)
		s.tokens[name], s.ids["sessionOf"+name] = v.Token, v.Session.ID
	}
	s.tokens["Ida"] = s.signIn(s.gulf, "", "Ida").Token

	forgotten := s.signIn(s.atlas, "", "Out")
	s.must(s.db.CloseClient(ctx, s.atlas, forgotten.ClientID, true))
	s.tokens["a forgotten browser"] = forgotten.Token
	out := s.signIn(s.atlas, "", "Out")
	s.must(s.db.CloseClient(ctx, s.atlas, out.ClientID, false))
	s.tokens["after a sign-out"] = out.Token
	revoked := s.signIn(s.atlas, "", "Rex")
	_, err = s.db.RevokeSession(ctx, s.atlas, revoked.Session.ID)
	s.must(err)
	s.tokens["a revoked session"] = revoked.Token
	s.tokens["a deleted user"] = s.signIn(s.atlas, "", "Del").Token
	_, err = s.db.DeleteUser(ctx, s.atlas, s.users["Del"].ID)
	s.must(err)
	s.tokens["a banned user"] = s.signIn(s.atlas, "", "Ban").Token
	_, err = s.db.BanUsers(ctx, s.atlas, []string{s.users["Ban"].ID}, true)
	s.must(err)

	gus, err := s.db.BeginSignIn(ctx, s.atlas, "", "gus@example.com", "")
	s.must(err)
	up, err := s.db.SaveSignUp(ctx, s.atlas, gus.ClientID, "", invite.SignUpChange{EmailAddress: new("new@example.com")})
	s.must(err)
	s.tokens["Gus"] = gus.Token
	_, err = s.db.AcceptSuggestion(ctx, s.atlas, s.users["Joe"].ID, s.suggestion("Joe"))
	s.must(err)
	requests, _, err := s.db.MembershipRequests(ctx, s.atlas, s.acme, store.RequestFilter{Page: invite.Page{Limit: 10}})
	s.must(err)
	if len(requests) != 1 {
		s.Fatalf("there are %d membership requests, want 1", len(requests))
	}
	spare, err := s.db.CreateEmailAddress(ctx, s.atlas, invite.NewEmailAddress{UserID: s.users["Ada"].ID, EmailAddress: "ada2@example.com"})
	s.must(err)
	maps.Copy(s.ids, map[string]string{
		"email_address_id": spare.ID,
		"organization_id":  s.acme, "user_id": s.users["Cid"].ID, "session_id": ada.Session.ID,
		"sign_in_id": gus.SignIn.ID, "sign_up_id": up.SignUp.ID, "request_id": requests[0].ID, "suggestion_id": s.suggestion("Ada"),
		"invitation_id": s.invite(s.acme, "x@example.com").ID, "own": s.invite(s.beta, "ada@ada.test").ID,
		"eve": s.users["Eve"].ID,
	})
}

// asked is a request as a test writes it.
type asked struct {
	route  string // method and path with names in braces, which ids replaces
	form   string // with names in braces as well
	token  string // of the browser
	host   string // empty: Atlas's
	from   string // address and port; empty: this machine's, whose attempts are not counted
	header http.Header
	ids    map[string]string
}

// ask sends a request and returns the answer.
func (s *stage) ask(a asked) *httptest.ResponseRecorder {
	s.Helper()
	var pairs []string
	for name, id := range s.ids {
		pairs = append(pairs, "{"+name+"}", cmp.Or(a.ids[name], id))
	}
	fill := strings.NewReplacer(pairs...)
	method, path, _ := strings.Cut(fill.Replace(a.route), " ")
	if method != http.MethodGet && method != http.MethodPost && method != http.MethodOptions {
		path += "?_method=" + method
		method = http.MethodPost
	}
	body, media := io.Reader(strings.NewReader(fill.Replace(a.form))), "application/x-www-form-urlencoded"
	if a.form == "logo" {
		body, media = s.upload()
	}
	req := httptest.NewRequestWithContext(s.Context(), method, path, body)
	req.Host, req.RemoteAddr = cmp.Or(a.host, atlasHost), cmp.Or(a.from, "127.0.0.1:4711")
	maps.Copy(req.Header, a.header)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", media)
	}
	if a.token != "" {
		req.AddCookie(&http.Cookie{Name: "__client", Value: a.token})
	}
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, req)
	return rec
}

// upload returns a form with a picture.
func (s *stage) upload() (io.Reader, string) {
	s.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", "logo.gif")
	s.must(err)
	_, err = part.Write([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x01D\x00;"))
	s.must(err)
	s.must(w.Close())
	return &b, w.FormDataContentType()
}

// dump returns all rows of all tables, as text.
func (s *stage) dump() map[string]string {
	s.Helper()
	all := map[string]string{}
	for _, table := range s.rows(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`) {
		list := s.rows(`SELECT * FROM "` + table + `"`)
		slices.Sort(list)
		all[table] = strings.Join(list, "\n")
	}
	return all
}

func (s *stage) rows(query string) []string {
	s.Helper()
	found, err := s.raw.QueryContext(s.Context(), query)
	s.must(err)
	defer found.Close()
	columns, err := found.Columns()
	s.must(err)
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for k := range values {
		targets[k] = &values[k]
	}
	var list []string
	for found.Next() {
		s.must(found.Scan(targets...))
		if len(values) == 1 {
			list = append(list, fmt.Sprint(values[0]))
			continue
		}
		list = append(list, fmt.Sprint(values))
	}
	s.must(found.Err())
	return list
}

// unchanged fails when the database holds something else than before.
func (s *stage) unchanged(before map[string]string, what string) {
	s.Helper()
	for table, rows := range s.dump() {
		if rows == before[table] {
			continue
		}
		known := strings.Split(before[table], "\n")
		for row := range strings.SplitSeq(rows, "\n") {
			if !slices.Contains(known, row) {
				s.Errorf("%s: %s has %.300s", what, table, row)
			}
		}
		s.Errorf("%s: %s has %d bytes, had %d", what, table, len(rows), len(before[table]))
	}
}

// told returns an answer's status and the code of its error.
func told(t testing.TB, rec *httptest.ResponseRecorder) string {
	t.Helper()
	if rec.Code < http.StatusBadRequest {
		return fmt.Sprint(rec.Code)
	}
	return fmt.Sprint(rec.Code, " ", codeOf(t, rec))
}
