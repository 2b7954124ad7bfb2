package e2e

import (
	"cmp"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// litestream returns the path of the program: of PATH, or as .ci/tool builds it. Without
// it the test is skipped, or fails where USHER_TEST_REQUIRE demands it.
func litestream(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("litestream"); err == nil {
		return path
	}
	built, _ := filepath.Glob(filepath.Join(cmp.Or(os.Getenv("GOPATH"), build.Default.GOPATH), "bin", "litestream-v*"))
	if len(built) == 0 {
		if slices.Contains(strings.Split(os.Getenv("USHER_TEST_REQUIRE"), ","), "litestream") {
			t.Fatal("USHER_TEST_REQUIRE demands litestream, but there is none")
		}
		t.Skip("no litestream (.ci/tool litestream builds it)")
	}
	return slices.Max(built)
}

// TestLitestream deletes an organization by mistake and goes back to the moment before,
// with the commands of docs/operations.md. Moments are those at which the copy was seen to
// hold what they are named after.
func TestLitestream(t *testing.T) {
	t.Parallel()
	program, u, kept := litestream(t), dev(t), t.TempDir()
	config := filepath.Join(kept, "litestream.yml")
	text := fmt.Sprintf("dbs:\n  - path: %s/usher.db\n    replica:\n      type: file\n      path: %s/replica\n      sync-interval: 100ms\n", u.dir, kept)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	copying := launch(t, exec.Command(program, "replicate", "-config", config))
	restores := 0
	// restored returns the folder of what was restored, and what the programs said.
	restored := func(args ...string) (folder, said string) {
		restores++
		file, folder := filepath.Join(kept, fmt.Sprintf("%d.db", restores)), filepath.Join(kept, fmt.Sprint(restores))
		args = append([]string{"restore", "-config", config, "-o", file}, append(args, u.dir+"/usher.db")...)
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			return "", string(out) // there may be nothing yet
		}
		return folder, run(t, "restore", "--data", folder, file)
	}
	holds := func(what string) func() bool {
		return func() bool {
			_, said := restored()
			return strings.Contains(said, what)
		}
	}
	org := u.organization("Kept", 0)
	ticket := ticketOf(t, u.invite(org, "kept@example.com").text("url"))
	u.until("the invitation is in the copy", holds(" 2 organizations, 2 members, 1 invitations"))
	moment := time.Now().UTC().Format(time.RFC3339Nano)
	u.must("DELETE", "/v1/organizations/"+org, "")
	u.until("the mistake is in the copy", holds(" 1 organizations, 1 members, 0 invitations"))
	master, err := os.ReadFile(filepath.Join(u.dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	erase := []string{"erase", "--data", u.dir, "--master-key", strings.TrimSpace(string(master)), "--email", "kept@example.com"}
	if out, err := exec.Command(binary, erase...).CombinedOutput(); err == nil || !strings.Contains(string(out), "stop that (Litestream, say) and repeat") {
		t.Errorf("erasing meanwhile: got %v, %s, want it to say that the log is not emptied", err, out)
	}
	copying.stop()
	run(t, erase...)
	u.stop()

	folder, said := restored("-timestamp", moment, "-integrity-check", "full")
	if !strings.Contains(said, " 2 organizations, 2 members, 1 invitations") {
		t.Fatalf("at %s there was %q, want the organization and its invitation", moment, said)
	}
	for _, name := range []string{"master.key", "secret.key"} {
		content, err := os.ReadFile(filepath.Join(u.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	back := devIn(t, folder)
	back.must("POST", "/v1/tickets/redeem", redeeming(ticket))
	back.stop()
}
