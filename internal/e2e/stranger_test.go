package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"usher/internal/oracle"
)

// A stranger is a client that nobody here wrote, driven by a script in its own
// language. The script tells its tests on stdout, one per line, as a verdict.
// What it needs is installed by .ci/strangers, outside the repository, in a
// folder that is named after the lock file.

// verdict is the outcome of one test of a stranger's script.
type verdict struct {
	Name  string `json:"name"`
	Error string `json:"error"`
}

// installed returns the folder with a stranger's packages. Without it the test
// is skipped, or fails where USHER_TEST_REQUIRE demands the stranger.
func installed(t *testing.T, stranger, lock string) (folder string) {
	t.Helper()
	pinned, err := os.ReadFile(filepath.Join(stranger, lock))
	if err != nil {
		t.Fatal(err)
	}
	cache := cmp.Or(os.Getenv("XDG_CACHE_HOME"), filepath.Join(os.Getenv("HOME"), ".cache"))
	folder = filepath.Join(cache, "usher", fmt.Sprintf("%s-%.6x", stranger, sha256.Sum256(pinned)))
	if _, err := os.Stat(folder); err != nil {
		if slices.Contains(strings.Split(os.Getenv("USHER_TEST_REQUIRE"), ","), stranger) {
			t.Fatalf("USHER_TEST_REQUIRE demands %s: %v", stranger, err)
		}
		t.Skipf("no packages for %[1]s (.ci/strangers %[1]s installs them)", stranger)
	}
	return folder
}

// judged returns a proxy in front of a server, which holds every answer that
// passes against the official specification and against what clients rely on
// beyond it. It counts the answers.
func (u *usher) judged(t *testing.T) (address string, answers *atomic.Int64) {
	t.Helper()
	target, err := url.Parse(u.url)
	if err != nil {
		t.Fatal(err)
	}
	spec := oracle.BAPI(t)
	answers = new(atomic.Int64)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			answers.Add(1)
			for _, fault := range faults(spec, r, body) {
				t.Errorf("%s %s: %d %s\n%s", r.Request.Method, r.Request.URL, r.StatusCode, fault, body)
			}
			return err
		},
	}
	srv := httptest.NewServer(proxy)
	t.Cleanup(srv.Close)
	return srv.URL, answers
}

// faults is what is wrong with an answer of the Backend API.
func faults(spec *oracle.Spec, r *http.Response, body []byte) []string {
	found := spec.Check(r.Request, r.StatusCode, r.Header, body)
	if len(found) > 0 && r.StatusCode == http.StatusOK && r.Request.URL.Query().Get("paginated") == "true" {
		found = spec.Check(r.Request, r.StatusCode, r.Header, items(body))
	}
	if r.StatusCode >= 500 {
		found = append(found, "is the server's fault")
	}
	// @clerk/backend compares the type with ===, and takes anything else for text.
	if got := r.Header.Get("Content-Type"); len(body) > 0 && strings.HasPrefix(r.Request.URL.Path, "/v1/") && got != "application/json" {
		found = append(found, fmt.Sprintf("Content-Type is %q", got))
	}
	if r.Header.Get("Clerk-Trace-Id") == "" {
		found = append(found, "has no Clerk-Trace-Id")
	}
	return found
}

// items returns the items of a page. The specification forgets, in places, that
// lists which are bare arrays become pages with paginated=true, as every SDK asks.
func items(page []byte) []byte {
	var p struct {
		Data  json.RawMessage `json:"data"`
		Total *int            `json:"total_count"`
	}
	if json.Unmarshal(page, &p) != nil || p.Total == nil {
		return nil
	}
	return p.Data
}

// meet runs a stranger's script against a new server. The script finds the server
// in USHER_URL, where its answers are judged, its own address in USHER_DIRECT and its
// key in USHER_KEY.
func meet(t *testing.T, script *exec.Cmd) {
	t.Helper()
	u := dev(t)
	address, answers := u.judged(t)
	script.Env = append(script.Env, "USHER_URL="+address, "USHER_DIRECT="+u.url, "USHER_KEY="+u.key)
	hear(t, script)
	t.Logf("%d answers", answers.Load())
}

// hear runs a stranger's script, and each test it tells of as a subtest.
func hear(t *testing.T, script *exec.Cmd) {
	t.Helper()
	quiet := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "USHER_") || strings.HasPrefix(v, "CLERK_") })
	script.Env = append(quiet, script.Env...)
	var complaints transcript
	script.Stderr = &complaints
	told, err := script.Output()
	count := 0
	for line := bufio.NewScanner(bytes.NewReader(told)); line.Scan(); count++ {
		var v verdict
		if err := json.Unmarshal(line.Bytes(), &v); err != nil {
			t.Fatalf("%s wrote %q: %v", script, line.Text(), err)
		}
		t.Run(v.Name, func(t *testing.T) {
			if v.Error != "" {
				t.Error(v.Error)
			}
		})
	}
	if err != nil && !t.Failed() || count == 0 {
		t.Errorf("%s: %v after %d tests\n%s", script, err, count, &complaints)
	}
}

// node returns a script of the folder node, run where it finds its packages.
func node(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	packages := installed(t, "node", "package-lock.json")
	dir := t.TempDir() // Node looks for packages beside the script, and nowhere else
	if err := os.CopyFS(dir, os.DirFS("node")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(packages, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "--test-reporter=./reporter.mjs", script)
	cmd.Dir = dir
	return cmd
}

// @clerk/backend, the official client for Node.
func TestNode(t *testing.T) {
	t.Parallel()
	meet(t, node(t, "backend.mjs"))
}

// clerk-backend-api, the official client for Python.
func TestPython(t *testing.T) {
	t.Parallel()
	packages := installed(t, "python", "requirements.txt")
	meet(t, exec.CommandContext(t.Context(), filepath.Join(packages, "bin", "python"), "python/backend.py"))
}

// clerk-rs, a client for Rust that is not Clerk's.
func TestRust(t *testing.T) {
	t.Parallel()
	target := installed(t, "rust", "Cargo.lock")
	build := exec.CommandContext(t.Context(), "cargo", "build", "--quiet", "--locked", "--offline", "--manifest-path", "rust/Cargo.toml", "--target-dir", target)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	meet(t, exec.CommandContext(t.Context(), filepath.Join(target, "debug", "stranger")))
}
