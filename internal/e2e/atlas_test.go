package e2e

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// One command starts the product with a server of its own, and ends both.
func TestAtlasStarts(t *testing.T) {
	t.Parallel()
	temporary := t.TempDir()
	a := launch(t, exec.Command(atlas(t), "-addr", "127.0.0.1:0"), "TMPDIR="+temporary)
	found := a.says(a.stdout, regexp.MustCompile(`^usher  (\S+)   every mail lands in (\S+)\n +sign in to Atlas as (\S+) with the password "(.+)"\natlas  (\S+)\n`))
	server, inbox, address, secret, product := found[1], found[2], found[3], found[4], found[5]
	a.url = product
	signIn := url.Values{"strategy": {"password"}, "identifier": {address}, "password": {secret}}
	in, err := a.send("POST", "/__clerk/v1/client/sign_ins", signIn.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Origin", product)
	if err != nil || !strings.Contains(in.body, `"status":"complete"`) {
		t.Errorf("signing in as it says: %d %s %v", in.status, in.body, err)
	}
	if page := a.browse("GET", product+"/join"); page.status != http.StatusOK || !strings.Contains(page.body, "<title>Atlas") {
		t.Errorf("its page is %d %s", page.status, page.body)
	}
	if forged := a.browse("POST", product+"/webhooks"); forged.status != http.StatusUnauthorized {
		t.Errorf("an event that nobody signed is answered %d, want 401", forged.status)
	}
	a.url = server
	if got := a.probe("/inbox"); got != http.StatusOK {
		t.Errorf("the inbox at %s is %d", inbox, got)
	}
	a.stop()
	if got := a.probe("/healthz"); got != 0 {
		t.Errorf("usher still answers %d after Atlas has ended", got)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
		t.Errorf("it left %v behind, %v", left, err)
	}
}

// atlas builds the product. What its page is made of has to be installed.
func atlas(t *testing.T) (program string) {
	t.Helper()
	if _, err := os.Stat("../../examples/atlas/web/node_modules/.clerk/@clerk/ui"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("USHER_TEST_REQUIRE"), ","), "atlas") {
			t.Fatalf("USHER_TEST_REQUIRE demands atlas: %v", err)
		}
		t.Skip("examples/atlas is not installed (go run ./examples/atlas -setup does it)")
	}
	program = filepath.Join(t.TempDir(), "atlas")
	if out, err := exec.Command("go", "build", "-o", program, "usher/examples/atlas").CombinedOutput(); err != nil {
		t.Fatalf("building it: %v\n%s", err, out)
	}
	return program
}
