package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shell returns a shell that can run what documents show, or skips the test.
func shell(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	for _, name := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if slices.Contains(strings.Split(os.Getenv("USHER_TEST_REQUIRE"), ","), name) {
			t.Fatalf("USHER_TEST_REQUIRE demands %s, but there is none in PATH", name)
		}
		t.Skipf("no %s in PATH", name)
	}
	return exec.CommandContext(t.Context(), "sh", "-c", script)
}

// The command that a development server prints works as it stands.
func TestFirstMinute(t *testing.T) {
	t.Parallel()
	u := dev(t)
	out, err := shell(t, u.try).Output()
	if err != nil {
		t.Fatalf("%s: %v", u.try, err)
	}
	var i object
	if err := json.Unmarshal(out, &i); err != nil {
		t.Fatalf("%s printed %s", u.try, out)
	}
	if i.text("status") != "pending" || i.text("email_address") != "grace@example.com" || i.text("public_inviter_data", "first_name") != "Ada" {
		t.Errorf("%s printed %s, want a pending invitation of Grace by Ada", u.try, out)
	}
	if got := u.link(u.mail("grace@example.com")); !strings.HasPrefix(got, u.url+"/v1/tickets/accept?ticket=") {
		t.Errorf("the mail's link is %s, want one to %s", got, u.url)
	}
}

// The first block of README.md works as it stands: its commands are run in one
// shell and print the lines that are shown, where … stands for anything.
func TestREADME(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(readme), "\n```console\n")
	block, _, closed := strings.Cut(block, "\n```")
	if !ok || !closed {
		t.Fatal("README.md has no ```console block")
	}
	steps := stepsOf(block)
	const start = "go run ./cmd/usher dev"
	if len(steps) < 2 || !strings.HasPrefix(steps[0].command, start) {
		t.Fatalf("the first block of README.md has %d commands; want %q first, and then some that use it", len(steps), start)
	}
	u := dev(t, strings.Fields(strings.TrimPrefix(steps[0].command, start))...)
	here := strings.NewReplacer("http://127.0.0.1:8080", u.url, "./usher-data", u.dir)
	steps[0].check(t, u.stdout.String(), here)

	const mark = "== the next command"
	var script strings.Builder
	for _, s := range steps[1:] {
		fmt.Fprintf(&script, "%s\necho; echo '%s'\n", here.Replace(s.command), mark)
	}
	out, err := shell(t, "set -eu\n"+script.String()).Output()
	if err != nil {
		t.Fatalf("%s\nprinted %s: %v", script.String(), out, err)
	}
	for k, printed := range strings.Split(string(out), mark+"\n")[:len(steps)-1] {
		steps[k+1].check(t, printed, here)
	}
}

// step is a command of a terminal block and what it is shown to print.
type step struct{ command, shown string }

func stepsOf(block string) []step {
	var steps []step
	for line := range strings.Lines(block) {
		command, ok := strings.CutPrefix(line, "$ ")
		switch {
		case ok:
			steps = append(steps, step{command: strings.TrimSpace(command)})
		case len(steps) > 0 && !strings.HasPrefix(line, "#"):
			steps[len(steps)-1].shown += line
		}
	}
	return steps
}

// check looks for the lines that are shown among those that were printed, in
// their order; others may be left out.
func (s step) check(t *testing.T, printed string, here *strings.Replacer) {
	t.Helper()
	rest := slices.Collect(strings.Lines(printed))
	for shown := range strings.Lines(strings.TrimSpace(s.shown)) {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(here.Replace(shown))), "…", ".*")
		line := regexp.MustCompile(`^\s*` + pattern + `\s*$`)
		at := slices.IndexFunc(rest, line.MatchString)
		if at < 0 {
			t.Errorf("README.md: %s\nprinted  %s\nbut %s is shown", s.command, printed, shown)
			return
		}
		rest = rest[at+1:]
	}
}
