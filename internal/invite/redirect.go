package invite

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// RedirectURL is one of the places to which an instance lets invitations lead.
type RedirectURL struct {
	ID                   string
	URL                  string // as it was given
	CreatedAt, UpdatedAt Instant
}

// Origin returns the scheme, host and port of a URL that CheckRedirectURL has
// accepted, as they are compared: in lower case, without the port that the
// scheme implies.
func Origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Host)
	for scheme, port := range map[string]string{"https": ":443", "http": ":80"} {
		if u.Scheme == scheme {
			host = strings.TrimSuffix(host, port)
		}
	}
	return u.Scheme + "://" + host
}

// Within reports whether raw leads to the listed URL of the same Origin or
// below it: the path is the same or continues behind a slash, and a query or
// fragment that is listed is the same.
func Within(raw, listed string) bool {
	u, err := url.Parse(raw)
	l, bad := url.Parse(listed)
	if err != nil || bad != nil || Origin(raw) != Origin(listed) {
		return false
	}
	at, below := segments(u), segments(l)
	if end := len(below) - 1; end >= 0 && below[end] == "" {
		below = below[:end]
	}
	return len(at) >= len(below) && slices.Equal(at[:len(below)], below) &&
		(l.RawQuery == "" || l.RawQuery == u.RawQuery) &&
		(l.Fragment == "" || l.Fragment == u.Fragment)
}

// segments returns what a browser asks a server for (WHATWG URL Standard, path
// state): dots are resolved, escaped or not, empty segments count, and a slash that is
// escaped divides nothing.
func segments(u *url.URL) []string {
	var list []string
	for s := range strings.SplitSeq(strings.TrimPrefix(u.EscapedPath(), "/"), "/") {
		switch s, _ = url.PathUnescape(s); s { // it was parsed, so it is valid
		case ".":
		case "..":
			list = list[:max(len(list)-1, 0)]
		default:
			list = append(list, s)
		}
	}
	return list
}

// CheckListedURL checks a URL that is to be listed: it must not be empty, and
// otherwise as CheckRedirectURL wants it.
func CheckListedURL(param, raw string, env Environment) *Error {
	if raw == "" {
		return ParamErr(ParamMissing, param)
	}
	return CheckRedirectURL(param, raw, env)
}

// maxURL is the longest redirect URL in bytes (contract §6.8).
const maxURL = 2048

// prohibited are schemes that run or reveal something in a browser instead of
// opening a page of the product.
var prohibited = map[string]bool{
	"javascript": true, "data": true, "vbscript": true, "file": true, "blob": true, "about": true,
	"filesystem": true, "intent": true, "jar": true, "chrome": true, "chrome-extension": true,
	"moz-extension": true, "resource": true, "search-ms": true, "ms-msdt": true, "view-source": true, "ws": true, "wss": true, "mailto": true, "ftp": true,
}

// CheckRedirectURL checks where the product wants the invitee to land: an
// absolute https URL, http as well for loopback hosts or in a test environment,
// or a scheme of the product's own application. Empty is allowed.
func CheckRedirectURL(param, raw string, env Environment) *Error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || len(raw) > maxURL || u.Scheme == "" || u.User != nil || strings.IndexFunc(raw, notInURL) >= 0 {
		return ParamErr(ParamFormat, param)
	}
	switch {
	case prohibited[u.Scheme]:
		return ParamErr(URLScheme, param, u.Scheme)
	case u.Scheme == "https" || u.Scheme == "http":
		if u.Hostname() == "" {
			return ParamErr(ParamFormat, param)
		}
		if u.Scheme == "http" && env == Live && !loopback(u.Hostname()) {
			return ParamErr(URLInsecure, param)
		}
	case u.Opaque != "":
		return ParamErr(ParamFormat, param)
	}
	return nil
}

// notInURL matches what browsers strip or reinterpret, so that a checked URL
// means to them what it meant to the check.
func notInURL(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
