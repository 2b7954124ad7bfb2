package clerk

import (
	"encoding/json"
	"slices"

	"usher/internal/invite"
)

// UserPassword is what a request says of a user's password: the password itself, or
// what another system compares it with.
type UserPassword struct {
	Password           *string `json:"password"`
	PasswordDigest     *string `json:"password_digest"`
	PasswordHasher     *string `json:"password_hasher"`
	SkipPasswordChecks *bool   `json:"skip_password_checks"`
}

// Given returns the password, or the digest with its hasher, or nothing. It refuses
// both at once, one half of a digest, and a password out of its bounds.
func (p *UserPassword) Given() (password, digest, hasher string, err error) {
	password, digest, hasher = or(p.Password, ""), or(p.PasswordDigest, ""), or(p.PasswordHasher, "")
	switch {
	case password != "" && digest != "":
		err = invite.ParamErr(invite.ParamExclusive, "password_digest", "password")
	case digest != "" && hasher == "":
		err = invite.ParamErr(invite.ParamNeeded, "password_hasher")
	case digest == "" && hasher != "":
		err = invite.ParamErr(invite.ParamNeeded, "password_digest")
	case password != "":
		err = invite.CheckPassword("password", password, or(p.SkipPasswordChecks, false))
	case p.Password != nil:
		err = invite.CheckPassword("password", "", false) // an empty one is no password, whatever is skipped
	}
	return password, digest, hasher, err
}

// NotKept is a published parameter that asks for what usher does not have. Null,
// false and nothing at all ask for nothing and are accepted.
type NotKept struct{ asked bool }

// UnmarshalJSON reads any value.
func (n *NotKept) UnmarshalJSON(raw []byte) error {
	n.asked = !slices.Contains([]string{"null", "false", `""`, "[]"}, string(raw))
	return nil
}

// notKept refuses those of params that ask for something, in order.
func notKept(params []string, values ...NotKept) error {
	var bad invite.Errors
	for i, v := range values {
		if v.asked {
			bad = append(bad, invite.ParamErr(invite.ParamUnknown, params[i]))
		}
	}
	return bad.Err()
}

// UserSettings are the parameters about what a user may do.
type UserSettings struct {
	DeleteSelfEnabled         *bool       `json:"delete_self_enabled"`
	CreateOrganizationEnabled *bool       `json:"create_organization_enabled"`
	CreateOrganizationsLimit  NullableInt `json:"create_organizations_limit"`
	BypassClientTrust         *bool       `json:"bypass_client_trust"`
	SkipLegalChecks           *bool       `json:"skip_legal_checks"` // there are none
	TOTPSecret                NotKept     `json:"totp_secret"`
	BackupCodes               NotKept     `json:"backup_codes"`
}

func (s *UserSettings) change() (invite.UserSettingsChange, error) {
	return invite.UserSettingsChange{
		DeleteSelf: s.DeleteSelfEnabled, CreateOrganizations: s.CreateOrganizationEnabled,
		OrganizationsLimit: s.CreateOrganizationsLimit.value, BypassClientTrust: s.BypassClientTrust,
	}, notKept([]string{"totp_secret", "backup_codes"}, s.TOTPSecret, s.BackupCodes)
}

// CreateUser is the body of POST /users. The requirements that can be skipped are
// none of this server's: a user needs no password, but an address or a username.
type CreateUser struct {
	ExternalID                      *string  `json:"external_id"`
	FirstName                       *string  `json:"first_name"`
	LastName                        *string  `json:"last_name"`
	Locale                          *string  `json:"locale"`
	EmailAddress                    []string `json:"email_address"`
	EmailAddressStatus              []string `json:"email_address_identification_status"`
	PhoneNumber                     NotKept  `json:"phone_number"`
	PhoneNumberIdentificationStatus NotKept  `json:"phone_number_identification_status"`
	Web3Wallet                      NotKept  `json:"web3_wallet"`
	Username                        *string  `json:"username"`
	UserPassword
	SkipPasswordRequirement *bool   `json:"skip_password_requirement"`
	SkipUserRequirement     *bool   `json:"skip_user_requirement"`
	LegalAcceptedAt         *string `json:"legal_accepted_at"`
	Banned                  *bool   `json:"banned"`
	Locked                  *bool   `json:"locked"`
	CreatedAt               *string `json:"created_at"`
	UserSettings
	UserMetadata
}

// User returns what the request asks for, its password apart.
func (r *CreateUser) User() (invite.NewUser, error) {
	if err := notKept([]string{"phone_number", "phone_number_identification_status", "web3_wallet"},
		r.PhoneNumber, r.PhoneNumberIdentificationStatus, r.Web3Wallet); err != nil {
		return invite.NewUser{}, err
	}
	settings, err := r.UserSettings.change()
	if err != nil {
		return invite.NewUser{}, err
	}
	accepted, err := parseTime("legal_accepted_at", r.LegalAcceptedAt)
	if err != nil {
		return invite.NewUser{}, err
	}
	at, err := parseCreatedAt(r.CreatedAt)
	return invite.NewUser{
		EmailAddresses: r.EmailAddress, AddressStatuses: r.EmailAddressStatus, Username: or(r.Username, ""),
		FirstName: or(r.FirstName, ""), LastName: or(r.LastName, ""), ExternalID: or(r.ExternalID, ""), Locale: or(r.Locale, ""),
		Banned: or(r.Banned, false), Locked: or(r.Locked, false), Settings: settings, Metadata: r.UserMetadata.Change(false),
		LegalAcceptedAt: or(accepted, 0), CreatedAt: or(at, 0),
	}, err
}

// UpdateUser is the body of PATCH /users/{id}.
type UpdateUser struct {
	ExternalID            Nullable `json:"external_id"`
	FirstName             Nullable `json:"first_name"`
	LastName              Nullable `json:"last_name"`
	Locale                Nullable `json:"locale"`
	Username              Nullable `json:"username"`
	PrimaryEmailAddressID *string  `json:"primary_email_address_id"`
	NotifyPrimary         NotKept  `json:"notify_primary_email_address_changed"`
	PrimaryPhoneNumberID  NotKept  `json:"primary_phone_number_id"`
	PrimaryWeb3WalletID   NotKept  `json:"primary_web3_wallet_id"`
	ProfileImageID        NotKept  `json:"profile_image_id"`
	UserPassword
	SignOutOfOtherSessions *bool    `json:"sign_out_of_other_sessions"`
	LegalAcceptedAt        Nullable `json:"legal_accepted_at"`
	CreatedAt              *string  `json:"created_at"`
	UserSettings
}

// Change returns the change the request asks for, its password apart.
func (r *UpdateUser) Change() (invite.UserChange, error) {
	if err := notKept([]string{"notify_primary_email_address_changed", "primary_phone_number_id", "primary_web3_wallet_id", "profile_image_id"},
		r.NotifyPrimary, r.PrimaryPhoneNumberID, r.PrimaryWeb3WalletID, r.ProfileImageID); err != nil {
		return invite.UserChange{}, err
	}
	settings, err := r.UserSettings.change()
	if err != nil {
		return invite.UserChange{}, err
	}
	accepted, err := parseTime("legal_accepted_at", r.LegalAcceptedAt.value)
	if err != nil {
		return invite.UserChange{}, err
	}
	if accepted == nil && r.LegalAcceptedAt.value != nil {
		accepted = new(invite.Instant)
	}
	at, err := parseCreatedAt(r.CreatedAt)
	return invite.UserChange{
		ExternalID: r.ExternalID.value, FirstName: r.FirstName.value, LastName: r.LastName.value, Locale: r.Locale.value,
		Username: r.Username.value, PrimaryEmailAddressID: r.PrimaryEmailAddressID, Settings: settings,
		LegalAcceptedAt: accepted, CreatedAt: at,
	}, err
}

// SignsOut reports whether the sessions of the user are to end.
func (r *UpdateUser) SignsOut() bool { return or(r.SignOutOfOtherSessions, false) }

// UpdateUserWithMetadata is that body in versions up to 2025-11-10.
type UpdateUserWithMetadata struct {
	UpdateUser
	UserMetadata
}

// Nullable is a text that a client may leave as it is, set, or clear with null.
type Nullable struct{ value *string }

// UnmarshalJSON reads a string or null; null clears.
func (n *Nullable) UnmarshalJSON(raw []byte) error {
	var s string
	n.value = &s
	return json.Unmarshal(raw, &s)
}

// NullableInt is a number that a client may leave as it is, set, or clear with null.
type NullableInt struct{ value **int }

// UnmarshalJSON reads an integer or null; null clears.
func (n *NullableInt) UnmarshalJSON(raw []byte) error {
	n.value = new(*int)
	return json.Unmarshal(raw, n.value)
}

// UserIDs is the body of POST /users/ban and /users/unban.
type UserIDs struct {
	UserIDs []string `json:"user_ids"`
}

// VerifyPassword is the body of POST /users/{id}/verify_password.
type VerifyPassword struct {
	Password *string `json:"password"`
}

// Given returns the password, which there must be.
func (r *VerifyPassword) Given() (string, error) {
	if or(r.Password, "") == "" {
		return "", invite.ParamErr(invite.ParamMissing, "password")
	}
	if len(*r.Password) > invite.MaxPassword {
		return "", invite.ParamErr(invite.PasswordIncorrect, "password")
	}
	return *r.Password, nil
}

// RemovePassword is the body of POST /users/{id}/remove_password.
type RemovePassword struct {
	SignOutOfOtherSessions *bool `json:"sign_out_of_other_sessions"`
}

// SignsOut reports whether the sessions of the user are to end.
func (r *RemovePassword) SignsOut() bool { return or(r.SignOutOfOtherSessions, false) }

// Verified says that a password is the user's.
type Verified struct {
	Verified bool `json:"verified"`
}

// CreateEmailAddress is the body of POST /email_addresses.
type CreateEmailAddress struct {
	UserID        *string `json:"user_id"`
	EmailAddress  *string `json:"email_address"`
	Verified      *bool   `json:"verified"`
	Primary       *bool   `json:"primary"`
	NotifyPrimary NotKept `json:"notify_primary_email_address_changed"`
}

var notifyPrimary = []string{"notify_primary_email_address_changed"}

// Address returns what the request asks for.
func (r *CreateEmailAddress) Address() (invite.NewEmailAddress, error) {
	return invite.NewEmailAddress{
		UserID: or(r.UserID, ""), EmailAddress: or(r.EmailAddress, ""), Verified: or(r.Verified, false), Primary: or(r.Primary, false),
	}, notKept(notifyPrimary, r.NotifyPrimary)
}

// UpdateEmailAddress is the body of PATCH /email_addresses/{id}.
type UpdateEmailAddress struct {
	Verified      *bool   `json:"verified"`
	Primary       *bool   `json:"primary"`
	NotifyPrimary NotKept `json:"notify_primary_email_address_changed"`
}

// Change returns the change the request asks for.
func (r *UpdateEmailAddress) Change() (invite.EmailAddressChange, error) {
	return invite.EmailAddressChange{Verified: r.Verified, Primary: r.Primary}, notKept(notifyPrimary, r.NotifyPrimary)
}

// ReplaceEmailAddress is the body of PUT /users/{id}/email_address.
type ReplaceEmailAddress struct {
	EmailAddress         *string `json:"email_address"`
	IdentificationStatus *string `json:"identification_status"`
	NotifyPrimary        NotKept `json:"notify_primary_email_address_changed"`
}

// Replacement returns what the request asks for.
func (r *ReplaceEmailAddress) Replacement() (invite.EmailAddressReplacement, error) {
	return invite.EmailAddressReplacement{
		EmailAddress: or(r.EmailAddress, ""), Status: or(r.IdentificationStatus, ""),
	}, notKept(notifyPrimary, r.NotifyPrimary)
}

// User is contract §4.5. What usher does not have is sent as the contract's
// "none", because generated clients need every field.
type User struct {
	ID                            string          `json:"id"`
	Object                        string          `json:"object"`
	Username                      *string         `json:"username"`
	FirstName                     *string         `json:"first_name"`
	LastName                      *string         `json:"last_name"`
	Locale                        *string         `json:"locale"`
	ImageURL                      string          `json:"image_url"`
	ProfileImageURL               string          `json:"profile_image_url"`
	HasImage                      bool            `json:"has_image"`
	PrimaryEmailAddressID         *string         `json:"primary_email_address_id"`
	PrimaryPhoneNumberID          *string         `json:"primary_phone_number_id"`
	PrimaryWeb3WalletID           *string         `json:"primary_web3_wallet_id"`
	PasswordEnabled               bool            `json:"password_enabled"`
	TwoFactorEnabled              bool            `json:"two_factor_enabled"`
	TOTPEnabled                   bool            `json:"totp_enabled"`
	BackupCodeEnabled             bool            `json:"backup_code_enabled"`
	EmailAddresses                []EmailAddress  `json:"email_addresses"`
	PhoneNumbers                  []struct{}      `json:"phone_numbers"`
	Web3Wallets                   []struct{}      `json:"web3_wallets"`
	Passkeys                      []struct{}      `json:"passkeys"`
	ExternalAccounts              []struct{}      `json:"external_accounts"`
	SAMLAccounts                  []struct{}      `json:"saml_accounts"`
	EnterpriseAccounts            []struct{}      `json:"enterprise_accounts"`
	PublicMetadata                json.RawMessage `json:"public_metadata"`
	PrivateMetadata               json.RawMessage `json:"private_metadata"`
	UnsafeMetadata                json.RawMessage `json:"unsafe_metadata"`
	ExternalID                    *string         `json:"external_id"`
	LastSignInAt                  *invite.Instant `json:"last_sign_in_at"`
	MFAEnabledAt                  *invite.Instant `json:"mfa_enabled_at"`
	MFADisabledAt                 *invite.Instant `json:"mfa_disabled_at"`
	PasswordLastUpdatedAt         *invite.Instant `json:"password_last_updated_at"`
	Banned                        bool            `json:"banned"`
	Locked                        bool            `json:"locked"`
	Deprovisioned                 bool            `json:"deprovisioned"`
	LockoutExpiresInSeconds       *int            `json:"lockout_expires_in_seconds"` // null: never
	VerificationAttemptsRemaining *int            `json:"verification_attempts_remaining"`
	CreatedAt                     invite.Instant  `json:"created_at"`
	UpdatedAt                     invite.Instant  `json:"updated_at"`
	DeleteSelfEnabled             bool            `json:"delete_self_enabled"`
	CreateOrganizationEnabled     bool            `json:"create_organization_enabled"`
	CreateOrganizationsLimit      *int            `json:"create_organizations_limit"`
	LastActiveAt                  *invite.Instant `json:"last_active_at"`
	LegalAcceptedAt               *invite.Instant `json:"legal_accepted_at"`
	BypassClientTrust             bool            `json:"bypass_client_trust"`
}

// User returns u as of now.
func (e *Encoder) User(u *invite.User, now invite.Instant) User {
	person := u.Person()
	image := e.personImage(&person)
	none := []struct{}{}
	out := User{
		ID: u.ID, Object: "user", Username: null(u.Username), FirstName: null(u.FirstName), LastName: null(u.LastName), Locale: null(u.Locale),
		ImageURL: image, ProfileImageURL: image, PrimaryEmailAddressID: null(u.PrimaryEmailAddressID), PasswordEnabled: u.HasPassword,
		EmailAddresses: make([]EmailAddress, len(u.EmailAddresses)),
		PhoneNumbers:   none, Web3Wallets: none, Passkeys: none, ExternalAccounts: none, SAMLAccounts: none, EnterpriseAccounts: none,
		PublicMetadata: u.PublicMetadata, PrivateMetadata: u.PrivateMetadata, UnsafeMetadata: u.UnsafeMetadata,
		ExternalID: null(u.ExternalID), LastSignInAt: instant(u.LastSignInAt), PasswordLastUpdatedAt: instant(u.PasswordChangedAt),
		Banned: u.Banned, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
		DeleteSelfEnabled: u.DeleteSelf, CreateOrganizationEnabled: u.CreateOrganizations, CreateOrganizationsLimit: u.OrganizationsLimit,
		LastActiveAt: instant(u.LastActiveAt), LegalAcceptedAt: instant(u.LegalAcceptedAt), BypassClientTrust: u.BypassClientTrust,
	}
	out.Locked, out.LockoutExpiresInSeconds, out.VerificationAttemptsRemaining = lockout(&u.Lockout, now)
	for i := range u.EmailAddresses {
		out.EmailAddresses[i] = EmailAddressOf(&u.EmailAddresses[i])
	}
	return out
}

// lockout returns whether a user is locked, until when if that ends by itself, and how
// many wrong answers lead to it.
func lockout(l *invite.Lockout, now invite.Instant) (locked bool, ends, left *int) {
	if s := l.LockEnd(now); s > 0 {
		ends = &s
	}
	return l.LockedAt(now), ends, new(l.GuessesLeft(now))
}

// EmailAddress is contract §4.5.
type EmailAddress struct {
	ID           string         `json:"id"`
	Object       string         `json:"object"`
	EmailAddress string         `json:"email_address"`
	Reserved     bool           `json:"reserved"`
	Verification *Verification  `json:"verification"`
	LinkedTo     []struct{}     `json:"linked_to"`
	CreatedAt    invite.Instant `json:"created_at"`
	UpdatedAt    invite.Instant `json:"updated_at"`
}

// Verification says how an address was proven.
type Verification struct {
	Object   string          `json:"object"`
	Status   string          `json:"status"`
	Strategy string          `json:"strategy"`
	Attempts *int            `json:"attempts"`
	ExpireAt *invite.Instant `json:"expire_at"`
}

// EmailAddressOf returns a. An address that nothing has proven is sent as one whose
// code was never asked for: the contract allows null as well, but its schema has no
// null among the variants.
func EmailAddressOf(a *invite.EmailAddress) EmailAddress {
	verification := Verification{Object: "verification_otp", Status: "unverified", Strategy: "email_code"}
	switch a.Verified {
	case invite.Unverified:
	case invite.VerifiedByCode:
		verification.Status, verification.ExpireAt = "verified", &a.UpdatedAt
	default:
		verification = Verification{Object: "verification_" + string(a.Verified), Status: "verified", Strategy: string(a.Verified)}
	}
	return EmailAddress{
		ID: a.ID, Object: "email_address", EmailAddress: a.Email.Address, Reserved: a.Reserved, LinkedTo: []struct{}{},
		Verification: &verification, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
}
