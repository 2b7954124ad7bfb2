package mail

import (
	"regexp"
	"strings"
	"unicode"
)

const (
	maxNameRunes     = 80
	maxMetadataRunes = 500
)

var (
	links     = regexp.MustCompile(`(?i)(?:[a-z][a-z0-9+.-]*:[/\\]{2}|www\.|mailto:)\S*`)
	addresses = regexp.MustCompile(`\S+@\S+`)
	// A dot, or one of the three signs IDNA reads as a dot (UTS #46) or the one leader
	// that looks like it, where a mail program would see "label.tld".
	domainDots = regexp.MustCompile(`([\pL\pM\pN])[.\x{3002}\x{FF0E}\x{FF61}\x{2024}]+(\pL[\pL\pM]|(?i:xn--))`)

	plainAddress = regexp.MustCompile(`^[\pL\pM\pN._%+'&=~-]+@[\pL\pM\pN.-]+$`)
)

// DisplayName makes a name that somebody else chose safe to show in a mail: valid UTF-8 on one line,
// white space collapsed, without control, format (bidirectional, zero-width) and invisible characters,
// without URLs and e-mail addresses, at most 80 runes. The dot of a bare domain becomes a space
// ("evil.example" reads "evil example"), because mail programs turn domains into links by themselves.
// Nothing may be left: the result is then empty. DisplayName(DisplayName(s)) == DisplayName(s).
func DisplayName(s string) string { return plain(s, maxNameRunes) }

// plain does DisplayName's work for any length.
func plain(s string, limit int) string {
	s = strings.Map(visible, strings.ToValidUTF8(s, ""))
	// Taking a piece out, or cutting the end off, can put a new link together.
	for before := "\n"; before != s; {
		before = s
		s = links.ReplaceAllString(s, " ")
		s = addresses.ReplaceAllString(s, " ")
		s = domainDots.ReplaceAllString(s, "${1} ${2}")
		s = shorten(strings.Join(strings.Fields(s), " "), limit)
	}
	return s
}

func visible(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case !unicode.IsGraphic(r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return -1
	}
	return r
}

func shorten(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	return strings.TrimRight(string(runes[:limit-1]), " ") + "…"
}

// displayAddress is address if a reader sees nothing but an e-mail address in it, and "" otherwise:
// RFC 5321 allows local parts that read like a sentence with a link.
func displayAddress(address string) string {
	if len(address) > 254 || !plainAddress.MatchString(address) || strings.Map(visible, address) != address {
		return ""
	}
	return address
}
