package e2e

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/internal/store/postgrestest"
)

// fault is what a network does to the connections through it.
type fault string

const (
	none    fault = ""
	latency fault = "300 ms of latency"
	reset   fault = "connections reset"
	deaf    fault = "half-open connections" // the other end has gone and nobody says so
	hole    fault = "a black hole"          // nothing arrives
)

// What usher sends to goes through a network that fails: requests are answered as fast
// as ever, what was to be sent arrives when the network is well again, and neither
// goroutines nor connections are left behind.
func TestNetwork(t *testing.T) {
	t.Parallel()
	for _, f := range []fault{latency, reset, deaf, hole} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			office, r := newSortingOffice(t), newReceiver(t)
			mails, posts := newLine(t, office.addr), newLine(t, strings.TrimPrefix(r.URL, "http://"))
			u := dev(t, "--log-level", "error", "--smtp-url", "smtp://"+mails.addr, "--mail-from", "invitations@acme.example")
			u.webhook("create", "--url", "http://"+posts.addr)
			org := u.organization("Remote", 0)
			known := map[string]string{"first@example.com": u.invited(org, "first@example.com")}
			u.arrive(office, r, known)
			goroutines, files := u.resources()

			mails.suffer(f)
			posts.suffer(f)
			slowest := u.inviteMany(org, 50, known)
			if slowest > 2*time.Second {
				t.Errorf("an invitation took %v while nothing could be sent", slowest)
			}
			if f != latency {
				u.until("something was lost on the way", func() bool { return mails.lost.Load() > 0 && posts.lost.Load() > 0 })
			}
			mails.suffer(none)
			posts.suffer(none)
			healed := time.Now()
			u.arrive(office, r, known)
			drained := time.Since(healed)
			u.until("the outbox is empty", func() bool { return u.metric("usher_outbox_messages") == "0" })
			var g, n int
			u.until("nothing is left behind", func() bool {
				g, n = u.resources()
				return g <= goroutines+12 && n <= files+8
			})
			_, again := office.sorted(t)
			_, told := r.repeated()
			t.Logf("chaos: %s before mail and endpoints | 1 tries | %d acknowledged | 0 lost | %d mails and %d events twice | slowest request %v, drained %v after, goroutines %d then %d",
				f, len(known), again, told, slowest.Round(time.Millisecond), drained.Round(time.Millisecond), goroutines, g)
		})
	}
}

// TestNetworkOfPostgres does the same to the network between usher and PostgreSQL: each
// request is answered within its deadline, or with 503 and Retry-After; afterwards all
// goes on, what was answered is there, and nothing is left behind.
func TestNetworkOfPostgres(t *testing.T) {
	t.Parallel()
	for _, f := range []fault{latency, reset, deaf, hole} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			office := newSortingOffice(t)
			s := newSite(t, postgrestest.URL(t), office)
			way, database := through(t, s.database)
			u := s.serveAt(database)
			u.must("GET", "/v1/organizations", "")
			goroutines, files := u.resources()

			way.suffer(f)
			many := 16
			if f == latency {
				many = 4 // each takes seconds, and they take turns
			}
			known, later, slowest := u.inviteIfPossible(s.organization, many)
			if slowest > 70*time.Second { // what a request may take
				t.Errorf("an answer took %v", slowest)
			}
			way.suffer(none)
			healed := time.Now()
			u.until("it is ready", func() bool { return u.probe("/readyz") == http.StatusOK })
			u.until("invitations are made again", func() bool {
				status, _, err := u.api("POST", "/v1/organizations/"+s.organization+"/invitations", `{"email_address":"last@example.com","role":"org:member"}`)
				return err == nil && status != http.StatusServiceUnavailable
			})
			back := time.Since(healed)
			found := make(map[string]bool)
			for _, i := range u.all("/v1/organizations/" + s.organization + "/invitations?") {
				found[i.text("email_address")] = true
			}
			for _, address := range known {
				if !found[address] {
					t.Errorf("%s was invited, and is not", address)
				}
			}
			for address := range found {
				u.within(leased, "the mail to "+address+" arrives", func() bool { return office.has(address) })
			}
			var g, n int
			u.until("nothing is left behind", func() bool {
				g, n = u.resources()
				return g <= goroutines+12 && n <= files+8
			})
			t.Logf("chaos: %s before PostgreSQL | 1 tries | %d acknowledged | 0 lost | - | %d answered with 503, slowest answer %v, back %v after, goroutines %d then %d",
				f, len(known), later, slowest.Round(time.Millisecond), back.Round(time.Millisecond), goroutines, g)
		})
	}
}

// inviteIfPossible invites n addresses at once, and returns those that are invited, how
// many are to be tried later, and how long the slowest answer took.
func (u *usher) inviteIfPossible(org string, n int) (known []string, later int, slowest time.Duration) {
	u.Helper()
	var mu sync.Mutex
	var clients sync.WaitGroup
	for k := range n {
		clients.Go(func() {
			address := fmt.Sprintf("many%d@example.com", k)
			begun := time.Now()
			got, err := u.send("POST", "/v1/organizations/"+org+"/invitations", fmt.Sprintf(`{"email_address":%q,"role":"org:member"}`, address),
				"Authorization", "Bearer "+u.key, "Content-Type", "application/json")
			mu.Lock()
			defer mu.Unlock()
			slowest = max(slowest, time.Since(begun))
			switch {
			case err == nil && got.status == http.StatusOK:
				known = append(known, address)
			case err == nil && got.status == http.StatusServiceUnavailable && got.header.Get("Retry-After") != "":
				later++
			default:
				u.Errorf("inviting %s: got %d %v %v", address, got.status, got.body, err)
			}
		})
	}
	clients.Wait()
	return known, later, slowest
}

// invited invites an address and returns the invitation's id.
func (u *usher) invited(org, address string) string {
	u.Helper()
	return u.must("POST", "/v1/organizations/"+org+"/invitations", fmt.Sprintf(`{"email_address":%q,"role":"org:member"}`, address)).text("id")
}

// inviteMany invites n addresses, eight at a time, adds them to known, and returns how
// long the slowest request took.
func (u *usher) inviteMany(org string, n int, known map[string]string) (slowest time.Duration) {
	u.Helper()
	var mu sync.Mutex
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for k := c; k < n; k += 8 {
				address := fmt.Sprintf("many%d@example.com", k)
				begun := time.Now()
				status, o, err := u.api("POST", "/v1/organizations/"+org+"/invitations", fmt.Sprintf(`{"email_address":%q,"role":"org:member"}`, address))
				if err != nil || status != http.StatusOK {
					u.Errorf("inviting %s: got %d %v %v", address, status, o, err)
					return
				}
				mu.Lock()
				slowest, known[address] = max(slowest, time.Since(begun)), o.text("id")
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	return slowest
}

// arrive waits for the mail and the event of each invitation.
func (u *usher) arrive(office *sortingOffice, r *receiver, known map[string]string) {
	u.Helper()
	for address, id := range known {
		u.until("the mail to "+address+" arrives", func() bool { return office.has(address) })
		u.until("the event of "+id+" arrives", func() bool { return r.times("organizationInvitation.created", id) > 0 })
	}
}

// resources returns how many goroutines and open files the server has, with no
// connection of ours but the one that asks.
func (u *usher) resources() (goroutines, files int) {
	u.Helper()
	u.client.CloseIdleConnections()
	goroutines, err := strconv.Atoi(u.metric("go_goroutines"))
	files, err2 := strconv.Atoi(u.metric("process_open_fds"))
	if err := cmp.Or(err, err2); err != nil {
		u.Fatal(err)
	}
	return goroutines, files
}

// line is a way to a server that can be made to fail.
type line struct {
	*testing.T
	addr, to string
	lost     atomic.Int32 // pieces and connections that did not arrive

	mu    sync.Mutex
	fault fault
	open  map[net.Conn]bool
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{T: t, addr: listener.Addr().String(), to: to, open: make(map[net.Conn]bool)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(conn)
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); l.suffer(none) })
	return l
}

// suffer begins a fault, or ends it. What was begun before ends with it: a network that
// is well again knows nothing of the connections that it lost.
func (l *line) suffer(f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = f
	for conn := range l.open {
		switch f {
		case reset:
			l.cut(conn)
		case none:
			_ = conn.Close()
		default: // what is under way meets the fault
		}
	}
}

// cut ends a connection as a machine does that knows nothing of it.
func (l *line) cut(conn net.Conn) {
	l.lost.Add(1)
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func (l *line) now() fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault
}

// carry connects one side with the other.
func (l *line) carry(near net.Conn) {
	l.mu.Lock()
	l.open[near] = true
	l.mu.Unlock()
	defer func() {
		_ = near.Close()
		l.mu.Lock()
		delete(l.open, near)
		l.mu.Unlock()
	}()
	if l.now() == reset {
		l.cut(near)
		return
	}
	network := "tcp"
	if strings.HasPrefix(l.to, "/") {
		network = "unix"
	}
	far, err := new(net.Dialer).DialContext(l.Context(), network, l.to)
	if err != nil {
		return // the test has ended
	}
	defer far.Close()
	go func() {
		_ = l.pass(near, far, far)
		if l.now() != deaf {
			_ = near.Close()
		}
	}()
	_ = l.pass(far, near, far)
}

// pass hands on what arrives, as the network is at that moment.
func (l *line) pass(to, from, far net.Conn) error {
	piece := make([]byte, 32<<10)
	for {
		size, err := from.Read(piece)
		if err != nil {
			return err
		}
		switch l.now() {
		case latency:
			time.Sleep(300 * time.Millisecond) // the latency
		case deaf:
			l.lost.Add(1)
			_ = far.Close() // the near end is not told, and goes on waiting
			_, err := io.Copy(io.Discard, from)
			return err
		case hole:
			l.lost.Add(1)
			continue
		default:
		}
		if _, err := to.Write(piece[:size]); err != nil {
			return err
		}
	}
}
