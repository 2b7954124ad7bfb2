package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
)

// What is answered survives a kill -9 under load: every invitation is there, as
// it was answered; every mail and every event arrives; a request whose answer was lost can be
// sent again and takes effect once; and the counters agree with what they count.
//
// USHER_CRASHES says how often the server is killed.
func TestCrash(t *testing.T) {
	t.Parallel()
	crashes := 10
	if raw := os.Getenv("USHER_CRASHES"); raw != "" {
		var err error
		if crashes, err = strconv.Atoi(raw); err != nil {
			t.Fatalf("USHER_CRASHES: %v", err)
		}
	}
	dir := t.TempDir()
	u := devIn(t, dir, "--log-level", "error")
	org := u.organization("Resilient", 0)
	clients := make([]*client, 16)
	for k := range clients {
		clients[k] = &client{T: t, name: fmt.Sprintf("c%d", k), org: org}
	}
	r := newReceiver(t)
	u.webhook("create", "--url", r.URL)
	answered := 0
	for crash := range crashes {
		answered += u.work(clients, 50+rand.IntN(300))
		u.wait()
		u = devIn(t, dir, "--log-level", "error")
		u.audit(org, clients)
		u.told(r, clients)
		if t.Failed() {
			t.Fatalf("after crash %d", crash+1)
		}
	}
	t.Logf("%d answers survived %d crashes", answered, crashes)
}

// work lets the clients work, kills the server when it has answered n requests,
// and returns how many it answered before it was gone.
func (u *usher) work(clients []*client, n int) (answered int) {
	u.Helper()
	answers, finished := make(chan struct{}), make(chan struct{})
	var under sync.WaitGroup
	for _, c := range clients {
		under.Go(func() {
			for c.step(u) {
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
				u.signal(os.Kill)
			}
		case <-finished:
			if answered < n {
				u.Fatalf("the clients gave up after %d answers", answered)
			}
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
}

// kept is an invitation as the client knows it.
type kept struct {
	address, id, ticket string
	status              string // as it was last answered; empty before the first answer
	asked               string // what it will be if the request under way took effect
	mailed              bool   // its mail was seen
}

// step does one thing; false is that the server did not answer.
func (c *client) step(u *usher) bool {
	i := c.next()
	switch {
	case i.status == "":
		i.asked = "pending"
		return c.ask(u, i, "/v1/organizations/"+c.org+"/invitations", fmt.Sprintf(`{"email_address":%q,"role":"org:member"}`, i.address))
	case rand.IntN(2) == 0:
		i.asked = "revoked"
		return c.ask(u, i, "/v1/organizations/"+c.org+"/invitations/"+i.id+"/revoke", "{}")
	}
	i.asked = "accepted"
	return c.ask(u, i, "/v1/tickets/redeem", redeeming(i.ticket))
}

// next returns the invitation whose creation was cut off; else, every third time,
// one that may be pending; else a new one.
func (c *client) next() *kept {
	for _, i := range c.made {
		if i.status == "" {
			return i
		}
	}
	if n := len(c.made); n > 0 && rand.IntN(3) == 0 {
		if i := c.made[rand.IntN(n)]; i.status == "pending" && i.asked == "" {
			return i
		}
	}
	i := &kept{address: fmt.Sprintf("%s-%d@example.com", c.name, len(c.made))}
	c.made = append(c.made, i)
	return i
}

// ask makes a request and writes down its answer; false is no answer. A creation
// has a key, so that it can be sent again after a crash.
func (c *client) ask(u *usher, i *kept, path, body string) bool {
	var header []string
	if i.asked == "pending" {
		header = []string{"Idempotency-Key", i.address}
	}
	status, o, err := u.api("POST", path, body, header...)
	if err != nil {
		return false
	}
	if status != http.StatusOK {
		c.Errorf("%s %s: got %d %v", path, body, status, o)
		return false
	}
	if i.asked == "pending" {
		i.id, i.ticket = o.text("id"), ticketIn(o.text("url"))
	}
	i.status, i.asked = i.asked, ""
	return true
}

// audit compares what the clients know with what the server says.
func (u *usher) audit(org string, clients []*client) {
	u.Helper()
	base := "/v1/organizations/" + org
	found := make(map[string]string)
	pending := make(map[string]bool)
	for _, i := range u.all(base + "/invitations?") {
		found[i.text("id")] = i.text("status")
		if i.text("status") == "pending" {
			if pending[i.text("email_address")] {
				u.Errorf("%s has two pending invitations", i.text("email_address"))
			}
			pending[i.text("email_address")] = true
		}
	}
	joined := make(map[string]bool)
	for _, m := range u.all(base + "/memberships?") {
		joined[m.text("public_user_data", "identifier")] = true
	}
	for _, c := range clients {
		for _, i := range c.made {
			if i.status == "" {
				continue // never answered; it is sent again
			}
			got := found[i.id]
			if got != i.status && (i.asked == "" || got != i.asked) {
				u.Errorf("%s is %q, but it was answered that it is %q (and asked to be %q)", i.id, got, i.status, i.asked)
			}
			if joined[i.address] != (got == "accepted") {
				u.Errorf("%s is %s, but %s being a member is %v", i.id, got, i.address, joined[i.address])
			}
			i.status, i.asked = got, ""
		}
	}
	for status, n := range map[string]int{"pending": len(pending), "accepted": len(joined) - 1} {
		if list := u.all(base + "/invitations?status=" + status); len(list) != n {
			u.Errorf("%d invitations are %s, want %d", len(list), status, n)
		}
	}
	if n := u.must("GET", base+"?include_members_count=true", "").number("members_count"); n != len(joined) {
		u.Errorf("members_count is %d, but there are %d", n, len(joined))
	}
	u.delivered(clients)
}

// told waits for the event of everything that was answered.
func (u *usher) told(r *receiver, clients []*client) {
	u.Helper()
	for _, c := range clients {
		for _, i := range c.made {
			for _, happened := range []string{"pending", "revoked", "accepted"} {
				typ := "organizationInvitation." + happened
				if happened == "pending" {
					typ = "organizationInvitation.created"
				}
				if i.id == "" || happened != "pending" && happened != i.status {
					continue
				}
				u.until("the event "+typ+" of "+i.id+" arrives", func() bool { return r.times(typ, i.id) > 0 })
			}
		}
	}
}

// delivered waits for the mail of every invitation that is still pending: one
// that was answered before its mail went out needs none.
func (u *usher) delivered(clients []*client) {
	u.Helper()
	var readers sync.WaitGroup
	for _, c := range clients {
		readers.Go(func() {
			for _, i := range c.made {
				if i.mailed || i.status != "pending" {
					continue
				}
				status, o, err := u.api("GET", "/usher/v1/inbox?wait=20s&to="+i.address, "")
				if err != nil || status != http.StatusOK || len(o.data()) == 0 {
					u.Errorf("the mail to %s did not arrive: %d %v", i.address, status, err)
					return
				}
				i.mailed = true
			}
		})
	}
	readers.Wait()
}
