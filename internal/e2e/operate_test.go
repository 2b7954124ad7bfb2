package e2e

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// A restart keeps data and keys; --reset begins anew.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	u := devIn(t, dir)
	acme, _ := u.acme()
	i := u.invite(acme, "grace@example.com")
	link := u.link(u.mail("grace@example.com"))
	u.stop()

	again := devIn(t, dir)
	if again.key != u.key {
		t.Errorf("announced the key %s, want %s", again.key, u.key)
	}
	kept := again.must("GET", "/v1/organizations/"+acme+"/invitations/"+i.text("id"), "")
	if kept.text("status") != "pending" || ticketOf(t, kept.text("url")) != ticketOf(t, i.text("url")) {
		t.Errorf("the invitation is %v, want %v", kept, i)
	}
	if got := again.link(again.mail("grace@example.com")); got != link {
		t.Errorf("the mail's link is %s after the restart, want %s", got, link)
	}
	again.must("POST", "/v1/tickets/redeem", redeeming(ticketOf(t, link)))
	again.stop()

	anew := devIn(t, dir, "--reset")
	if anew.key == u.key {
		t.Error("--reset kept the secret key")
	}
	if id, _ := anew.acme(); id == acme {
		t.Error("--reset kept the organization")
	}
	anew.refused("POST", "/v1/tickets/redeem", redeeming(ticketOf(t, link)), 400, "ticket_invalid_code")
	if mails := anew.must("GET", "/usher/v1/inbox", "").data(); len(mails) != 0 {
		t.Errorf("--reset kept %d mails", len(mails))
	}
}

// A folder has one server: a second one leaves it alone, whatever it was asked.
func TestOneServer(t *testing.T) {
	t.Parallel()
	u := dev(t)
	acme, _ := u.acme()
	for _, args := range [][]string{{}, {"--reset"}} {
		second := start(t, "dev", u.dir, args...)
		if code := second.wait(); code != 1 || !strings.HasSuffix(second.stderr.String(), ": another usher serves this data folder\n") || strings.Count(second.stderr.String(), "\n") != 1 {
			t.Errorf("usher dev %v: got status %d and %q, want 1 and that the folder is served", args, code, second.stderr)
		}
	}
	u.link(u.mail(u.invite(acme, "grace@example.com").text("email_address")))
	u.stop()
	if id, _ := devIn(t, u.dir).acme(); id != acme {
		t.Errorf("the organization is %s, want %s", id, acme)
	}
}

// A production server has the instances that were made for it, a listener for
// the operator, and nothing for developers.
// instance runs "usher instance" on a data folder and returns what it prints.
func instance(t *testing.T, dir, master string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"instance"}, append(args, "--data", dir)...)...)
	cmd.Env = append(os.Environ(), "USHER_MASTER_KEY="+master)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestServe(t *testing.T) {
	t.Parallel()
	dir, master := t.TempDir(), strings.Repeat("5ca1ab1e", 8)
	out := instance(t, dir, master, "create", "--name", "Acme")
	serve := func() *usher {
		u := start(t, "serve", dir, "--metrics-addr", "localhost:0", "--public-url", "https://invite.example.com", "--master-key", master)
		u.url = "http://" + u.says(u.stderr, regexp.MustCompile(`"serving","addr":"([^"]+)"`))[1]
		u.key = regexp.MustCompile(`sk_live_\S+`).FindString(out)
		return u
	}
	u := serve()
	ada := u.must("POST", "/v1/users", `{"email_address":["ada@example.com"]}`).text("id")
	acme := u.must("POST", "/v1/organizations", `{"name":"Acme","created_by":"`+ada+`"}`).text("id")
	i := u.invite(acme, "grace@example.com")
	if got := i.text("url"); !strings.HasPrefix(got, "https://invite.example.com/v1/tickets/accept?ticket=") {
		t.Errorf("the link is %s, want it to begin with the public URL", got)
	}
	u.refused("GET", "/usher/v1/inbox", "", 404, "resource_not_found")
	for _, path := range []string{"/inbox", "/metrics"} {
		if status := u.probe(path); status != http.StatusNotFound {
			t.Errorf("%s answers %d to everybody, want 404", path, status)
		}
	}
	if page := u.scan("/v1/tickets/accept?ticket=" + ticketOf(t, i.text("url"))); !strings.Contains(page.body, "Acme") {
		t.Errorf("the page is\n%s", page.body)
	}
	u.stop()
	if u.stdout.String() != "" {
		t.Errorf("it printed %s", u.stdout)
	}
	if strings.Contains(u.stderr.String(), u.key) || strings.Contains(u.stderr.String(), master) {
		t.Errorf("it logged a secret:\n%s", u.stderr)
	}
	again := serve()
	again.must("POST", "/v1/tickets/redeem", redeeming(ticketOf(t, i.text("url"))))
	again.stop()
}

func TestSessionLimits(t *testing.T) {
	t.Parallel()
	dir, master := t.TempDir(), strings.Repeat("5ca1ab1e", 8)
	out := instance(t, dir, master, "create", "--name", "Acme", "--environment", "test", "--session-lifetime", "48h")
	instance(t, dir, master, "update", "--session-idle", "1h")
	u := start(t, "serve", dir, "--metrics-addr", "localhost:0", "--public-url", "https://invite.example.com", "--master-key", master)
	u.url = "http://" + u.says(u.stderr, regexp.MustCompile(`"serving","addr":"([^"]+)"`))[1]
	u.key = regexp.MustCompile(`sk_test_\S+`).FindString(out)
	ada := u.must("POST", "/v1/users", `{"email_address":["ada@example.com"]}`).text("id")
	session := u.must("POST", "/v1/sessions", `{"user_id":"`+ada+`"}`)
	began := session.number("created_at")
	if most, idle := session.number("expire_at")-began, session.number("abandon_at")-began; most != 48*3600e3 || idle != 3600e3 {
		t.Errorf("a session lives for %v ms, %v without use; want 48 hours, and one", most, idle)
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	debug := unused(t)
	u := dev(t, "--debug-addr", debug)
	if status := u.probe("/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("everybody gets %d, want 404", status)
	}
	u.url = "http://" + debug
	for path, want := range map[string]int{"/debug/pprof/heap": http.StatusOK, "/debug/pprof/cmdline": http.StatusNotFound, "/v1/organizations": http.StatusNotFound} {
		if status := u.probe(path); status != want {
			t.Errorf("%s on the listener for profiles: got %d, want %d", path, status, want)
		}
	}
}

// A stop accepts no new connection, fails the probe on the operator's listener,
// lets requests under way finish and ends with status 0.
func TestStop(t *testing.T) {
	t.Parallel()
	operator := "http://" + unused(t)
	u := dev(t, "--metrics-addr", strings.TrimPrefix(operator, "http://"))
	ready := func() int {
		res, err := u.client.Get(operator + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if status := ready(); status != http.StatusOK {
		t.Errorf("before the stop the probe answers %d, want 200", status)
	}
	acme, _ := u.acme()
	const body = `{"email_address":"late@example.com","role":"org:member"}`
	under := u.begin(fmt.Sprintf("POST /v1/organizations/%s/invitations HTTP/1.1\r\nHost: usher\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", acme, u.key, len(body)))
	under.served()
	u.signal(syscall.SIGTERM)
	u.until("it accepts no connection", func() bool { return u.probe("/healthz") == 0 })

	if status := ready(); status != http.StatusServiceUnavailable {
		t.Errorf("while requests are drained the probe answers %d, want 503", status)
	}
	if status, body := under.finish(body); status != http.StatusOK || !strings.Contains(body, "late@example.com") {
		t.Errorf("the request under way was answered with %d %s, want 200", status, body)
	}
	if code := u.wait(); code != 0 {
		t.Errorf("got exit status %d, want 0", code)
	}
	again := devIn(t, u.dir)
	again.link(again.mail("late@example.com"))
}

// A stop under load answers every request that it took.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	u := dev(t)
	org := u.organization("Busy", 0)
	var mu sync.Mutex
	var made []string
	var clients sync.WaitGroup
	enough := make(chan struct{})
	for c := range 16 {
		clients.Go(func() {
			for n := 0; ; n++ {
				address := fmt.Sprintf("c%d-%d@example.com", c, n)
				status, i, err := u.api("POST", "/v1/organizations/"+org+"/invitations", fmt.Sprintf(`{"email_address":%q,"role":"org:member"}`, address))
				if err != nil {
					return // it is gone
				}
				if status != http.StatusOK {
					t.Errorf("inviting %s: got %d %v", address, status, i)
					return
				}
				mu.Lock()
				if made = append(made, i.text("id")); len(made) == 200 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	u.stop()
	clients.Wait()
	if strings.Contains(u.stderr.String(), `"level":"ERROR"`) {
		t.Errorf("it logged errors while it stopped:\n%s", last(u.stderr.String(), 2000))
	}
	again := devIn(t, u.dir)
	kept := make(map[string]bool)
	for _, i := range again.all("/v1/organizations/" + org + "/invitations?") {
		kept[i.text("id")] = true
	}
	for _, id := range made {
		if !kept[id] {
			t.Errorf("%s was answered and is gone", id)
		}
	}
}

// A second signal ends a stop that waits for a request.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	u := dev(t)
	u.begin("POST /v1/users HTTP/1.1\r\nHost: usher\r\nAuthorization: Bearer " + u.key +
		"\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n").served()
	u.signal(os.Interrupt)
	u.until("it accepts no connection", func() bool { return u.probe("/healthz") == 0 })
	select {
	case <-u.exited:
		t.Fatal("it did not wait for the request")
	default:
	}
	u.until("it ends", func() bool {
		_ = u.cmd.Process.Signal(os.Interrupt) // again: the first may come too early to count as the second
		select {
		case <-u.exited:
			return true
		default:
			return false
		}
	})
	if code := u.wait(); code != -1 {
		t.Errorf("got exit status %d, want the signal to have ended it", code)
	}
}

// half is a request that was begun and not finished.
type half struct {
	*testing.T
	net.Conn
	answers *bufio.Reader
}

// begin sends the beginning of a request on a connection of its own.
func (u *usher) begin(text string) half {
	u.Helper()
	conn, err := new(net.Dialer).DialContext(u.Context(), "tcp", strings.TrimPrefix(u.url, "http://"))
	if err != nil {
		u.Fatal(err)
	}
	u.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		u.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(deadline)); err != nil {
		u.Fatal(err)
	}
	return half{u.T, conn, bufio.NewReader(conn)}
}

// served waits until the server asks for the body of a request that expects
// that: then a handler has it.
func (h half) served() {
	h.Helper()
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if line, err := h.answers.ReadString('\n'); err != nil || line != want {
			h.Fatalf("got %q %v, want %q", line, err, want)
		}
	}
}

// finish sends the rest and returns the answer.
func (h half) finish(rest string) (status int, body string) {
	h.Helper()
	if _, err := io.WriteString(h, rest); err != nil {
		h.Fatal(err)
	}
	res, err := http.ReadResponse(h.answers, nil)
	if err != nil {
		h.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		h.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

// A development server begins with what a seed file says, and takes the same
// file at each start.
func TestSeed(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "people.yaml")
	const people = `
permissions:
  - key: org:bills:pay
    name: Pay bills
roles:
  - key: org:billing
    name: Billing
    permissions: [org:sys_billing:manage, org:bills:pay]
users:
  - email_addresses: [ada@example.com]
    first_name: Ada
  - email_addresses: [bob@example.com]
organizations:
  - name: Atlas
    slug: atlas
    created_by: ada@example.com
    max_allowed_memberships: 7
    public_metadata: {plan: pro}
memberships:
  - organization: atlas
    user: bob@example.com
    role: org:billing
invitations:
  - organization: atlas
    email_address: grace@example.com
    role: org:member
    inviter: ada@example.com
    expires_in_days: 2
`
	if err := os.WriteFile(file, []byte(people), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, start := range []string{"first", "second"} {
		u := devIn(t, dir, "--seed", file)
		atlas := u.must("GET", "/v1/organizations/atlas?include_members_count=true", "")
		if atlas.number("members_count") != 2 || atlas.number("max_allowed_memberships") != 7 || atlas.text("public_metadata", "plan") != "pro" {
			t.Errorf("%s start: the organization is %v", start, atlas)
		}
		members := u.all("/v1/organizations/" + atlas.text("id") + "/memberships?role=org:billing")
		if len(members) != 1 || members[0].text("public_user_data", "identifier") != "bob@example.com" {
			t.Errorf("%s start: %v have the role, want Bob", start, members)
		}
		if granted := fmt.Sprint(members[0]["permissions"]); granted != "[org:sys_billing:manage org:bills:pay]" {
			t.Errorf("%s start: Bob may %s", start, granted)
		}
		if pending := u.all("/v1/organizations/" + atlas.text("id") + "/invitations/pending?"); len(pending) != 1 {
			t.Errorf("%s start: %d invitations are pending, want 1", start, len(pending))
		}
		u.link(u.mail("grace@example.com"))
		if !strings.Contains(u.try, atlas.text("id")) {
			t.Errorf("%s start: the command to try is not about the organization: %s", start, u.try)
		}
		u.stop()
	}
}

// Nothing that opens a door is in the log, however much is logged.
func TestLogHoldsNoSecret(t *testing.T) {
	t.Parallel()
	u := dev(t, "--log-level", "debug", "--log-format", "json")
	acme, _ := u.acme()
	_, link := u.linkTo(acme, "grace@example.com", "")
	ticket := ticketOf(t, link)
	u.scan(link)
	u.browse("GET", link, "Accept", "application/json")
	u.browse("GET", "/v1/tickets/accept?ticket="+ticket+"x", "Accept", "application/json")
	u.browse("GET", "/accept/"+ticket)
	u.browse("GET", "/inbox")
	u.browse("GET", "/v1/organizations", "Authorization", "Bearer sk_test_mistyped")
	u.refused("POST", "/v1/tickets/redeem", `{"ticket":"`+ticket+`","user_id":"user_none"}`, 404, "resource_not_found")
	u.refused("POST", "/v1/tickets/redeem", `{"ticket":"x","secret":"hush-hush"}`, 422, "form_param_unknown")
	u.must("POST", "/v1/tickets/redeem", redeeming(ticket), "Idempotency-Key", "once")
	u.must("POST", "/v1/tickets/redeem", redeeming(ticket), "Idempotency-Key", "once")
	u.stop()
	master, err := os.ReadFile(filepath.Join(u.dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	log := u.stderr.String()
	if lines := strings.Count(log, `"msg":"request"`); lines < 15 || !strings.Contains(log, `"msg":"delivery"`) {
		t.Errorf("the log has %d requests only:\n%s", lines, log)
	}
	for name, secret := range map[string]string{
		"the secret key": u.key, "a mistyped key": "mistyped", "a ticket": "eyJ", "a ticket's end": ticket[len(ticket)-10:],
		"the master key": strings.TrimSpace(string(master)), "an address": "grace@", "a field of the body": "hush-hush",
	} {
		if at := strings.Index(log, secret); at >= 0 {
			t.Errorf("%s is in the log: %s", name, log[max(0, at-300):min(len(log), at+300)])
		}
	}
}

// postOffice is a real mail server.
type postOffice struct{ mails chan string }

func (p *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) { return p, nil }
func (p *postOffice) Mail(string, *smtp.MailOptions) error        { return nil }
func (p *postOffice) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (p *postOffice) Reset()                                      {}
func (p *postOffice) Logout() error                               { return nil }
func (p *postOffice) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	p.mails <- string(raw)
	return err
}

// With a mail server the mail goes there, and there is no inbox.
func TestSMTP(t *testing.T) {
	t.Parallel()
	office := &postOffice{make(chan string, 10)}
	server := smtp.NewServer(office)
	server.ErrorLog = log.New(io.Discard, "", 0)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })

	u := dev(t, "--smtp-url", "smtp://"+listener.Addr().String(), "--mail-from", "Acme <invitations@acme.example>")
	acme, _ := u.acme()
	u.invite(acme, "grace@example.com")
	select {
	case raw := <-office.mails:
		for _, want := range []string{"To: <grace@example.com>", `From: "Acme" <invitations@acme.example>`, "/v1/tickets/accept?ticket"} {
			if !strings.Contains(raw, want) {
				t.Errorf("the mail lacks %q:\n%s", want, raw)
			}
		}
	case <-time.After(deadline):
		t.Fatal("no mail arrived")
	}
	u.until("the outbox is empty", func() bool { return u.metric("usher_outbox_messages") == "0" })
	u.refused("GET", "/usher/v1/inbox", "", 404, "resource_not_found")
	if u.probe("/inbox") != http.StatusNotFound {
		t.Error("there is an inbox although mail leaves")
	}
}

// A mail that no server takes is kept and tried again, and the invitation stands.
func TestSMTPDown(t *testing.T) {
	t.Parallel()
	u := dev(t, "--smtp-url", "smtp://"+unused(t), "--mail-from", "invitations@acme.example")
	acme, _ := u.acme()
	i := u.invite(acme, "grace@example.com")
	u.until("the mail was tried", func() bool {
		return u.metric(`usher_deliveries_total{kind="mail",outcome="retried"}`) == "1"
	})
	if got := u.metric("usher_outbox_messages"); got != "1" {
		t.Errorf("%s messages are in the outbox, want 1", got)
	}
	if got := u.must("GET", "/v1/organizations/"+acme+"/invitations/"+i.text("id"), ""); got.text("status") != "pending" {
		t.Errorf("the invitation is %s, want pending", got.text("status"))
	}
	u.stop()
}

// unused returns an address on which nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

// metric returns the value of a series, empty when there is none.
func (u *usher) metric(series string) string {
	u.Helper()
	for line := range strings.Lines(u.browse("GET", "/metrics").body) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
