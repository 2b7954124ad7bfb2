package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// On a full disk, requests that change something are refused as ones to send again,
// what is there can be read, and nothing that was answered is lost; with space again
// the server goes on by itself. On a read-only disk it does not begin.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir, remount := disk(t, "6m")
	u := devIn(t, dir, "--log-level", "error")
	org := u.organization("Full", 0)
	made, refused := make(map[string]bool), 0
	invite := func(k int) {
		a, err := u.send("POST", "/v1/organizations/"+org+"/invitations", fmt.Sprintf(`{"email_address":"full%d@example.com","role":"org:member","public_metadata":{"pad":%q}}`, k, strings.Repeat("x", 4000)),
			"Authorization", "Bearer "+u.key, "Content-Type", "application/json")
		switch {
		case err != nil:
			t.Fatal(err)
		case a.status == http.StatusOK:
			made[fmt.Sprintf("full%d@example.com", k)] = true
		case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" && strings.Contains(a.body, `"errors"`):
			refused++
		default:
			t.Fatalf("on a full disk: got %d %v %s, want 503 with Retry-After", a.status, a.header, a.body)
		}
	}
	for k := 0; refused < 20; k++ {
		if invite(k); len(made) > 5000 {
			t.Fatal("the disk never was full")
		}
	}
	full := len(made)
	if status := u.probe("/healthz"); status != http.StatusOK {
		t.Errorf("the server answers %d to whether it lives", status)
	}
	present := func(u *usher) {
		t.Helper()
		found := make(map[string]bool)
		for _, i := range u.all("/v1/organizations/" + org + "/invitations?") {
			found[i.text("email_address")] = true
		}
		for address := range made {
			if !found[address] {
				t.Errorf("%s was answered and is gone", address)
			}
		}
		if len(found) != len(made) {
			t.Errorf("%d invitations are there, and %d were answered", len(found), len(made))
		}
	}
	present(u)
	remount("size=64m")
	freed := time.Now()
	for k := 100_000; len(made) == full; k++ {
		invite(k)
	}
	recovered := time.Since(freed)
	present(u)
	u.stop()

	remount("ro")
	broken := start(t, "dev", dir)
	if code := broken.wait(); code != 1 || strings.Count(broken.stderr.String(), "\n") != 1 || !strings.Contains(broken.stderr.String(), dir) {
		t.Errorf("on a read-only disk: got status %d and %q, want 1 and a line that names the folder", code, broken.stderr)
	}
	remount("rw")
	present(devIn(t, dir, "--log-level", "error"))
	t.Logf("chaos: a full disk, then a read-only one | 2 tries | %d acknowledged | 0 lost | %d refused with 503 | %v without service after there was space",
		len(made), refused, recovered.Round(time.Millisecond))
}

// disk mounts a small file system in memory, which needs root, and returns how to mount
// it again otherwise.
func disk(t *testing.T, size string) (dir string, remount func(options string)) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		if slices.Contains(strings.Split(os.Getenv("USHER_TEST_REQUIRE"), ","), "mount") {
			t.Fatalf("USHER_TEST_REQUIRE demands that file systems can be mounted: %s", out)
		}
		t.Skipf("mounting a small file system, as root can: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir, func(options string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,"+options, dir).CombinedOutput(); err != nil {
			t.Fatalf("remounting: %v %s", err, out)
		}
	}
}
