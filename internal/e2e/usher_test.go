// Package e2e holds tests of the program as people get it: they build the
// binary, start it in an empty folder and use it from outside, as a browser, a
// mail server, an SDK or an operator does. There is nothing in it to import.
package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "usher-e2e")
	if err == nil {
		binary = filepath.Join(dir, "usher")
		build := exec.Command("go", "build", "-o", binary, "usher/cmd/usher")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building usher:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// deadline is how long a test waits for what must happen. It is generous: a
// test that passes never gets near it.
const deadline = 30 * time.Second

// usher is one run of the program.
type usher struct {
	*testing.T
	dir    string // its data folder
	url    string // what it announced: where it listens,
	key    string // its secret key,
	try    string // and the command to try
	cmd    *exec.Cmd
	stdout *transcript
	stderr *transcript
	exited chan struct{} // closed when it has ended, with err set
	err    error
	client *http.Client
	pulse  *pulse // of what clients are answered; nil where nobody feels it
}

// transcript keeps what a process writes.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// dev starts usher dev in an empty folder.
func dev(t *testing.T, args ...string) *usher {
	t.Helper()
	return devIn(t, t.TempDir(), args...)
}

// devIn starts usher dev in a folder, on a free port, and returns when it has
// announced itself and answers.
func devIn(t *testing.T, dir string, args ...string) *usher {
	t.Helper()
	u := start(t, "dev", dir, args...)
	found := u.says(u.stdout, announced)
	u.url, u.key, u.try = found[1], found[2], found[3]
	u.until("it is ready", func() bool { return u.probe("/readyz") == http.StatusOK })
	return u
}

var announced = regexp.MustCompile(`(?s)^usher dev  (\S+) .*  secret key       (\S+) .*  try it           ([^\n]+)\n`)

// start starts a server that ends with the test.
func start(t *testing.T, command, dir string, args ...string) *usher {
	t.Helper()
	u := launch(t, exec.Command(binary, append([]string{command, "--addr", "127.0.0.1:0", "--data", dir}, args...)...))
	u.dir = dir
	return u
}

// launch starts a program that ends with the test. Of the variables that configure
// servers and products it has only those given.
func launch(t *testing.T, cmd *exec.Cmd, environment ...string) *usher {
	t.Helper()
	u := &usher{T: t, cmd: cmd, stdout: new(transcript), stderr: new(transcript), exited: make(chan struct{})}
	u.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "USHER_") || strings.HasPrefix(v, "CLERK_")
	}), environment...)
	u.cmd.Stdout, u.cmd.Stderr = u.stdout, u.stderr
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		u.err = u.cmd.Wait()
		close(u.exited)
	}()
	t.Cleanup(func() {
		_ = u.cmd.Process.Kill()
		<-u.exited
		if t.Failed() {
			t.Logf("%v wrote:\n%s%s", cmd.Args, u.stdout, last(u.stderr.String(), 4000))
		}
	})
	u.client = &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(u.client.CloseIdleConnections)
	return u
}

// says waits for what a server writes when it has started.
func (u *usher) says(where *transcript, what *regexp.Regexp) (found []string) {
	u.Helper()
	u.until("it announces itself", func() bool {
		select {
		case <-u.exited:
			u.Fatalf("it ended: %v", u.err)
		default:
		}
		found = what.FindStringSubmatch(where.String())
		return found != nil
	})
	return found
}

func last(s string, n int) string {
	if len(s) > n {
		s = "…" + s[len(s)-n:]
	}
	return s
}

// until waits for a condition.
func (u *usher) until(what string, holds func() bool) {
	u.Helper()
	u.within(deadline, what, holds)
}

// within is until for what may take longer.
func (u *usher) within(most time.Duration, what string, holds func() bool) {
	u.Helper()
	ctx, cancel := context.WithTimeout(u.Context(), most)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			u.Fatalf("waiting until %s: %v", what, ctx.Err())
		}
	}
}

// probe returns the status of a path, 0 when nobody answers.
func (u *usher) probe(path string) int {
	res, err := u.client.Get(u.url + path)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func (u *usher) signal(s os.Signal) {
	u.Helper()
	if err := u.cmd.Process.Signal(s); err != nil {
		u.Fatal(err)
	}
}

// wait returns the exit status, -1 when a signal ended the process.
func (u *usher) wait() int {
	u.Helper()
	select {
	case <-u.exited:
	case <-time.After(deadline):
		u.Fatal("it does not end")
	}
	return u.cmd.ProcessState.ExitCode()
}

// stop ends it in order.
func (u *usher) stop() {
	u.Helper()
	u.signal(syscall.SIGTERM)
	if code := u.wait(); code != 0 {
		u.Fatalf("got exit status %d after SIGTERM, want 0", code)
	}
}

// object is a JSON object of an answer.
type object map[string]any

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   string
}

// send makes one request. It may be called from any goroutine.
func (u *usher) send(method, path, body string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(u.Context(), method, u.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for k := 0; k < len(header); k += 2 {
		req.Header.Set(header[k], header[k+1])
	}
	res, err := u.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(raw)}, err
}

// browse makes a request without a key, as a browser or a scanner does. The
// server is reached where it listens, whatever its public URL.
func (u *usher) browse(method, to string, header ...string) answer {
	u.Helper()
	at, err := url.Parse(to)
	if err != nil {
		u.Fatal(err)
	}
	a, err := u.send(method, at.RequestURI(), "", header...)
	if err != nil {
		u.Fatal(err)
	}
	return a
}

// api makes a request with the secret key. It may be called from any goroutine.
func (u *usher) api(method, path, body string, header ...string) (status int, o object, err error) {
	header = append([]string{"Authorization", "Bearer " + u.key, "Content-Type", "application/json"}, header...)
	a, err := u.send(method, path, body, header...)
	if err != nil {
		return 0, nil, err
	}
	if err := json.Unmarshal([]byte(a.body), &o); err != nil {
		return 0, nil, fmt.Errorf("%s %s: status %d, not an object: %s", method, path, a.status, a.body)
	}
	return a.status, o, nil
}

// must makes a request with the secret key that has to succeed.
func (u *usher) must(method, path, body string, header ...string) object {
	u.Helper()
	status, o, err := u.api(method, path, body, header...)
	if err != nil || status != http.StatusOK {
		u.Fatalf("%s %s: got %d %v %v, want 200", method, path, status, o, err)
	}
	return o
}

// refused makes a request with the secret key that has to be refused.
func (u *usher) refused(method, path, body string, status int, code string) {
	u.Helper()
	got, o, err := u.api(method, path, body)
	if err != nil || got != status || codeOf(o) != code {
		u.Errorf("%s %s: got %d %v %v, want %d %s", method, path, got, o, err, status, code)
	}
}

// codeOf returns the code of a refusal, empty for anything else.
func codeOf(o object) string {
	list, _ := o["errors"].([]any)
	if len(list) == 0 {
		return ""
	}
	first, _ := list[0].(map[string]any)
	code, _ := first["code"].(string)
	return code
}

// text reads a string by its path of names.
func (o object) text(path ...string) string {
	var v any = map[string]any(o)
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	s, _ := v.(string)
	return s
}

// number reads a number by its name.
func (o object) number(name string) int {
	f, _ := o[name].(float64)
	return int(f)
}

// data returns the items of a list.
func (o object) data() []object {
	list, _ := o["data"].([]any)
	items := make([]object, len(list))
	for k, v := range list {
		m, _ := v.(map[string]any)
		items[k] = m
	}
	return items
}

// all reads a list to its end, page by page, and holds its total to its length.
func (u *usher) all(path string) []object {
	u.Helper()
	var list []object
	for {
		page := u.must("GET", fmt.Sprintf("%s&limit=500&offset=%d", path, len(list)), "")
		list = append(list, page.data()...)
		if len(page.data()) < 500 {
			if page.number("total_count") != len(list) {
				u.Errorf("GET %s: total_count is %d, but there are %d", path, page.number("total_count"), len(list))
			}
			return list
		}
	}
}

// mail waits for the newest mail to an address.
func (u *usher) mail(to string) object {
	u.Helper()
	list := u.must("GET", "/usher/v1/inbox?wait=20s&to="+url.QueryEscape(to), "").data()
	if len(list) == 0 {
		u.Fatalf("no mail to %s arrived", to)
	}
	return list[0]
}

// link takes the link out of a mail's text, where the invitee finds it.
func (u *usher) link(mail object) string {
	u.Helper()
	links := regexp.MustCompile(`https?://\S+/v1/tickets/accept\?ticket=\S+`).FindAllString(mail.text("text"), -1)
	if len(links) != 1 {
		u.Fatalf("the mail has %d links, want one:\n%s", len(links), mail.text("text"))
	}
	return links[0]
}

// code takes the code out of the text of the last of so many mails.
func (u *usher) code(to string, mails int) string {
	u.Helper()
	var text string
	u.until(fmt.Sprintf("%d mails to %s are there", mails, to), func() bool {
		list := u.must("GET", "/usher/v1/inbox?to="+url.QueryEscape(to), "").data()
		if len(list) < mails {
			return false
		}
		text = list[0].text("text")
		return true
	})
	code := regexp.MustCompile(`\b\d{6}\b`).FindString(text)
	if code == "" {
		u.Fatalf("the mail to %s has no code:\n%s", to, text)
	}
	return code
}

// ticketIn returns the ticket in a URL, empty when there is none.
func ticketIn(raw string) string {
	at, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return cmp.Or(at.Query().Get("ticket"), at.Query().Get("__clerk_ticket"))
}

// ticketOf returns the ticket that a URL must have.
func ticketOf(t *testing.T, raw string) string {
	t.Helper()
	ticket := ticketIn(raw)
	if ticket == "" {
		t.Fatalf("%s has no ticket", raw)
	}
	return ticket
}

// acme returns the organization that a development server begins with, and its admin.
func (u *usher) acme() (organization, admin string) {
	u.Helper()
	o := u.must("GET", "/v1/organizations/acme", "")
	return o.text("id"), o.text("created_by")
}

// organization makes one with nothing in it but its admin.
func (u *usher) organization(name string, limit int) (id string) {
	u.Helper()
	_, admin := u.acme()
	return u.must("POST", "/v1/organizations", fmt.Sprintf(
		`{"name":%q,"created_by":%q,"max_allowed_memberships":%d}`, name, admin, limit)).text("id")
}

// invite makes an invitation.
func (u *usher) invite(organization, address string) object {
	u.Helper()
	return u.must("POST", "/v1/organizations/"+organization+"/invitations",
		fmt.Sprintf(`{"email_address":%q,"role":"org:member"}`, address))
}

func redeeming(ticket string) string { return fmt.Sprintf(`{"ticket":%q}`, ticket) }
