package postgrestest

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PoolSize is how many connections to a database a pooler keeps, fewer than a server of
// usher opens.
const PoolSize = 10

// Pooled returns the postgres:// URL, through PgBouncer in transaction mode, of an empty
// database, which goes when the test, or its server, ends. Where there is no PgBouncer the
// test is skipped, or fails if USHER_TEST_REQUIRE names "pgbouncer".
func Pooled(t testing.TB) string {
	t.Helper()
	server, err := behind()
	demand(t, "postgres", err)
	bouncer, err := pooler()
	demand(t, "pgbouncer", err)
	name := newName()
	run(t, server.URL, `CREATE DATABASE `+name+` TEMPLATE template0`)
	end := `DROP DATABASE ` + name + ` WITH (FORCE)`
	if server.dir != "" { // it goes with the server: dropping takes longer than many a test
		end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '` + name + `'`
	}
	t.Cleanup(func() { run(t, server.URL, end) })
	return "postgres://usher@/" + name + "?host=" + url.QueryEscape(bouncer.dir)
}

// behind is the server behind the pooler. One that is started for that may forget what it
// has committed: tests of poolers are not about crashes, and have a database each.
var behind = sync.OnceValues(func() (*Server, error) {
	if os.Getenv("USHER_TEST_POSTGRES_URL") != "" {
		return shared()
	}
	return Start("fsync=off")
})

var pooler = sync.OnceValues(func() (*Server, error) {
	server, err := behind()
	if err != nil {
		return nil, err
	}
	return server.Pool()
})

// Pool starts PgBouncer in transaction mode before a server. It ends, and its folder goes,
// with this process. It returns exec.ErrNotFound where PgBouncer is not installed.
func (s *Server) Pool() (*Server, error) {
	program, err := Installed("pgbouncer")
	if err != nil {
		return nil, err
	}
	p, err := newServer()
	if err != nil {
		return nil, err
	}
	configuration, err := pooling(s.URL, p.dir)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(p.dir, "ini"), []byte(configuration), 0o644); err != nil {
		return nil, err
	}
	const script = `"$@" "$0/ini" >"$0/log" 2>&1 & pooler=$!; cat >/dev/null; kill -KILL $pooler; wait $pooler; rm -rf "$0"`
	cmd := p.command("sh", "-c", script, p.dir, program)
	if p.alive, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for range 500 {
		if _, err := os.Stat(filepath.Join(p.dir, ".s.PGSQL.5432")); err == nil {
			return p, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	raw, _ := os.ReadFile(p.log())
	return nil, fmt.Errorf("PgBouncer does not listen:\n%s", raw)
}

// pooling returns the configuration of PgBouncer before a server.
func pooling(server, folder string) (string, error) {
	to, err := pgx.ParseConfig(server)
	if err != nil {
		return "", err
	}
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	password := ""
	if to.Password != "" {
		password = "password=" + quoted(to.Password)
	}
	return fmt.Sprintf(`[databases]
* = host=%s port=%d user=%s %s

[pgbouncer]
listen_addr =
unix_socket_dir = %s
listen_port = 5432
auth_type = any
pool_mode = transaction
default_pool_size = %d
max_client_conn = 2000
query_wait_timeout = 5
server_login_retry = 1
log_connections = 0
log_disconnections = 0
`, quoted(to.Host), to.Port, quoted(to.User), password, folder, PoolSize), nil
}
