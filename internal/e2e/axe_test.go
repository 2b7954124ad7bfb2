package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"usher/internal/chromium"
)

// reader looks at our own pages with axe-core, which finds much of what keeps people
// with assistive technology from using them.
type reader struct {
	*usher
	ctx context.Context
	axe string // the script
}

// TestPagesForEverybody opens our own pages in each of their states, as a stranger, as
// somebody who may do little, and as an admin.
func TestPagesForEverybody(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(filepath.Join(installed(t, "browser", "packages.txt"), "axe-core@4.14.1", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{usher: dev(t), ctx: chromium.Open(t, 5*time.Minute), axe: string(script)}
	acme, ada := r.acme()
	r.joins(acme, "eve", "org:admin")
	r.joins(acme, "bob", "org:member")
	beta := r.organization("Beta", 0)
	forGrace, used := r.ticket(acme, "grace@example.com"), r.ticket(acme, "heidi@example.com")
	r.ticket(beta, "eve@example.com")
	r.must("POST", "/v1/tickets/redeem", redeeming(used))
	token := r.must("POST", "/v1/sign_in_tokens", fmt.Sprintf(`{"user_id":%q}`, ada)).text("token")

	r.reads("/", "/docs", "/inbox", "/inbox?to=nobody@example.com", "/nothing", "/sign-in", "/accept", "/accept?ticket="+forGrace,
		"/accept?ticket="+used, "/accept/joined?ticket="+used, "/accept?ticket="+url.QueryEscape(token))
	r.opens("/inbox")
	r.leaves(`document.querySelector(".letters a").click()`)
	r.looks("a mail")
	r.opens("/sign-up?__clerk_ticket=" + forGrace)
	r.looks("a new account")
	r.sends("/sign-up", "first_name", strings.Repeat("x", 257), "password", password)
	r.looks("a name that is too long")
	r.opens("/sign-up")
	r.looks("a new account without an invitation")
	r.sends("/sign-up", "email_address", "frida@example.com", "password", password)
	r.looks("a code that was mailed")
	r.sends("/sign-up/code", "code", "none")
	r.looks("a wrong code")
	r.sends("/sign-up/code", "code", r.code("frida@example.com", 1))
	r.reads("/user")
	r.sends("/sign-out")
	r.sends("/sign-in", "identifier", "bob@example.com", "password", "wrong")
	r.looks("a wrong password")

	r.sends("/sign-in", "password", password)
	r.reads("/", "/user", "/accept?ticket="+forGrace, "/accept?ticket="+r.ticket(beta, "bob@example.com"))
	r.opens("/user")
	r.sends("/user/organization")
	r.looks("an organization as a member sees it")
	r.sends("/sign-out")

	r.sends("/sign-in", "identifier", "eve@example.com", "password", password)
	r.reads("/user")
	r.sends("/user/create", "name", "Gamma <3")
	r.looks("a name that cannot be used")
	r.sends("/user/organization")
	r.sends("/organization/invite", "email_address", "ivan@example.com")
	r.looks("an organization as an admin sees it")
	r.evaluate(`document.querySelectorAll("details").forEach(d => d.open = true)`)
	r.looks("an organization to be changed")
	r.sends("/organization/invite", "email_address", "bob@example.com")
	r.looks("an invitation that is refused")
}

// joins makes a member with a password.
func (r *reader) joins(organization, name, role string) {
	r.Helper()
	id := r.must("POST", "/v1/users", fmt.Sprintf(`{"email_address":["%[1]s@example.com"],"first_name":%[1]q,"password":%[2]q}`, name, password)).text("id")
	r.must("POST", "/v1/organizations/"+organization+"/memberships", fmt.Sprintf(`{"user_id":%q,"role":%q}`, id, role))
}

// ticket invites somebody and returns the ticket in the mail.
func (r *reader) ticket(organization, address string) string {
	r.Helper()
	r.invite(organization, address)
	return ticketOf(r.T, r.link(r.mail(address)))
}

// opens leads to a path.
func (r *reader) opens(path string) {
	r.Helper()
	if err := chromedp.Do(r.ctx, chromedp.Navigate(r.url+path)); err != nil {
		r.Fatal(err)
	}
}

func (r *reader) evaluate(script string) {
	r.Helper()
	if _, err := chromedp.Run(r.ctx, chromedp.Evaluate[bool](`(() => {`+script+`; return true })()`)); err != nil {
		r.Fatal(err)
	}
}

// leaves runs a script that leads to another page, and waits for that.
func (r *reader) leaves(script string) {
	r.Helper()
	r.evaluate(`window.left = true; ` + script)
	r.until("another page is there", func() bool {
		there, err := chromedp.Run(r.ctx, chromedp.Evaluate[bool](`!window.left && document.readyState == "complete"`))
		return err == nil && there
	})
}

// sends fills in the first form with an action, and sends it.
func (r *reader) sends(action string, fields ...string) {
	r.Helper()
	script := fmt.Sprintf(`const form = document.querySelector('form[action=%q]');`, action)
	for k := 0; k < len(fields); k += 2 {
		script += fmt.Sprintf(`form.elements[%q].value = %q;`, fields[k], fields[k+1])
	}
	r.leaves(script + `form.requestSubmit()`)
}

// reads looks at the pages of some paths.
func (r *reader) reads(paths ...string) {
	r.Helper()
	for _, path := range paths {
		r.opens(path)
		r.looks(path)
	}
}

// looks holds that axe-core finds nothing wrong with the page, wide and light as well
// as narrow and dark, and that the page fits.
func (r *reader) looks(what string) {
	r.Helper()
	if _, err := chromedp.Run(r.ctx, chromedp.Evaluate[bool](r.axe+`; true`)); err != nil {
		r.Fatal(err)
	}
	for scheme, width := range map[string]int64{"light": 1100, "dark": 390} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		if _, err := chromedp.Call(r.ctx, emulation.SetEmulatedMedia, media); err != nil {
			r.Fatal(err)
		}
		if err := chromedp.Do(r.ctx, chromedp.EmulateViewport(width, 900)); err != nil {
			r.Fatal(err)
		}
		found, err := chromedp.Run(r.ctx, chromedp.Evaluate[[]string](`axe.run({resultTypes: ["violations"]}).then(found =>
			found.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html + "\n" + n.failureSummary))
				.concat(document.documentElement.scrollWidth > innerWidth ? ["it is wider than the window"] : []))`, chromedp.EvalAwaitPromise))
		if err != nil {
			r.Fatal(err)
		}
		for _, fault := range found {
			r.Errorf("%s, %s: %s", what, scheme, fault)
		}
		r.picture(what, scheme)
	}
}

// picture keeps a picture of the page in the folder that USHER_TEST_PICTURES names.
func (r *reader) picture(what, scheme string) {
	r.Helper()
	folder := os.Getenv("USHER_TEST_PICTURES")
	if folder == "" {
		return
	}
	shot, err := chromedp.Run(r.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, url.PathEscape("pages-"+what[:min(len(what), 40)]+"-"+scheme+".png")), shot, 0o600)
	}
	if err != nil {
		r.Log(err) // the API reference is too long for one
	}
}
