package clerk_test

import (
	"testing"

	"usher/internal/clerk"
	"usher/internal/invite"
)

func TestParseVersion(t *testing.T) {
	const (
		twice  = "it was given more than once"
		noDate = "it must be a date such as 2026-05-12"
		none   = "there is no version of this date"
	)
	one := func(v string) []string { return []string{v} }
	tests := []struct {
		name          string
		header, query []string
		want          clerk.Version
		reason        string
	}{
		{"none is the newest", nil, nil, "2026-05-12", ""},
		{"oldest, as old Go clients", one("2021-02-05"), nil, "2021-02-05", ""},
		{"2024-10-01", one("2024-10-01"), nil, "2024-10-01", ""},
		{"only a specification file", one("2025-03-12"), nil, "2025-03-12", ""},
		{"as Go", one("2025-04-10"), nil, "2025-04-10", ""},
		{"as Python", one("2025-11-10"), nil, "2025-11-10", ""},
		{"as Node", one("2026-05-12"), nil, "2026-05-12", ""},
		{"in the query", nil, one("2025-04-10"), "2025-04-10", ""},
		{"later than the newest, as browsers", nil, one("2026-08-20"), "2026-05-12", ""},
		{"far in the future", one("9999-12-31"), nil, "2026-05-12", ""},
		{"both", one("2025-04-10"), one("2025-04-10"), "", twice},
		{"header twice", []string{"2025-04-10", "2025-04-10"}, nil, "", twice},
		{"query twice", nil, []string{"2025-04-10", "2026-05-12"}, "", twice},
		{"before the first", one("2020-01-01"), nil, "", none},
		{"between two", one("2025-04-11"), nil, "", none},
		{"a day that is not", one("2026-02-30"), nil, "", noDate},
		{"empty", one(""), nil, "", noDate},
		{"blank behind", one("2025-04-10 "), nil, "", noDate},
		{"with a time", one("2026-05-12T00:00:00Z"), nil, "", noDate},
		{"short year", one("26-05-12"), nil, "", noDate},
		{"five digits", one("12026-05-12"), nil, "", noDate},
		{"word", one("latest"), nil, "", noDate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := clerk.ParseVersion(tt.header, tt.query)
			var want error
			if tt.reason != "" {
				want = invite.Err(clerk.VersionInvalid, tt.reason)
			}
			sameRefusal(t, tt.name, err, want)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMetadataOnPatchEndsWithTheNewestVersion(t *testing.T) {
	for version, want := range map[clerk.Version]bool{
		"2021-02-05": true, "2025-04-10": true, "2025-11-10": true, "2026-05-12": false,
	} {
		if got := version.MetadataOnPatch(); got != want {
			t.Errorf("%s: got %v, want %v", version, got, want)
		}
	}
}
