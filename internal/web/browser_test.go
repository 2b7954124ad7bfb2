package web_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"usher/internal/chromium"
	"usher/internal/invite"
)

// browser returns a context in which Chromium runs. It knows one more name for
// this machine, plain.test, which is not one that browsers trust over http.
func chrome(t *testing.T) context.Context {
	t.Helper()
	return chromium.Open(t, time.Minute, chromedp.Flag("host-resolver-rules", "MAP plain.test 127.0.0.1"))
}

// A person accepts with the keyboard alone, in a browser that runs no scripts:
// on loopback, and where plain http keeps the browser from saying which site a
// form comes from.
func TestAcceptInABrowser(t *testing.T) {
	ctx := chrome(t)
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "plain.test"} {
		t.Run(host, func(t *testing.T) {
			s := open(t)
			at, err := url.Parse(s.URL)
			s.must(err)
			k := s.ticket(s.invite("grace@example.com"))
			err = chromedp.Do(ctx,
				chromedp.Navigate("http://"+host+":"+at.Port()+"/accept?ticket="+k),
				chromedp.WaitVisible("#first_name"),
				chromedp.KeyEvent(kb.Tab+"Grace"+kb.Tab+"Hopper"+kb.Tab+kb.Enter),
				chromedp.WaitVisible(chromedp.Search(`//h1[contains(., "You have joined") or contains(., "another site")]`)),
			)
			s.must(err)
			title, err := chromedp.Run(ctx, chromedp.Title())
			s.must(err)
			if title != "You have joined Acme Corporation" {
				t.Errorf("want the joined page, got %q", title)
			}
			if got, want := s.members(), []string{"Ada Lovelace org:admin", "Grace Hopper org:member"}; !cmp.Equal(got, want) {
				t.Errorf("want members %q, got %q", want, got)
			}
		})
	}
}

// An admin signs in and manages members in a browser that runs no scripts.
func TestOrganizationInABrowser(t *testing.T) {
	ctx := chrome(t)
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	s := open(t)
	s.pages.Browsers.PublicURL = s.URL // whose cookies go over plain http
	s.enroll("eve@example.com", invite.RoleAdmin)
	bob := s.enroll("bob@example.com", invite.RoleMember)
	says := func(text string) chromedp.Action[chromedp.Void] {
		return chromedp.WaitVisible(chromedp.Search(`//main[contains(., "` + text + `")]`))
	}
	press := func(button string) chromedp.Action[chromedp.Void] {
		return chromedp.Click(chromedp.Search(button))
	}
	s.must(chromedp.Do(ctx,
		chromedp.Navigate(s.URL+"/organization"),
		chromedp.SendKeys("#identifier", "eve@example.com"+kb.Tab+"correct horse"+kb.Enter),
		says("You are a member"),
		press(`//button[contains(., "Open")]`),
		says("Invite somebody"),
		chromedp.SendKeys(chromedp.Search(`//input[@id="email_address"]`), "grace@example.com"+kb.Enter),
		says("on its way"),
		press(`//button[contains(., "Withdraw")]`),
		says("was withdrawn"),
		press(`//li[contains(., "bob@example.com")]//summary`),
		chromedp.SendKeys(chromedp.Search(`//select[@id="role-`+bob.ID+`"]`), "Admin"),
		press(`//li[contains(., "bob@example.com")]//button[contains(., "Change role")]`),
		says("role was changed"),
		press(`//li[contains(., "bob@example.com")]//summary`),
		press(`//li[contains(., "bob@example.com")]//button[contains(., "Remove")]`),
		says("was removed"),
		press(`//button[contains(., "Sign out")]`),
		says("Password"),
	))
	if got, want := s.members(), []string{"Ada Lovelace org:admin", "Eve org:admin"}; !cmp.Equal(got, want) {
		t.Errorf("members: got %q, want %q", got, want)
	}
	if got := s.pending(); len(got) > 0 {
		t.Errorf("invitations: got %q, want none", got)
	}
}

// TestPagesFitAPhone looks at each page on the narrowest phones, where nothing
// may stick out, and sees that style and images pass the page's own policy.
func TestPagesFitAPhone(t *testing.T) {
	ctx := chrome(t)
	box := postbox{}
	s := open(t, homeURL, withInbox(box))
	long := strings.Repeat("Donaudampfschifffahrt", 4)
	box[s.in.ID] = append(box[s.in.ID], letterAt("ema_1", long+"@example.com", 0))
	s.sql(`UPDATE organizations SET name = '` + long + `'`)
	k := s.ticket(s.invite(strings.ToLower(long)[:64] + "@" + strings.ToLower(long)[:60] + ".example.com"))
	used := s.ticket(s.invite("heidi@example.com"))
	s.post(accept(used))
	s.must(chromedp.Do(ctx, chromedp.EmulateViewport(320, 640)))
	for _, path := range []string{
		"/", "/accept", "/accept?ticket=" + k, "/accept?ticket=" + used, "/accept/joined?ticket=" + used, "/inbox", "/inbox/" + s.in.ID + "/ema_1", "/nothing",
	} {
		s.must(chromedp.Do(ctx, chromedp.Navigate(s.URL+path)))
		fault, err := chromedp.Run(ctx, chromedp.Evaluate[string](`
			document.documentElement.scrollWidth > 320 ? "a page " + document.documentElement.scrollWidth + " px wide" :
			getComputedStyle(document.body).display != "flex" ? "no style" :
			[...document.images].some(i => i.naturalWidth == 0) ? "an image that did not load" :
			[...document.querySelectorAll("button, .button, input:not([type=hidden])")].some(e => e.offsetHeight < 44) ? "a control too small to touch" : ""`))
		s.must(err)
		if fault != "" {
			t.Errorf("want %s to fit and to load, got %s", strings.SplitAfter(path, "ticket=")[0], fault)
		}
	}
}
