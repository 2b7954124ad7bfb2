package clerk

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"usher/internal/invite"
)

// Enveloped is the answer of every operation of the Frontend API but a few
// (contract §5.3). The client comes along after each change.
type Enveloped struct {
	Response any     `json:"response"`
	Client   *Client `json:"client"`
}

// FrontOrganization is an organization as its members see it: without what is
// private to the application.
type FrontOrganization struct {
	Object                  string          `json:"object"`
	ID                      string          `json:"id"`
	Name                    string          `json:"name"`
	Slug                    string          `json:"slug"`
	ImageURL                string          `json:"image_url"`
	HasImage                bool            `json:"has_image"`
	LogoURL                 *string         `json:"logo_url"`
	MembersCount            int             `json:"members_count"`
	PendingInvitationsCount int             `json:"pending_invitations_count"`
	MaxAllowedMemberships   int             `json:"max_allowed_memberships"`
	AdminDeleteEnabled      bool            `json:"admin_delete_enabled"`
	PublicMetadata          json.RawMessage `json:"public_metadata"`
	CreatedAt               invite.Instant  `json:"created_at"`
	UpdatedAt               invite.Instant  `json:"updated_at"`
}

// FrontOrganization returns o.
func (e *Encoder) FrontOrganization(o *invite.Organization) FrontOrganization {
	out := FrontOrganization{
		Object: "organization", ID: o.ID, Name: o.Name, Slug: o.Slug, ImageURL: e.organizationImage(o), HasImage: o.Logo != "",
		MembersCount: o.Members, PendingInvitationsCount: o.Pending, MaxAllowedMemberships: o.MaxAllowedMemberships,
		AdminDeleteEnabled: o.AdminDeleteEnabled, PublicMetadata: o.PublicMetadata, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
	if out.HasImage {
		out.LogoURL = &out.ImageURL
	}
	return out
}

// FrontPerson is what a membership says of its user to other members.
type FrontPerson struct {
	UserID          string  `json:"user_id"`
	FirstName       *string `json:"first_name"`
	LastName        *string `json:"last_name"`
	ImageURL        string  `json:"image_url"`
	ProfileImageURL string  `json:"profile_image_url"`
	HasImage        bool    `json:"has_image"`
	Identifier      string  `json:"identifier"`
	Username        *string `json:"username"`
	Banned          bool    `json:"banned"`
	Deprovisioned   bool    `json:"deprovisioned"`
}

// FrontPerson returns p.
func (e *Encoder) FrontPerson(p *invite.Person) FrontPerson {
	image := e.personImage(p)
	return FrontPerson{
		UserID: p.UserID, FirstName: null(p.FirstName), LastName: null(p.LastName), ImageURL: image, ProfileImageURL: image,
		Identifier: p.Identifier, Username: null(p.Username), Banned: p.Banned,
	}
}

// FrontMembership is a membership as members see it.
type FrontMembership struct {
	Object         string            `json:"object"`
	ID             string            `json:"id"`
	Role           string            `json:"role"`
	RoleName       string            `json:"role_name"`
	Permissions    []string          `json:"permissions"`
	PublicMetadata json.RawMessage   `json:"public_metadata"`
	Organization   FrontOrganization `json:"organization"`
	PublicUserData FrontPerson       `json:"public_user_data"`
	CreatedAt      invite.Instant    `json:"created_at"`
	UpdatedAt      invite.Instant    `json:"updated_at"`
}

// FrontMembership returns m.
func (e *Encoder) FrontMembership(m *invite.Membership) FrontMembership {
	return FrontMembership{
		Object: "organization_membership", ID: m.ID, Role: m.Role.Key, RoleName: m.Role.Name, Permissions: permissionKeys(m.Role),
		PublicMetadata: m.PublicMetadata, Organization: e.FrontOrganization(&m.Organization), PublicUserData: e.FrontPerson(&m.User),
		CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
	}
}

func permissionKeys(r invite.Role) []string {
	keys := make([]string, len(r.Permissions))
	for i, p := range r.Permissions {
		keys[i] = p.Key
	}
	return keys
}

// FrontUser is a user as it sees itself: contract §5.10.
type FrontUser struct {
	ID                            string              `json:"id"`
	Object                        string              `json:"object"`
	Username                      *string             `json:"username"`
	FirstName                     *string             `json:"first_name"`
	LastName                      *string             `json:"last_name"`
	ImageURL                      string              `json:"image_url"`
	ProfileImageURL               string              `json:"profile_image_url"`
	HasImage                      bool                `json:"has_image"`
	PrimaryEmailAddressID         *string             `json:"primary_email_address_id"`
	PrimaryPhoneNumberID          *string             `json:"primary_phone_number_id"`
	PrimaryWeb3WalletID           *string             `json:"primary_web3_wallet_id"`
	PasswordEnabled               bool                `json:"password_enabled"`
	TwoFactorEnabled              bool                `json:"two_factor_enabled"`
	TOTPEnabled                   bool                `json:"totp_enabled"`
	BackupCodeEnabled             bool                `json:"backup_code_enabled"`
	EmailAddresses                []FrontEmailAddress `json:"email_addresses"`
	PhoneNumbers                  []struct{}          `json:"phone_numbers"`
	Web3Wallets                   []struct{}          `json:"web3_wallets"`
	Passkeys                      []struct{}          `json:"passkeys"`
	OrganizationMemberships       []FrontMembership   `json:"organization_memberships"`
	ExternalAccounts              []struct{}          `json:"external_accounts"`
	SAMLAccounts                  []struct{}          `json:"saml_accounts"`
	EnterpriseAccounts            []struct{}          `json:"enterprise_accounts"`
	PasswordLastUpdatedAt         *invite.Instant     `json:"password_last_updated_at"`
	PublicMetadata                json.RawMessage     `json:"public_metadata"`
	UnsafeMetadata                json.RawMessage     `json:"unsafe_metadata"`
	ExternalID                    *string             `json:"external_id"`
	LastSignInAt                  *invite.Instant     `json:"last_sign_in_at"`
	Banned                        bool                `json:"banned"`
	Locked                        bool                `json:"locked"`
	Deprovisioned                 bool                `json:"deprovisioned"`
	LockoutExpiresInSeconds       *int                `json:"lockout_expires_in_seconds"`
	VerificationAttemptsRemaining *int                `json:"verification_attempts_remaining"`
	CreatedAt                     invite.Instant      `json:"created_at"`
	UpdatedAt                     invite.Instant      `json:"updated_at"`
	DeleteSelfEnabled             bool                `json:"delete_self_enabled"`
	CreateOrganizationEnabled     bool                `json:"create_organization_enabled"`
	CreateOrganizationsLimit      *int                `json:"create_organizations_limit,omitempty"`
	LastActiveAt                  *invite.Instant     `json:"last_active_at"`
	MFAEnabledAt                  *invite.Instant     `json:"mfa_enabled_at"`
	MFADisabledAt                 *invite.Instant     `json:"mfa_disabled_at"`
	LegalAcceptedAt               *invite.Instant     `json:"legal_accepted_at"`
}

// FrontUser returns u as of now, with the newest of its memberships.
func (e *Encoder) FrontUser(u *invite.User, memberships []*invite.Membership, now invite.Instant) FrontUser {
	person := u.Person()
	image := e.personImage(&person)
	none := []struct{}{}
	out := FrontUser{
		ID: u.ID, Object: "user", Username: null(u.Username), FirstName: null(u.FirstName), LastName: null(u.LastName),
		ImageURL: image, ProfileImageURL: image, PrimaryEmailAddressID: null(u.PrimaryEmailAddressID), PasswordEnabled: u.HasPassword,
		EmailAddresses: make([]FrontEmailAddress, len(u.EmailAddresses)), OrganizationMemberships: make([]FrontMembership, len(memberships)),
		PhoneNumbers: none, Web3Wallets: none, Passkeys: none, ExternalAccounts: none, SAMLAccounts: none, EnterpriseAccounts: none,
		PublicMetadata: u.PublicMetadata, UnsafeMetadata: u.UnsafeMetadata, ExternalID: null(u.ExternalID),
		LastSignInAt: instant(u.LastSignInAt), PasswordLastUpdatedAt: instant(u.PasswordChangedAt),
		Banned: u.Banned, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
		DeleteSelfEnabled: u.DeleteSelf, CreateOrganizationEnabled: u.CreateOrganizations, CreateOrganizationsLimit: u.OrganizationsLimit,
		LastActiveAt: instant(u.LastActiveAt), LegalAcceptedAt: instant(u.LegalAcceptedAt),
	}
	out.Locked, out.LockoutExpiresInSeconds, out.VerificationAttemptsRemaining = lockout(&u.Lockout, now)
	for i := range u.EmailAddresses {
		out.EmailAddresses[i] = FrontEmailAddressOf(&u.EmailAddresses[i], now)
	}
	for i, m := range memberships {
		out.OrganizationMemberships[i] = e.FrontMembership(m)
	}
	return out
}

// FrontEmailAddress is an address as its owner sees it.
type FrontEmailAddress struct {
	EmailAddress
	MatchesSSOConnection bool `json:"matches_sso_connection"`
}

// FrontEmailAddressOf returns a as of now. One to which no code was ever sent has no
// verification.
func FrontEmailAddressOf(a *invite.EmailAddress, now invite.Instant) FrontEmailAddress {
	out := FrontEmailAddress{EmailAddress: EmailAddressOf(a)}
	if a.Verified != invite.Unverified {
		return out
	}
	if a.Code.Number == 0 {
		out.Verification = nil
		return out
	}
	out.Verification.Status, out.Verification.Attempts, out.Verification.ExpireAt = codeStatus(&a.Code, now), &a.Code.Attempts, &a.Code.ExpiresAt
	return out
}

// FrontSession is a session as its browser sees it: contract §5.10.
type FrontSession struct {
	Object                   string         `json:"object"`
	ID                       string         `json:"id"`
	Status                   string         `json:"status"`
	ExpireAt                 invite.Instant `json:"expire_at"`
	AbandonAt                invite.Instant `json:"abandon_at"`
	LastActiveAt             invite.Instant `json:"last_active_at"`
	LastActiveToken          *Token         `json:"last_active_token"`
	LastActiveOrganizationID *string        `json:"last_active_organization_id"`
	Actor                    *struct{}      `json:"actor"`
	FactorVerificationAge    [2]int         `json:"factor_verification_age"` // minutes since the first and the second; -1 for none
	User                     FrontUser      `json:"user"`
	PublicUserData           FrontPerson    `json:"public_user_data"`
	CreatedAt                invite.Instant `json:"created_at"`
	UpdatedAt                invite.Instant `json:"updated_at"`
}

// FrontSession returns a, with a token that it may use; nil for none.
func (e *Encoder) FrontSession(a *invite.Account, token *Token, now invite.Instant) FrontSession {
	s, person := a.Session, a.User.Person()
	return FrontSession{
		Object: "session", ID: s.ID, Status: string(s.StatusAt(now)), ExpireAt: s.ExpireAt, AbandonAt: s.AbandonAt, LastActiveAt: s.LastActiveAt,
		LastActiveToken: token, LastActiveOrganizationID: null(s.OrganizationID), FactorVerificationAge: factorAge(s, now),
		User: e.FrontUser(a.User, a.Memberships, now), PublicUserData: e.FrontPerson(&person), CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
}

// ActiveSession is a session as its user sees it among all of the user's.
type ActiveSession struct {
	Object         string          `json:"object"`
	ID             string          `json:"id"`
	Status         string          `json:"status"`
	ExpireAt       invite.Instant  `json:"expire_at"`
	AbandonAt      invite.Instant  `json:"abandon_at"`
	LastActiveAt   invite.Instant  `json:"last_active_at"`
	Actor          *struct{}       `json:"actor"`
	LatestActivity SessionActivity `json:"latest_activity"`
}

// SessionActivity says on what a session was used. What people use is not kept here.
type SessionActivity struct {
	Object   string `json:"object"`
	ID       string `json:"id"`
	IsMobile bool   `json:"is_mobile"`
}

// ActiveSessionOf returns s as of now.
func ActiveSessionOf(s *invite.Session, now invite.Instant) ActiveSession {
	return ActiveSession{
		Object: "session", ID: s.ID, Status: string(s.StatusAt(now)), ExpireAt: s.ExpireAt, AbandonAt: s.AbandonAt, LastActiveAt: s.LastActiveAt,
		LatestActivity: SessionActivity{Object: "session_activity", ID: "sessact_" + bare(s.ID)},
	}
}

func factorAge(s *invite.Session, now invite.Instant) [2]int {
	return [2]int{int((now - s.CreatedAt) / 60_000), -1}
}

// Client is a browser as it sees itself: contract §5.10.
type Client struct {
	Object                     string          `json:"object"`
	ID                         string          `json:"id"`
	Sessions                   []FrontSession  `json:"sessions"`
	SignIn                     *SignIn         `json:"sign_in"`
	SignUp                     *SignUp         `json:"sign_up"`
	LastActiveSessionID        *string         `json:"last_active_session_id"`
	LastAuthenticationStrategy *string         `json:"last_authentication_strategy"`
	CookieExpiresAt            *invite.Instant `json:"cookie_expires_at"`
	CaptchaBypass              bool            `json:"captcha_bypass"`
	CreatedAt                  invite.Instant  `json:"created_at"`
	UpdatedAt                  invite.Instant  `json:"updated_at"`
}

// Client returns state with a token for each of its sessions.
func (e *Encoder) Client(state *invite.ClientState, tokens []*Token, now invite.Instant) *Client {
	c := &Client{
		Object: "client", ID: state.ID, Sessions: make([]FrontSession, len(state.Accounts)), LastActiveSessionID: null(state.ActiveSessionID),
		CreatedAt: state.CreatedAt, UpdatedAt: state.UpdatedAt,
	}
	for i := range state.Accounts {
		c.Sessions[i] = e.FrontSession(&state.Accounts[i], tokens[i], now)
	}
	if state.SignIn != nil && state.SignIn.SessionID == "" {
		c.SignIn = e.SignIn(state.SignIn, now)
	}
	if state.SignUp != nil && state.SignUp.SessionID == "" {
		c.SignUp = SignUpOf(state.SignUp, now)
	}
	return c
}

// SignIn is contract §5.10.
type SignIn struct {
	Object                   string         `json:"object"`
	ID                       string         `json:"id"`
	Status                   string         `json:"status"`
	SupportedIdentifiers     []string       `json:"supported_identifiers"`
	SupportedFirstFactors    []Factor       `json:"supported_first_factors"`
	SupportedSecondFactors   []Factor       `json:"supported_second_factors"`
	FirstFactorVerification  *FactorProof   `json:"first_factor_verification"`
	SecondFactorVerification *FactorProof   `json:"second_factor_verification"`
	Identifier               *string        `json:"identifier"`
	UserData                 *SignInUser    `json:"user_data"`
	CreatedSessionID         *string        `json:"created_session_id"`
	AbandonAt                invite.Instant `json:"abandon_at"`
}

// Factor is one way to prove who one is.
type Factor struct {
	Strategy       string `json:"strategy"`
	SafeIdentifier string `json:"safe_identifier,omitempty"`
	EmailAddressID string `json:"email_address_id,omitempty"`
	Primary        *bool  `json:"primary,omitempty"`
}

// FactorProof says how far a proof has come.
type FactorProof struct {
	Object   string          `json:"object"`
	Status   string          `json:"status"`
	Strategy string          `json:"strategy"`
	Attempts *int            `json:"attempts"`
	ExpireAt *invite.Instant `json:"expire_at"`
}

// SignInUser is what a browser is told of whom an identifier names, before anything
// is proven: the picture, for those who are to recognize themselves. Names are not.
type SignInUser struct {
	FirstName       *string `json:"first_name"`
	LastName        *string `json:"last_name"`
	ImageURL        string  `json:"image_url"`
	HasImage        bool    `json:"has_image"`
	ProfileImageURL *string `json:"profile_image_url"`
}

// SignIn returns s.
func (e *Encoder) SignIn(s *invite.SignIn, now invite.Instant) *SignIn {
	out := &SignIn{
		Object: "sign_in_attempt", ID: s.ID, Status: "needs_first_factor", SupportedIdentifiers: []string{"email_address", "username"},
		SupportedFirstFactors: []Factor{}, Identifier: null(s.Identifier), CreatedSessionID: null(s.SessionID), AbandonAt: s.AbandonAt,
	}
	switch {
	case s.SessionID != "":
		out.Status = "complete"
	case s.NeedsPassword:
		out.Status = "needs_new_password"
	default:
		out.SupportedFirstFactors = factorsOf(s)
	}
	out.FirstFactorVerification = proofOf(s, now)
	return out
}

func factorsOf(s *invite.SignIn) []Factor {
	list := []Factor{}
	for _, strategy := range s.FirstFactors() {
		if !strategy.Mails() {
			list = append(list, Factor{Strategy: string(strategy)})
			continue
		}
		for _, a := range s.User.EmailAddresses {
			if a.Verified == invite.Unverified {
				continue
			}
			primary := a.ID == s.User.PrimaryEmailAddressID
			list = append(list, Factor{
				Strategy: string(strategy), SafeIdentifier: safeIdentifier(a.Email.Address, s.Identifier), EmailAddressID: a.ID, Primary: &primary,
			})
		}
	}
	return list
}

// safeIdentifier returns an address as much as may be told before anything is
// proven: whole to whom has typed it, else what its owner recognizes.
func safeIdentifier(address, typed string) string {
	local, domain, _ := strings.Cut(address, "@")
	if strings.EqualFold(address, typed) {
		return address
	}
	first, _ := utf8.DecodeRuneInString(local)
	return string(first) + "*****@" + domain
}

func proofOf(s *invite.SignIn, now invite.Instant) *FactorProof {
	if s.Strategy == "" {
		return nil
	}
	p := &FactorProof{Object: "verification_" + string(s.Strategy), Status: "unverified", Strategy: string(s.Strategy)}
	if s.Strategy.Mails() {
		p.Object, p.Attempts, p.ExpireAt = "verification_otp", &s.Code.Attempts, &s.Code.ExpiresAt
		p.Status = codeStatus(&s.Code, now)
	}
	if s.SessionID != "" || s.NeedsPassword {
		p.Status = "verified"
	}
	return p
}

// codeStatus says whether an answer to a code is still taken.
func codeStatus(c *invite.Code, now invite.Instant) string {
	switch err := c.Usable(now); {
	case errors.Is(err, invite.Err(invite.CodeFailed)):
		return "failed"
	case err != nil:
		return "expired"
	}
	return "unverified"
}

// SignUp is contract §5.10.
type SignUp struct {
	Object           string          `json:"object"`
	ID               string          `json:"id"`
	Status           string          `json:"status"`
	RequiredFields   []string        `json:"required_fields"`
	OptionalFields   []string        `json:"optional_fields"`
	MissingFields    []string        `json:"missing_fields"`
	UnverifiedFields []string        `json:"unverified_fields"`
	Verifications    Verifications   `json:"verifications"`
	Username         *string         `json:"username"`
	EmailAddress     *string         `json:"email_address"`
	PhoneNumber      *string         `json:"phone_number"`
	Web3Wallet       *string         `json:"web3_wallet"`
	PasswordEnabled  bool            `json:"password_enabled"`
	FirstName        *string         `json:"first_name"`
	LastName         *string         `json:"last_name"`
	UnsafeMetadata   json.RawMessage `json:"unsafe_metadata"`
	CustomAction     bool            `json:"custom_action"`
	ExternalID       *string         `json:"external_id"`
	CreatedSessionID *string         `json:"created_session_id"`
	CreatedUserID    *string         `json:"created_user_id"`
	AbandonAt        invite.Instant  `json:"abandon_at"`
	LegalAcceptedAt  *invite.Instant `json:"legal_accepted_at"`
}

// Verifications says what a new account has proven.
type Verifications struct {
	EmailAddress    *SignUpProof `json:"email_address"`
	PhoneNumber     *SignUpProof `json:"phone_number"`
	Web3Wallet      *SignUpProof `json:"web3_wallet"`
	ExternalAccount *SignUpProof `json:"external_account"`
}

// SignUpProof says how far the proof of an identifier has come, and what is next.
type SignUpProof struct {
	FactorProof
	NextAction          string   `json:"next_action"`
	SupportedStrategies []string `json:"supported_strategies"`
}

// SignUpOf returns s.
func SignUpOf(s *invite.SignUp, now invite.Instant) *SignUp {
	out := &SignUp{
		Object: "sign_up_attempt", ID: s.ID, Status: "missing_requirements",
		RequiredFields: invite.RequiredFields, OptionalFields: invite.OptionalFields,
		MissingFields: s.Missing(), UnverifiedFields: s.Unproven(), Username: null(s.Username), EmailAddress: null(s.Email.Address),
		PasswordEnabled: s.PasswordDigest != "" || s.UserID != "", FirstName: null(s.FirstName), LastName: null(s.LastName),
		UnsafeMetadata: s.UnsafeMetadata, CreatedSessionID: null(s.SessionID), CreatedUserID: null(s.UserID),
		AbandonAt: s.AbandonAt, LegalAcceptedAt: instant(s.LegalAcceptedAt),
	}
	if s.SessionID != "" {
		out.Status, out.MissingFields = "complete", []string{}
	}
	if s.Email.Key != "" {
		out.Verifications.EmailAddress = signUpProof(s, now)
	}
	return out
}

func signUpProof(s *invite.SignUp, now invite.Instant) *SignUpProof {
	p := &SignUpProof{SupportedStrategies: []string{string(invite.ByEmailCode)}}
	switch {
	case s.Verified == invite.VerifiedByTicket:
		p.FactorProof = FactorProof{Object: "verification_ticket", Status: "verified", Strategy: "ticket"}
		p.SupportedStrategies = []string{"ticket"}
		return p
	case s.Verified != invite.Unverified:
		p.Status = "verified"
	case s.Code.Number == 0 || s.Code.Usable(now) != nil:
		p.Status, p.NextAction = "expired", "needs_prepare" // at "unverified", <SignUp/> waits for a code that nobody sent
	default:
		p.Status, p.NextAction = "unverified", "needs_attempt"
	}
	p.Object, p.Strategy, p.Attempts, p.ExpireAt = "verification_otp", string(invite.ByEmailCode), &s.Code.Attempts, &s.Code.ExpiresAt
	return p
}

// CookieLifetime is how long a browser keeps the cookie that it is known by.
const CookieLifetime = 365 * 24 * time.Hour
