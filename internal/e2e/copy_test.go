package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"usher/internal/store/postgrestest"
)

// TestCopy moves a folder to PostgreSQL and back. While clients create invitations the
// copy is killed at one table after the other; no server takes what is half done. When it
// was copied to its end, everything that was acknowledged is there, with the same links.
func TestCopy(t *testing.T) {
	t.Parallel()
	u := dev(t)
	org := u.organization("Moved", 0)
	var (
		mu           sync.Mutex
		acknowledged []object
		clients      sync.WaitGroup
		enough       = make(chan struct{})
	)
	for k := range 4 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-enough:
					return
				default:
				}
				status, o, err := u.api("POST", "/v1/organizations/"+org+"/invitations",
					fmt.Sprintf(`{"email_address":"moved-%d-%d@example.com","role":"org:member"}`, k, n))
				if err != nil || status != 200 {
					t.Errorf("creating: got %d %v %v, want 200", status, o, err)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, o)
				mu.Unlock()
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged)
	}
	u.until("there are some", func() bool { return count() >= 500 })
	key, err := os.ReadFile(filepath.Join(u.dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	master, database := strings.TrimSpace(string(key)), postgrestest.URL(t)
	for _, table := range []string{"clients", "deliveries", "email_addresses", "events"} {
		c := launch(t, exec.Command(binary, "copy", "--from", u.dir, "--to", database), "USHER_MASTER_KEY="+master)
		c.says(c.stderr, regexp.MustCompile(`(?m)^`+table+` `))
		c.signal(os.Kill)
		c.wait()
		out, err := exec.Command(binary, "serve", "--addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0", "--public-url", "https://invite.example.com",
			"--database", database, "--master-key", master).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "it is an unfinished copy: run the same usher copy again") {
			t.Errorf("serving what was copied until %s: got %v, %s, want a refusal", table, err, out)
		}
	}
	interrupted := launch(t, exec.Command(binary, "copy", "--from", u.dir, "--to", database))
	interrupted.says(interrupted.stderr, regexp.MustCompile(`(?m)^deliveries `))
	interrupted.signal(os.Interrupt)
	if code, said := interrupted.wait(), interrupted.stderr.String(); code != 1 || !strings.Contains(said, ": the same command goes on from here\n") {
		t.Errorf("interrupted it ends with %d and says %s, want how to go on", code, said)
	}
	close(enough)
	clients.Wait()
	said := run(t, "copy", "--from", u.dir, "--to", database)
	if m := regexp.MustCompile(`, (\d+) rows \((\d+) of them were there\)`).FindStringSubmatch(said); m == nil || m[2] == "0" {
		t.Errorf("the last copy says %s, want one that goes on", said)
	}
	u.stop()

	serve := func(args ...string) *usher {
		s := start(t, "serve", t.TempDir(), append(args, "--metrics-addr", "127.0.0.1:0", "--public-url", "https://invite.example.com", "--master-key", master)...)
		s.url, s.key = "http://"+s.says(s.stderr, regexp.MustCompile(`"serving","addr":"([^"]+)"`))[1], u.key
		return s
	}
	holds := func(s *usher) {
		t.Helper()
		there := make(map[string]object)
		for _, i := range s.all("/v1/organizations/" + org + "/invitations?status=pending") {
			there[i.text("id")] = i
		}
		for _, i := range acknowledged {
			if got := there[i.text("id")]; got.text("email_address") != i.text("email_address") || ticketIn(got.text("url")) != ticketIn(i.text("url")) {
				t.Errorf("got %v, want %v", got, i)
			}
		}
	}
	moved := serve("--database", database)
	holds(moved)
	moved.must("POST", "/v1/tickets/redeem", redeeming(ticketOf(t, moved.invite(org, "there@example.com").text("url"))))

	folder := filepath.Join(t.TempDir(), "data")
	run(t, "copy", "--from", database, "--to", folder) // while it is served
	moved.stop()
	back := serve("--data", folder)
	holds(back)
	if got := back.must("GET", "/v1/organizations/"+org+"/memberships", "").number("total_count"); got != 2 {
		t.Errorf("there are %d members, want the creator and the one who joined in between", got)
	}
	back.stop()
	t.Logf("%d acknowledged", len(acknowledged))
}
