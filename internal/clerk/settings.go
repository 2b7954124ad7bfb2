package clerk

import "usher/internal/invite"

// Instance is contract §4.7.
type Instance struct {
	Object          string   `json:"object"`
	ID              string   `json:"id"`
	EnvironmentType string   `json:"environment_type"`
	AllowedOrigins  []string `json:"allowed_origins"`
	WorkspaceID     *string  `json:"workspace_id"`
}

// InstanceOf returns in. Nobody owns it: there are no workspaces here.
func InstanceOf(in *invite.Instance) Instance {
	environment := "development"
	if in.Environment == invite.Live {
		environment = "production"
	}
	return Instance{Object: "instance", ID: in.ID, EnvironmentType: environment, AllowedOrigins: in.Settings.AllowedOrigins}
}

// UpdateInstance is the body of PATCH /instance.
type UpdateInstance struct {
	TestMode               *bool     `json:"test_mode"`
	HIBP                   *bool     `json:"hibp"`
	SupportEmail           *string   `json:"support_email"`
	ClerkJSVersion         *string   `json:"clerk_js_version"`
	DevelopmentOrigin      *string   `json:"development_origin"`
	AllowedOrigins         *[]string `json:"allowed_origins"`
	CookielessDev          *bool     `json:"cookieless_dev"` // the older name of the next one
	URLBasedSessionSyncing *bool     `json:"url_based_session_syncing"`
	SignInStrategy         *string   `json:"preferred_sign_in_strategy_when_password_required"`
}

// Change returns the change the request asks for.
func (r *UpdateInstance) Change() invite.InstanceChange {
	syncing := r.URLBasedSessionSyncing
	if syncing == nil {
		syncing = r.CookielessDev
	}
	return invite.InstanceChange{
		AllowedOrigins: r.AllowedOrigins, SupportEmail: r.SupportEmail, DevelopmentOrigin: r.DevelopmentOrigin,
		ClerkJSVersion: r.ClerkJSVersion, TestMode: r.TestMode, URLBasedSessionSyncing: syncing,
		SignInStrategy: r.SignInStrategy, BreachedPasswords: r.HIBP,
	}
}

// Restrictions is contract §4.7.
type Restrictions struct {
	Object                             string `json:"object"`
	Allowlist                          bool   `json:"allowlist"`
	Blocklist                          bool   `json:"blocklist"`
	AllowlistBlocklistDisabledOnSignIn bool   `json:"allowlist_blocklist_disabled_on_sign_in"`
	BlockEmailSubaddresses             bool   `json:"block_email_subaddresses"`
	BlockDisposableEmailDomains        bool   `json:"block_disposable_email_domains"`
}

// RestrictionsOf returns r.
func RestrictionsOf(r *invite.Restrictions) Restrictions {
	return Restrictions{
		Object: "instance_restrictions", Allowlist: r.Allowlist, Blocklist: r.Blocklist,
		AllowlistBlocklistDisabledOnSignIn: r.ListsDisabledOnSignIn,
		BlockEmailSubaddresses:             r.BlockSubaddresses, BlockDisposableEmailDomains: r.BlockDisposableDomains,
	}
}

// UpdateRestrictions is the body of PATCH /instance/restrictions.
type UpdateRestrictions struct {
	Allowlist                          *bool `json:"allowlist"`
	Blocklist                          *bool `json:"blocklist"`
	AllowlistBlocklistDisabledOnSignIn *bool `json:"allowlist_blocklist_disabled_on_sign_in"`
	BlockEmailSubaddresses             *bool `json:"block_email_subaddresses"`
	BlockDisposableEmailDomains        *bool `json:"block_disposable_email_domains"`
}

// Change returns the change the request asks for.
func (r *UpdateRestrictions) Change() invite.RestrictionsChange {
	return invite.RestrictionsChange{
		Allowlist: r.Allowlist, Blocklist: r.Blocklist, ListsDisabledOnSignIn: r.AllowlistBlocklistDisabledOnSignIn,
		BlockSubaddresses: r.BlockEmailSubaddresses, BlockDisposableDomains: r.BlockDisposableEmailDomains,
	}
}

// OrganizationSettings is contract §4.7.
type OrganizationSettings struct {
	Object                 string                  `json:"object"`
	Enabled                bool                    `json:"enabled"`
	MaxAllowedMemberships  int                     `json:"max_allowed_memberships"`
	MaxAllowedRoles        int                     `json:"max_allowed_roles"`
	MaxAllowedDomains      int                     `json:"max_allowed_domains"`
	CreatorRole            string                  `json:"creator_role"`
	AdminDeleteEnabled     bool                    `json:"admin_delete_enabled"`
	DomainsEnabled         bool                    `json:"domains_enabled"`
	SlugDisabled           bool                    `json:"slug_disabled"`
	DomainsEnrollmentModes []invite.EnrollmentMode `json:"domains_enrollment_modes"`
	DomainsDefaultRole     string                  `json:"domains_default_role"`
	InitialRoleSetKey      string                  `json:"initial_role_set_key"`
}

// OrganizationSettingsOf returns s.
func OrganizationSettingsOf(s invite.OrganizationSettings) OrganizationSettings {
	return OrganizationSettings{
		Object: "organization_settings", Enabled: !s.Settings.OrganizationsDisabled,
		MaxAllowedMemberships: s.MaxAllowedMemberships, MaxAllowedRoles: invite.MaxRoles, MaxAllowedDomains: invite.MaxDomains,
		CreatorRole: s.Roles.Creator().Key, AdminDeleteEnabled: !s.Settings.AdminDeleteDisabled,
		DomainsEnabled: s.Settings.DomainsEnabled, SlugDisabled: s.Settings.SlugsDisabled,
		DomainsEnrollmentModes: s.Settings.Modes(), DomainsDefaultRole: s.Roles.Default().Key,
		InitialRoleSetKey: s.Roles.Key,
	}
}

// UpdateOrganizationSettings is the body of PATCH /instance/organization_settings.
type UpdateOrganizationSettings struct {
	Enabled                *bool     `json:"enabled"`
	MaxAllowedMemberships  *int      `json:"max_allowed_memberships"`
	AdminDeleteEnabled     *bool     `json:"admin_delete_enabled"`
	DomainsEnabled         *bool     `json:"domains_enabled"`
	SlugDisabled           *bool     `json:"slug_disabled"`
	DomainsEnrollmentModes *[]string `json:"domains_enrollment_modes"`
	CreatorRoleID          *string   `json:"creator_role_id"`
	DomainsDefaultRoleID   *string   `json:"domains_default_role_id"`
}

// Change returns the change the request asks for.
func (r *UpdateOrganizationSettings) Change() invite.OrganizationSettingsChange {
	return invite.OrganizationSettingsChange{
		Enabled: r.Enabled, MaxAllowedMemberships: r.MaxAllowedMemberships, AdminDeleteEnabled: r.AdminDeleteEnabled,
		DomainsEnabled: r.DomainsEnabled, SlugsDisabled: r.SlugDisabled, EnrollmentModes: r.DomainsEnrollmentModes,
		CreatorRoleID: r.CreatorRoleID, DomainsRoleID: r.DomainsDefaultRoleID,
	}
}
