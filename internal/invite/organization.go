package invite

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Organization is a group of users of one instance.
type Organization struct {
	ID         string
	InstanceID string
	Name       string
	Slug       string
	// MaxAllowedMemberships bounds members and pending invitations together; 0 is no limit.
	MaxAllowedMemberships int
	AdminDeleteEnabled    bool
	PublicMetadata        json.RawMessage
	PrivateMetadata       json.RawMessage
	CreatedBy             string // user id, or empty
	Logo                  string // the name of its file, or empty
	RoleSetKey            string // of the roles its members can have
	Members               int    // seats taken by members
	Pending               int    // seats held by invitations stored as pending
	Domains               int
	Requests              int  // of users who wait to become members
	Unmanaged             bool // no member can manage the others; known only where it was asked for
	CreatedAt, UpdatedAt  Instant
}

// Room reports whether n more seats fit: members and invitations that can still
// be accepted never exceed the limit (contract §6.5). It returns an Error of
// kind QuotaExceeded when they do not.
func (o *Organization) Room(n int) error {
	if limit := o.MaxAllowedMemberships; limit > 0 && o.Members+o.Pending+n > limit {
		return &Error{Kind: QuotaExceeded, Limit: limit}
	}
	return nil
}

// MaxName is the longest organization name in characters (contract §4.2).
const MaxName = 256

// CheckName checks an organization's name: present, at most MaxName characters,
// without markup, a URL or what turns the text around it, since it is shown in mail
// to strangers.
func CheckName(name string) *Error {
	switch {
	case strings.TrimSpace(name) == "":
		return ParamErr(ParamMissing, "name")
	case utf8.RuneCountInString(name) > MaxName:
		return &Error{Kind: ParamTooLong, Param: "name", Limit: MaxName}
	case strings.ContainsAny(name, "<>"), hasURL(name), strings.ContainsFunc(name, unicode.IsControl), strings.ContainsFunc(name, turns):
		return ParamErr(ParamValue, "name", name)
	}
	return nil
}

// hasURL reports whether a mail program would make a link of a part of text that
// cannot be meant as a name.
func hasURL(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "://") || strings.Contains(text, "www.") || strings.Contains(text, "mailto:")
}

// turns reports whether r changes the direction in which the text behind it is
// read (UAX #9, §2.1 to §2.4). The marks of §2.6 do not, and names need them.
func turns(r rune) bool { return '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069' }

// CheckSlug checks a slug given by a client: 1 to 256 of a-z, 0-9 and hyphens.
func CheckSlug(slug string) *Error {
	if slug == "" || len(slug) > MaxName {
		return ParamErr(ParamFormat, "slug")
	}
	for _, r := range slug {
		if !strings.ContainsRune(slugAlphabet, r) {
			return ParamErr(ParamFormat, "slug")
		}
	}
	return nil
}

const slugAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789-"

// Slug derives a slug from a name: lower-case ASCII letters and digits, every
// run of others a single hyphen. It may be empty when nothing is left.
func Slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 60 {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

// Membership is one user's place in one organization.
type Membership struct {
	ID                   string
	Role                 Role
	User                 Person
	Organization         Organization
	PublicMetadata       json.RawMessage
	PrivateMetadata      json.RawMessage
	CreatedAt, UpdatedAt Instant
}
