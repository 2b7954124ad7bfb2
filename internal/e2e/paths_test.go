package e2e

import (
	"net/http"
	"testing"
)

// What is not there is refused by the surface to which it would belong, and never
// redirected: a client that followed would lose its method or its key.
func TestPathsThatAreNotThere(t *testing.T) {
	t.Parallel()
	u := dev(t, "--log-level", "error")
	const envelope, page = "application/json", "text/html; charset=utf-8"
	for path, kind := range map[string]string{
		"/v1": envelope, "/v1/": envelope, "/v1/organizations/": envelope, "/v1//organizations": envelope, "/v1/../v1/users": envelope,
		"/usher/v1": envelope, "/usher/v1/": envelope, "/api_keys": envelope, "/m2m_tokens": envelope, "/oauth_applications": envelope,
		"/__clerk": envelope, "/__clerk/": envelope, "/__clerk/v1": envelope, "/__clerk//v1/client": envelope,
		"/nowhere": page, "/accept/": page, "/.well-known/": page,
	} {
		req := ok(http.NewRequestWithContext(t.Context(), http.MethodGet, u.url, nil))(t)
		req.URL.Path = path
		req.Header.Set("Authorization", "Bearer "+u.key)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusNotFound || got != kind {
			t.Errorf("%s: got %d %s, want 404 %s", path, resp.StatusCode, got, kind)
		}
	}
}
