package wiretest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A mask replaces what differs from run to run, the same value by the same name.
type mask struct {
	now   time.Time
	host  string            // of the server, with its port
	names map[string]string // by id
	count map[string]int    // by prefix
}

func newMask(now time.Time, host string) *mask {
	return &mask{now: now, host: host, names: map[string]string{}, count: map[string]int{}}
}

var (
	idPattern     = regexp.MustCompile(`[a-z]+_[0-9A-Za-z]{27}\b`)
	ticketPattern = regexp.MustCompile(`\beyJ[\w-]+\.[\w-]+\.[\w-]+`)
	secretPattern = regexp.MustCompile(`(client_[0-9A-Za-z]{27})\.[A-Z2-7]{26}\b`)
	tracePattern  = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
)

func (m *mask) text(s string) string {
	s = strings.ReplaceAll(s, m.host, "<server>")
	s = ticketPattern.ReplaceAllString(s, "<ticket>")
	s = secretPattern.ReplaceAllString(s, "$1.<secret>")
	s = tracePattern.ReplaceAllString(s, "<trace>")
	return idPattern.ReplaceAllStringFunc(s, m.id)
}

func (m *mask) id(id string) string {
	if m.names[id] == "" {
		prefix := id[:len(id)-28]
		m.count[prefix]++
		m.names[id] = fmt.Sprintf("%s_%d", prefix, m.count[prefix])
	}
	return m.names[id]
}

const (
	day     = 24 * 60 * 60 * 1000 // milliseconds
	horizon = 400 * day           // the longest expiry is 365 days
)

// instant names a number that looks like a time around now.
func (m *mask) instant(number string) (string, bool) {
	ms, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return "", false
	}
	switch d := ms - m.now.UnixMilli(); {
	case d < -horizon || d > horizon:
		return "", false
	case d == 0:
		return "T+0", true
	case d%day == 0:
		return fmt.Sprintf("T%+dd", d/day), true
	}
	return "<ms>", true
}

// token masks a JSON string, object name or number.
func (m *mask) token(t jsontext.Token) jsontext.Token {
	switch t.Kind() {
	case '"':
		return jsontext.String(m.text(t.String()))
	case '0':
		if name, ok := m.instant(t.String()); ok {
			return jsontext.String(name)
		}
	}
	return t
}

// reformat lays a JSON value out over lines, two spaces deep, keeping the order of its
// keys, duplicates among them, and the spelling of its numbers. It reports false when
// data is anything but one JSON value. A nil mask changes no token.
func reformat(data []byte, m *mask) (string, bool) {
	lenient := jsontext.AllowDuplicateNames(true)
	if !jsontext.Value(data).IsValid(lenient) {
		return "", false
	}
	dec := jsontext.NewDecoder(bytes.NewReader(data), lenient)
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out, lenient, jsontext.WithIndent("  "))
	for {
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return strings.TrimSpace(out.String()), true
		}
		if err != nil {
			return "", false
		}
		if m != nil {
			token = m.token(token)
		}
		if err := enc.WriteToken(token); err != nil {
			return "", false
		}
	}
}
