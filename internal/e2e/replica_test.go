package e2e

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"usher/internal/store/postgrestest"
)

// Three servers on one database are one: what one of them is told, the others know.
func TestReplicas(t *testing.T) {
	t.Parallel()
	replicate(t, postgrestest.URL(t))
}

func TestReplicasBehindAPooler(t *testing.T) {
	t.Parallel()
	replicate(t, postgrestest.Pooled(t))
}

func replicate(t *testing.T, database string) {
	t.Helper()
	master := strings.Repeat("5ca1ab1e", 8)
	office := &postOffice{make(chan string, 100)}
	server := smtp.NewServer(office)
	server.ErrorLog = log.New(io.Discard, "", 0)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	command := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), binary, args...)
		cmd.Env = append(os.Environ(), "USHER_MASTER_KEY="+master, "USHER_DATABASE="+database)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("usher %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	key := regexp.MustCompile(`sk_live_\S+`).FindString(command("instance", "create", "--name", "Acme"))
	serve := func() *usher {
		u := start(t, "serve", t.TempDir(), "--database", database, "--metrics-addr", "localhost:0", "--public-url", "https://invite.example.com",
			"--master-key", master, "--smtp-url", "smtp://"+listener.Addr().String(), "--mail-from", "usher@example.com")
		u.url = "http://" + u.says(u.stderr, regexp.MustCompile(`"serving","addr":"([^"]+)"`))[1]
		u.key = key
		return u
	}
	nodes := []*usher{serve(), serve(), serve()}
	ada := nodes[0].must("POST", "/v1/users", `{"email_address":["ada@example.com"]}`).text("id")
	acme := nodes[1].must("POST", "/v1/organizations", `{"name":"Acme","max_allowed_memberships":100,"created_by":"`+ada+`"}`).text("id")
	for k := range 12 {
		address := fmt.Sprintf("u%d@example.com", k)
		i := nodes[k%3].invite(acme, address)
		switch k % 4 {
		case 1:
			nodes[(k+1)%3].must("POST", "/v1/tickets/redeem", redeeming(ticketOf(t, i.text("url"))))
			nodes[(k+2)%3].refused("POST", "/v1/organizations/"+acme+"/invitations/"+i.text("id")+"/revoke", "", 404, "organization_invitation_not_pending")
		case 2:
			nodes[(k+1)%3].must("POST", "/v1/organizations/"+acme+"/invitations/"+i.text("id")+"/revoke", "")
			nodes[(k+2)%3].refused("POST", "/v1/tickets/redeem", redeeming(ticketOf(t, i.text("url"))), 400, "organization_invitation_revoked_code")
		}
	}
	for k, u := range nodes {
		page := u.must("GET", "/v1/organizations/"+acme+"/invitations/pending", "")
		if got := page.number("total_count"); got != 6 {
			t.Errorf("server %d lists %d pending invitations, want 6", k, got)
		}
		if got := u.must("GET", "/v1/organizations/"+acme+"/memberships", "").number("total_count"); got != 4 {
			t.Errorf("server %d lists %d members, want 4", k, got)
		}
	}
	id := strings.Fields(regexp.MustCompile(`(?m)^\S+.*$`).FindAllString(command("instance", "key", "list"), -1)[1])[0]
	command("instance", "key", "revoke", "--key-id", id)
	nodes[0].until("the mails that are wanted have left", func() bool { return len(office.mails) >= 6 })
	for k, u := range nodes {
		u.until(fmt.Sprintf("server %d refuses the key", k), func() bool {
			status, _, err := u.api("GET", "/v1/organizations", "")
			return err == nil && status == 401
		})
		u.stop()
		if strings.Contains(u.stderr.String(), master) || strings.Contains(u.stderr.String(), key) {
			t.Errorf("server %d logged a secret", k)
		}
	}
	close(office.mails)
	told := map[string]int{}
	for raw := range office.mails {
		told[regexp.MustCompile(`(?m)^To: <(.*)>`).FindStringSubmatch(raw)[1]]++
	}
	for k := range 12 {
		address := fmt.Sprintf("u%d@example.com", k)
		if n := told[address]; n > 1 || n == 0 && k%4 != 1 && k%4 != 2 {
			t.Errorf("%s got %d mails, want 1", address, n)
		}
	}
}
