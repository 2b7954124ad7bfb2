package web

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"usher/internal/invite"
)

// maxShown is how much of a name is shown, in characters.
const maxShown = 80

// display makes a text that somebody else chose safe to show: one line without
// control, bidirectional and invisible characters, at most maxShown of them.
func display(s string) string {
	s = oneLine(s)
	if utf8.RuneCountInString(s) > maxShown {
		s = strings.TrimSpace(string([]rune(s)[:maxShown-1])) + "…"
	}
	return s
}

// oneLine removes what cannot be seen and joins lines.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.Fields(s), " ")
}

// masked keeps of an address what its owner recognizes: "a…@example.com".
func masked(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" {
		return ""
	}
	_, size := utf8.DecodeRuneInString(local)
	return local[:size] + "…@" + domain
}

// initials returns up to two letters for a name, or "-", as the image URLs of
// the API have them.
func initials(name string) string {
	var letters []rune
	for word := range strings.FieldsSeq(name) {
		if r, _ := utf8.DecodeRuneInString(word); unicode.IsLetter(r) || unicode.IsDigit(r) {
			letters = append(letters, unicode.ToUpper(r))
		}
		if len(letters) == 2 {
			break
		}
	}
	if len(letters) == 0 {
		return "-"
	}
	return string(letters)
}

// instant writes a moment for people, who get the time zone with it.
func instant(i invite.Instant) string { return i.Time().Format("2 January 2006, 15:04 UTC") }

// left says how far away a moment is, as "in 3 days"; it is empty for the past.
func left(now, until invite.Instant) string {
	d := until.Time().Sub(now.Time())
	switch {
	case d <= 0:
		return ""
	case d < time.Minute:
		return "in less than a minute"
	case d < time.Hour:
		return in(d, time.Minute, "minute")
	case d < 48*time.Hour:
		return in(d, time.Hour, "hour")
	}
	return in(d, 24*time.Hour, "day")
}

func in(d, unit time.Duration, name string) string {
	n := int(d.Round(unit) / unit)
	if n == 1 {
		return "in 1 " + name
	}
	return fmt.Sprintf("in %d %ss", n, name)
}

// iso writes a moment for programs that read the page.
func iso(i invite.Instant) string { return i.Time().Format("2006-01-02T15:04:05Z") }
