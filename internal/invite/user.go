package invite

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// User is a person known to one instance.
type User struct {
	ID                    string
	ExternalID            string // the product's own id; unique where set
	Username              string // unique where set, in any case
	FirstName, LastName   string
	Locale                string // a language tag, BCP 47
	PrimaryEmailAddressID string
	EmailAddresses        []EmailAddress // oldest first
	PublicMetadata        json.RawMessage
	PrivateMetadata       json.RawMessage
	UnsafeMetadata        json.RawMessage
	HasPassword           bool // its digest is not a part of the user: it is read where it is compared
	PasswordChangedAt     Instant
	Banned                bool // and may not sign in
	LegalAcceptedAt       Instant
	LastSignInAt          Instant
	LastActiveAt          Instant // of the last session
	CreatedAt, UpdatedAt  Instant
	Lockout
	UserSettings
}

// UserSettings is what one user may do. They are for the Frontend API and
// bind nothing in the Backend API.
type UserSettings struct {
	DeleteSelf          bool
	CreateOrganizations bool
	OrganizationsLimit  *int // nil: the instance's; 0: none
	BypassClientTrust   bool
}

// Verification is how an address was proven to belong to its user.
type Verification string

// How addresses come to be verified here. Unverified is the zero value.
const (
	Unverified       Verification = ""
	VerifiedByAdmin  Verification = "admin"
	VerifiedByTicket Verification = "ticket"
	VerifiedByCode   Verification = "email_code"
)

// The statuses an address can be given (contract's identification_status).
const (
	StatusVerified   = "verified"
	StatusReserved   = "reserved"
	StatusUnverified = "unverified"
)

// EmailAddress is one address of a user.
type EmailAddress struct {
	ID       string
	UserID   string
	Email    Email
	Verified Verification
	Reserved bool // not verified, and yet nobody else can have it
	Code     Code // the newest that was mailed to prove it
	// CreatedAt and UpdatedAt order the addresses of a user.
	CreatedAt, UpdatedAt Instant
}

// Owns reports whether the user has proven to own the address with that key.
// Any verified address counts, not only the primary one.
func (u *User) Owns(key string) bool {
	for _, a := range u.EmailAddresses {
		if a.Email.Key == key && a.Verified != Unverified {
			return true
		}
	}
	return false
}

// VerifiedKeys returns the keys of all addresses that the user has proven to own.
func (u *User) VerifiedKeys() []string {
	var keys []string
	for _, a := range u.EmailAddresses {
		if a.Verified != Unverified {
			keys = append(keys, a.Email.Key)
		}
	}
	return keys
}

// Person is what others may see of a user.
type Person struct {
	UserID              string
	FirstName, LastName string
	Identifier          string // primary address, else username
	Username            string
	Banned              bool
}

// Person returns what others may see of u.
func (u *User) Person() Person {
	return Person{
		UserID: u.ID, FirstName: u.FirstName, LastName: u.LastName,
		Identifier: u.identifier(), Username: u.Username, Banned: u.Banned,
	}
}

func (u *User) identifier() string {
	for _, a := range u.EmailAddresses {
		if a.ID == u.PrimaryEmailAddressID {
			return a.Email.Address
		}
	}
	return u.Username
}

// Name returns the name a reader would use for p: the given names, else the identifier.
func (p Person) Name() string {
	return cmp.Or(strings.TrimSpace(p.FirstName+" "+p.LastName), p.Identifier)
}

// NewUser is what a client asks for when it creates a user.
type NewUser struct {
	EmailAddresses      []string // the first one primary
	AddressStatuses     []string // of each address, verified or reserved; none: all verified
	Username            string
	FirstName, LastName string
	ExternalID          string
	Locale              string
	PasswordDigest      string // what package password made; empty: none
	Metadata            MetadataChange
	Banned, Locked      bool
	Settings            UserSettingsChange
	LegalAcceptedAt     Instant
	CreatedAt           Instant // 0: now

	Emails []Email // set by Check
}

// maxAddresses is how many addresses a user may be created with.
const maxAddresses = 100

// Check folds n's inputs in place and refuses what breaks a rule: a user needs
// an address or a username.
func (n *NewUser) Check() error {
	if len(n.EmailAddresses) == 0 && n.Username == "" {
		return Err(DataMissing, "email_address", "username")
	}
	if len(n.EmailAddresses) > maxAddresses {
		return &Error{Kind: ParamTooMany, Param: "email_address", Limit: maxAddresses}
	}
	n.Emails = n.Emails[:0]
	for _, s := range n.EmailAddresses {
		e, ok := ParseEmail(s)
		if !ok {
			return ParamErr(ParamEmailFormat, "email_address")
		}
		for _, other := range n.Emails {
			if other.Key == e.Key {
				return ParamErr(ParamDuplicate, "email_address")
			}
		}
		n.Emails = append(n.Emails, e)
	}
	if err := n.checkStatuses(); err != nil {
		return err
	}
	if n.Username != "" {
		if err := checkUsername(n.Username); err != nil {
			return err
		}
	}
	if err := n.Settings.check(); err != nil {
		return err
	}
	if err := checkLocale(n.Locale); err != nil {
		return err
	}
	return checkTexts(map[string]string{"first_name": n.FirstName, "last_name": n.LastName, "external_id": n.ExternalID})
}

func (n *NewUser) checkStatuses() error {
	const param = "email_address_identification_status"
	for _, s := range n.AddressStatuses {
		if s != StatusVerified && s != StatusReserved {
			return ParamErr(ParamValue, param, s)
		}
	}
	if got := len(n.AddressStatuses); got > 0 && got != len(n.EmailAddresses) {
		return ParamErr(ParamFormat, param)
	}
	return nil
}

// Address returns the i-th address of a checked n, without ids and times.
func (n *NewUser) Address(i int, by Verification) EmailAddress {
	if len(n.AddressStatuses) > 0 && n.AddressStatuses[i] == StatusReserved {
		return EmailAddress{Email: n.Emails[i], Reserved: true}
	}
	return EmailAddress{Email: n.Emails[i], Verified: by}
}

// Bounds of a username, in characters.
const (
	MinUsername = 4
	MaxUsername = 64
)

// checkUsername accepts Latin letters, digits, - and _, not digits alone.
func checkUsername(s string) error {
	if n := utf8.RuneCountInString(s); n < MinUsername || n > MaxUsername {
		return &Error{Kind: UsernameLength, Param: "username", Values: []string{strconv.Itoa(MinUsername)}, Limit: MaxUsername}
	}
	if strings.Trim(s, "0123456789") == "" {
		return ParamErr(UsernameDigits, "username")
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return ParamErr(UsernameCharacter, "username")
		}
	}
	return nil
}

var localePattern = regexp.MustCompile(`^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}$`)

func checkLocale(s string) error {
	if s != "" && !localePattern.MatchString(s) {
		return ParamErr(ParamFormat, "locale")
	}
	return nil
}

// Fold returns what texts that people write are compared and searched by: each
// letter stands for all its cases (Unicode simple case folding).
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return unicode.ToLower(least)
	}, s)
}

// NameKey returns what u's name is searched by.
func (u *User) NameKey() string { return Fold(strings.TrimSpace(u.FirstName + " " + u.LastName)) }

// UserChange changes a user. Nil fields are left as they are.
type UserChange struct {
	Username              *string
	FirstName, LastName   *string
	ExternalID            *string
	Locale                *string
	PrimaryEmailAddressID *string
	PasswordDigest        *string // empty: none any more
	SignOut               bool    // of all sessions
	Banned, Locked        *bool
	Settings              UserSettingsChange
	LegalAcceptedAt       *Instant // 0: never
	CreatedAt             *Instant
	Metadata              MetadataChange
}

// UserSettingsChange changes settings of a user. Nil fields are left as they are.
type UserSettingsChange struct {
	DeleteSelf          *bool
	CreateOrganizations *bool
	OrganizationsLimit  **int // to nil: the instance's
	BypassClientTrust   *bool
}

func (c *UserSettingsChange) check() error {
	if c.OrganizationsLimit != nil && *c.OrganizationsLimit != nil && **c.OrganizationsLimit < 0 {
		return ParamErr(ParamValue, "create_organizations_limit", strconv.Itoa(**c.OrganizationsLimit))
	}
	return nil
}

// Apply changes s.
func (c *UserSettingsChange) Apply(s *UserSettings) error {
	set(&s.DeleteSelf, c.DeleteSelf)
	set(&s.CreateOrganizations, c.CreateOrganizations)
	set(&s.OrganizationsLimit, c.OrganizationsLimit)
	set(&s.BypassClientTrust, c.BypassClientTrust)
	return c.check()
}

// Apply changes u, all but its password, or refuses the inputs that break a rule.
func (c *UserChange) Apply(u *User) error {
	if c.Username != nil && *c.Username != "" {
		if err := checkUsername(*c.Username); err != nil {
			return err
		}
	}
	set(&u.Username, c.Username)
	set(&u.FirstName, c.FirstName)
	set(&u.LastName, c.LastName)
	set(&u.ExternalID, c.ExternalID)
	set(&u.Locale, c.Locale)
	set(&u.Banned, c.Banned)
	if c.Locked != nil {
		u.Lock(*c.Locked)
	}
	set(&u.LegalAcceptedAt, c.LegalAcceptedAt)
	set(&u.CreatedAt, c.CreatedAt)
	if err := checkTexts(map[string]string{"first_name": u.FirstName, "last_name": u.LastName, "external_id": u.ExternalID}); err != nil {
		return err
	}
	if err := checkLocale(u.Locale); err != nil {
		return err
	}
	if err := c.Settings.Apply(&u.UserSettings); err != nil {
		return err
	}
	if c.Username != nil {
		if err := u.CheckIdentified(); err != nil {
			return err
		}
	}
	if id := c.PrimaryEmailAddressID; id != nil {
		if !u.hasVerified(*id) {
			return Err(IdentifierNotFound, *id)
		}
		u.PrimaryEmailAddressID = *id
	}
	return c.Metadata.Apply(&u.PublicMetadata, &u.PrivateMetadata, &u.UnsafeMetadata)
}

func (u *User) hasVerified(id string) bool {
	a := u.Address(id)
	return a != nil && a.Verified != Unverified
}

// CheckPasswordless refuses with PasswordNeeded a user to whom no code could go instead of
// a password.
func (u *User) CheckPasswordless() error {
	if !slices.ContainsFunc(u.EmailAddresses, func(a EmailAddress) bool { return a.Verified != Unverified }) {
		return Err(PasswordNeeded)
	}
	return nil
}

// CheckIdentified refuses a user without any identifier.
func (u *User) CheckIdentified() error {
	if len(u.EmailAddresses) == 0 && u.Username == "" {
		return Err(LastIdentifier)
	}
	return nil
}

// CheckEntry refuses whoever may not sign in now.
func (u *User) CheckEntry(now Instant) error {
	if u.Banned {
		return Err(UserBanned)
	}
	return u.CheckLock(now)
}

// Bounds of a password. The server compares any password within them; whether it
// was stolen somewhere it cannot know.
const (
	MinPassword = 8    // characters
	MaxPassword = 1024 // bytes
)

// CheckPassword holds a new password to its bounds, to the longest only when the
// other rules are skipped. param is where it was given.
func CheckPassword(param, password string, skip bool) error {
	if len(password) > MaxPassword {
		return &Error{Kind: PasswordTooLong, Param: param, Limit: MaxPassword}
	}
	if !skip && utf8.RuneCountInString(password) < MinPassword {
		return &Error{Kind: PasswordTooShort, Param: param, Limit: MinPassword}
	}
	return nil
}

// maxBan is how many users can be banned at once (contract §4.5).
const maxBan = 50

// CheckBan drops what is repeated and refuses a list of users to ban that is
// empty or too long.
func CheckBan(ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, ParamErr(ParamMissing, "user_ids")
	}
	if len(ids) > maxBan {
		return nil, &Error{Kind: BulkTooLarge, Limit: maxBan}
	}
	var once []string
	for _, id := range ids {
		if !slices.Contains(once, id) {
			once = append(once, id)
		}
	}
	return once, nil
}
