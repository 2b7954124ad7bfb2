package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// newTarget serves with a handler in the test's own process, which then is the
// one whose CPU and memory are read.
func newTarget(t *testing.T, h http.HandlerFunc) *target {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	tgt := serverOf(&process{cmd: &exec.Cmd{Process: self}, addr: srv.Listener.Addr().String(), key: "sk_test_1"})
	t.Cleanup(tgt.disconnect)
	return tgt
}

func TestLoadCountsEveryAnswer(t *testing.T) {
	var served atomic.Int64
	tgt := newTarget(t, func(w http.ResponseWriter, r *http.Request) { served.Add(1) })
	var left atomic.Int64
	left.Store(500)
	r, err := tgt.load(t.Context(), 8, time.Minute, func(w *worker) error {
		if left.Add(-1) < 0 {
			return errDry
		}
		_, err := w.get("/")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if served.Load() != 500 || r.latency.total != 500 {
		t.Errorf("counted %d of %d answers, want 500", r.latency.total, served.Load())
	}
	if r.took <= 0 || r.took > time.Minute || r.rss < 1<<20 || r.rss > 1<<40 {
		t.Errorf("took %v with %d bytes resident", r.took, r.rss)
	}
}

func TestLoadEndsInTime(t *testing.T) {
	tgt := newTarget(t, func(http.ResponseWriter, *http.Request) {})
	r, err := tgt.load(t.Context(), 2, 300*time.Millisecond, func(w *worker) error {
		_, err := w.get("/")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.took < 300*time.Millisecond || r.rate() <= 0 {
		t.Errorf("took %v at %.0f/s", r.took, r.rate())
	}
	if r.cpu < tick {
		t.Errorf("used %v of CPU, want at least a tick", r.cpu)
	}
}

func TestLoadStopsAtTheFirstRefusal(t *testing.T) {
	tgt := newTarget(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusForbidden) })
	_, err := tgt.load(t.Context(), 4, time.Minute, func(w *worker) error {
		_, err := w.get("/")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "refused: no") {
		t.Errorf("got %v, want the refusal", err)
	}
}

func TestPopulationRemembersWhatItMade(t *testing.T) {
	p, err := newPopulation("user_1", 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	tgt := newTarget(t, nil)
	if err := tgt.connect(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	w := tgt.workers[0]
	answer := `{"data":[{"id":"orginv_1","url":"http://h/accept?ticket=abc.1"},{"id":"orginv_2","url":"http://h/accept?ticket=abc.2"}]}`
	if err := p.keep("org_1", []byte(answer)); err != nil {
		t.Fatal(err)
	}
	got := map[invitation]bool{}
	for range 2 {
		i, err := p.take(w)
		if err != nil {
			t.Fatal(err)
		}
		got[i] = true
	}
	if !got[invitation{"org_1", "orginv_1", "abc.1"}] || !got[invitation{"org_1", "orginv_2", "abc.2"}] {
		t.Errorf("kept %v", got)
	}
	if _, err := p.take(w); !errors.Is(err, errDry) {
		t.Errorf("taking from nothing: got %v, want errDry", err)
	}
	if err := p.keep("org_1", []byte(`{"data":[]}`)); err == nil {
		t.Error("an answer without invitations was kept")
	}
}

func TestPopulationNeverUsesAnAddressTwice(t *testing.T) {
	p, err := newPopulation("user_1", 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	first, second := string(p.appendBody(nil)), string(p.appendBody(nil))
	if first == second || !strings.Contains(first, `"guest1@bench.example"`) {
		t.Errorf("bodies %s and %s", first, second)
	}
}

func TestPopulationListsInTurn(t *testing.T) {
	p, err := newPopulation("user_1", 3, 50)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	tgt := newTarget(t, func(w http.ResponseWriter, r *http.Request) { seen[r.URL.Path]++ })
	if err := tgt.connect(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := p.list(tgt.workers[0]); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 50 || seen["/v1/organizations/"+organizationID(3)+"/invitations/pending"] != 2 {
		t.Errorf("100 requests went to %d organizations: %v", len(seen), seen)
	}
}
