package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBackup copies the database while clients create invitations, restores the copy
// into an empty folder and starts a server on it: whatever was acknowledged before the
// backup began is there, with links that work, and the counters agree with the lists.
func TestBackup(t *testing.T) {
	t.Parallel()
	u := dev(t)
	org := u.organization("Kept", 0)
	var (
		mu           sync.Mutex
		acknowledged []object
		clients      sync.WaitGroup
		enough       = make(chan struct{})
	)
	for k := range 8 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-enough:
					return
				default:
				}
				status, o, err := u.api("POST", "/v1/organizations/"+org+"/invitations",
					fmt.Sprintf(`{"email_address":"kept-%d-%d@example.com","role":"org:member"}`, k, n))
				if err != nil || status != http.StatusOK {
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
	u.until("a hundred are there", func() bool { return count() >= 100 })
	before := count()
	copied := filepath.Join(t.TempDir(), "copy.db")
	run(t, "backup", "--data", u.dir, copied)
	u.until("more were created since", func() bool { return count() > before })
	close(enough)
	clients.Wait()

	if out, err := exec.Command(binary, "restore", "--data", u.dir, "--force", copied).CombinedOutput(); err == nil || !strings.Contains(string(out), "stop it first") {
		t.Errorf("restoring under a running server: got %v, %s, want a refusal", err, out)
	}
	u.stop()

	restored := t.TempDir()
	for _, name := range []string{"master.key", "secret.key"} {
		content, err := os.ReadFile(filepath.Join(u.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(restored, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "restore", "--data", restored, copied)
	u = devIn(t, restored)
	there := make(map[string]object)
	for _, i := range u.all("/v1/organizations/" + org + "/invitations?status=pending") {
		there[i.text("id")] = i
	}
	for _, i := range acknowledged[:before] {
		if got := there[i.text("id")]; got.text("email_address") != i.text("email_address") || ticketIn(got.text("url")) != ticketIn(i.text("url")) {
			t.Errorf("got %v after the restore, want %v", got, i)
		}
	}
	t.Logf("%d acknowledged before the backup, %d in it, %d in all", before, len(there), len(acknowledged))
}

// run carries out a command of the program that has to succeed.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(binary, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("usher %v: %v: %s", args, err, out)
	}
	return string(out)
}

// TestExport writes an organization down while the server runs: all that belongs to it,
// nothing of another, each object as the API shows it but for the link, and twice the same.
func TestExport(t *testing.T) {
	t.Parallel()
	u := dev(t)
	org, other := u.organization("Exported", 0), u.organization("Other", 0)
	for n := range 501 { // more than a page
		u.invite(org, fmt.Sprintf("exported-%d@example.com", n))
	}
	gone := u.invite(org, "revoked@example.com").text("id")
	u.must("POST", "/v1/organizations/"+org+"/invitations/"+gone+"/revoke", "{}")
	u.invite(other, "other@example.com")

	file := filepath.Join(t.TempDir(), "exported.jsonl")
	run(t, "export", "--data", u.dir, "--org", org, file)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if again := run(t, "export", "--data", u.dir, "--org", "exported", "-"); again != string(content) {
		t.Error("the second export is not like the first")
	}
	if text := string(content); strings.Contains(text, other) || strings.Contains(text, "other@example.com") || strings.Contains(text, "ticket=") {
		t.Error("the export has something of another organization, or a link")
	}
	counts := make(map[string]int)
	for line := range strings.Lines(string(content)) {
		var o object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		counts[o.text("object")]++
		if o.text("id") == gone && o.text("status") != "revoked" {
			t.Errorf("got %v, want it revoked", o)
		}
	}
	delete(counts, "event")
	want := map[string]int{"organization": 1, "organization_membership": 1, "organization_invitation": 502, "role": 2}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if !strings.Contains(string(content), `"type":"organizationInvitation.revoked"`) {
		t.Error("the revocation is not among the events")
	}
	for what, args := range map[string][]string{
		"exists already":         {"--org", org, file},
		"organization not found": {"--org", "nobody", "-"},
	} {
		out, err := exec.Command(binary, append([]string{"export", "--data", u.dir}, args...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), what) {
			t.Errorf("usher export %v: got %v, %s, want %s", args, err, out, what)
		}
	}
}
