// Package postgrestest gives tests a PostgreSQL server of their own.
package postgrestest

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// URL returns the postgres:// URL of an empty schema, which is dropped when the test
// ends. The server is the one of USHER_TEST_POSTGRES_URL, else one that is started
// from the installed programs, with durable settings, and ends with the process.
// Where neither is there the test is skipped, or fails if USHER_TEST_REQUIRE (a comma
// list) names "postgres".
func URL(t testing.TB) string {
	t.Helper()
	server, err := shared()
	demand(t, "postgres", err)
	return server.Schema(t)
}

// demand skips the test when err says that a program is not installed, and fails it when
// the program is required, or for any other error.
func demand(t testing.TB, program string, err error) {
	t.Helper()
	switch {
	case err == nil:
	case !errors.Is(err, exec.ErrNotFound):
		t.Fatal(err)
	case slices.Contains(strings.Split(os.Getenv("USHER_TEST_REQUIRE"), ","), program):
		t.Fatalf("USHER_TEST_REQUIRE demands %s, which is not installed", program)
	default:
		t.Skip(program + " is not installed")
	}
}

// Schema returns the postgres:// URL of an empty schema, which is dropped when the test
// ends.
func (s *Server) Schema(t testing.TB) string {
	t.Helper()
	schema := newName()
	run(t, s.URL, `CREATE SCHEMA `+schema)
	t.Cleanup(func() { run(t, s.URL, `DROP SCHEMA `+schema+` CASCADE`) })
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func newName() string { return "usher_" + strings.ToLower(rand.Text()) }

func run(t testing.TB, server, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
		t.Fatal(err)
	}
}

var shared = sync.OnceValues(func() (*Server, error) {
	if given := os.Getenv("USHER_TEST_POSTGRES_URL"); given != "" {
		return &Server{URL: given}, nil
	}
	return Start()
})

// Server is a server that was started.
type Server struct {
	URL      string // of its database, over a socket in a folder
	dir      string
	settings []string
	who      *syscall.Credential // nil for who runs the tests
	// alive is the input of what runs the server. While the Server is referred to it
	// stays open.
	alive io.WriteCloser
}

// Start starts a server in a temporary folder, with settings as name=value besides. It
// ends, and the folder goes, with this process. It returns exec.ErrNotFound where PostgreSQL is not installed.
func Start(settings ...string) (*Server, error) {
	initdb, err := Find("initdb")
	if err != nil {
		return nil, err
	}
	s, err := newServer()
	if err != nil {
		return nil, err
	}
	s.settings = settings
	create := s.command(initdb, "--pgdata", s.data(), "--auth", "trust", "--username", "usher", "--encoding", "UTF8", "--no-locale", "--no-instructions")
	if out, err := create.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s, s.start()
}

// newServer returns one that is not started, in a folder of its own.
func newServer() (*Server, error) {
	dir, err := os.MkdirTemp("", "usher-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, URL: "postgres://usher@/postgres?host=" + url.QueryEscape(dir)}
	if os.Getuid() != 0 {
		return s, nil
	}
	if s.who, err = unprivileged(); err != nil { // PostgreSQL refuses to run as root
		return nil, err
	}
	return s, os.Chown(dir, int(s.who.Uid), int(s.who.Gid))
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.who, Setpgid: true}
	return cmd
}

// start runs the server below a shell that starts it again when it dies, and ends it
// when its own input ends, which is when this process does, however that comes.
func (s *Server) start() error {
	postgres, err := Find("postgres")
	if err != nil {
		return err
	}
	const script = `(
	trap 'kill -QUIT $server; wait $server; exit' TERM
	while :; do
		"$@" -D "$0/data" -k "$0" -c listen_addresses= -c max_connections=300 >>"$0/log" 2>&1 & server=$!
		wait $server
		sleep 0.1
	done
) & keeper=$!
cat >/dev/null; kill $keeper; wait $keeper; rm -rf "$0"`
	args := []string{"-c", script, s.dir, postgres}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	cmd := s.command("sh", args...)
	if s.alive, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	return s.answers(0)
}

// Kill kills the server as a crash would, and returns when it serves again.
func (s *Server) Kill() error {
	process, err := s.Crash()
	if err != nil {
		return err
	}
	return s.answers(process)
}

// Crash kills the server, which begins again by itself, and returns which process it was.
func (s *Server) Crash() (process int, err error) {
	if process, err = s.process(); err != nil {
		return 0, err
	}
	return process, syscall.Kill(process, syscall.SIGKILL)
}

// process returns the process that listens.
func (s *Server) process() (int, error) {
	raw, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	return strconv.Atoi(first)
}

// answers waits until another process than the one before serves.
func (s *Server) answers(before int) error {
	deadline := time.Now().Add(time.Minute)
	for {
		db, err := sql.Open("pgx", s.URL)
		if err != nil {
			return err
		}
		now, missing := s.process()
		err = errors.Join(db.Ping(), db.Close(), missing)
		if err == nil && now != before {
			return nil
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(s.log())
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Stop ends the server, and its folder goes soon after.
func (s *Server) Stop() error { return s.alive.Close() }

// Find returns the path of one of PostgreSQL's programs: from PATH, or of the newest
// version where Debian keeps them; or exec.ErrNotFound.
func Find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return "", exec.ErrNotFound
	}
	return slices.MaxFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }), nil
}

// unprivileged returns the user that PostgreSQL is installed for, or nobody.
func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}
