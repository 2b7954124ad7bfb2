package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"usher/internal/store/postgrestest"
)

// Two servers read from a standby. Whoever was told of an invitation by one finds it at
// the other, with the SDKs as they are: no request says what it has seen. And whatever
// happens to the network before the standby, requests are answered.
func TestStandby(t *testing.T) {
	t.Parallel()
	primary, err := postgrestest.Start()
	if errors.Is(err, exec.ErrNotFound) {
		postgrestest.URL(t) // skips, or fails where PostgreSQL is demanded
	}
	if err != nil {
		t.Fatal(err)
	}
	defer primary.Stop()
	follower, err := primary.Standby()
	if err != nil {
		t.Fatal(err)
	}
	defer follower.Stop()
	s := newSite(t, primary.URL, newSortingOffice(t))
	way, read := through(t, follower.URL)
	nodes := [2]*usher{s.serveAt(s.database, "--database-read", read), s.serveAt(s.database, "--database-read", read)}
	list := "/v1/organizations/" + s.organization + "/invitations"

	invited := 0
	invite := func() {
		t.Helper()
		got, err := nodes[invited%2].send("POST", list, fmt.Sprintf(`{"email_address":"u%d@example.com","role":"org:member"}`, invited),
			"Authorization", "Bearer "+s.key, "Content-Type", "application/json")
		if err != nil || got.status != http.StatusOK || got.header.Get("Usher-Position") == "" {
			t.Fatalf("got %d %v with the position %q, %v", got.status, got.body, got.header.Get("Usher-Position"), err)
		}
		invited++
	}
	agreed := func() (slowest time.Duration) {
		t.Helper()
		for k, u := range nodes {
			begun := time.Now()
			if n := u.must("GET", list, "").number("total_count"); n != invited {
				t.Errorf("server %d lists %d invitations, want %d", k, n, invited)
			}
			slowest = max(slowest, time.Since(begun))
		}
		return slowest
	}
	served := func() string { return nodes[0].metric(`usher_standby_reads_total{result="served"}`) }
	answers := func() {
		t.Helper()
		before := served()
		nodes[0].until("the standby answers", func() bool { agreed(); return served() != before })
	}

	for range 20 {
		invite()
		agreed()
	}
	answers()
	for _, f := range []fault{reset, deaf, hole} {
		way.suffer(f)
		invite()
		if took := agreed(); took > 10*time.Second { // what the standby is waited for, and some
			t.Errorf("%s: an answer took %v", f, took)
		}
		invite()
		agreed()
		way.suffer(none)
		answers()
	}
}
