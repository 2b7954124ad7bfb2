package invite_test

import (
	"strings"
	"testing"

	"usher/internal/invite"
)

func TestParseEmail(t *testing.T) {
	long := strings.Repeat("a", 64)
	host := strings.Repeat("b", 63)
	rows := []struct{ name, in, address, key string }{
		{"plain", "ada@example.com", "ada@example.com", "ada@example.com"},
		{"spaces around, capitals", "\t Ada@Example.COM\n", "ada@example.com", "ada@example.com"},
		{"plus stays", "ada+1@example.com", "ada+1@example.com", "ada+1@example.com"},
		{"all of atext", "!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"},
		{"international domain", "ada@BÜCHER.example", "ada@bücher.example", "ada@xn--bcher-kva.example"},
		{"the same domain in ASCII", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
		{"longest local part", long + "@example.com", long + "@example.com", long + "@example.com"},
		{"longest label", "a@" + host + ".com", "a@" + host + ".com", "a@" + host + ".com"},
		{"empty", "", "", ""},
		{"no at", "ada", "", ""},
		{"two ats", "ada@a@example.com", "", ""},
		{"nothing before the at", "@example.com", "", ""},
		{"nothing behind the at", "ada@", "", ""},
		{"one label", "ada@localhost", "", ""},
		{"address literal", "ada@[127.0.0.1]", "", ""},
		{"a number for a top domain", "ada@127.0.0.1", "", ""},
		{"quoted", `"ada b"@example.com`, "", ""},
		{"comment", "ada(x)@example.com", "", ""},
		{"name in front", "Ada <ada@example.com>", "", ""},
		{"two dots", "a..b@example.com", "", ""},
		{"dot in front", ".a@example.com", "", ""},
		{"dot behind", "a.@example.com", "", ""},
		{"root dot", "ada@example.com.", "", ""},
		{"empty label", "ada@example..com", "", ""},
		{"hyphen in front of a label", "ada@-example.com", "", ""},
		{"hyphen behind a label", "ada@example-.com", "", ""},
		{"underscore in the domain", "ada@ex_ample.com", "", ""},
		{"line break inside", "ada@example.com\r\nBcc: eve@example.com", "", ""},
		{"local part not ASCII", "adà@example.com", "", ""},
		{"a Kelvin sign for a k", "\u212Aate@example.com", "", ""},
		{"a dotted capital i for an i", "ada@\u0130.example", "", ""},
		{"local part too long", long + "a@example.com", "", ""},
		{"label too long", "a@" + host + "b.com", "", ""},
		{"too long in ASCII only", long + "@" + strings.Repeat("ü.", 24) + "com", "", ""},
		{"too long over all", "a@" + strings.Repeat(host+".", 4) + "com", "", ""},
	}
	for _, row := range rows {
		got, ok := invite.ParseEmail(row.in)
		if want := (invite.Email{Address: row.address, Key: row.key}); got != want || ok != (row.key != "") {
			t.Errorf("%s: ParseEmail(%q) = %q, %v; want %q", row.name, row.in, got, ok, want)
		}
	}
}

func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{"ada@example.com", " Ada@BÜCHER.Example ", "a@\u212A.example", "a@ß.de", "a@xn--bcher-kva.de", "a@。.de", "a@a\u00ad.de", "\u0130@a.de"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, ok := invite.ParseEmail(s)
		if !ok {
			return
		}
		for _, r := range e.Key {
			if r <= ' ' || r > '~' {
				t.Errorf("ParseEmail(%q): the key %q is not printable ASCII", s, e.Key)
			}
		}
		if strings.Count(e.Key, "@") != 1 || strings.ContainsAny(e.Address, " \r\n\t<>\",;") {
			t.Errorf("ParseEmail(%q) = %q cannot stand in a mail's header", s, e)
		}
		if again, ok := invite.ParseEmail(e.Address); !ok || again != e {
			t.Errorf("ParseEmail(%q) = %q, but its address parses to %q, %v", s, e, again, ok)
		}
		if key, ok := invite.ParseEmail(e.Key); !ok || key.Key != e.Key {
			t.Errorf("ParseEmail(%q) = %q, but its key parses to %q, %v", s, e, key, ok)
		}
	})
}
