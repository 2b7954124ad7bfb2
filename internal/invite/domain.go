package invite

import (
	"slices"
	"strings"
	"time"
)

// EnrollmentMode is what an address of a domain brings the user who owns it.
type EnrollmentMode string

// The modes of contract §4.8, less enterprise_sso, which this server has not.
const (
	ManualInvitation    EnrollmentMode = "manual_invitation"
	AutomaticInvitation EnrollmentMode = "automatic_invitation"
	AutomaticSuggestion EnrollmentMode = "automatic_suggestion"
)

var enrollmentModes = []EnrollmentMode{ManualInvitation, AutomaticInvitation, AutomaticSuggestion}

// ParseEnrollmentMode reads a mode given as param.
func ParseEnrollmentMode(param, raw string) (EnrollmentMode, *Error) {
	if mode := EnrollmentMode(raw); slices.Contains(enrollmentModes, mode) {
		return mode, nil
	}
	return "", ParamErr(ParamValue, param, raw)
}

// EnrollmentKind is one of the ways in which a domain brings somebody in.
type EnrollmentKind string

// The kinds. Who is invited may join; to whom it is suggested may ask.
const (
	InvitedByDomain   EnrollmentKind = "invitation"
	SuggestedByDomain EnrollmentKind = "suggestion"
)

// kind returns what the mode makes for the owner of an address; false for nothing.
func (m EnrollmentMode) kind() (EnrollmentKind, bool) {
	switch m {
	case AutomaticInvitation:
		return InvitedByDomain, true
	case AutomaticSuggestion:
		return SuggestedByDomain, true
	case ManualInvitation:
	}
	return "", false
}

// Domain is a mail domain whose people belong to one organization.
type Domain struct {
	ID             string
	InstanceID     string
	OrganizationID string
	Name           string // as people see it
	Key            string // what domains are compared by: the name in ASCII
	Mode           EnrollmentMode
	// Verified says how it was shown that the organization may speak for the
	// domain; a domain that is not verified brings nobody in.
	Verified Verification
	OwnedAt  Instant // when its ownership was confirmed; 0 before
	// Affiliation is the address of the domain where the newest code went with which
	// a member can verify it; zero without one.
	Affiliation Email
	Code        Code // expires at 0 when it was used
	// Invitations and Suggestions count what it has made and nobody has answered.
	Invitations, Suggestions int
	CreatedAt, UpdatedAt     Instant
}

// codePause is how long a domain has to wait for another code after MaxCodes, beyond
// which each is alone in its time: guessing is no way in.
const codePause = 24 * time.Hour

// Affiliate makes a code for an address of the domain. It refuses with DomainMismatch
// an address of another domain, and with TooManyRequests when there were enough.
// Numbers of codes never begin again, since codes are made from them.
func (d *Domain) Affiliate(address string, now Instant) error {
	email, ok := ParseEmail(address)
	switch {
	case address == "":
		return ParamErr(ParamMissing, "affiliation_email_address")
	case !ok:
		return ParamErr(ParamEmailFormat, "affiliation_email_address")
	case email.Domain() != d.Key:
		return ParamErr(DomainMismatch, "affiliation_email_address", d.Name)
	}
	next := d.Code.ExpiresAt.Add(codePause - CodeLifetime)
	if d.Code.Number >= MaxCodes && now < next {
		return &Error{Kind: TooManyRequests, Limit: int(next-now) / 1000}
	}
	d.Affiliation, d.Code = email, Code{Number: d.Code.Number + 1, ExpiresAt: now.Add(CodeLifetime)}
	return nil
}

// Prove verifies the domain, by the code that was mailed.
func (d *Domain) Prove() {
	d.Verified, d.Code.ExpiresAt = VerifiedByCode, 0
}

// Enrolls returns what the owner of an address of d gets; false for nothing.
func (s *Settings) Enrolls(d *Domain) (EnrollmentKind, bool) {
	if !s.DomainsEnabled || d.Verified == Unverified || !slices.Contains(s.Modes(), d.Mode) {
		return "", false
	}
	return d.Mode.kind()
}

// Suggests reports whether users may be told of organizations that have the domain
// of an address of theirs.
func (s *Settings) Suggests() bool { return s.DomainsEnabled && !s.OrganizationsDisabled }

// CheckDomains refuses with DomainsDisabled where domains are switched off.
func (s *Settings) CheckDomains() error {
	if !s.DomainsEnabled {
		return Err(DomainsDisabled)
	}
	return nil
}

func (s *Settings) checkMode(raw string) (EnrollmentMode, error) {
	mode, bad := ParseEnrollmentMode("enrollment_mode", raw)
	if bad != nil {
		return "", bad
	}
	if !slices.Contains(s.Modes(), mode) {
		return "", ParamErr(ParamValue, "enrollment_mode", raw)
	}
	return mode, nil
}

// NewDomain is what a client asks for when it adds a domain to an organization.
type NewDomain struct {
	Name     string
	Mode     string // empty: manual_invitation
	Verified bool
}

// Domain returns the domain that n asks for, or refuses what breaks a rule.
func (n *NewDomain) Domain(s *Settings) (*Domain, error) {
	name, key, err := ParseDomain(n.Name)
	if err != nil {
		return nil, err
	}
	d := &Domain{Name: name, Key: key, Mode: ManualInvitation}
	if n.Mode != "" {
		if d.Mode, err = s.checkMode(n.Mode); err != nil {
			return nil, err
		}
	}
	if n.Verified {
		d.Verified = VerifiedByAdmin
	}
	return d, nil
}

// ParseDomain checks and folds a domain, and returns what people see and what
// domains are compared by. It refuses those who give mailboxes to anybody.
func ParseDomain(raw string) (name, key string, err error) {
	if raw == "" {
		return "", "", ParamErr(ParamMissing, "name")
	}
	name = strings.ToLower(strings.TrimSpace(raw))
	key, ok := hostName(name)
	switch {
	case !ok, strings.ContainsAny(raw, lowersToASCII), len(name) > maxAddress:
		return "", "", ParamErr(ParamFormat, "name")
	case free()[key]:
		return "", "", ParamErr(DomainCommon, "name", name)
	case isDisposable(key):
		return "", "", ParamErr(DomainBlocked, "name", name)
	}
	return name, key, nil
}

// DomainChange changes a domain. Nil fields are left as they are.
type DomainChange struct {
	Mode     *string
	Verified *bool
	// DeletePending takes back what the domain has made and nobody has answered.
	DeletePending bool
}

// Apply changes d, or refuses the inputs that break a rule.
func (c *DomainChange) Apply(d *Domain, s *Settings) error {
	if c.Mode != nil {
		mode, err := s.checkMode(*c.Mode)
		if err != nil {
			return err
		}
		d.Mode = mode
	}
	switch {
	case c.Verified == nil:
	case !*c.Verified:
		d.Verified = Unverified
	case d.Verified == Unverified:
		d.Verified = VerifiedByAdmin
	}
	return nil
}

// DomainKey returns what a domain is compared by; one that is malformed stands
// for itself.
func DomainKey(name string) string {
	if key, ok := hostName(strings.ToLower(strings.TrimSpace(name))); ok {
		return key
	}
	return name
}
