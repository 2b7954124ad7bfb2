package web_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	_ "modernc.org/sqlite" // reads what the pages may have changed

	"usher/internal/browser"
	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/password"
	"usher/internal/store"
	"usher/internal/store/storetest"
	"usher/internal/web"
)

// site is a server of pages on a real store, with one organization and its admin.
type site struct {
	*httptest.Server
	testing.TB
	db    *store.DB
	keys  *invite.Keyring
	path  string
	in    *invite.Instance
	acme  *invite.Organization
	ada   *invite.User
	clock atomic.Int64 // Unix milliseconds
	pages web.Server
}

// start is where the clock of every site begins.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

type option func(*site, *invite.Instance)

func mailProofOnly(_ *site, in *invite.Instance) { in.MailProofOnly = true }
func homeURL(_ *site, in *invite.Instance)       { in.HomeURL = "https://app.example.com/home?a=1&b=2" }

func open(t testing.TB, options ...option) *site {
	t.Helper()
	s := &site{TB: t, path: filepath.Join(t.TempDir(), "usher.db"), keys: keyring(t, 7)}
	s.clock.Store(start.UnixMilli())
	in := invite.Instance{Environment: invite.Test, Name: "Atlas"}
	for _, o := range options {
		o(s, &in)
	}
	var err error
	s.db, err = store.Open(t.Context(), store.Options{
		NewSigningKey: storetest.NewSigningKey,
		Path:          s.path, Now: s.now, Keys: s.keys, Event: (&clerk.Encoder{PublicURL: "https://usher.test", Keys: s.keys}).EventData,
	})
	s.must(err)
	t.Cleanup(func() { s.must(s.db.Close()) })
	s.in, _, err = s.db.CreateInstance(t.Context(), in, "")
	s.must(err)
	s.ada = s.user("ada@example.com", "Ada", "Lovelace")
	s.acme, err = s.db.CreateOrganization(t.Context(), s.in, invite.NewOrganization{Name: "Acme Corporation", CreatedBy: s.ada.ID})
	s.must(err)

	s.Server = httptest.NewUnstartedServer(nil)
	s.pages.DB, s.pages.Keys, s.pages.PublicURL = s.db, s.keys, "https://usher.test"
	s.pages.Browsers = &browser.Keeper{DB: s.db, Passwords: password.NewHasher(1), PublicURL: s.pages.PublicURL}
	log := slog.New(slog.DiscardHandler)
	s.Config.Handler = edge.New(log, s.now, time.Minute, prometheus.NewRegistry()).Wrap(s.pages.Handler())
	s.Start()
	t.Cleanup(s.Close)
	s.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

func keyring(t testing.TB, b byte) *invite.Keyring {
	t.Helper()
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{b}, invite.MinMasterKey))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (s *site) now() time.Time          { return time.UnixMilli(s.clock.Load()) }
func (s *site) advance(d time.Duration) { s.clock.Add(d.Milliseconds()) }

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) user(address, first, last string) *invite.User {
	s.Helper()
	u, err := s.db.CreateUser(s.Context(), s.in, invite.NewUser{EmailAddresses: []string{address}, FirstName: first, LastName: last})
	s.must(err)
	return u
}

func (s *site) invite(address string) *invite.Invitation {
	s.Helper()
	i, err := s.db.CreateInvitation(s.Context(), s.in, s.acme.ID, invite.NewInvitation{
		EmailAddress: address, Role: invite.RoleMember, InviterID: s.ada.ID, ExpiresInDays: 30,
	})
	s.must(err)
	return i
}

func (s *site) inviteToApp(address string) *invite.Invitation {
	s.Helper()
	i, err := s.db.CreateApplicationInvitation(s.Context(), s.in, invite.NewApplicationInvitation{
		EmailAddress: address, ExpiresInDays: 30, Template: invite.InvitationTemplate,
	})
	s.must(err)
	return i
}

func (s *site) signIn() *invite.SignInToken {
	s.Helper()
	token, err := s.db.CreateSignInToken(s.Context(), s.in, invite.NewSignInToken{UserID: s.ada.ID, ExpiresInSeconds: 60})
	s.must(err)
	return token
}

// ticket returns the ticket that left in the invitation's mail.
func (s *site) ticket(i *invite.Invitation) string {
	return invite.TicketFor(i, invite.ByMail).Sign(s.keys)
}

func (s *site) parsed(ticket string) invite.Ticket {
	s.Helper()
	t, err := invite.ParseTicket(ticket, s.keys)
	s.must(err)
	return t
}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) do(method, path string, form url.Values, header ...string) answer {
	s.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(s.Context(), method, s.URL+path, body)
	s.must(err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k := 0; k < len(header); k += 2 {
		if header[k] == "Host" {
			req.Host = header[k+1]
		}
		req.Header.Set(header[k], header[k+1])
	}
	res, err := s.Client().Do(req)
	s.must(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	s.must(err)
	return answer{res.StatusCode, res.Header, string(raw)}
}

func (s *site) get(path string) answer { s.Helper(); return s.do(http.MethodGet, path, nil) }

// post sends the form as a browser does that is on the page itself.
func (s *site) post(form url.Values) answer {
	s.Helper()
	return s.do(http.MethodPost, "/accept", form, "Sec-Fetch-Site", "same-origin", "Origin", s.URL)
}

func accept(ticket string) url.Values  { return url.Values{"ticket": {ticket}, "action": {"accept"}} }
func decline(ticket string) url.Values { return url.Values{"ticket": {ticket}, "action": {"decline"}} }

// follow goes where an answer sends the browser.
func (s *site) follow(a answer) answer {
	s.Helper()
	if a.status != http.StatusSeeOther {
		s.Fatalf("want a redirect, got %d:\n%s", a.status, a.body)
	}
	return s.get(a.header.Get("Location"))
}

// dump returns all that the database holds.
func (s *site) dump() string {
	s.Helper()
	db, err := sql.Open("sqlite", "file:"+s.path+"?_pragma=query_only(1)")
	s.must(err)
	defer db.Close()
	var out strings.Builder
	for _, table := range column(s, db, `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`) {
		fmt.Fprintf(&out, "== %s\n", table)
		columns := column(s, db, `SELECT name FROM pragma_table_info('`+table+`') ORDER BY cid`)
		for k, c := range columns {
			columns[k] = `quote("` + c + `")`
		}
		rows := column(s, db, `SELECT `+strings.Join(columns, ` || ' ' || `)+` FROM "`+table+`"`)
		slices.Sort(rows)
		out.WriteString(strings.Join(rows, "\n"))
	}
	return out.String()
}

// sql changes the database behind the store's back.
func (s *site) sql(query string) {
	s.Helper()
	db, err := sql.Open("sqlite", "file:"+s.path+"?_pragma=busy_timeout(5000)")
	s.must(err)
	defer db.Close()
	_, err = db.ExecContext(s.Context(), query)
	s.must(err)
}

func column(s *site, db *sql.DB, query string) []string {
	s.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	s.must(err)
	defer rows.Close()
	var list []string
	for rows.Next() {
		var v string
		s.must(rows.Scan(&v))
		list = append(list, v)
	}
	s.must(rows.Err())
	return list
}
