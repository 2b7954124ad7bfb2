package fapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"usher/internal/invite"
)

// FuzzForm holds that no body, whatever it says that it is, breaks the server or is
// answered with a session.
func FuzzForm(f *testing.F) {
	const plain = "application/x-www-form-urlencoded"
	for _, seed := range [][3]string{
		{plain, "", "identifier=gus@example.com&strategy=password&password=x"}, {plain, "_method=PATCH", "a=%zz&b;c"}, {plain + "; charset=utf-16", "", "%00=%ff"},
		{"multipart/form-data; boundary=x", "_method=PUT", "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nGIF89a\r\n--x--"},
		{"multipart/form-data", "", "--"}, {"application/json", "", `{"identifier":"gus@example.com"}`}, {"", "", "strategy=ticket&ticket=a.b.c"},
		{plain, "_clerk_session_id=x&paginated=maybe", "strategy=email_code&code=1&code=2"}, {plain, "%zz", "unsafe_metadata={"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	s := newStage(f)
	f.Fuzz(func(t *testing.T, media, query, body string) {
		if strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }) {
			return // no such request arrives
		}
		for _, path := range []string{
			"/v1/client/sign_ins", "/v1/client/sign_ups", "/v1/client/sign_ins/" + s.ids["sign_in_id"] + "/attempt_first_factor", "/v1/organizations/" + s.acme + "/logo",
		} {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
			req.URL.RawQuery, req.Host = query, atlasHost
			req.Header["Content-Type"] = []string{media}
			req.Header["Cookie"] = []string{"__client=" + s.tokens["Gus"]}
			rec := httptest.NewRecorder()
			s.ServeHTTP(rec, req)
			if rec.Code >= http.StatusInternalServerError || strings.Contains(rec.Body.String(), `"status":"complete"`) {
				t.Errorf("%s: got %d\n%s", path, rec.Code, rec.Body)
			}
			if rec.Code < 400 {
				continue
			}
			codeOf(t, rec)
		}
	})
}

// FuzzTicket holds that nothing but a ticket which this server has signed opens
// anything, wherever it is brought.
func FuzzTicket(f *testing.F) {
	s := newStage(f)
	good := s.byMail(s.invite(s.acme, "gus@example.com"))
	theirs := invite.TicketFor(s.invite(s.acme, "other@example.com"), invite.ByMail).Sign(keyring(f, 8))
	for _, seed := range []string{theirs, good[:len(good)-1], good + "A", good + "\n", strings.Replace(good, ".", "..", 1), "..", "", "\x00", "%", s.tokens["Ada"]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ticket string) {
		if ticket == good {
			return
		}
		for _, path := range []string{"/v1/client/sign_ins", "/v1/client/sign_ups"} {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form("strategy", "ticket", "ticket", ticket)))
			req.Host = atlasHost
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			rec := httptest.NewRecorder()
			s.ServeHTTP(rec, req)
			if rec.Code != http.StatusBadRequest && rec.Code != http.StatusUnprocessableEntity || rec.Header().Get("Set-Cookie") != "" {
				t.Errorf("%s with %q: got %d\n%s", path, ticket, rec.Code, rec.Body)
			}
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/tickets/accept", nil)
		req.URL.RawQuery, req.Host = form("ticket", ticket), atlasHost
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, req)
		if to := rec.Header().Get("Location"); rec.Code != http.StatusBadRequest && (rec.Code != http.StatusSeeOther || to != origin+"/accept?"+form("ticket", ticket)) {
			t.Errorf("the link with %q: got %d to %q", ticket, rec.Code, to)
		}
	})
}

// form encodes pairs of names and values.
func form(pairs ...string) string {
	values := url.Values{}
	for k := 0; k < len(pairs); k += 2 {
		values.Set(pairs[k], pairs[k+1])
	}
	return values.Encode()
}
