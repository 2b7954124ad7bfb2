package postgrestest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is a primary and its synchronous standby that Patroni and etcd keep, and
// HAProxy before them. All of it listens on 127.0.0.1.
type Cluster struct {
	Proxied string // the postgres:// URL through HAProxy
	Direct  string // the one that names both
	members []*member
}

// member is one PostgreSQL and the Patroni that runs it.
type member struct {
	*Server
	name           string
	port, overseer int // where PostgreSQL listens, and its Patroni
}

// NewCluster starts a cluster and returns when the standby keeps up. It ends with the
// test, or with this process. Where one of its programs is missing the test is skipped,
// or fails if USHER_TEST_REQUIRE names "patroni".
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	var programs []string
	for _, name := range []string{"etcd", "patroni", "haproxy"} {
		path, err := Installed(name)
		demand(t, "patroni", err)
		programs = append(programs, path)
	}
	control, err := Find("pg_controldata") // which is where all of them are
	demand(t, "patroni", err)
	clients, peers := FreePort(t), FreePort(t)
	at, peer := fmt.Sprintf("http://127.0.0.1:%d", clients), fmt.Sprintf("http://127.0.0.1:%d", peers)
	supervised(t).run(t, programs[0], "--data-dir", "etcd", "--listen-client-urls", at, "--advertise-client-urls", at,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	c := new(Cluster)
	for _, name := range []string{"one", "two"} {
		m := &member{supervised(t), name, FreePort(t), FreePort(t)}
		m.write(t, "patroni.yml", m.configuration(clients, filepath.Dir(control)))
		m.Server.run(t, programs[1], filepath.Join(m.dir, "patroni.yml"))
		c.members = append(c.members, m)
	}
	proxy, front := supervised(t), FreePort(t)
	proxy.write(t, "haproxy.cfg", c.proxy(front))
	proxy.run(t, programs[2], "-db", "-f", filepath.Join(proxy.dir, "haproxy.cfg"))
	c.Proxied = fmt.Sprintf("postgres://usher@127.0.0.1:%d/postgres?sslmode=disable", front)
	c.Direct = fmt.Sprintf("postgres://usher@127.0.0.1:%d,127.0.0.1:%d/postgres?sslmode=disable&target_session_attrs=read-write", c.members[0].port, c.members[1].port)
	c.whole(t)
	return c
}

// Failover kills the primary and its Patroni, and returns how long it took until the
// standby led.
func (c *Cluster) Failover(t testing.TB) (took time.Duration) {
	t.Helper()
	leader := c.that(t, "/primary")
	begun := time.Now()
	leader.kill(t)
	for c.that(t, "/primary") == leader {
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begun)
}

// Rejoin starts what was killed, and returns when it is the synchronous standby.
func (c *Cluster) Rejoin(t testing.TB) {
	t.Helper()
	for _, m := range c.members {
		if m.asked(t, "/liveness") == 0 {
			m.again(t)
		}
	}
	c.whole(t)
}

// whole waits until there is a primary and a synchronous standby.
func (c *Cluster) whole(t testing.TB) {
	t.Helper()
	c.that(t, "/primary")
	c.that(t, "/synchronous")
}

// that waits for the member whose Patroni says that it is so.
func (c *Cluster) that(t testing.TB, is string) *member {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, m := range c.members {
			if m.asked(t, is) == http.StatusOK {
				return m
			}
		}
	}
	for _, m := range c.members {
		raw, _ := os.ReadFile(m.log())
		t.Logf("Patroni of %s wrote:\n%s", m.name, raw[max(0, len(raw)-4000):])
	}
	t.Fatalf("no member answers %s with 200", is)
	return nil
}

// asked returns the status of an answer of Patroni, 0 for none.
func (m *member) asked(t testing.TB, path string) int {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", m.overseer, path), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// kill kills Patroni and then PostgreSQL, as the end of their machine would.
func (m *member) kill(t testing.TB) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(m.dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	overseer, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	server, err := m.process()
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range []int{overseer, server} {
		if err := syscall.Kill(process, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

// The patience of Patroni is as short as it goes on machines that may be busy: a primary
// that is dead is replaced when its lease of ttl seconds has run out.
func (m *member) configuration(etcd int, programs string) string {
	return fmt.Sprintf(`scope: usher
name: %[1]s
restapi: {listen: "127.0.0.1:%[2]d", connect_address: "127.0.0.1:%[2]d"}
etcd3: {host: "127.0.0.1:%[3]d"}
bootstrap:
  dcs:
    ttl: 5
    loop_wait: 1
    retry_timeout: 2
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {max_connections: 200, wal_log_hints: "on"}
  initdb: [{encoding: UTF8}, {locale: C}, {auth: trust}]
postgresql:
  listen: 127.0.0.1:%[4]d
  connect_address: 127.0.0.1:%[4]d
  data_dir: %[5]s
  bin_dir: %[6]s
  pgpass: %[7]s/pgpass
  remove_data_directory_on_rewind_failure: true
  parameters: {unix_socket_directories: %[7]s}
  authentication: {superuser: {username: usher}, replication: {username: usher}, rewind: {username: usher}}
  pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
`, m.name, m.overseer, etcd, m.port, m.data(), programs, m.dir)
}

// proxy is HAProxy's configuration. Connections to what leads no longer are ended.
func (c *Cluster) proxy(port int) string {
	one, two := c.members[0], c.members[1]
	return fmt.Sprintf(`defaults
	timeout connect 1s
	timeout client 1h
	timeout server 1h

listen postgres
	bind 127.0.0.1:%d
	option httpchk GET /primary
	http-check expect status 200
	default-server inter 500ms fall 1 rise 1 on-marked-down shutdown-sessions
	server one 127.0.0.1:%d check port %d
	server two 127.0.0.1:%d check port %d
`, port, one.port, one.overseer, two.port, two.overseer)
}

// supervised returns a folder for a program that ends with the test.
func supervised(t testing.TB) *Server {
	t.Helper()
	s, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Server) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run starts a program below a shell that starts it again when told so, and kills it and
// the PostgreSQL that it may have started when the test ends, or this process.
func (s *Server) run(t testing.TB, program ...string) {
	t.Helper()
	const script = `while read -r again; do "$@" >>"$0/log" 2>&1 & echo $! >"$0/pid"; done
kill -KILL $(cat "$0/pid") $(head -n 1 "$0/data/postmaster.pid") 2>/dev/null
wait
until rm -rf "$0" 2>/dev/null; do sleep 0.1; done`
	cmd := s.command("sh", append([]string{"-c", script, s.dir}, program...)...)
	var err error
	if s.alive, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Stop()
		_ = cmd.Wait() // it ends by the signal of what it kills, or not
	})
	s.again(t)
}

// again starts the program of run once more.
func (s *Server) again(t testing.TB) {
	t.Helper()
	if _, err := s.alive.Write([]byte("again\n")); err != nil {
		t.Fatal(err)
	}
}

// FreePort returns a port that nobody listens on, and that no connection is given by
// itself while what will listen there is dead.
func FreePort(t testing.TB) int {
	t.Helper()
	for {
		port := 20000 + rand.IntN(12000)
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
}

// Installed returns the path of a program, which may be where only root looks.
func Installed(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	path = "/usr/sbin/" + name
	if _, err := os.Stat(path); err != nil {
		return "", exec.ErrNotFound
	}
	return path, nil
}
