package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"usher/internal/chromium"
)

// Two people find their way through the product in examples/atlas, which has stock
// packages of Clerk's: one invites, the other follows the link of the mail, and later
// another while she is signed in. The product hears of what became of it.
func TestAtlas(t *testing.T) {
	t.Parallel()
	program := atlas(t)
	browser := chromium.Open(t, 3*time.Minute, chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	if err := chromedp.Do(browser); err != nil {
		t.Fatal(err)
	}
	ada, grace := new(page), new(page)
	at := unused(t)
	front := serving(t, httptest.NewServer, ada.listening(t))
	ada.usher = start(t, "dev", t.TempDir(), "--addr", at, "--public-url", front)
	found := ada.says(ada.stdout, regexp.MustCompile(`(?s)  secret key       (\S+) .*  publishable key  (\S+) `))
	ada.url, ada.key = "http://"+at, found[1]
	ada.until("it is ready", func() bool { return ada.probe("/readyz") == http.StatusOK })
	addr := unused(t)
	ada.origin, grace.origin, grace.usher = "http://"+addr, "http://"+addr, ada.usher
	endpoint := createdEndpoint.FindStringSubmatch(ada.webhook("create", "--url", ada.origin+"/webhooks"))
	_, admin := ada.acme()
	ada.must("PATCH", "/v1/users/"+admin, fmt.Sprintf(`{"password":%q}`, password))

	product := launch(t, exec.Command(program, "-addr", addr),
		"CLERK_API_URL="+front, "CLERK_SECRET_KEY="+ada.key, "CLERK_PUBLISHABLE_KEY="+found[2], "CLERK_WEBHOOK_SIGNING_SECRET="+endpoint[2])
	product.says(product.stdout, regexp.MustCompile(`^atlas  `+ada.origin+`\n`))
	ada.open(browser)
	grace.open(browser)

	ada.to("/")
	ada.fill("identifier", "ada@example.com")
	ada.click("Continue")
	ada.fill("password", password)
	ada.click("Continue")
	ada.shows("Members", "Ada Lovelace")
	ada.fill("email", "grace@example.com")
	ada.fill("squad", "Compilers")
	ada.click("Invite")
	ada.shows("Not yet here", "Compilers", "organizationInvitation.created grace@example.com")
	ada.fill("email", "grace@example.com")
	ada.click("Invite")
	ada.shows("cannot have duplicate pending invitations")

	grace.to(ada.link(ada.mail("grace@example.com")))
	grace.choosePassword()
	grace.click("Continue")
	grace.shows("Members", "Ada Lovelace", "grace@example.com", "Compilers")
	grace.holds("the pictures of the organization and of her are there", `document.images.length == 2 && [...document.images].every(i => i.naturalWidth > 0)`)
	grace.holds("the address has no ticket any more", `location.pathname == "/" && !location.search`)

	ada.shows("organizationInvitation.accepted grace@example.com", "organizationMembership.created grace@example.com")
	ada.holds("nobody is waited for", `!document.body.innerText.includes("Not yet here")`)
	beta := ada.must("POST", "/v1/organizations/"+ada.organization("Beta", 0)+"/invitations", fmt.Sprintf(
		`{"email_address":"grace@example.com","role":"org:admin","redirect_url":%q}`, grace.origin+"/join"))
	if err := chromedp.Do(grace.ctx, chromedp.Navigate(beta.text("url"))); err != nil {
		t.Fatal(err)
	}
	grace.click("Join as")
	grace.holds("she is in the organization that invited her now", `location.pathname == "/" && document.querySelector("h1")?.innerText == "Beta"`)

	ada.to("/join?__clerk_status=sign_up&__clerk_ticket=somebody.elses")
	ada.shows("You are signed in as ada@example.com", "Go on as somebody else")
}

// listening is passing for a product's back end: what that asks of the Backend API is
// not a browser's.
func (p *page) listening(t *testing.T) http.Handler {
	browser := p.passing(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/__clerk/") {
			browser.ServeHTTP(w, r)
			return
		}
		target, err := url.Parse(p.url)
		if err != nil {
			t.Error(err)
		}
		(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}).ServeHTTP(w, r)
	})
}

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
