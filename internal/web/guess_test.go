package web_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
)

func TestPagesSlowANetworkDown(t *testing.T) {
	s := open(t)
	s.pages.Browsers.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	s.account("eve@example.com")
	ticket := s.ticket(s.invite("new@example.com"))
	send := func(from, path string, form url.Values) answer {
		return s.do(http.MethodPost, path, form, "Origin", s.URL, "Sec-Fetch-Site", "same-origin", "X-Forwarded-For", from)
	}
	right := url.Values{"identifier": {"eve@example.com"}, "password": {"correct horse"}}
	for range 100 {
		if a := send("203.0.113.9", "/sign-in", url.Values{}); a.status != http.StatusUnprocessableEntity {
			t.Fatalf("an empty form: got %d", a.status)
		}
	}
	for path, form := range map[string]url.Values{
		"/sign-in": right, "/sign-up": openSignUp("grace@example.com", "correct horse"), "/accept": accept(ticket),
	} {
		a := send("203.0.113.9", path, form)
		if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "6" || !strings.Contains(tagless(a.body), "tried too often") {
			t.Errorf("%s after 100: want 429 for 6 seconds and a sentence, got %d for %q:\n%s", path, a.status, a.header.Get("Retry-After"), a.body)
		}
	}
	if a := send("198.51.100.9", "/sign-in", right); a.status != http.StatusSeeOther {
		t.Errorf("from another network: got %d", a.status)
	}
	s.advance(6 * time.Second)
	if a := send("203.0.113.77", "/sign-in", right); a.status != http.StatusSeeOther {
		t.Errorf("a while later: got %d", a.status)
	}
}

// Whoever makes up tickets is slowed down wherever a link leads; good ones do not count.
func TestPagesSlowDownWhoMakesTicketsUp(t *testing.T) {
	for _, path := range []string{"/accept?ticket=", "/accept/joined?ticket=", "/accept/declined?ticket=", "/sign-up?__clerk_ticket=", "POST /accept", "POST /sign-out"} {
		s := open(t)
		s.pages.Browsers.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		good := s.ticket(s.invite("new@example.com"))
		get := func(ticket string) answer {
			if form, ok := strings.CutPrefix(path, "POST "); ok {
				return s.do(http.MethodPost, form, url.Values{"ticket": {ticket}, "action": {"decline"}}, "Origin", s.URL, "X-Forwarded-For", "203.0.113.9")
			}
			return s.do(http.MethodGet, path+url.QueryEscape(ticket), nil, "X-Forwarded-For", "203.0.113.9")
		}
		for n := range 100 {
			if a := get(good); a.status >= http.StatusBadRequest {
				t.Fatalf("%s, a good ticket after %d that were made up: got %d", path, n, a.status)
			}
			if a := get(good + "x"); a.status != http.StatusBadRequest {
				t.Fatalf("%s, a ticket that was made up: got %d", path, a.status)
			}
		}
		if a := get(good + "x"); a.status != http.StatusTooManyRequests || !strings.Contains(tagless(a.body), "tried too often") {
			t.Errorf("%s after 100: got %d:\n%s", path, a.status, a.body)
		}
	}
}

// Attempts are free, so that the codes of one account or address are guessed at slowly
// whatever attempt they belong to.
func TestCodesAreNotGuessedInManyAttempts(t *testing.T) {
	for start, form := range map[string]url.Values{
		"/sign-in": byCode("eve@example.com", ""), "/sign-up": openSignUp("grace@example.com", "correct horse"),
	} {
		s := open(t)
		s.account("eve@example.com")
		var last answer
		for n := range 11 {
			v := &visitor{site: s}
			v.submit(start, form)
			if last = v.submit(start+"/code", url.Values{"code": {"wrong"}}); n < 10 && last.status != http.StatusUnprocessableEntity {
				t.Fatalf("%s, guess %d: got %d:\n%s", start, n, last.status, last.body)
			}
		}
		if last.status != http.StatusTooManyRequests || last.header.Get("Retry-After") != "10" || !strings.Contains(last.body, `role="alert"`) {
			t.Errorf("%s, the eleventh guess: want 429 for 10 seconds, got %d for %q:\n%s", start, last.status, last.header.Get("Retry-After"), last.body)
		}
	}
}

func TestPagesLockWhoIsGuessedAt(t *testing.T) {
	s := open(t)
	eve := s.account("eve@example.com")
	for range invite.MaxGuesses {
		s.must(s.db.CountGuess(t.Context(), s.in, eve.ID))
	}
	v := &visitor{site: s}
	a := v.submit("/sign-in", url.Values{"identifier": {"eve@example.com"}, "password": {"correct horse"}})
	if v.session() != nil || !strings.Contains(tagless(a.body), "locked") {
		t.Errorf("want to be told of the lock, got %d:\n%s", a.status, a.body)
	}
}
