package invite_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"usher/internal/invite"
)

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{
		"Acme Inc.": "acme-inc", "  a  &  b  ": "a-b", "Ünlü 3": "nl-3", "日本": "", "---": "", "A": "a",
		strings.Repeat("ab", 60): strings.Repeat("ab", 30), strings.Repeat("a", 59) + " b": strings.Repeat("a", 59),
	} {
		if got := invite.Slug(name); got != want {
			t.Errorf("Slug(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestADerivedSlugIsEmptyOrAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		slug := invite.Slug(name)
		if slug == "" {
			return
		}
		if err := invite.CheckSlug(slug); err != nil || strings.Trim(slug, "-") != slug || strings.Contains(slug, "--") || len(slug) > 60 {
			t.Errorf("Slug(%q) = %q, %v", name, slug, err)
		}
		if again := invite.Slug(slug); again != slug {
			t.Errorf("Slug(%q) = %q, want it unchanged", slug, again)
		}
	})
}

func TestCheckSlug(t *testing.T) {
	for slug, ok := range map[string]bool{
		"acme": true, "a-1": true, strings.Repeat("a", 256): true,
		"": false, "Acme": false, "a_b": false, "a b": false, "ä": false, strings.Repeat("a", 257): false,
	} {
		if err := invite.CheckSlug(slug); (err == nil) != ok {
			t.Errorf("CheckSlug(%q) = %v, want allowed: %v", slug, err, ok)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, row := range []struct {
		name, in string
		want     invite.Kind
	}{
		{"plain", "Acme & Söhne (2026)", ""},
		{"256 characters", strings.Repeat("ü", 256), ""},
		{"257 characters", strings.Repeat("ü", 257), invite.ParamTooLong},
		{"empty", "", invite.ParamMissing},
		{"spaces", " \t", invite.ParamMissing},
		{"markup", "<b>Acme</b>", invite.ParamValue},
		{"a URL", "Acme https://evil.example", invite.ParamValue},
		{"a line break", "Acme\nBcc: eve@example.com", invite.ParamValue},
	} {
		got := invite.Kind("")
		if err := invite.CheckName(row.in); err != nil {
			got = err.Kind
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
