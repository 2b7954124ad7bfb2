package config

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"usher/internal/invite"
)

const mark = "[redacted]"

// redacted makes whatever embeds it print as a mark, under every fmt verb, in
// logs, and in encodings that ask for text.
type redacted struct{}

// String returns the mark.
func (redacted) String() string { return mark }

// Format writes the mark, whatever the verb.
func (redacted) Format(s fmt.State, _ rune) { fmt.Fprint(s, mark) }

// LogValue returns the mark.
func (redacted) LogValue() slog.Value { return slog.StringValue(mark) }

// MarshalText returns the mark.
func (redacted) MarshalText() ([]byte, error) { return []byte(mark), nil }

// Secret is a text that must not be shown. It prints, logs and marshals as
// [redacted]; only Reveal gives it away.
type Secret struct {
	redacted
	text string
}

// Reveal returns the secret itself, empty when none was given.
func (s Secret) Reveal() string { return s.text }

// Key is a Secret decoded from base64 or hex.
type Key struct {
	redacted
	Bytes []byte // nil when none was given
}

// A parser turns the text of an option into its value. Its error completes the
// sentence "--flag …" and does not repeat the text.
type parser func(text string) (any, error)

// typed are the parsers by type of field, named those by type tag.
var (
	typed = map[reflect.Type]parser{
		reflect.TypeFor[string]():             func(s string) (any, error) { return s, nil },
		reflect.TypeFor[invite.Environment](): func(s string) (any, error) { return invite.Environment(s), nil },
		reflect.TypeFor[Secret]():             func(s string) (any, error) { return Secret{text: s}, nil },
		reflect.TypeFor[Key]():                parseKey,
		reflect.TypeFor[bool]():               parseBool,
		reflect.TypeFor[int]():                parseCount,
		reflect.TypeFor[time.Duration]():      parseDuration,
		reflect.TypeFor[slog.Level]():         parseLevel,
		reflect.TypeFor[*url.URL]():           parseURL,
		reflect.TypeFor[*mail.Address]():      parseAddress,
	}
	named = map[string]parser{
		"hostport":     parseHostPort,
		"base-url":     parseBaseURL,
		"smtp-url":     parseSMTPURL,
		"postgres-url": parsePostgresURL,
		"place":        parsePlace,
		"positive":     parsePositive,
		"host":         parseHost,
		"origins":      parseOrigins,
		"networks":     parseNetworks,
		"lifetime":     parseLifetime,
	}
)

// interpret parses the text given for v. An option without a default, or tagged
// empty, may be emptied: that is nil, no value.
func interpret(v *kong.Value, text string) (any, error) {
	if text == "" && (v.Default == "" || v.Tag.Has("empty")) {
		return nil, nil
	}
	if v.Enum != "" && !slices.Contains(v.EnumSlice(), text) {
		return nil, fmt.Errorf("must be one of %s", strings.Join(v.EnumSlice(), ", "))
	}
	if parse, ok := named[v.Tag.Type]; ok {
		return parse(text)
	}
	return typed[v.Target.Type()](text)
}

func secret(v *kong.Value) bool {
	t := v.Target.Type()
	return t == reflect.TypeFor[Secret]() || t == reflect.TypeFor[Key]()
}

var errKey = fmt.Errorf("must be at least %d random bytes in base64 or hex, such as openssl rand -base64 %[1]d prints", invite.MinMasterKey)

// parseKey takes a text of hexadecimal digits alone for hex: a key cut short
// must not pass as base64.
func parseKey(text string) (any, error) {
	decode := base64.RawStdEncoding.DecodeString
	if strings.Trim(text, "0123456789abcdefABCDEF") == "" {
		decode = hex.DecodeString
	} else {
		text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	}
	key, err := decode(text)
	if err != nil || len(key) < invite.MinMasterKey {
		return nil, errKey
	}
	return Key{Bytes: key}, nil
}

func parseBool(text string) (any, error) {
	b, err := strconv.ParseBool(text)
	if err != nil {
		return nil, errors.New("must be true or false")
	}
	return b, nil
}

func parseCount(text string) (any, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return nil, errors.New("must be a whole number, 0 or more")
	}
	return n, nil
}

func parsePositive(text string) (any, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return nil, errors.New("must be a whole number, 1 or more")
	}
	return n, nil
}

func parseDuration(text string) (any, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return nil, errors.New("must be a duration such as 20s or 5m")
	}
	return d, nil
}

func parseLifetime(text string) (any, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < invite.MinSessionLifetime || d > invite.MaxSessionLifetime {
		return nil, errors.New("must be a duration such as 12h or 720h, at least 5m and at most 87600h")
	}
	return d, nil
}

// parseLevel follows the enum of its option, so it cannot fail.
func parseLevel(text string) (any, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(text))
	return l, err
}

// absolute parses an http or https URL with a host; it is nil for anything else.
func absolute(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	return u
}

func parseURL(text string) (any, error) {
	if u := absolute(text); u != nil {
		return u, nil
	}
	return nil, errors.New("must be an absolute URL such as https://app.example.com/welcome")
}

func parseBaseURL(text string) (any, error) {
	u := absolute(text)
	switch {
	case u == nil:
		return nil, errors.New("must be an absolute URL such as https://invite.example.com")
	case u.User != nil || strings.ContainsAny(text, "?#"):
		return nil, errors.New("must have no user, no query and no fragment")
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	if u.Path != "" {
		return nil, errors.New("must have no path: the pages are at the root of their host")
	}
	return u, nil
}

func parseSMTPURL(text string) (any, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("must look like smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465, with special characters of the password percent-encoded")
	}
	return Secret{text: text}, nil
}

func parsePostgresURL(text string) (any, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("must look like postgres://USER:PASSWORD@HOST:5432/NAME, with special characters of the password percent-encoded")
	}
	return Secret{text: text}, nil
}

// parsePlace takes a folder for one, and what looks like a URL for a database's.
func parsePlace(text string) (any, error) {
	if strings.Contains(text, "://") {
		return parsePostgresURL(text)
	}
	return Secret{text: text}, nil
}

func parseAddress(text string) (any, error) {
	a, err := mail.ParseAddress(text)
	if err != nil {
		return nil, errors.New(`must be an address such as "Acme <invitations@acme.example>"`)
	}
	return a, nil
}

func parseHostPort(text string) (any, error) {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return nil, errors.New("must be a host and a port such as 127.0.0.1:8080 or :8080")
	}
	return text, nil
}

// parseHost accepts a name or an address, with a port or without.
func parseHost(text string) (any, error) {
	u, err := url.Parse("https://" + text)
	if err != nil || u.Host != text || u.Hostname() == "" {
		return nil, errors.New("must be a host such as clerk.acme.example, without https:// and path")
	}
	return strings.ToLower(text), nil
}

// parseOrigins accepts what browsers send as Origin, separated by commas.
func parseOrigins(text string) (any, error) {
	var list []string
	for origin := range strings.SplitSeq(text, ",") {
		origin = strings.TrimSpace(origin)
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			return nil, fmt.Errorf("%q is no origin such as https://app.acme.example", origin)
		}
		list = append(list, origin)
	}
	return strings.Join(list, ","), nil
}

// parseNetworks accepts addresses and networks in CIDR form, separated by commas.
func parseNetworks(text string) (any, error) {
	var list []string
	for one := range strings.SplitSeq(text, ",") {
		one = strings.TrimSpace(one)
		p, err := netip.ParsePrefix(one)
		if addr, failed := netip.ParseAddr(one); err != nil && failed == nil && addr.Zone() == "" {
			p, err = addr.Prefix(addr.BitLen())
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, errors.New("must be networks such as 10.0.0.0/8 or addresses, separated by commas")
		}
		list = append(list, p.Masked().String())
	}
	return strings.Join(list, ","), nil
}
