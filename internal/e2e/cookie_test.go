package e2e

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// TestTwoServersOneHost signs somebody in at two servers in one browser: browsers send
// the cookies of a host to all its ports.
func TestTwoServersOneHost(t *testing.T) {
	t.Parallel()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	visitor := &http.Client{Jar: jar}
	visit := func(method, to string, form url.Values) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, to, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		a, err := visitor.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		return a.Request.URL.Path
	}
	servers := []*usher{dev(t), dev(t)}
	for range 2 {
		for _, u := range servers {
			_, _, _ = u.api("POST", "/v1/users", `{"email_address":["zoe@example.com"],"password":"correct horse battery"}`)
			form := url.Values{"identifier": {"zoe@example.com"}, "password": {"correct horse battery"}}
			if at := visit(http.MethodPost, u.url+"/sign-in", form); at == "/sign-in" {
				t.Errorf("signing in at %s leads back to %s", u.url, at)
			}
		}
		for _, u := range servers {
			if at := visit(http.MethodGet, u.url+"/user", nil); at != "/user" {
				t.Errorf("the own page at %s leads to %s", u.url, at)
			}
		}
	}
}
