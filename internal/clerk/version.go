package clerk

import (
	"slices"
	"time"

	"usher/internal/invite"
)

// Version is a version of the API: a date, as YYYY-MM-DD.
type Version string

// versions are the published ones (contract §1.2), oldest first. 2025-03-12 has
// only a frozen specification file; it is served as its neighbours are.
var versions = []Version{"2021-02-05", "2024-10-01", "2025-03-12", "2025-04-10", "2025-11-10", "2026-05-12"}

// ParseVersion chooses the version a request asks for by header or query. None
// is the newest. A date later than the newest is served as the newest, because
// browsers send versions before they are published. Everything else, and both at
// once, is refused with VersionInvalid.
func ParseVersion(header, query []string) (Version, error) {
	asked := slices.Concat(header, query)
	newest := versions[len(versions)-1]
	switch {
	case len(asked) == 0:
		return newest, nil
	case len(asked) > 1:
		return "", invite.Err(VersionInvalid, "it was given more than once")
	}
	v := Version(asked[0])
	if slices.Contains(versions, v) {
		return v, nil
	}
	if _, err := time.Parse(time.DateOnly, asked[0]); err != nil {
		return "", invite.Err(VersionInvalid, "it must be a date such as "+string(newest))
	}
	if v < newest {
		return "", invite.Err(VersionInvalid, "there is no version of this date")
	}
	return newest, nil
}

// ShortClaims reports whether session tokens have the claims of version 2, as they
// do from 2025-04-10 on (contract §11.1).
func (v Version) ShortClaims() bool { return v >= "2025-04-10" }

// MetadataOnPatch reports whether PATCH of organizations and users still takes
// metadata fields, as it did before 2026-05-12 (contract §11.1).
func (v Version) MetadataOnPatch() bool { return v < "2026-05-12" }
