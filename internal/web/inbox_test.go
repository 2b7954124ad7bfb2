package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
)

// postbox is an inbox with the letters of each instance.
type postbox map[string][]invite.Letter

func (p postbox) letters(_ context.Context, instance, to string, page invite.Page) ([]invite.Letter, error) {
	var list []invite.Letter
	for _, l := range p[instance] {
		if (to == "" || l.To == to) && len(list) < page.Limit {
			list = append(list, l)
		}
	}
	return list, nil
}

func (p postbox) letter(_ context.Context, instance, id string) (invite.Letter, bool, error) {
	for _, l := range p[instance] {
		if l.ID == id {
			return l, true, nil
		}
	}
	return invite.Letter{}, false, nil
}

func withInbox(p postbox) option {
	return func(s *site, _ *invite.Instance) { s.pages.Letters, s.pages.Letter = p.letters, p.letter }
}

func letterAt(id, to string, at time.Duration) invite.Letter {
	return invite.Letter{
		ID: id, From: "invitations@usher.test", ReplyTo: "ada@example.com", To: to, Subject: "Mail " + id,
		HTML: "<h1>Hello " + id + "</h1><script>alert(1)</script>", Text: "Hello <" + id + ">", Link: "https://usher.test/v1/tickets/accept?ticket=" + id,
		Source: []byte("Subject: Mail " + id + "\r\n\r\n<b>source</b>"), CreatedAt: invite.At(start.Add(at)),
	}
}

func TestInboxListsTheMailOfAllInstances(t *testing.T) {
	box := postbox{}
	s := open(t, withInbox(box))
	other, _, err := s.db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "Other"}, "")
	s.must(err)
	box[s.in.ID] = []invite.Letter{letterAt("ema_3", "grace@example.com", 3*time.Minute), letterAt("ema_1", "heidi@example.com", time.Minute)}
	box[other.ID] = []invite.Letter{letterAt("ema_2", "grace@example.com", 2*time.Minute)}

	all := s.get("/inbox")
	checkPage(t, all)
	if !inOrder(all.body, "Mail ema_3", "Atlas", "Mail ema_2", "Other", "Mail ema_1") {
		t.Errorf("want the newest first with the instances' names, got\n%s", all.body)
	}
	if !strings.Contains(all.body, `href="/inbox/`+other.ID+`/ema_2"`) {
		t.Errorf("want a link to each mail, got\n%s", all.body)
	}
	some := s.get("/inbox?to=grace%40example.com")
	if strings.Contains(some.body, "ema_1") || !inOrder(some.body, `value="grace@example.com"`, "Mail ema_3", "Mail ema_2") {
		t.Errorf("want the mail to one address, got\n%s", some.body)
	}
	if none := s.get("/inbox?to=nobody%40example.com"); !strings.Contains(none.body, "No mail to nobody@example.com") {
		t.Errorf("want to be told that there is none, got\n%s", none.body)
	}
	if home := s.get("/"); !strings.Contains(home.body, `href="/inbox"`) {
		t.Errorf("want the first page to lead to the inbox, got\n%s", home.body)
	}
}

func inOrder(s string, parts ...string) bool {
	for _, p := range parts {
		_, rest, ok := strings.Cut(s, p)
		if !ok {
			return false
		}
		s = rest
	}
	return true
}

func TestInboxShowsOneMail(t *testing.T) {
	box := postbox{}
	s := open(t, withInbox(box))
	box[s.in.ID] = []invite.Letter{letterAt("ema_1", "grace@example.com", 0)}
	path := "/inbox/" + s.in.ID + "/ema_1"
	page := s.get(path)
	for _, want := range []string{
		"Mail ema_1", "grace@example.com", "invitations@usher.test", "ada@example.com", "2 January 2026, 03:04 UTC", "Hello &lt;ema_1&gt;",
		`href="https://usher.test/v1/tickets/accept?ticket=ema_1"`, `src="` + path + `/html"`, `href="` + path + `/source"`, `sandbox="allow-popups allow-popups-to-escape-sandbox"`,
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("want %q on the page, got\n%s", want, page.body)
		}
	}
	if strings.Contains(page.body, "<script") {
		t.Errorf("want the mail's HTML apart from the page, got\n%s", page.body)
	}
	if got := page.header.Get("Content-Security-Policy"); !strings.HasSuffix(got, "; frame-src 'self'") {
		t.Errorf("want this page to frame our own, got %q", got)
	}

	frame := s.get(path + "/html")
	if frame.body != box[s.in.ID][0].HTML {
		t.Errorf("want the mail's HTML as it is, got\n%s", frame.body)
	}
	for _, want := range []string{"sandbox allow-popups allow-popups-to-escape-sandbox;", "default-src 'none';", "frame-ancestors 'self'", "form-action 'none'"} {
		if got := frame.header.Get("Content-Security-Policy"); !strings.Contains(got, want) || strings.Contains(got, "allow-scripts") || strings.Contains(got, "allow-same-origin") {
			t.Errorf("want the mail held in %q, got %q", want, got)
		}
	}
	if got := frame.header.Get("X-Frame-Options"); got != "SAMEORIGIN" {
		t.Errorf("want the frame allowed to our page, got %q", got)
	}

	source := s.get(path + "/source")
	if source.body != string(box[s.in.ID][0].Source) || source.header.Get("Content-Type") != "text/plain; charset=utf-8" || source.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("want the source as text, got %v\n%s", source.header, source.body)
	}
	for _, a := range []answer{page, frame, source} {
		if got := a.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("want nothing with a ticket kept, got %q", got)
		}
	}
	for _, gone := range []string{"/inbox/" + s.in.ID + "/ema_2", "/inbox/ins_x/ema_1", path + "2/html", path + "2/source"} {
		if a := s.get(gone); a.status != http.StatusNotFound {
			t.Errorf("want 404 for %s, got %d", gone, a.status)
		}
	}
}

func TestDatabaseUnavailable(t *testing.T) {
	s := open(t, func(s *site, _ *invite.Instance) {
		s.pages.Letters = func(context.Context, string, string, invite.Page) ([]invite.Letter, error) {
			return nil, fmt.Errorf("%w: %w", invite.Err(invite.Unavailable), errors.New("disk I/O error (778)"))
		}
	})
	a := s.get("/inbox")
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, "try again in a moment") {
		t.Errorf("want 503 with Retry-After and a page, got %d %v\n%s", a.status, a.header, a.body)
	}
	if strings.Contains(a.body, "disk") {
		t.Errorf("want no internal text, got\n%s", a.body)
	}
	checkPage(t, a)
}

func TestInboxIsNotForOtherSitesNames(t *testing.T) {
	box := postbox{}
	s := open(t, withInbox(box))
	box[s.in.ID] = []invite.Letter{letterAt("ema_1", "grace@example.com", 0)}
	for host, want := range map[string]int{
		"127.0.0.1:8080":            http.StatusOK,
		"[::1]:8080":                http.StatusOK,
		"192.168.1.5":               http.StatusOK,
		"localhost:8080":            http.StatusOK,
		"usher.localhost":           http.StatusOK,
		"evil.example":              http.StatusNotFound,
		"127.0.0.1.evil.example":    http.StatusNotFound,
		"localhost.evil.example:80": http.StatusNotFound,
		"":                          http.StatusOK, // the test server's own
	} {
		for _, path := range []string{"/inbox", "/inbox/" + s.in.ID + "/ema_1", "/inbox/" + s.in.ID + "/ema_1/html", "/inbox/" + s.in.ID + "/ema_1/source"} {
			if got := s.do(http.MethodGet, path, nil, "Host", host); got.status != want {
				t.Errorf("%s to host %q: %d, want %d", path, host, got.status, want)
			}
		}
	}
}
