package web

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"usher/internal/clerk"
	"usher/internal/invite"
)

var full = about{
	Ticket: "e30.e30.x", App: "Atlas", HomeURL: "https://app.example.com/", Organization: "Acme", OrganizationImage: "/img/org_1/A.svg",
	Role: "Member", Inviter: "Ada Lovelace", InviterIdentifier: "ada@example.com", Address: "grace@example.com",
	Until: "1 February 2026, 03:04 UTC", UntilISO: "2026-02-01T03:04:05Z", Left: "in 30 days",
}

var ada = &badge{"Ada Lovelace", "ada@example.com"}

// rendered is every page with every view: full, and with nothing in it.
func rendered(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	put := func(name string, write func(http.ResponseWriter) error) {
		rec := httptest.NewRecorder()
		if err := write(rec); err != nil {
			t.Errorf("rendering %s: %v", name, err)
		}
		pages[name] = rec.Body.String()
	}
	put("home", func(w http.ResponseWriter) error { return homePage.write(w, 200, homeView{}) })
	put("home with an inbox", func(w http.ResponseWriter) error { return homePage.write(w, 200, homeView{Inbox: true}) })
	put("home with an application", func(w http.ResponseWriter) error { return homePage.write(w, 200, homeView{Inbox: true, App: "Atlas"}) })
	put("home of a guest", func(w http.ResponseWriter) error { return homePage.write(w, 200, homeView{App: "Atlas", Account: ada}) })
	inside := frame{App: "Atlas", HomeURL: "https://app.example.com/", Account: ada, Done: "Done."}
	wrong := func(field string) frame { return frame{Account: ada, fault: fault{"It is wrong.", field}} }
	roles := []choice{{"org:admin", "Admin", false}, {"org:member", "Member", true}}
	for name, v := range map[string]organizationView{
		"full": {
			frame: inside, ID: "org_1", Name: "Acme", Image: "/img/org_1/A.svg", Reads: true, Manages: true, Roles: roles, MemberCount: 2, InvitationCount: 1,
			Members: []memberLine{
				{UserID: "user_1", Name: "Ada Lovelace", Identifier: "ada@example.com", Image: "/img/user_1/A.svg", Role: "Admin", Self: true},
				{UserID: "user_2", Name: "bob@example.com", Image: "/img/user_2/B.svg", Role: "Owner", Roles: append([]choice{{Name: "Owner", Chosen: true}}, roles...)},
			},
			MemberPages: pager{"?members=1", "?members=3"}, Invitations: []invitationLine{{"orginv_1", "grace@example.com", "Member", "later", "2026", "in 30 days"}},
		},
		"nobody invited":     {frame: inside, ID: "org_1", Name: "Acme", Manages: true, Roles: roles},
		"without permission": {frame: wrong(""), ID: "org_1", Name: "Acme"},
		"wrong":              {frame: wrong("email_address"), ID: "org_1", Name: "Acme", Manages: true, Roles: roles, Address: "x"},
	} {
		put("organization, "+name, func(w http.ResponseWriter) error { return organizationPage.write(w, 200, v) })
	}
	own := []ownLine{{"1", "Acme", "/img/org_1/A.svg", "Admin", true, "later", "2026", "in 30 days"}}
	for name, v := range map[string]userView{
		"full": {frame: inside, Organizations: own, Invitations: own, MayCreate: true, Pages: pager{"?organizations=1", ""}},
		"new":  {frame: inside, MayCreate: true}, "not allowed": {frame: wrong("")}, "wrong": {frame: wrong("name"), MayCreate: true, Name: "<b>"},
	} {
		put("user, "+name, func(w http.ResponseWriter) error { return userPage.write(w, 200, v) })
	}
	for name, e := range map[string]entryView{"first": {App: "Atlas", Next: "/x"}, "wrong": {fault: fault{"It is wrong.", "password"}}, "wrong at all": {fault: fault{"It is wrong.", ""}}} {
		put("sign in, "+name, func(w http.ResponseWriter) error {
			return signInPage.write(w, 200, signInView{entryView: e, Identifier: "x"})
		})
		put("code, "+name, func(w http.ResponseWriter) error {
			return codePage.write(w, 200, codeView{entryView: e, Action: "/sign-in/code", Start: "/sign-in", Button: "Sign in", Address: "eve@example.com"})
		})
	}
	put("code, wrong code", func(w http.ResponseWriter) error {
		return codePage.write(w, 200, codeView{entryView: entryView{fault: fault{"It is wrong.", "code"}}, Action: "/sign-up/code", Start: "/sign-up", Button: "Go"})
	})
	for _, field := range []string{"", "email_address"} {
		put("sign up without a ticket, wrong "+field, func(w http.ResponseWriter) error {
			return signUpPage.write(w, 200, signUpView{about: about{App: "Atlas"}, Next: "/x", fault: fault{"It is wrong.", field}})
		})
	}
	put("another account", func(w http.ResponseWriter) error {
		return otherPage.write(w, 200, otherView{App: "Atlas", HomeURL: "https://app.example.com/", Ticket: "x", Account: ada})
	})
	put("sign-in link", func(w http.ResponseWriter) error {
		return signInLinkPage.write(w, 200, signInLinkView{App: "Atlas", Ticket: "x", Account: ada})
	})
	for name, a := range map[string]about{"full": full, "empty": {}} {
		put("accept, "+name, func(w http.ResponseWriter) error { return acceptPage.write(w, 200, acceptView{about: a}) })
		put("accept with names, "+name, func(w http.ResponseWriter) error {
			return acceptPage.write(w, 200, acceptView{about: a, AskName: true})
		})
		put("joined, "+name, func(w http.ResponseWriter) error { return joinedPage.write(w, 200, joinedView{about: a}) })
		put("joined and signed in, "+name, func(w http.ResponseWriter) error { return joinedPage.write(w, 200, joinedView{a, true}) })
		for _, field := range []string{"", "first_name", "password"} {
			put("sign up, "+name+", wrong "+field, func(w http.ResponseWriter) error {
				return signUpPage.write(w, 200, signUpView{about: a, fault: fault{"It is wrong.", field}, FirstName: "Grace"})
			})
		}
		put("declined, "+name, func(w http.ResponseWriter) error { return declinedPage.write(w, 200, a) })
		for kind, p := range problems {
			put(string(kind)+", "+name, func(w http.ResponseWriter) error { return problemPage.write(w, p.status, p.view(a)) })
		}
	}
	line := letterLine{Path: "/inbox/i/1", Subject: "Hello", To: "a@example.com", App: "Atlas", When: "now", WhenISO: "2026"}
	put("inbox", func(w http.ResponseWriter) error {
		return inboxPage.write(w, 200, inboxView{To: "a@example.com", Letters: []letterLine{line, {}}})
	})
	put("inbox, no match", func(w http.ResponseWriter) error { return inboxPage.write(w, 200, inboxView{To: "a@example.com"}) })
	put("inbox, empty", func(w http.ResponseWriter) error { return inboxPage.write(w, 200, inboxView{}) })
	put("letter", func(w http.ResponseWriter) error {
		return letterPage.write(w, 200, letterView{Subject: "Hello", ReplyTo: "x", Link: "https://usher.test/", HTMLPath: "/h", SourcePath: "/s"})
	})
	put("letter, empty", func(w http.ResponseWriter) error { return letterPage.write(w, 200, letterView{}) })
	return pages
}

// TestPagesCanBeUsedByEverybody reads each page as assistive technology would.
func TestPagesCanBeUsedByEverybody(t *testing.T) {
	for name, body := range rendered(t) {
		t.Run(name, func(t *testing.T) {
			p := read(t, body)
			for tag, want := range map[string]int{"main": 1, "h1": 1, "title": 1, "script": 0, "style": 0} {
				if p.count[tag] != want {
					t.Errorf("want %d %s, got %d in\n%s", want, tag, p.count[tag], body)
				}
			}
			if p.lang != "en" || strings.TrimSpace(p.title) == "" {
				t.Errorf("want a language and a title, got %q and %q", p.lang, p.title)
			}
			for _, fault := range p.faults {
				t.Error(fault)
			}
			if strings.Contains(body, "{") || strings.Contains(body, "ZgotmplZ") {
				t.Errorf("want no placeholder left, got\n%s", body)
			}
		})
	}
}

// reading is what one page says of itself.
type reading struct {
	lang, title string
	count       map[string]int
	faults      []string
	labels, ids map[string]bool
	level       int // of the last heading
}

func read(t *testing.T, body string) *reading {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	p := &reading{count: map[string]int{}, labels: map[string]bool{}, ids: map[string]bool{}}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "label" {
			p.labels[attr(n, "for")] = true
		}
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			p.count[n.Data]++
			p.element(n)
		}
	}
	return p
}

func (p *reading) element(n *html.Node) {
	fault := func(want string) {
		p.faults = append(p.faults, fmt.Sprintf("want %s, got <%s> %v", want, n.Data, n.Attr))
	}
	if id := attr(n, "id"); id != "" {
		if p.ids[id] {
			fault("ids that are unique")
		}
		p.ids[id] = true
	}
	for _, a := range n.Attr {
		if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
			fault("no style and no handler in an attribute")
		}
	}
	switch n.Data {
	case "html":
		p.lang = attr(n, "lang")
	case "title":
		p.title = content(n)
	case "h1", "h2", "h3":
		level := int(n.Data[1] - '0')
		if level > p.level+1 {
			fault("no heading left out before it")
		}
		p.level = level
	case "img":
		if !has(n, "alt") || !has(n, "width") || !has(n, "height") {
			fault("an alternative text and a size")
		}
	case "input", "select":
		if attr(n, "type") != "hidden" && !p.labels[attr(n, "id")] {
			fault("a label")
		}
	case "iframe":
		if attr(n, "title") == "" || !has(n, "sandbox") {
			fault("a title and a sandbox")
		}
	case "button", "a", "legend", "label":
		if content(n) == "" && n.Parent.Data != "dd" && n.Parent.Data != "li" { // names of empty views
			fault("a name")
		}
	case "form":
		if attr(n, "method") == "" || !strings.HasPrefix(attr(n, "action"), "/") {
			fault("a method and a path of ours")
		}
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// TestColoursCanBeTold computes the contrasts of WCAG 2.2 §1.4.3 (text, 4.5) and
// §1.4.11 (what shows where a control is, 3) from the style itself.
func TestColoursCanBeTold(t *testing.T) {
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(style), -1)
	if len(blocks) != 2 {
		t.Fatalf("want colours for light and dark, got %d blocks", len(blocks))
	}
	for k, scheme := range []string{"light", "dark"} {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(blocks[k][1], -1) {
			colours[m[1]] = m[2]
		}
		for _, pair := range []struct {
			front, back string
			least       float64
		}{
			{"ink", "card", 4.5}, {"ink", "page", 4.5}, {"quiet", "card", 4.5}, {"quiet", "page", 4.5},
			{"accent", "card", 4.5}, {"accent", "page", 4.5}, {"on-accent", "accent", 4.5},
			{"field", "card", 3}, {"field", "page", 3},
		} {
			if got := contrast(t, colours[pair.front], colours[pair.back]); got < pair.least {
				t.Errorf("%s: want a contrast of %s on %s of at least %.1f, got %.2f", scheme, pair.front, pair.back, pair.least, got)
			}
		}
	}
	for _, hue := range hues {
		if got := contrast(t, "#ffffff", hue); got < 4.5 {
			t.Errorf("want white letters on %s to have a contrast of at least 4.5, got %.2f", hue, got)
		}
	}
}

// contrast is WCAG's ratio of two colours.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil || len(colour) != 7 {
		t.Fatalf("want a colour, got %q", colour)
	}
	channel := func(shift int) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}

func TestProblemsTellWhatToDo(t *testing.T) {
	for kind, p := range problems {
		if p.status < 400 || p.title == "" || p.text == "" || p.next == "" {
			t.Errorf("want a status, a title, a text and what to do next for %q, got %+v", kind, p)
		}
	}
	for _, err := range []error{io.ErrUnexpectedEOF, invite.Err("a kind nobody thought of"), fmt.Errorf("reading: %w", invite.Err(clerk.Internal))} {
		if got := problemOf(err); !reflect.DeepEqual(got, problems[clerk.Internal]) {
			t.Errorf("want %v to read as our fault, got %+v", err, got)
		}
	}
	if got := problemOf(fmt.Errorf("%w: disk I/O error", invite.Err(invite.Unavailable))); got.status != http.StatusServiceUnavailable {
		t.Errorf("want 503 when the database cannot be asked, got %d", got.status)
	}
}

func TestDisplay(t *testing.T) {
	rows := []struct{ name, in, want string }{
		{"a plain name", "Ada Lovelace", "Ada Lovelace"},
		{"lines and tabs", " Ada\n\tLovelace ", "Ada Lovelace"},
		{"bidirectional controls", "Ada\u202eecalevoL\u2069", "AdaecalevoL"},
		{"zero-width and control characters", "A\u200bd\u00ada\x00\x1b[31m", "Ada[31m"},
		{"invisible fillers", "A\u3164\u115fB", "AB"},
		{"broken UTF-8", "A\xffB", "AB"},
		{"another script", "אדה לאבלייס", "אדה לאבלייס"},
		{"80 characters", strings.Repeat("ä", 80), strings.Repeat("ä", 80)},
		{"81 characters", strings.Repeat("ä", 81), strings.Repeat("ä", 79) + "…"},
		{"nothing visible", "\u200b\u202e", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got := display(row.in); got != row.want {
				t.Errorf("want %q, got %q", row.want, got)
			}
		})
	}
}

func TestMasked(t *testing.T) {
	for in, want := range map[string]string{
		"grace@example.com": "g…@example.com", "g@example.com": "g…@example.com", "ölaf@bücher.example": "ö…@bücher.example", "nothing": "", "@x": "",
	} {
		if got := masked(in); got != want {
			t.Errorf("want %q for %q, got %q", want, in, got)
		}
	}
}

func TestLeft(t *testing.T) {
	now := invite.At(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	rows := []struct {
		in   time.Duration
		want string
	}{
		{-time.Second, ""}, {0, ""}, {30 * time.Second, "in less than a minute"}, {time.Minute, "in 1 minute"}, {90 * time.Minute, "in 2 hours"},
		{time.Hour, "in 1 hour"}, {47 * time.Hour, "in 47 hours"}, {48 * time.Hour, "in 2 days"}, {30*24*time.Hour - time.Minute, "in 30 days"},
	}
	for _, row := range rows {
		if got := left(now, now.Add(row.in)); got != row.want {
			t.Errorf("want %q for %v, got %q", row.want, row.in, got)
		}
	}
}

// TestAvatarsAreWhereTheAPISays compares the paths of our images with those in
// the API's answers.
func TestAvatarsAreWhereTheAPISays(t *testing.T) {
	encoder := &clerk.Encoder{PublicURL: "https://usher.test"}
	for _, name := range []string{"Acme", "acme corporation ltd", "élan vital", "42 Things", "!", "", "北京 公司", "_x y"} {
		o := &invite.Organization{ID: "org_1", Name: name}
		if got, want := "https://usher.test"+avatarPath(o.ID, initials(name)), encoder.Organization(o).ImageURL; got != want {
			t.Errorf("want %s for %q, got %s", want, name, got)
		}
	}
}

func TestAvatar(t *testing.T) {
	handler := (&Server{}).Handler()
	get := func(path string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return rec
	}
	rows := []struct{ name, initials, want string }{
		{"two letters", "AC.svg", "AC"}, {"three", "ABC.svg", "AB"}, {"another script", "%E5%8C%97%E5%85%AC.svg", "北公"},
		{"markup", "%3Cb.svg", "<b"}, {"an ampersand", "&x.svg", "&x"}, {"control characters", "%00%1B%E2%80%AEx.svg", "x"}, {"none", ".svg", ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			rec := get("/img/org_1/" + row.initials)
			var svg struct {
				XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
				Text    string   `xml:"text"`
			}
			if err := xml.Unmarshal(rec.Body.Bytes(), &svg); err != nil || svg.Text != row.want {
				t.Errorf("want an image of %q, got %q, %v in\n%s", row.want, svg.Text, err, rec.Body)
			}
			if !strings.Contains(rec.Body.String(), `<rect width="96" height="96" fill="#`) {
				t.Errorf("want colour to the corners, got\n%s", rec.Body)
			}
			for header, want := range map[string]string{
				"Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=31536000, immutable",
				"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox", "X-Content-Type-Options": "nosniff",
				"Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*",
			} {
				if got := rec.Header().Get(header); got != want {
					t.Errorf("want %s: %s, got %q", header, want, got)
				}
			}
		})
	}
	if a, b := get("/img/org_1/A.svg").Body.String(), get("/img/org_2/A.svg").Body.String(); a == b {
		t.Error("want the id to decide the colour, got the same image for two")
	}
}

func TestStyleIsCachedForEver(t *testing.T) {
	rec := httptest.NewRecorder()
	(&Server{}).Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, stylePath, nil))
	if got := rec.Header().Get("Cache-Control"); rec.Code != http.StatusOK || got != "public, max-age=31536000, immutable" || rec.Body.String() != string(style) {
		t.Errorf("want the style, immutable, got %d %q", rec.Code, got)
	}
	if got := rec.Header().Get("Content-Type"); got != "text/css; charset=utf-8" {
		t.Errorf("want text/css, got %q", got)
	}
}
