package e2e

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// site is a database in PostgreSQL with an instance that servers serve.
type site struct {
	*testing.T
	database, master, key string
	organization          string
	office                *sortingOffice
}

// newSite makes an instance with an organization.
func newSite(t *testing.T, database string, office *sortingOffice) *site {
	t.Helper()
	s := &site{T: t, database: database, master: strings.Repeat("5ca1ab1e", 8), office: office}
	cmd := exec.CommandContext(t.Context(), binary, "instance", "create", "--name", "Resilient")
	cmd.Env = append(os.Environ(), "USHER_MASTER_KEY="+s.master, "USHER_DATABASE="+database)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("usher instance create: %v\n%s", err, out)
	}
	s.key = regexp.MustCompile(`sk_live_\S+`).FindString(string(out))
	u := s.serve()
	ada := u.must("POST", "/v1/users", `{"email_address":["ada@example.com"]}`).text("id")
	s.organization = u.must("POST", "/v1/organizations", `{"name":"Resilient","max_allowed_memberships":0,"created_by":"`+ada+`"}`).text("id")
	u.stop()
	return s
}

// serve starts a server and returns when it answers.
func (s *site) serve() *usher { return s.serveAt(s.database) }

// serveAt is serve for the same database at another URL, with more options.
func (s *site) serveAt(database string, more ...string) *usher {
	s.Helper()
	u := start(s.T, "serve", s.TempDir(), append(more, "--database", database, "--public-url", "https://invite.example.com", "--master-key", s.master,
		"--smtp-url", "smtp://"+s.office.addr, "--mail-from", "invitations@acme.example", "--metrics-addr", "", "--webhook-private-addresses")...)
	u.url = "http://" + u.says(u.stderr, regexp.MustCompile(`"serving","addr":"([^"]+)"`))[1]
	u.key = s.key
	u.until("it is ready", func() bool { return u.probe("/readyz") == 200 })
	return u
}

// through returns a way to a database that can be made to fail, and the URL to take it.
func through(t *testing.T, database string) (way *line, by string) {
	t.Helper()
	at, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	query, to := at.Query(), at.Host
	if folder := query.Get("host"); folder != "" {
		to = filepath.Join(folder, ".s.PGSQL.5432")
		query.Del("host")
	}
	way = newLine(t, to)
	query.Set("sslmode", "disable")
	at.Host, at.RawQuery = way.addr, query.Encode()
	return way, at.String()
}
