package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// Under a mixed load of four fifths of what it can do the server neither grows nor
// slows down, and its log and its outbox stay small. USHER_SOAK says for how long, as
// 10m; without it nothing is done.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("USHER_SOAK"))
	if err != nil {
		t.Skip("USHER_SOAK does not say how long")
	}
	office, r := newSortingOffice(t), newReceiver(t)
	u := dev(t, "--log-level", "error", "--smtp-url", "smtp://"+office.addr, "--mail-from", "invitations@acme.example")
	u.webhook("create", "--url", r.URL)
	const parts, warm = 10, 5 * time.Second
	l := &load{usher: u, org: u.organization("Soaked", 0), limit: rate.NewLimiter(rate.Inf, 1)}
	capacity := float64(l.run(warm).requests) / warm.Seconds()
	l.limit = rate.NewLimiter(rate.Limit(0.8*capacity), 8)
	t.Logf("%.0f requests a second are possible, %.0f are made", capacity, 0.8*capacity)
	var table []part
	for range parts {
		p := l.run(length / parts)
		t.Logf("%5.0f/s  p50 %v  p99 %v  resident %d MiB of which Go has %d  log %d MiB  outbox %d",
			float64(p.requests)/(length/parts).Seconds(), p.p50, p.p99, p.resident>>20, p.heap>>20, p.log>>20, p.outbox)
		table = append(table, p)
	}
	u.until("the outbox is empty", func() bool { return u.metric("usher_outbox_messages") == "0" })
	// The first third is not compared: caches fill.
	early, late := table[parts/3:2*parts/3], table[2*parts/3:]
	grown := float64(most(late, func(p part) int64 { return p.resident })) / float64(most(early, func(p part) int64 { return p.resident }))
	slower := float64(median(late)) / float64(median(early))
	if grown > 1.2 {
		t.Errorf("the last third took %.2f times the memory of the second, want no more", grown)
	}
	if slower > 2 {
		t.Errorf("the p99 of the last third is %.2f times that of the second, want about the same", slower)
	}
	if size := most(table, func(p part) int64 { return p.log }); size > 128<<20 {
		t.Errorf("the log grew to %d MiB", size>>20)
	}
	t.Logf("chaos: %v at four fifths of capacity | 1 tries | %d acknowledged | 0 lost | memory ×%.2f, p99 ×%.2f from the second third to the last | log at most %d MiB",
		length, l.total, grown, slower, most(table, func(p part) int64 { return p.log })>>20)
}

// part is what was measured in a part of the time.
type part struct {
	requests      int
	p50, p99      time.Duration
	resident, log int64 // bytes
	heap          int64 // of those resident
	outbox        int
}

func most(list []part, of func(part) int64) int64 {
	sizes := make([]int64, len(list))
	for k, p := range list {
		sizes[k] = of(p)
	}
	return slices.Max(sizes)
}

func median(list []part) time.Duration {
	times := make([]time.Duration, len(list))
	for k, p := range list {
		times[k] = p.p99
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// load is what clients do with an organization.
type load struct {
	*usher
	org   string
	limit *rate.Limiter
	made  int // invitations
	total int // requests
}

// run lets 16 clients work for a while.
func (l *load) run(length time.Duration) part {
	l.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var clients sync.WaitGroup
	end := time.Now().Add(length)
	for range 16 {
		clients.Go(func() {
			var last object
			for l.limit.Wait(l.Context()) == nil && time.Now().Before(end) {
				mu.Lock()
				l.made++
				address := fmt.Sprintf("soak%d@example.com", l.made)
				mu.Unlock()
				begun := time.Now()
				if !l.step(address, &last) {
					return
				}
				mu.Lock()
				took = append(took, time.Since(begun))
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	if len(took) == 0 {
		l.Fatal("no request was answered")
	}
	slices.Sort(took)
	l.total += len(took)
	p := part{requests: len(took), p50: took[len(took)/2], p99: took[len(took)*99/100]}
	p.resident, p.heap = l.measured("process_resident_memory_bytes"), l.measured("go_memstats_heap_inuse_bytes")
	p.outbox = int(l.measured("usher_outbox_messages"))
	logs, err := filepath.Glob(filepath.Join(l.dir, "*-wal"))
	if err != nil || len(logs) != 1 {
		l.Fatalf("the logs are %v, %v", logs, err)
	}
	info, err := os.Stat(logs[0])
	if err != nil {
		l.Fatal(err)
	}
	p.log = info.Size()
	return p
}

func (l *load) measured(series string) int64 {
	l.Helper()
	value, err := strconv.ParseFloat(l.metric(series), 64)
	if err != nil {
		l.Fatalf("%s: %v", series, err)
	}
	return int64(value)
}

// step makes one request: mostly it creates and reads, and sometimes it ends what the
// client has created last.
func (l *load) step(address string, last *object) bool {
	base := "/v1/organizations/" + l.org + "/invitations"
	method, path, body := "GET", base+"?limit=10", ""
	switch n := rand.IntN(10); {
	case *last == nil || n < 4:
		method, path, body = "POST", base, fmt.Sprintf(`{"email_address":%q,"role":"org:member"}`, address)
	case n < 7:
		path = base + "/" + last.text("id")
	case n == 7:
		method, path, body = "POST", base+"/"+last.text("id")+"/revoke", "{}"
	case n == 8:
		method, path, body = "POST", "/v1/tickets/redeem", redeeming(ticketIn(last.text("url")))
	}
	status, o, err := l.api(method, path, body)
	if err != nil || status != http.StatusOK {
		l.Errorf("%s %s: got %d %v %v", method, path, status, o, err)
		return false
	}
	switch {
	case path == base:
		*last = o
	case method == "POST":
		*last = nil
	}
	return true
}
