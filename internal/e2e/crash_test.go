package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/mail"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"usher/internal/store/postgrestest"
)

// What is answered survives a kill -9 under load: invitations made one by one and in
// bulk, revoked and accepted, members promoted and removed are as it was answered;
// every mail and every event arrives, a mail that comes twice with the same
// Message-ID; a request whose answer was lost can be sent again and takes effect once;
// nothing is there that nobody was answered; and the counters agree with what they
// count.
//
// USHER_CRASHES says how often the server is killed.
func TestCrash(t *testing.T) {
	t.Parallel()
	dir, office := t.TempDir(), newSortingOffice(t)
	args := []string{"--log-level", "error", "--smtp-url", "smtp://" + office.addr, "--mail-from", "invitations@acme.example"}
	begin := func() *usher { return devIn(t, dir, args...) }
	u := begin()
	crash(t, "kill -9 of the server", times(t, "USHER_CRASHES", 10), u, u.organization("Resilient", 0), office, 0, killing(begin))
}

// TestCrashPostgres is the same where the data lies in PostgreSQL.
func TestCrashPostgres(t *testing.T) {
	t.Parallel()
	office := newSortingOffice(t)
	s := newSite(t, postgrestest.URL(t), office)
	crash(t, "kill -9 of the server, on PostgreSQL", times(t, "USHER_CRASHES", 10), s.serve(), s.organization, office, leased, killing(s.serve))
}

// TestCrashOfPostgres kills the database, and the server goes on with the next one. What
// is answered 503 meanwhile may have been carried out, or not.
func TestCrashOfPostgres(t *testing.T) {
	t.Parallel()
	database, err := postgrestest.Start()
	if errors.Is(err, exec.ErrNotFound) {
		postgrestest.URL(t) // skips, or fails where PostgreSQL is demanded
	}
	if err != nil {
		t.Fatal(err)
	}
	crashDatabase(t, "kill -9 of PostgreSQL", database, database.Schema(t))
}

// TestCrashBehindAPooler is the same where the server does not see PostgreSQL but its
// pooler, which stays. It takes minutes, and is skipped without USHER_CRASHES.
func TestCrashBehindAPooler(t *testing.T) {
	t.Parallel()
	if os.Getenv("USHER_CRASHES") == "" {
		t.Skip("USHER_CRASHES is not set")
	}
	database, err := postgrestest.Start()
	if errors.Is(err, exec.ErrNotFound) {
		postgrestest.URL(t) // skips, or fails where PostgreSQL is demanded
	}
	if err != nil {
		t.Fatal(err)
	}
	pooler, err := database.Pool()
	if errors.Is(err, exec.ErrNotFound) {
		postgrestest.Pooled(t) // skips, or fails where PgBouncer is demanded
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(pooler.Stop(), database.Stop()) }) // until then both are referred to
	crashDatabase(t, "kill -9 of PostgreSQL behind PgBouncer", database, pooler.URL)
}

func crashDatabase(t *testing.T, what string, database *postgrestest.Server, url string) {
	t.Helper()
	office := newSortingOffice(t)
	s := newSite(t, url, office)
	crash(t, what, times(t, "USHER_CRASHES", 10), s.serve(), s.organization, office, leased, func(u *usher) (*usher, time.Duration) {
		died := time.Now()
		if err := database.Kill(); err != nil {
			t.Error(err)
		}
		u.until("it is ready", func() bool { return u.probe("/readyz") == http.StatusOK })
		return u, time.Since(died)
	})
}

// leased is how long nobody else sends what one of many servers was about to send: two
// minutes, and as long again where the next attempt was cut off too.
const leased = 4 * time.Minute

// killing returns what kills a server and begins the next.
func killing(begin func() *usher) func(*usher) (*usher, time.Duration) {
	return func(u *usher) (*usher, time.Duration) {
		died := time.Now()
		u.signal(os.Kill)
		u.wait()
		return begin(), time.Since(died)
	}
}

// times returns the number that a variable holds.
func times(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	raw := os.Getenv(variable)
	if raw == "" {
		return otherwise
	}
	n, err := strconv.Atoi(raw)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// crash lets clients work while what they need is killed, again and again, and looks
// each time whether what they were told is so. kill returns the server that goes on, and
// how long there was none. What was about to be sent is sent by the
// next server, at once or when a lease has run out.
func crash(t *testing.T, what string, crashes int, u *usher, org string, office *sortingOffice, lease time.Duration, kill func(*usher) (*usher, time.Duration)) {
	t.Helper()
	clients := make([]*client, 16)
	for k := range clients {
		clients[k] = &client{T: t, name: fmt.Sprintf("c%d", k), org: org}
	}
	r := newReceiver(t)
	u.webhook("create", "--url", r.URL)
	answered := 0
	var without time.Duration
	for crash := range crashes {
		answered += u.work(clients, 50+rand.IntN(300), func() {
			var gap time.Duration
			u, gap = kill(u)
			without += gap
		})
		u.audit(org, clients)
		if lease == 0 {
			u.delivered(office, clients, deadline)
			u.told(r, clients, deadline)
		}
		if t.Failed() {
			t.Fatalf("after crash %d", crash+1)
		}
	}
	u.delivered(office, clients, lease+deadline)
	u.told(r, clients, lease+deadline)
	later := 0
	for _, c := range clients {
		later += c.later
	}
	mails, again := office.sorted(t)
	events, told := r.repeated()
	t.Logf("chaos: %s | %d tries | %d acknowledged | 0 lost | %d of %d mails and %d of %d events twice | %v without service each, %d requests answered with 503",
		what, crashes, answered-later, again, mails, told, events, (without / time.Duration(crashes)).Round(time.Millisecond), later)
}

// work lets the clients work, calls kill when they were answered n times, and returns
// how often they were when kill had returned, and nobody went on.
func (u *usher) work(clients []*client, n int, kill func()) (answered int) {
	u.Helper()
	answers, finished := make(chan struct{}), make(chan struct{})
	var under, killing sync.WaitGroup
	var over atomic.Bool
	for _, c := range clients {
		under.Go(func() {
			for !over.Load() && c.step(u) {
				answers <- struct{}{}
			}
		})
	}
	go func() {
		under.Wait()
		close(finished)
	}()
	for {
		select {
		case <-answers:
			if answered++; answered == n {
				killing.Go(func() { kill(); over.Store(true) })
			}
		case <-finished:
			if answered < n {
				u.Fatalf("the clients gave up after %d answers", answered)
			}
			killing.Wait()
			return answered
		}
	}
}

// client does one thing after the other and keeps a log of what was answered.
type client struct {
	*testing.T
	name string
	org  string
	made []*kept
	// later is how often it was asked to come back.
	later int
}

// kept is an invitation, and the member it made, as the client knows them.
type kept struct {
	address, id, ticket string
	user                string  // who has accepted it
	status              string  // as it was last answered; empty before the first answer
	asked               string  // what it will be if the request under way took effect
	batch               []*kept // those it is created with, itself among them
}

// How an accepted invitation stands: what became of its member.
const (
	joined   = "accepted org:member"
	promoted = "accepted org:admin"
	removed  = "accepted "
)

// step does one thing; false is that the server did not answer.
func (c *client) step(u *usher) bool {
	i := c.next()
	invitations := "/v1/organizations/" + c.org + "/invitations"
	membership := "/v1/organizations/" + c.org + "/memberships/" + i.user
	switch {
	case i.status == "" && len(i.batch) > 1:
		return c.ask(u, i.batch, "pending", "POST", invitations+"/bulk", "["+strings.Join(inviting(i.batch), ",")+"]")
	case i.status == "":
		return c.ask(u, i.batch, "pending", "POST", invitations, inviting(i.batch)[0])
	case i.status == joined && rand.IntN(2) == 0:
		return c.ask(u, []*kept{i}, promoted, "PATCH", membership, `{"role":"org:admin"}`)
	case i.status != "pending":
		return c.ask(u, []*kept{i}, removed, "DELETE", membership, "")
	case rand.IntN(8) == 0:
		return c.again(u, i)
	case rand.IntN(2) == 0:
		return c.ask(u, []*kept{i}, "revoked", "POST", invitations+"/"+i.id+"/revoke", "{}")
	}
	return c.ask(u, []*kept{i}, joined, "POST", "/v1/tickets/redeem", redeeming(i.ticket))
}

// inviting returns the bodies that invite.
func inviting(list []*kept) []string {
	var bodies []string
	for _, i := range list {
		bodies = append(bodies, fmt.Sprintf(`{"email_address":%q,"role":"org:member"}`, i.address))
	}
	return bodies
}

// next returns the invitation whose creation was cut off; else, every other time, one
// that is pending or has a member; else a new one, every fourth time with two others.
func (c *client) next() *kept {
	for _, i := range c.made {
		if i.status == "" {
			return i
		}
	}
	if n := len(c.made); n > 0 && rand.IntN(2) == 0 {
		if i := c.made[rand.IntN(n)]; i.asked == "" && (i.status == "pending" || i.status == joined || i.status == promoted) {
			return i
		}
	}
	batch := make([]*kept, 1)
	if rand.IntN(4) == 0 {
		batch = make([]*kept, 3)
	}
	for k := range batch {
		batch[k] = &kept{address: fmt.Sprintf("%s-%d@example.com", c.name, len(c.made)), batch: batch}
		c.made = append(c.made, batch[k])
	}
	return batch[0]
}

// ask makes a request and writes down its answer; false is no answer. A creation
// has a key, so that it can be sent again after a crash.
func (c *client) ask(u *usher, list []*kept, to, method, path, body string) bool {
	var header []string
	if to == "pending" {
		header = []string{"Idempotency-Key", list[0].address}
	}
	for _, i := range list {
		i.asked = to
	}
	status, o, err := u.api(method, path, body, header...)
	if err != nil {
		return false
	}
	if status == http.StatusServiceUnavailable {
		c.later++
		return true
	}
	u.pulse.beat()
	if status != http.StatusOK {
		c.Errorf("%s %s %s: got %d %v", method, path, body, status, o)
		return false
	}
	answers := o.data()
	if len(answers) == 0 {
		answers = []object{o}
	}
	for k, i := range list {
		switch to {
		case "pending":
			i.id, i.ticket = answers[k].text("id"), ticketIn(answers[k].text("url"))
		case joined:
			i.user = o.text("public_user_data", "user_id")
		}
		i.status, i.asked = to, ""
	}
	return true
}

// again invites an address that is invited, which is refused and must leave nothing.
func (c *client) again(u *usher, i *kept) bool {
	status, o, err := u.api("POST", "/v1/organizations/"+c.org+"/invitations", inviting([]*kept{i})[0])
	if err == nil && status == http.StatusServiceUnavailable {
		c.later++
	} else if err == nil && codeOf(o) != "organization_invitation_not_unique" {
		c.Errorf("inviting %s twice: got %d %v, want a refusal", i.address, status, o)
	}
	return err == nil
}

// audit compares what the clients know with what the server says.
func (u *usher) audit(org string, clients []*client) {
	u.Helper()
	base := "/v1/organizations/" + org
	found, count, roles := make(map[string]object), make(map[string]int), make(map[string]object)
	for _, i := range u.all(base + "/invitations?") {
		address := i.text("email_address")
		if found[address] != nil {
			u.Errorf("%s is invited twice", address)
		}
		found[address] = i
		count[i.text("status")]++
	}
	members := u.all(base + "/memberships?")
	for _, m := range members {
		roles[m.text("public_user_data", "identifier")] = m
	}
	known := 0
	for _, c := range clients {
		for _, i := range c.made {
			o := found[i.address]
			if o == nil && i.status == "" {
				continue // never answered; it is sent again
			}
			known++
			if i.status == "" {
				continue // sent again it will be answered as it was made
			}
			got := o.text("status")
			if m := roles[i.address]; got == "accepted" {
				got, i.user = "accepted "+m.text("role"), cmp.Or(m.text("public_user_data", "user_id"), i.user)
			} else if m != nil {
				u.Errorf("%s is %s, but %s is a member", i.id, got, i.address)
			}
			if o.text("id") != i.id || got != i.status && (i.asked == "" || got != i.asked) {
				u.Errorf("%s is %q, but it was answered that %s is %q (and asked to be %q)", o.text("id"), got, i.id, i.status, i.asked)
			}
			i.status, i.asked = got, ""
		}
	}
	if len(found) != known {
		u.Errorf("%d invitations are there, and only %d of them were asked for", len(found), known)
	}
	for _, status := range []string{"pending", "accepted", "revoked"} {
		if list := u.all(base + "/invitations?status=" + status); len(list) != count[status] {
			u.Errorf("%d invitations are %s, want %d", len(list), status, count[status])
		}
	}
	if n := u.must("GET", base+"?include_members_count=true", "").number("members_count"); n != len(members) {
		u.Errorf("members_count is %d, but there are %d", n, len(members))
	}
}

// told waits for the event of everything that was answered.
func (u *usher) told(r *receiver, clients []*client, most time.Duration) {
	u.Helper()
	for _, c := range clients {
		for _, i := range c.made {
			stands, _, _ := strings.Cut(i.status, " ")
			for _, happened := range []string{"created", "revoked", "accepted"} {
				typ := "organizationInvitation." + happened
				if i.status == "" || happened != "created" && happened != stands {
					continue
				}
				u.within(most, "the event "+typ+" of "+i.id+" arrives", func() bool { return r.times(typ, i.id) > 0 })
			}
		}
	}
}

// repeated returns how many events have arrived, and how many of them more than once.
func (r *receiver) repeated() (events, again int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.got {
		events++
		if n > 1 {
			again++
		}
	}
	return events, again
}

// delivered waits for the mail of every invitation that is still pending: one
// that was answered before its mail went out needs none.
func (u *usher) delivered(office *sortingOffice, clients []*client, most time.Duration) {
	u.Helper()
	for _, c := range clients {
		for _, i := range c.made {
			if i.status == "pending" {
				u.within(most, "the mail to "+i.address+" arrives", func() bool { return office.has(i.address) })
			}
		}
	}
}

// sortingOffice is a mail server that keeps the Message-IDs of what it gets.
type sortingOffice struct {
	addr string
	mu   sync.Mutex
	got  map[string]map[string]int // by recipient and Message-ID, how often
}

func newSortingOffice(t *testing.T) *sortingOffice {
	t.Helper()
	s := &sortingOffice{got: make(map[string]map[string]int)}
	server := smtp.NewServer(s)
	server.ErrorLog = log.New(io.Discard, "", 0)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	s.addr = listener.Addr().String()
	return s
}

func (s *sortingOffice) NewSession(*smtp.Conn) (smtp.Session, error) { return &sorting{office: s}, nil }

func (s *sortingOffice) has(address string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got[address]) > 0
}

// sorted returns how many mails have arrived, and how many of them more than once. One
// invitation has one Message-ID.
func (s *sortingOffice) sorted(t *testing.T) (mails, again int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for address, ids := range s.got {
		if len(ids) != 1 {
			t.Errorf("%s got mails with the ids %v, want one id", address, ids)
		}
		for _, n := range ids {
			mails++
			if n > 1 {
				again++
			}
		}
	}
	return mails, again
}

// sorting is a connection of the office.
type sorting struct {
	office *sortingOffice
	to     string
}

func (s *sorting) Mail(string, *smtp.MailOptions) error      { return nil }
func (s *sorting) Rcpt(to string, _ *smtp.RcptOptions) error { s.to = to; return nil }
func (s *sorting) Reset()                                    {}
func (s *sorting) Logout() error                             { return nil }
func (s *sorting) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	s.office.mu.Lock()
	defer s.office.mu.Unlock()
	if s.office.got[s.to] == nil {
		s.office.got[s.to] = make(map[string]int)
	}
	s.office.got[s.to][m.Header.Get("Message-Id")]++
	return nil
}
