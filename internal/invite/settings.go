package invite

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// Settings are what an application changes about its instance while it runs.
// The zero Settings are a new instance's. Their tags are the form in which they
// are stored.
type Settings struct {
	OrganizationsDisabled bool             `json:"organizations_disabled,omitzero"`
	AdminDeleteDisabled   bool             `json:"admin_delete_disabled,omitzero"` // of a new organization
	SlugsDisabled         bool             `json:"slugs_disabled,omitzero"`
	DomainsEnabled        bool             `json:"domains_enabled,omitzero"`
	EnrollmentModes       []EnrollmentMode `json:"enrollment_modes,omitzero"` // nil: every mode

	Restrictions Restrictions  `json:"restrictions,omitzero"`
	Sessions     SessionLimits `json:"sessions,omitzero"`

	// What follows is kept for browsers. The Backend API answers only the origins.
	AllowedOrigins         []string `json:"allowed_origins,omitzero"`
	SupportEmail           string   `json:"support_email,omitzero"`
	DevelopmentOrigin      string   `json:"development_origin,omitzero"`
	ClerkJSVersion         string   `json:"clerk_js_version,omitzero"`
	TestMode               *bool    `json:"test_mode,omitzero"` // nil: as the environment has it
	URLBasedSessionSyncing bool     `json:"url_based_session_syncing,omitzero"`
	SignInStrategy         string   `json:"sign_in_strategy,omitzero"`
}

// Restrictions say who may not come in.
type Restrictions struct {
	Allowlist              bool `json:"allowlist,omitzero"`
	Blocklist              bool `json:"blocklist,omitzero"`
	ListsDisabledOnSignIn  bool `json:"lists_disabled_on_sign_in,omitzero"`
	BlockSubaddresses      bool `json:"block_subaddresses,omitzero"`
	BlockDisposableDomains bool `json:"block_disposable_domains,omitzero"`
}

// Testing reports whether the instance is in test mode, which one for tests is
// unless it was switched off.
func (s *Settings) Testing(e Environment) bool {
	if s.TestMode != nil {
		return *s.TestMode
	}
	return e == Test
}

// How much an instance may have (contract §4.7).
const (
	MaxRoles   = 10
	MaxDomains = 10 // of one organization
)

// CreatorPermissions are what the role of an organization's creator cannot be without.
var CreatorPermissions = []string{MembershipsRead, MembershipsManage, ProfileDelete}

// CheckOrganizations refuses with OrganizationsDisabled where an application has
// switched organizations off.
func (s *Settings) CheckOrganizations() error {
	if s.OrganizationsDisabled {
		return Err(OrganizationsDisabled)
	}
	return nil
}

// CheckSlug refuses with SlugsDisabled a slug that a client gives where it may not.
func (s *Settings) CheckSlug(slug string) error {
	if s.SlugsDisabled && slug != "" {
		return Err(SlugsDisabled)
	}
	return nil
}

// CheckCreatorRole refuses with CreatorRoleTooWeak a role whose holder could not
// run the organization it has made.
func CheckCreatorRole(r Role) error {
	for _, p := range CreatorPermissions {
		if !r.Can(p) {
			return Err(CreatorRoleTooWeak, CreatorPermissions...)
		}
	}
	return nil
}

// InstanceChange changes what PATCH /instance does. Nil fields are left as they are.
type InstanceChange struct {
	AllowedOrigins         *[]string
	SupportEmail           *string // empty: none
	DevelopmentOrigin      *string
	ClerkJSVersion         *string
	TestMode               *bool
	URLBasedSessionSyncing *bool
	SignInStrategy         *string
	// What follows the contract has no parameters for: the command line changes it.
	HomeURL, FrontendHost *string
	Sessions              SessionLimits // what is 0 stays
	// BreachedPasswords asks to compare passwords with a public list of stolen ones,
	// which this server has no way to do: true is refused.
	BreachedPasswords *bool
}

// maxOrigins is how many origins an instance may allow.
const maxOrigins = 100

// Apply changes in, or refuses the inputs that break a rule.
func (c *InstanceChange) Apply(in *Instance) error {
	s := &in.Settings
	set(&in.HomeURL, c.HomeURL)
	if c.FrontendHost != nil {
		in.FrontendHost = strings.ToLower(*c.FrontendHost)
	}
	if c.BreachedPasswords != nil && *c.BreachedPasswords {
		return ParamErr(ParamValue, "hibp", "true")
	}
	s.Sessions.Lifetime = cmp.Or(c.Sessions.Lifetime, s.Sessions.Lifetime)
	s.Sessions.Idle = cmp.Or(c.Sessions.Idle, s.Sessions.Idle)
	set(&s.SupportEmail, c.SupportEmail)
	set(&s.DevelopmentOrigin, c.DevelopmentOrigin)
	set(&s.ClerkJSVersion, c.ClerkJSVersion)
	if bad := checkText("clerk_js_version", s.ClerkJSVersion); bad != nil {
		return bad
	}
	if _, ok := ParseEmail(s.SupportEmail); s.SupportEmail != "" && !ok {
		return ParamErr(ParamEmailFormat, "support_email")
	}
	if s.DevelopmentOrigin != "" && !isOrigin(s.DevelopmentOrigin) {
		return ParamErr(ParamFormat, "development_origin")
	}
	if c.SignInStrategy != nil && !slices.Contains([]string{"", "password", "otp"}, *c.SignInStrategy) {
		return ParamErr(ParamValue, "preferred_sign_in_strategy_when_password_required", *c.SignInStrategy)
	}
	set(&s.SignInStrategy, c.SignInStrategy)
	set(&s.URLBasedSessionSyncing, c.URLBasedSessionSyncing)
	if c.TestMode != nil {
		s.TestMode = c.TestMode
	}
	if c.AllowedOrigins == nil {
		return nil
	}
	s.AllowedOrigins = *c.AllowedOrigins
	return checkOrigins(s.AllowedOrigins)
}

func checkOrigins(origins []string) error {
	if len(origins) > maxOrigins {
		return &Error{Kind: ParamTooMany, Param: "allowed_origins", Limit: maxOrigins}
	}
	for i, o := range origins {
		if !isOrigin(o) {
			return ParamErr(ParamFormat, "allowed_origins")
		}
		if slices.Contains(origins[:i], o) {
			return ParamErr(ParamDuplicate, "allowed_origins")
		}
	}
	return nil
}

// isOrigin accepts a scheme, a host and maybe a port, as browsers send them
// (RFC 6454 §6.2); the schemes of browser extensions and shells among them.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= MaxName && u.Scheme != "" && u.Host != "" && u.User == nil && s == Origin(s)
}

// RestrictionsChange changes restrictions. Nil fields are left as they are.
type RestrictionsChange struct {
	Allowlist, Blocklist   *bool
	ListsDisabledOnSignIn  *bool
	BlockSubaddresses      *bool
	BlockDisposableDomains *bool
}

// Apply changes r.
func (c *RestrictionsChange) Apply(r *Restrictions) {
	set(&r.Allowlist, c.Allowlist)
	set(&r.Blocklist, c.Blocklist)
	set(&r.ListsDisabledOnSignIn, c.ListsDisabledOnSignIn)
	set(&r.BlockSubaddresses, c.BlockSubaddresses)
	set(&r.BlockDisposableDomains, c.BlockDisposableDomains)
}

// OrganizationSettings is what holds for the organizations of an instance.
type OrganizationSettings struct {
	*Instance
	// Roles is the initial role set. Its creator role and its default role are the
	// settings' creator_role and domains_default_role.
	Roles *RoleSet
}

// OrganizationSettingsChange changes what holds for the organizations of an
// instance. Nil fields are left as they are.
type OrganizationSettingsChange struct {
	Enabled               *bool
	MaxAllowedMemberships *int
	AdminDeleteEnabled    *bool
	DomainsEnabled        *bool
	SlugsDisabled         *bool
	EnrollmentModes       *[]string
	CreatorRoleID         *string // of the initial role set, as is
	DomainsRoleID         *string // this one
}

// Appoint changes the roles of creators and newcomers in s, the initial role set.
func (c *OrganizationSettingsChange) Appoint(s *RoleSet) error {
	if id := c.DomainsRoleID; id != nil {
		if !s.Has(*id) {
			return ParamErr(RoleNotFound, "domains_default_role_id")
		}
		s.DefaultRoleID = *id
	}
	if id := c.CreatorRoleID; id != nil {
		if !s.Has(*id) {
			return ParamErr(RoleNotFound, "creator_role_id")
		}
		s.CreatorRoleID = *id
		return CheckCreatorRole(s.Creator())
	}
	return nil
}

// Apply changes in, or refuses the inputs that break a rule.
func (c *OrganizationSettingsChange) Apply(in *Instance) error {
	s := &in.Settings
	if err := checkLimit(c.MaxAllowedMemberships); err != nil {
		return err
	}
	set(&in.MaxAllowedMemberships, c.MaxAllowedMemberships)
	unset(&s.OrganizationsDisabled, c.Enabled)
	unset(&s.AdminDeleteDisabled, c.AdminDeleteEnabled)
	set(&s.SlugsDisabled, c.SlugsDisabled)
	set(&s.DomainsEnabled, c.DomainsEnabled)
	if c.EnrollmentModes == nil {
		return nil
	}
	s.EnrollmentModes = []EnrollmentMode{ManualInvitation}
	for _, raw := range *c.EnrollmentModes {
		mode, bad := ParseEnrollmentMode("domains_enrollment_modes", raw)
		if bad != nil {
			return bad
		}
		if !slices.Contains(s.EnrollmentModes, mode) {
			s.EnrollmentModes = append(s.EnrollmentModes, mode)
		}
	}
	return nil
}

// unset stores the opposite of value.
func unset(field, value *bool) {
	if value != nil {
		*field = !*value
	}
}

// Modes returns how the domains of organizations may bring people in; manual
// invitations are always possible.
func (s *Settings) Modes() []EnrollmentMode {
	if s.EnrollmentModes == nil {
		return enrollmentModes
	}
	return s.EnrollmentModes
}
