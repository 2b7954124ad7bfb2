package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/internal/store/postgrestest"
)

// What is answered survives the end of the machine that the database is on: three servers
// behind HAProxy go on with the synchronous standby that Patroni promotes. What is checked
// is what TestCrash checks. USHER_FAILOVERS says how often the primary is killed; without
// it there is no trial, which takes minutes for the leases that run out.
func TestFailover(t *testing.T) {
	t.Parallel()
	n := failovers(t)
	cluster := postgrestest.NewCluster(t)
	failover(t, "kill -9 of the primary, behind HAProxy", n, cluster, cluster.Proxied)
}

// TestFailoverWithoutProxy is the same where the servers know both hosts, and look by
// themselves for the one that takes writes.
func TestFailoverWithoutProxy(t *testing.T) {
	t.Parallel()
	n := failovers(t)
	cluster := postgrestest.NewCluster(t)
	failover(t, "kill -9 of the primary, both hosts in the URL", n, cluster, cluster.Direct)
}

// failovers returns how often the primary is to be killed, and skips the test where that
// is not said.
func failovers(t *testing.T) int {
	t.Helper()
	n := times(t, "USHER_FAILOVERS", 0)
	if n == 0 {
		t.Skip("USHER_FAILOVERS is not set")
	}
	return n
}

func failover(t *testing.T, what string, n int, cluster *postgrestest.Cluster, database string) {
	t.Helper()
	office := newSortingOffice(t)
	s := newSite(t, database, office)
	front := balanced(t, s.serve(), s.serve(), s.serve())
	crash(t, what, n, front, s.organization, office, leased, func(u *usher) (*usher, time.Duration) {
		u.pulse.begin()
		promoted := cluster.Failover(t)
		since := time.Now()
		u.until("a request is answered again", func() bool { return u.pulse.beatSince(since) })
		without := u.pulse.end()
		t.Logf("the standby led after %v; nothing was answered for %v", promoted.Round(time.Millisecond), without.Round(time.Millisecond))
		cluster.Rejoin(t)
		return u, without
	})
}

// balanced returns servers as one, behind HAProxy.
func balanced(t *testing.T, servers ...*usher) *usher {
	t.Helper()
	dir, port := t.TempDir(), postgrestest.FreePort(t)
	unavailable := filepath.Join(dir, "503")
	var text strings.Builder
	fmt.Fprintf(&text, `defaults
	mode http
	timeout connect 1s
	timeout client 75s
	timeout server 75s
	errorfile 503 %s

listen usher
	bind 127.0.0.1:%d
	option httpchk GET /readyz
	http-check expect status 200
	default-server inter 200ms fall 2 rise 1
`, unavailable, port)
	for k, u := range servers {
		fmt.Fprintf(&text, "\tserver usher%d %s check\n", k, strings.TrimPrefix(u.url, "http://"))
	}
	for name, text := range map[string]string{
		"haproxy.cfg": text.String(),
		"503":         "HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: application/json\r\n\r\n{}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program, err := postgrestest.Installed("haproxy")
	if err != nil {
		t.Fatal(err)
	}
	front := launch(t, exec.Command(program, "-db", "-f", filepath.Join(dir, "haproxy.cfg")))
	front.url, front.key, front.pulse = fmt.Sprintf("http://127.0.0.1:%d", port), servers[0].key, new(pulse)
	front.until("a server is ready", func() bool { return front.probe("/readyz") == 200 })
	return front
}

// pulse is felt in what clients are answered.
type pulse struct {
	mu      sync.Mutex
	last    time.Time
	longest time.Duration // between two beats
}

// beat is called for each request that was carried out or refused.
func (p *pulse) beat() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !p.last.IsZero() {
		p.longest = max(p.longest, now.Sub(p.last))
	}
	p.last = now
}

// begin forgets what was before.
func (p *pulse) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.longest = time.Now(), 0
}

func (p *pulse) beatSince(then time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last.After(then)
}

// end returns the longest time between two beats.
func (p *pulse) end() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.longest
}
