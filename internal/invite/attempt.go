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
	// ByReset proves by a code that a forgotten password may be replaced.
	ByReset Strategy = "reset_password_email_code"
)

// Mails reports whether the strategy proves a mailbox by a code.
func (s Strategy) Mails() bool { return s == ByEmailCode || s == ByReset }

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
	// NeedsPassword says that the code was right and a new password is wanted.
	NeedsPassword bool
	SessionID     string // empty until it is complete
	AbandonAt     Instant
	CreatedAt     Instant
	UpdatedAt     Instant
}

// Prepare begins the proof of the address with that id by another code; without an
// id, of the one that was typed, else of the primary one. It refuses with
// StrategyInvalid when the user cannot sign in that way, AddressNotFound for an
// address that is no verified one of the user's, and as Code.Next does.
func (s *SignIn) Prepare(strategy Strategy, id string, now Instant) error {
	if !strategy.Mails() || !slices.Contains(s.FirstFactors(), strategy) {
		return Err(StrategyInvalid)
	}
	if id == "" {
		id = s.likely()
	}
	if !s.User.hasVerified(id) {
		return Err(AddressNotFound, id)
	}
	s.Strategy, s.EmailAddressID, s.NeedsPassword = strategy, id, false
	return s.Code.Next(now)
}

// likely returns the id of the address that somebody who typed the identifier means.
func (s *SignIn) likely() string {
	email, _ := ParseEmail(s.Identifier)
	for _, a := range s.User.EmailAddresses {
		if a.Email.Key == email.Key {
			return a.ID
		}
	}
	return s.User.PrimaryEmailAddressID
}

// Mailbox returns where the code went; the zero Email when that is no verified
// address of the user's any more.
func (s *SignIn) Mailbox() Email {
	if a := s.User.Address(s.EmailAddressID); a != nil && a.Verified != Unverified {
		return a.Email
	}
	return Email{}
}

// Proven notes that the code of the strategy was right: who has forgotten a password
// has a short time to choose another.
func (s *SignIn) Proven(now Instant) {
	s.Code = Code{Number: s.Code.Number} // the next one is another
	if s.Strategy == ByReset {
		s.NeedsPassword, s.AbandonAt = true, min(s.AbandonAt, now.Add(CodeLifetime))
	}
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

// Prepare begins the proof of the address by another code. It refuses with
// StrategyInvalid when no address waits for one, and as Code.Next does.
func (s *SignUp) Prepare(now Instant) error {
	if len(s.Unproven()) == 0 {
		return Err(StrategyInvalid)
	}
	return s.Code.Next(now)
}

// Proven notes that the code was right.
func (s *SignUp) Proven() {
	s.Verified, s.Code = VerifiedByCode, Code{Number: s.Code.Number} // the next one is another
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
		if s.User.HasPassword {
			list = append(list, ByReset)
		}
	}
	return slices.Clip(list)
}
