package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	protocol "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"usher/internal/oracle"
)

// bundles are Clerk's scripts as npm has them: its JavaScript with its components,
// which came in one package once.
type bundles []string

var (
	current  = bundles{"@clerk/ui@1.36.0/dist/ui.browser.js", "@clerk/clerk-js@6.40.0/dist/clerk.browser.js"}
	previous = bundles{"@clerk/clerk-js@5.128.0/dist/clerk.browser.js"}
)

// placement is where pages find the Frontend API.
type placement int

const (
	sameOrigin placement = iota // the product passes /__clerk on
	otherPort                   // the proxy URL is another origin
	byKey                       // the publishable key names it, and it is reached with TLS
)

// page is a person's browser on the page of a product, and the server behind it.
type page struct {
	*usher
	ctx     context.Context // of the tab
	origin  string          // of the product
	issuer  string          // of session tokens: the server's public URL
	steps   int             // that have a picture
	traffic traffic
}

// traffic is what has passed between the browser and the Frontend API.
type traffic struct {
	mu       sync.Mutex
	lines    []string // "POST /v1/client/sign_ins 200"
	refusals []string // the codes
	faults   []string
}

// visit starts a server and a product, and opens a tab with an empty cookie jar.
func visit(t *testing.T, browser context.Context, where placement, packages string, scripts bundles) *page {
	t.Helper()
	p, at, serve, proxy := new(page), "", httptest.NewServer, ""
	var options []string
	switch where {
	case sameOrigin:
		proxy = "/__clerk"
	case otherPort:
		proxy = serving(t, serve, p.passing(t)) + "/__clerk"
	case byKey:
		serve, at = httptest.NewTLSServer, unused(t)
		options = []string{"--addr", at, "--public-url", serving(t, serve, p.passing(t))}
	}
	p.usher = start(t, "dev", t.TempDir(), options...)
	found := p.says(p.stdout, regexp.MustCompile(`(?s)^usher dev  (\S+) .*  secret key       (\S+) .*  publishable key  (\S+) `))
	p.url, p.key, p.issuer = found[1], found[2], found[1]
	if at != "" {
		p.url = "http://" + at
	}
	p.until("it is ready", func() bool { return p.probe("/readyz") == http.StatusOK })
	mux := http.NewServeMux()
	mux.Handle("/npm/", http.StripPrefix("/npm/", http.FileServer(http.Dir(packages))))
	mux.Handle("/__clerk/", p.passing(t))
	mux.Handle("/", product(t, scripts, found[3], proxy))
	p.origin = serving(t, serve, mux)
	p.open(browser)
	return p
}

// serving returns the URL of a server that ends with the test.
func serving(t *testing.T, serve func(http.Handler) *httptest.Server, h http.Handler) string {
	srv := serve(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// product serves the product's page at every path.
func product(t *testing.T, scripts bundles, key, proxy string) http.Handler {
	t.Helper()
	tmpl, err := template.ParseFiles("browser/page.html")
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, script := range scripts {
		at = append(at, "/npm/"+script)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := tmpl.Execute(w, struct {
			Scripts    []string
			Key, Proxy string
		}{at, key, proxy}); err != nil {
			t.Error(err)
		}
	})
}

// passing returns a proxy to the server, which keeps count of what passes and holds it
// against the official specification.
func (p *page) passing(t *testing.T) http.Handler {
	spec := oracle.FAPI(t)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			target, err := url.Parse(p.url)
			if err != nil {
				p.Error(err)
			}
			r.SetURL(target)
		},
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			asked := r.Request.Clone(r.Request.Context())
			asked.URL.Path = strings.TrimPrefix(asked.URL.Path, "/__clerk")
			if method := asked.URL.Query().Get("_method"); method != "" {
				asked.Method = method
			}
			asked.Response, r.Request = nil, asked
			p.traffic.add(spec, r, body)
			return err
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }, // the tab was closed
	}
}

func (f *traffic) add(spec *oracle.Spec, r *http.Response, body []byte) {
	if r.StatusCode == http.StatusSeeOther {
		return // a link that was followed
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	line := fmt.Sprintf("%s %s %d", r.Request.Method, r.Request.URL.Path, r.StatusCode)
	f.lines = append(f.lines, line)
	if !strings.HasPrefix(r.Request.URL.Path, "/v1/") {
		return // a picture
	}
	if spec != nil && !spec.Covered(r.Request) {
		f.faults = append(f.faults, line+" is no documented operation")
	}
	for _, fault := range faults(spec, r, body) {
		f.faults = append(f.faults, fmt.Sprintf("%s %s\n%s", line, fault, body))
	}
	if r.StatusCode >= http.StatusBadRequest {
		var refusal object
		_ = json.Unmarshal(body, &refusal)
		f.refusals = append(f.refusals, codeOf(refusal))
	}
}

// open begins the tab. When the test ends, everything that passed was as documented,
// no script threw, every picture loaded, nobody else was asked for anything, and each
// refusal was taken note of with refused.
func (p *page) open(browser context.Context) {
	p.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.overhear))
	p.Cleanup(cancel)
	p.ctx = ctx
	p.Cleanup(p.judge)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1100, 900)); err != nil {
		p.Fatal(err)
	}
	// A page that is not looked at refreshes no token.
	if _, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		p.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		p.Fatal(err)
	}
}

// overhear notes what a page should not do.
func (p *page) overhear(event any) {
	var fault string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = "the page threw " + (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error()
	case *network.EventRequestWillBeSent:
		if at, err := url.Parse(e.Request.URL); err == nil && strings.HasPrefix(at.Scheme, "http") && at.Hostname() != "127.0.0.1" {
			fault = "the page asked for " + e.Request.URL
		}
	case *network.EventLoadingFailed:
		if e.Type == network.ResourceTypeImage && e.ErrorText != "net::ERR_ABORTED" { // as it is when the page goes away
			fault = fmt.Sprintf("a picture did not load: %s %s", e.ErrorText, e.BlockedReason)
		}
	}
	if fault != "" {
		p.traffic.mu.Lock()
		defer p.traffic.mu.Unlock()
		p.traffic.faults = append(p.traffic.faults, fault)
	}
}

func (p *page) judge() {
	if p.Failed() {
		p.picture("failed")
	}
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	for _, fault := range p.traffic.faults {
		p.Error(fault)
	}
	if len(p.traffic.refusals) > 0 {
		p.Errorf("the browser was refused with %q", p.traffic.refusals)
	}
	if p.Failed() {
		p.Logf("the browser asked:\n%s", strings.Join(p.traffic.lines, "\n"))
	}
}

// refused holds that the browser was refused with these codes since the last call.
func (p *page) refused(codes ...string) {
	p.Helper()
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	if !slices.Equal(p.traffic.refusals, codes) {
		p.Errorf("the browser was refused with %q, want %q", p.traffic.refusals, codes)
	}
	p.traffic.refusals = nil
}

// asked returns how often a request was answered so, as "POST /v1/client/sign_ins 200".
func (p *page) asked(line string) (times int) {
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	for _, l := range p.traffic.lines {
		if l == line {
			times++
		}
	}
	return times
}

// picture keeps a picture of the page in the folder that USHER_TEST_PICTURES names.
func (p *page) picture(name string) {
	p.Helper()
	folder := os.Getenv("USHER_TEST_PICTURES")
	if folder == "" {
		return
	}
	p.steps++
	name = fmt.Sprintf("%s-%02d-%s.png", strings.ReplaceAll(p.Name(), "/", "-"), p.steps, strings.ReplaceAll(name, " ", "-"))
	p.until("there is a picture", func() bool { // of a page that does not go away meanwhile
		const rest = `new Promise(done => setTimeout(done, 500, true))`
		_, moved := chromedp.Run(p.ctx, chromedp.Evaluate[bool](rest, chromedp.EvalAwaitPromise))
		shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
		return moved == nil && err == nil && os.WriteFile(filepath.Join(folder, name), shot, 0o600) == nil
	})
}

// to leads the browser to a path of the product, or to a link, and returns when
// Clerk's JavaScript is there.
func (p *page) to(where string) {
	p.Helper()
	p.opens(where)
	p.holds("Clerk's JavaScript is loaded", `globalThis.Clerk?.loaded`)
}

// opens leads the browser to a path of the product, or to a link.
func (p *page) opens(where string) {
	p.Helper()
	if strings.HasPrefix(where, "/") {
		where = p.origin + where
	}
	if err := chromedp.Do(p.ctx, chromedp.Navigate(where)); err != nil {
		p.Fatal(err)
	}
}

// lands waits until the browser is at a path of the product, to which a script leads.
func (p *page) lands(path string) {
	p.Helper()
	p.holds("the browser is at "+path, fmt.Sprintf(`location.pathname == %q && globalThis.Clerk?.loaded`, path))
}

// hurry lets time pass twenty times as fast on every page from now on.
func (p *page) hurry() {
	p.Helper()
	const haste = `{
		const times = 20, began = Date.now(), now = Date.now, wait = setTimeout, repeat = setInterval
		Date.now = () => began + (now() - began) * times
		window.setTimeout = (f, ms, ...rest) => wait(f, ms / times, ...rest)
		window.setInterval = (f, ms, ...rest) => repeat(f, ms / times, ...rest)
	}`
	if _, err := chromedp.Call(p.ctx, protocol.AddScriptToEvaluateOnNewDocument, protocol.AddScriptToEvaluateOnNewDocumentParams{Source: haste}); err != nil {
		p.Fatal(err)
	}
}

// holds waits until an expression is true on the page, whichever that is by then.
func (p *page) holds(what, expression string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, deadline)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		held, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!!(`+expression+`)`))
		if held && err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`location + "\n" + document.body.innerText`))
			p.Fatalf("waiting until %s: %v (%v)\nthe page says: %s", what, ctx.Err(), err, text)
		}
	}
}

// script finds elements as a person does: what can be seen, by the words on it.
const script = `
const seen = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0 && getComputedStyle(e).visibility != "hidden" };
const words = e => (e.getAttribute("aria-label") || e.innerText || e.value || "").replace(/\s+/g, " ").trim();
const clear = e => { const r = e.getBoundingClientRect(), at = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2); return at && (e == at || e.contains(at)) };
const named = what => [...document.querySelectorAll("a, button, [role=menuitem], [role=option], [role=tab], [role=button]")]
	.filter(e => seen(e) && !e.disabled && (words(e) == what || words(e).startsWith(what + " ") || e.innerText.split("\n").includes(what)));
`

// shows waits until words are on the page.
func (p *page) shows(words ...string) {
	p.Helper()
	for _, w := range words {
		p.holds(fmt.Sprintf("the page shows %q", w), fmt.Sprintf(`document.body?.innerText.includes(%q)`, w))
	}
	p.picture(words[0])
}

// hides waits until words are on the page no more.
func (p *page) hides(words string) {
	p.Helper()
	p.holds(fmt.Sprintf("the page hides %q", words), fmt.Sprintf(`!document.body?.innerText.includes(%q)`, words))
}

// is waits until the product's page says who is signed in, and in which organization.
func (p *page) is(who, organization string) {
	p.Helper()
	p.holds(fmt.Sprintf("%s is signed in, in %s", who, organization), fmt.Sprintf(
		`document.getElementById("who")?.innerText == %q && document.getElementById("organization").innerText == %q`, who, organization))
	p.picture(who + " in " + organization)
}

// point is a place on the page, in pixels.
type point struct{ X, Y float64 }

// click presses the mouse on what is called so: a link, a button, a menu's entry.
func (p *page) click(what string) {
	p.Helper()
	p.press(fmt.Sprintf("%q can be pressed", what), fmt.Sprintf(`named(%q)`, what))
}

// tab turns to a tab, which other things may be called like.
func (p *page) tab(what string) {
	p.Helper()
	p.press(fmt.Sprintf("there is a tab %q", what), fmt.Sprintf(`named(%q).filter(e => e.role == "tab")`, what))
}

// clickIn presses what is called so in the row of a table that has some words.
func (p *page) clickIn(row, what string) {
	p.Helper()
	p.press(fmt.Sprintf("%q can be pressed beside %q", what, row), fmt.Sprintf(`named(%q).filter(e => e.closest("tr")?.innerText.includes(%q))`, what, row))
}

// press presses the mouse on the first of the elements that an expression finds, once
// it stands still and nothing covers it.
func (p *page) press(what, elements string) {
	p.Helper()
	find := `(() => {` + script + ` const e = (` + elements + `)[0]; if (!e) return null;
		e.scrollIntoView({block: "nearest"}); if (!clear(e)) return null;
		const r = e.getBoundingClientRect(); return {X: r.x + r.width / 2, Y: r.y + r.height / 2} })()`
	var where point
	still := 0 // how often it was seen at one place
	p.until(what, func() bool {
		at, err := chromedp.Run(p.ctx, chromedp.Evaluate[*point](find))
		switch {
		case err != nil || at == nil:
			still = 0
		case *at == where:
			still++
		default:
			where, still = *at, 0
		}
		return still == 10
	})
	if err := chromedp.Do(p.ctx, chromedp.MouseClickXY(where.X, where.Y)); err != nil {
		p.Fatal(err)
	}
}

// fill types into the field with a name, in place of what it held.
func (p *page) fill(name, text string) {
	p.Helper()
	selector := fmt.Sprintf(`[name=%q], [id=%q]`, name, name)
	p.press(fmt.Sprintf("there is a field %q", name), fmt.Sprintf(`[...document.querySelectorAll(%q)].filter(e => seen(e) && !e.disabled)`, selector))
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](`document.activeElement.select?.(), true`)); err != nil {
		p.Fatal(err)
	}
	p.keys(text)
}

// keys types where the cursor is.
func (p *page) keys(text string) {
	p.Helper()
	if _, err := chromedp.Call(p.ctx, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		p.Fatal(err)
	}
}

// enterKey strikes the key Enter, which a script may keep from sending the form.
func (p *page) enterKey() {
	p.Helper()
	key := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, Text: "\r"}
	_, down := chromedp.Call(p.ctx, input.DispatchKeyEvent, key)
	key.Type, key.Text = input.DispatchKeyEventTypeKeyUp, ""
	_, up := chromedp.Call(p.ctx, input.DispatchKeyEvent, key)
	if err := errors.Join(down, up); err != nil {
		p.Fatal(err)
	}
}

// evaluate runs a script on the page. A promise is waited for.
func evaluate[T any](p *page, expression string) T {
	p.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}
