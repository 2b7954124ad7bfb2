package invite_test

import (
	"net/url"
	"strings"
	"testing"

	"usher/internal/invite"
)

func TestCheckRedirectURL(t *testing.T) {
	const whatever = invite.Kind("")
	rows := []struct {
		name, url  string
		test, live invite.Kind // refusals; empty: accepted
	}{
		{"none", "", whatever, whatever},
		{"https", "https://app.example/join?x=1#top", whatever, whatever},
		{"http", "http://app.example/", whatever, invite.URLInsecure},
		{"http on localhost", "http://localhost:3000/accept", whatever, whatever},
		{"http below localhost", "http://app.localhost/", whatever, whatever},
		{"http on 127.0.0.1", "http://127.0.0.1:3000/", whatever, whatever},
		{"http on IPv6 loopback", "http://[::1]/", whatever, whatever},
		{"http on a name that begins like localhost", "http://localhost.example/", whatever, invite.URLInsecure},
		{"the product's own app", "com.example.app://join/now", whatever, whatever},
		{"a path", "/join", invite.ParamFormat, invite.ParamFormat},
		{"another host without a scheme", "//app.example/", invite.ParamFormat, invite.ParamFormat},
		{"https without a host", "https:///join", invite.ParamFormat, invite.ParamFormat},
		{"https opaque", "https:join", invite.ParamFormat, invite.ParamFormat},
		{"a password in it", "https://ada:secret@app.example/", invite.ParamFormat, invite.ParamFormat},
		{"a host that hides behind a user", "https://app.example@evil.example/", invite.ParamFormat, invite.ParamFormat},
		{"a tab in the scheme", "java\tscript:alert(1)", invite.ParamFormat, invite.ParamFormat},
		{"a line break behind", "https://app.example/\n", invite.ParamFormat, invite.ParamFormat},
		{"a space in front", " javascript:alert(1)", invite.ParamFormat, invite.ParamFormat},
		{"backslashes", `https:\\evil.example`, invite.ParamFormat, invite.ParamFormat},
		{"a backslash in the path", `https://app.example/\evil.example`, invite.ParamFormat, invite.ParamFormat},
		{"a script", "javascript:alert(1)", invite.URLScheme, invite.URLScheme},
		{"a script in capitals", "JaVaScRiPt://app.example/%0aalert(1)", invite.URLScheme, invite.URLScheme},
		{"data", "data:text/html,x", invite.URLScheme, invite.URLScheme},
		{"a file", "file:///etc/passwd", invite.URLScheme, invite.URLScheme},
		{"a script inside another scheme", "feed:javascript:alert(1)", invite.ParamFormat, invite.ParamFormat},
		{"2048 bytes", "https://app.example/" + strings.Repeat("x", 2048-20), whatever, whatever},
		{"2049 bytes", "https://app.example/" + strings.Repeat("x", 2049-20), invite.ParamFormat, invite.ParamFormat},
	}
	for _, row := range rows {
		for env, want := range map[invite.Environment]invite.Kind{invite.Test: row.test, invite.Live: row.live} {
			got := whatever
			if err := invite.CheckRedirectURL("redirect_url", row.url, env); err != nil {
				got = err.Kind
			}
			if got != want {
				t.Errorf("%s in the %s environment: got %q, want %q", row.name, env, got, want)
			}
		}
	}
}

// asBrowser reads a URL as the URL standard tells browsers to: control
// characters and spaces at both ends go, tabs and line breaks go everywhere, and
// a backslash is a slash.
func asBrowser(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	return strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(s)
}

func FuzzCheckRedirectURL(f *testing.F) {
	for _, s := range []string{"https://app.example/a", "java\nscript:alert(1)", "\x01javascript:x", `ht\tp://x`, "JAVASCRIPT://x", "app://x", "http:/\\x", "https://a@b"} {
		f.Add(s)
	}
	prohibited := []string{"javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source"}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" || invite.CheckRedirectURL("redirect_url", s, invite.Live) != nil {
			return
		}
		read := asBrowser(s)
		scheme, _, _ := strings.Cut(strings.ToLower(read), ":")
		for _, bad := range prohibited {
			if scheme == bad {
				t.Errorf("%q was accepted; a browser reads the scheme %s", s, bad)
			}
		}
		u, err := url.Parse(read)
		if err != nil || u.Scheme == "" || u.User != nil {
			t.Errorf("%q was accepted; a browser reads %q: %v", s, read, err)
		}
	})
}

func TestWithin(t *testing.T) {
	for _, row := range []struct {
		name, url, listed string
		want              bool
	}{
		{"the same", "https://app.example/in", "https://app.example/in", true},
		{"with a query and a fragment", "https://app.example/in?a=1#b", "https://app.example/in", true},
		{"below", "https://app.example/in/now", "https://app.example/in", true},
		{"below a slash", "https://app.example/in/now", "https://app.example/in/", true},
		{"anything below the host", "https://app.example/x", "https://app.example", true},
		{"the host alone", "https://app.example", "https://app.example/", true},
		{"in capitals", "HTTPS://APP.example/in", "https://app.example/in", true},
		{"with the port that goes without saying", "https://app.example:443/in", "https://app.example/in", true},
		{"an application", "com.app://join/now", "com.app://join", true},
		{"above", "https://app.example/", "https://app.example/in", false},
		{"a longer name", "https://app.example/inside", "https://app.example/in", false},
		{"in capitals behind the host", "https://app.example/IN", "https://app.example/in", false},
		{"out by dots", "https://app.example/in/../out", "https://app.example/in", false},
		{"out by escaped dots", "https://app.example/in/%2e%2E/out", "https://app.example/in", false},
		{"out by dots behind an escaped slash", "https://app.example/in%2F../out", "https://app.example/in", false},
		{"in by dots behind an escaped slash", "https://app.example/x%2F..%2Fin", "https://app.example/in", false},
		{"in by dots behind two slashes", "https://app.example/x//../in", "https://app.example/in", false},
		{"to the same by dots", "https://app.example/x/./../in/", "https://app.example/in", true},
		{"an escaped letter", "https://app.example/%69n", "https://app.example/in", true},
		{"out to the host by dots", "https://app.example/in/..", "https://app.example/in", false},
		{"another scheme", "http://app.example/in", "https://app.example/in", false},
		{"another port", "https://app.example:8443/in", "https://app.example/in", false},
		{"http on the port of https", "http://app.example:443/in", "http://app.example/in", false},
		{"a host that begins the same", "https://app.example.evil.example/in", "https://app.example/in", false},
		{"a host below", "https://evil.app.example/in", "https://app.example/in", false},
		{"the application's other host", "com.app://leave", "com.app://join", false},
		{"the query that is listed", "https://app.example/in?a=1", "https://app.example/in?a=1", true},
		{"another query", "https://app.example/in?a=1&b=2", "https://app.example/in?a=1", false},
		{"another fragment", "https://app.example/in#out", "https://app.example/in#in", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := invite.Within(row.url, row.listed); got != row.want {
				t.Errorf("Within(%s, %s) = %v, want %v", row.url, row.listed, got, row.want)
			}
		})
	}
}
