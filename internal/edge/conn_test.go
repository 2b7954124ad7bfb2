package edge_test

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/internal/edge"
)

// counted is a listener whose connections note the length of each write.
type counted struct {
	net.Listener
	mu     sync.Mutex
	writes []int
}

type countedConn struct {
	net.Conn
	l *counted
}

func (l *counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countedConn{c, l}, err
}

func (c countedConn) Write(b []byte) (int, error) {
	c.l.mu.Lock()
	c.l.writes = append(c.l.writes, len(b))
	c.l.mu.Unlock()
	return c.Conn.Write(b)
}

func (l *counted) take() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.writes = nil }()
	return l.writes
}

func TestAnAnswerLeavesInOnePiece(t *testing.T) {
	sizes := map[string]int{"/short": 100, "/page": 10_000, "/large": 300_000}
	routes := map[string]edge.Methods{}
	for path, size := range sizes {
		routes[path] = edge.Methods{"GET": answer(strings.Repeat("x", size))}
	}
	mux := http.NewServeMux()
	for pattern, methods := range routes {
		edge.Handle(mux, pattern, methods, edge.Refuse)
	}
	e := edge.New(slog.New(slog.DiscardHandler), time.Now, time.Minute, prometheus.NewRegistry())
	g := &gate{Server: httptest.NewUnstartedServer(e.Wrap(mux))}
	l := &counted{Listener: g.Listener}
	g.Listener, g.Config.ConnContext = edge.Listener{Listener: l}, edge.ConnContext
	g.Start()
	defer g.Close()
	for _, path := range []string{"/short", "/page", "/large", "/short", "/page"} {
		_, body := g.do(t, "GET", path, "")
		writes := l.take()
		if len(body) != sizes[path] || len(writes) != 1 || slices.Max(writes) <= sizes[path] {
			t.Errorf("%s: %d bytes in writes of %d, want %d in one", path, len(body), writes, sizes[path])
		}
	}
}
