package browser

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"usher/internal/invite"
)

const (
	ourHost = "usher.test"
	home    = "https://app.atlas.test/home"
)

func keeper() (*Keeper, *invite.Instance) {
	in := &invite.Instance{Environment: invite.Live, HomeURL: home}
	in.Settings.AllowedOrigins = []string{"https://allowed.atlas.test:8443", "myapp://x"}
	return &Keeper{PublicURL: "https://" + ourHost}, in
}

func TestOrigins(t *testing.T) {
	k, in := keeper()
	for origin, want := range map[string]bool{
		"https://usher.test": true, "https://app.atlas.test": true, "https://allowed.atlas.test:8443": true, "https://proxy.atlas.test": true,
		"http://proxy.atlas.test": false, "http://usher.test": false, "http://app.atlas.test": false, "https://allowed.atlas.test": false,
		"https://proxy.atlas.test:444": false, "https://proxy.atlas.test.evil.example": false, "null": false, "": false, "//proxy.atlas.test": false,
		"http://localhost": false, "ftp://proxy.atlas.test": false,
	} {
		if got := k.Allowed(in, "proxy.atlas.test", origin); got != want {
			t.Errorf("%q: got %t, want %t", origin, got, want)
		}
	}
	k.PublicURL = "http://127.0.0.1:8080"
	if !k.Allowed(in, "proxy.atlas.test", "http://proxy.atlas.test") {
		t.Error("a server in plain refuses its own pages")
	}
}

// resolve returns where a browser goes from a page of ours, read as browsers do
// (WHATWG URL, basic URL parser): tabs and line breaks go, and \ is /.
func resolve(t *testing.T, to string) *url.URL {
	t.Helper()
	to = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(strings.TrimFunc(to, func(r rune) bool { return r <= ' ' }))
	before, rest, _ := strings.Cut(to, "#")
	path, query, found := strings.Cut(before, "?")
	path = strings.ReplaceAll(path, `\`, "/")
	if found {
		path += "?" + query
	}
	if strings.HasPrefix(to, "#") || rest != "" {
		path += "#" + rest
	}
	base := &url.URL{Scheme: "https", Host: ourHost, Path: "/sign-in"}
	u, err := base.Parse(path)
	if err != nil {
		t.Fatalf("%q: %v", to, err)
	}
	return u
}

// FuzzDestination holds that whoever has signed in ends on a page of ours or of the
// instance's, and in no script.
func FuzzDestination(f *testing.F) {
	for _, seed := range []string{
		"", "/docs?a=b#c", "//evil.example", `/\evil.example`, `\\evil.example`, "https://app.atlas.test/x", "https://app.atlas.test@evil.example", "/\t/evil.example",
		"/..//evil.example", "/.//evil.example", "javascript:alert(1)", "https:evil.example", "https:///evil.example", "myapp://x", "https://allowed.atlas.test:8443/?#",
		"https://usher.test:443/", "/%2f%2fevil.example", "/?\\", "/#\x00", "https://app.atlas.test?@evil.example",
	} {
		f.Add(seed)
	}
	k, in := keeper()
	allowed := []string{"https://" + ourHost, "https://app.atlas.test", "https://allowed.atlas.test:8443"}
	f.Fuzz(func(t *testing.T, wanted string) {
		got := k.Destination(in, ourHost, wanted)
		if got != home && got != wanted {
			t.Fatalf("%q leads to %q, want it or home", wanted, got)
		}
		if strings.ContainsAny(got, "\r\n\t\\\x00\x7f") {
			t.Fatalf("%q leads to %q", wanted, got)
		}
		if u := resolve(t, got); !slices.Contains(allowed, u.Scheme+"://"+u.Host) || u.User != nil {
			t.Errorf("%q leads to %q, which is at %s://%s", wanted, got, u.Scheme, u.Host)
		}
	})
}
