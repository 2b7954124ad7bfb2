package invite

import (
	"encoding/json"
	"slices"
	"time"
)

// AttemptLifetime is how long somebody may take to sign in or up.
const AttemptLifetime = 24 * time.Hour

// Strategy is a way to prove who one is (contract §5.9).
type Strategy string

// The strategies.
const (
	ByPassword  Strategy = "password"
	ByEmailCode Strategy = "email_code"
	ByTicket    Strategy = "ticket"
)

// Code is one six-digit code that was mailed, or the lack of one. It is derived
// from the id of what it belongs to and its number, and never stored.
type Code struct {
	Number    int // how many were asked for; 0 = none
	Attempts  int // wrong answers
	ExpiresAt Instant
}

// Bounds of codes. Each attempt to sign in or up has few codes and each code few
// answers, so that guessing has a chance of one in 40,000 for each attempt, of which
// an address range has few as well.
const (
	CodeLifetime    = 10 * time.Minute
	MaxCodes        = 5
	MaxCodeAttempts = 5
)

// Next makes a new code. It refuses with TooManyRequests when there were enough.
func (c *Code) Next(now Instant) error {
	if c.Number >= MaxCodes {
		return &Error{Kind: TooManyRequests, Limit: int(CodeLifetime / time.Second)}
	}
	*c = Code{Number: c.Number + 1, ExpiresAt: now.Add(CodeLifetime)}
	return nil
}

// Usable refuses an answer to a code that was not sent, is over or was guessed at
// too often.
func (c *Code) Usable(now Instant) error {
	switch {
	case c.Number == 0:
		return Err(CodeMissing)
	case c.Attempts >= MaxCodeAttempts:
		return Err(CodeFailed)
	case now >= c.ExpiresAt:
		return Err(CodeExpired)
	}
	return nil
}

// SignIn is an attempt to sign in.
type SignIn struct {
	ID         string
	Identifier string // as it was typed
	UserID     string
	// User is whom the identifier names, for what the browser may know of them.
	User *User
	// Strategy is that of the proof that was begun, or that was given.
	Strategy       Strategy
	EmailAddressID string // where the code went
	Code           Code
	SessionID      string // empty until it is complete
	AbandonAt      Instant
	CreatedAt      Instant
	UpdatedAt      Instant
}

// Address returns the verified address of the user with that id, or refuses with
// AddressNotFound.
func (s *SignIn) Address(id string) (EmailAddress, error) {
	for _, a := range s.User.EmailAddresses {
		if a.ID == id && a.Verified != Unverified {
			return a, nil
		}
	}
	return EmailAddress{}, Err(AddressNotFound, id)
}

// SignUp is an attempt to make an account.
type SignUp struct {
	ID                  string
	Email               Email        // zero without one
	Verified            Verification // how the address was proven
	FirstName, LastName string
	Username            string
	Locale              string
	UnsafeMetadata      json.RawMessage
	PasswordDigest      string
	LegalAcceptedAt     Instant
	Ticket              *Ticket // to the invitation that will be accepted; nil without one
	Code                Code
	SessionID, UserID   string // empty until it is complete
	AbandonAt           Instant
	CreatedAt           Instant
	UpdatedAt           Instant
}

// What an account needs, and what it may have besides.
var (
	RequiredFields = []string{"email_address", "password"}
	OptionalFields = []string{"first_name", "last_name", "username"}
)

// Missing returns which of the required fields are not there yet.
func (s *SignUp) Missing() []string {
	missing := []string{}
	if s.Email.Key == "" {
		missing = append(missing, "email_address")
	}
	if s.PasswordDigest == "" {
		missing = append(missing, "password")
	}
	return missing
}

// Unproven returns which fields wait for a proof.
func (s *SignUp) Unproven() []string {
	if s.Email.Key != "" && s.Verified == Unverified {
		return []string{"email_address"}
	}
	return []string{}
}

// Ready reports whether the account can be made.
func (s *SignUp) Ready() bool { return len(s.Missing()) == 0 && len(s.Unproven()) == 0 }

// SignUpChange is what a browser gives for its account. Nil fields stay as they are.
type SignUpChange struct {
	EmailAddress        *string
	FirstName, LastName *string
	Username            *string
	Locale              *string
	UnsafeMetadata      json.RawMessage
	PasswordDigest      string // what package password made; empty: as it is
	LegalAccepted       bool
	Ticket              *Ticket
}

// Apply changes s, or refuses what breaks a rule. The address of a ticket is the
// invitation's, and stays.
func (c *SignUpChange) Apply(s *SignUp, now Instant) error {
	if c.EmailAddress != nil && s.Ticket == nil && c.Ticket == nil {
		email, ok := ParseEmail(*c.EmailAddress)
		if !ok {
			return ParamErr(ParamEmailFormat, "email_address")
		}
		if email.Key != s.Email.Key {
			s.Verified, s.Code.ExpiresAt = Unverified, 0
		}
		s.Email = email
	}
	set(&s.FirstName, c.FirstName)
	set(&s.LastName, c.LastName)
	set(&s.Username, c.Username)
	set(&s.Locale, c.Locale)
	if s.Username != "" {
		if err := checkUsername(s.Username); err != nil {
			return err
		}
	}
	if err := checkLocale(s.Locale); err != nil {
		return err
	}
	if err := checkTexts(map[string]string{"first_name": s.FirstName, "last_name": s.LastName}); err != nil {
		return err
	}
	if c.UnsafeMetadata != nil {
		m := MetadataChange{Unsafe: c.UnsafeMetadata}
		if err := m.Apply(nil, nil, &s.UnsafeMetadata); err != nil {
			return err
		}
	}
	if c.PasswordDigest != "" {
		s.PasswordDigest = c.PasswordDigest
	}
	if c.LegalAccepted {
		s.LegalAcceptedAt = now
	}
	return nil
}

// User returns the account that s asks for, checked.
func (s *SignUp) User() NewUser {
	return NewUser{
		EmailAddresses: []string{s.Email.Address}, Emails: []Email{s.Email}, Username: s.Username,
		FirstName: s.FirstName, LastName: s.LastName, Locale: s.Locale, PasswordDigest: s.PasswordDigest,
		Metadata: MetadataChange{Unsafe: s.UnsafeMetadata}, LegalAcceptedAt: s.LegalAcceptedAt,
	}
}

// FirstFactors returns how the user of a sign-in can prove to be it.
func (s *SignIn) FirstFactors() []Strategy {
	var list []Strategy
	if s.User.HasPassword {
		list = append(list, ByPassword)
	}
	if len(s.User.VerifiedKeys()) > 0 {
		list = append(list, ByEmailCode)
	}
	return slices.Clip(list)
}
