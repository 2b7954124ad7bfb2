package invite

import (
	"strings"

	"golang.org/x/net/idna"
)

// Email is an e-mail address in the two forms the server needs.
type Email struct {
	Address string // trimmed and lower-cased; what people see
	Key     string // what addresses are compared by: the domain in ASCII
}

// Domain returns what stands behind the @, in ASCII.
func (e Email) Domain() string { return e.Key[strings.LastIndexByte(e.Key, '@')+1:] }

const (
	maxAddress = 254 // RFC 5321 §4.5.3.1.3, less the angle brackets
	maxLocal   = 64  // RFC 5321 §4.5.3.1.1
)

// lowersToASCII are the two letters outside ASCII whose lower case is in it, the
// Kelvin sign and the capital dotted I: folded, they would be somebody else's
// address.
const lowersToASCII = "\u212a\u0130"

// ParseEmail checks and folds an address. It accepts dot-atoms before the @
// (RFC 5322 §3.2.3) and host names, internationalized or not, with at least two
// labels behind it; it reports false for everything else, quoted local parts,
// comments and address literals included.
func ParseEmail(s string) (Email, bool) {
	if strings.ContainsAny(s, lowersToASCII) {
		return Email{}, false
	}
	s = strings.ToLower(strings.TrimSpace(s))
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > maxAddress || !dotAtom(local) {
		return Email{}, false
	}
	ascii, ok := hostName(domain)
	if !ok || len(local)+1+len(ascii) > maxAddress {
		return Email{}, false
	}
	return Email{Address: s, Key: local + "@" + ascii}, true
}

func dotAtom(s string) bool {
	if s == "" || len(s) > maxLocal {
		return false
	}
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.IndexFunc(atom, notAtext) >= 0 {
			return false
		}
	}
	return true
}

func notAtext(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// hostName returns the ASCII form of an internationalized domain.
func hostName(s string) (string, bool) {
	if ascii := plainHost(s); ascii {
		return s, validHost(s)
	}
	out, err := idna.Lookup.ToASCII(s)
	if err != nil {
		return "", false
	}
	return out, plainHost(out) && validHost(out)
}

func plainHost(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}) < 0
}

func validHost(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != ""
}
