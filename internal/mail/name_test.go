package mail_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"usher/internal/mail"
)

func TestDisplayName(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"an ordinary name", "Ada Lovelace", "Ada Lovelace"},
		{"letters of the world", "Žofie Nováková 王小明 מרים आशा", "Žofie Nováková 王小明 מרים आशा"},
		{"signs in names", "O’Neill & Söhne, Inc. – J.R.R. (Nº 7) #1 /r/go", "O’Neill & Söhne, Inc. – J.R.R. (Nº 7) #1 /r/go"},
		{"markup stays text", `<b>"Acme"</b> {{.x}}`, `<b>"Acme"</b> {{.x}}`},
		{"white space", " \t Ada \r\n\u00a0\u2028 Lovelace\v", "Ada Lovelace"},
		{"control characters", "A\x00d\x1ba\x7f\u0085x", "Ada x"},
		{"bidirectional controls", "\u202eAda\u202c \u2066L\u2069\u200f\u061c", "Ada L"},
		{"zero-width and other invisible characters", "A\u200bd\ufeffa\u00ad\u2060\u3164\U000e0041", "Ada"},
		{"broken UTF-8", "A\xffda\xc3", "Ada"},
		{"a URL", "Ada https://evil.example/login?x=1 Lovelace", "Ada Lovelace"},
		{"a URL in capitals", "HTTPS://EVIL.EXAMPLE", ""},
		{"a URL glued to a word", "Pay(http://evil.example)now", "Pay("},
		{"a URL with backslashes", `http:\\evil.example`, ""},
		{"a URL of any scheme", "x-evil+1.0://a b", "b"},
		{"a URL taken apart by a control character", "htt\u200bps:/\x00/evil.example", ""},
		{"a URL left over when another is removed", "www.x hthttp://x tp://evil.example", ""},
		{"www", "go to www.evil.example/a now", "go to now"},
		{"a bare domain", "Claim at evil.example/x today", "Claim at evil example/x today"},
		{"a long bare domain", "a.bb.cc.example:80", "a bb cc example:80"},
		{"a domain in another alphabet", "пример.рф", "пример рф"},
		{"a domain in punycode", "evil.xn--p1ai evil.XN--P1AI", "evil xn--p1ai evil XN--P1AI"},
		{"dots that IDNA reads as dots", "evil。example evil．example evil｡example evil․example", "evil example evil example evil example evil example"},
		{"an e-mail address", "Ada <ada@evil.example>, boss", "Ada boss"},
		{"mailto", "mailto:x", ""},
		{"an at sign alone", "Meet @ Acme", "Meet @ Acme"},
		{"80 runes", strings.Repeat("é", 80), strings.Repeat("é", 80)},
		{"81 runes", strings.Repeat("é", 81), strings.Repeat("é", 79) + "…"},
		{"cut at a word", strings.Repeat("x", 78) + " and more", strings.Repeat("x", 78) + "…"},
		{"nothing", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := mail.DisplayName(row.in); got != row.want {
				t.Errorf("DisplayName(%q) = %q, want %q", row.in, got, row.want)
			}
		})
	}
}

// What mail programs turn into a link: a scheme, an address, or words joined by a dot of which the last
// could be a top-level domain.
var linkified = regexp.MustCompile(`(?i)[a-z]://|www\.|mailto:|\S@\S|[\pL\pN][.。．｡․](?:\pL[\pL\pM]|xn--)`)

func FuzzDisplayName(f *testing.F) {
	for _, seed := range []string{
		"Ada Lovelace", "https://evil.example", "a.b.cc.d", "hthttp://x tp://evil.example", "\u202e\x00\xff\r\nBcc: x",
		"evil。com www.www.x", strings.Repeat("a.bb", 60), "x@y @ z", "e\u0301.co\u0301m",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := mail.DisplayName(in)
		if !utf8.ValidString(got) {
			t.Errorf("DisplayName(%q) = %q, not UTF-8", in, got)
		}
		if n := utf8.RuneCountInString(got); n > 80 {
			t.Errorf("DisplayName(%q) has %d runes, want at most 80", in, n)
		}
		if again := mail.DisplayName(got); again != got {
			t.Errorf("DisplayName(%q) = %q, and of that %q", in, got, again)
		}
		if link := linkified.FindString(got); link != "" {
			t.Errorf("DisplayName(%q) = %q, a mail program makes a link of %q", in, got, link)
		}
		for _, r := range got {
			if r != ' ' && (unicode.IsSpace(r) || !unicode.IsGraphic(r) || unicode.In(r, unicode.Cf, unicode.Bidi_Control)) {
				t.Errorf("DisplayName(%q) = %q, which has %U", in, got, r)
			}
		}
		if got != strings.Join(strings.Fields(got), " ") {
			t.Errorf("DisplayName(%q) = %q, white space not collapsed", in, got)
		}
	})
}
