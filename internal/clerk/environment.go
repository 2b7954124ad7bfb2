package clerk

import (
	"strings"

	"usher/internal/invite"
)

type object = map[string]any

// Environment returns what Clerk's components are told of an instance before
// anything else (contract §5.11, Client.Environment): which ways there are to sign
// in and up, and what organizations may do. home is where the browser's pages are.
// It is the one answer without the envelope.
func Environment(in *invite.Instance, organizations invite.OrganizationSettings, publicURL string) any {
	return object{
		"auth_config":           authConfig(in),
		"display_config":        displayConfig(in, publicURL),
		"user_settings":         userSettings(in),
		"organization_settings": organizationSettings(in, organizations),
		"fraud_settings":        object{"object": "fraud_settings", "native": object{"device_attestation_mode": "disabled"}},
		"commerce_settings": object{"billing": object{
			"stripe_publishable_key": nil, "free_trial_requires_payment_method": false,
			"user":         object{"enabled": false, "has_paid_plans": false},
			"organization": object{"enabled": false, "has_paid_plans": false},
		}},
		"api_keys_settings":   object{"enabled": false, "user_api_keys_enabled": false, "orgs_api_keys_enabled": false},
		"client_debug_mode":   false,
		"partitioned_cookies": false,
		"maintenance_mode":    false,
	}
}

func authConfig(in *invite.Instance) object {
	return object{
		"object": "auth_config", "id": "aconf_" + bare(in.ID),
		"first_name": "on", "last_name": "on", "email_address": "required", "phone_number": "off", "username": "on", "password": "required",
		"identification_requirements": [][]string{{"email_address"}}, "identification_strategies": []string{"email_address", "username"},
		"first_factors": []string{"email_code", "password", "ticket"}, "second_factors": []string{},
		"email_address_verification_strategies": []string{"email_code"},
		"single_session_mode":                   true, "enhanced_email_deliverability": false, "test_mode": in.Settings.Testing(in.Environment),
		"cookieless_dev": false, "url_based_session_syncing": in.Settings.URLBasedSessionSyncing, "claimed_at": nil, "reverification": false,
		"native_settings": object{
			"object": "native_settings", "api_enabled": true, "trusted_device_sign_in_enabled": false,
			"trusted_device_enrollment_prompt_after_sign_in_enabled": false, "trusted_device_enrollment_prompt_after_sign_up_enabled": false,
		},
	}
}

// bare returns an id without its prefix.
func bare(id string) string {
	_, rest, _ := strings.Cut(id, "_")
	return rest
}

func displayConfig(in *invite.Instance, publicURL string) object {
	home := in.HomeURL
	if home == "" {
		home = "/"
	}
	environment, preferred := "production", in.Settings.SignInStrategy
	if in.Environment == invite.Test {
		environment = "development"
	}
	if preferred == "" {
		preferred = "password"
	}
	return object{
		"object": "display_config", "id": "dconf_" + bare(in.ID), "instance_environment_type": environment, "application_name": in.Name,
		"theme": object{}, "preferred_sign_in_strategy": preferred, "logo_image_url": nil, "favicon_image_url": nil,
		"home_url": home, "sign_in_url": publicURL + "/sign-in", "sign_up_url": publicURL + "/sign-up",
		"user_profile_url": publicURL + "/user", "waitlist_url": "", "oauth_consent_url": "",
		"after_sign_in_url": home, "after_sign_up_url": home, "after_sign_out_one_url": publicURL + "/sign-in",
		"after_sign_out_all_url": publicURL + "/sign-in", "after_switch_session_url": home, "after_join_waitlist_url": "",
		"organization_profile_url": publicURL + "/organization", "create_organization_url": publicURL + "/user",
		"after_leave_organization_url": home, "after_create_organization_url": home, "logo_link_url": home,
		"support_email": null(in.Settings.SupportEmail), "branded": false, "experimental_force_oauth_first": false,
		"clerk_js_version": null(in.Settings.ClerkJSVersion), "show_devmode_warning": false, "google_one_tap_client_id": nil,
		"help_url": nil, "privacy_policy_url": nil, "terms_url": nil, "logo_url": nil, "favicon_url": nil, "logo_image": nil, "favicon_image": nil,
		"captcha_public_key": nil, "captcha_widget_type": nil, "captcha_public_key_invisible": nil, "captcha_provider": nil,
		"captcha_oauth_bypass": []string{}, "captcha_heartbeat": false,
	}
}

// attribute says how an attribute of users is used. Nothing else is verified, or
// signs anybody in, than an address.
func attribute(enabled, required bool, firstFactors, verifications []string) object {
	return object{
		"enabled": enabled, "required": required, "used_for_first_factor": len(firstFactors) > 0, "first_factors": firstFactors,
		"used_for_second_factor": false, "second_factors": []string{}, "verifications": verifications,
		"verify_at_sign_up": len(verifications) > 0, "immutable": false,
	}
}

func userSettings(in *invite.Instance) object {
	none, r := []string{}, &in.Settings.Restrictions
	off := attribute(false, false, none, none)
	on := func(yes bool) object { return object{"enabled": yes} }
	return object{
		"attributes": object{
			"email_address": attribute(true, true, []string{"email_code"}, []string{"email_code"}),
			"phone_number":  off, "username": attribute(true, false, none, none), "web3_wallet": off,
			"first_name": attribute(true, false, none, none), "last_name": attribute(true, false, none, none),
			"password": attribute(true, true, none, none), "authenticator_app": off,
			"ticket": attribute(true, false, []string{"ticket"}, none), "backup_code": off, "passkey": off,
		},
		"social":  object{},
		"saml":    object{"enabled": false, "self_serve_sso": false},
		"sign_in": object{"second_factor": object{"required": false}},
		"sign_up": object{
			"captcha_enabled": false, "captcha_widget_type": "smart", "custom_action_required": false, "progressive": true,
			"mode": "public", "legal_consent_enabled": false,
		},
		"enterprise_sso": object{"enabled": false, "self_serve_sso": false},
		"restrictions": object{
			"allowlist": on(r.Allowlist), "blocklist": on(r.Blocklist), "allowlist_blocklist_disabled_on_sign_in": on(r.ListsDisabledOnSignIn),
			"block_email_subaddresses": on(r.BlockSubaddresses), "block_disposable_email_domains": on(r.BlockDisposableDomains),
		},
		"password_settings": object{
			"disable_hibp": true, "disable_password_reverification": true, "min_length": invite.MinPassword, "max_length": invite.MaxPassword,
			"require_special_char": false, "require_numbers": false, "require_uppercase": false, "require_lowercase": false,
			"show_zxcvbn": false, "min_zxcvbn_strength": 0, "enforce_hibp_on_sign_in": false, "allowed_special_characters": "",
		},
		"username_settings": object{
			"min_length": invite.MinUsername, "max_length": invite.MaxUsername, "allow_extended_special_characters": false, "allow_numeric_usernames": false,
		},
		"actions": object{"delete_self": true, "create_organization": !in.Settings.OrganizationsDisabled, "create_organizations_limit": nil},
		"attack_protection": object{
			"user_lockout": object{"enabled": true, "max_attempts": invite.MaxGuesses, "duration_in_minutes": invite.LockoutTime.Minutes()},
			"pii":          on(true), "email_link": object{"require_same_client": true}, "enumeration_protection": on(false),
		},
		"passkey_settings": object{"allow_autofill": false, "show_sign_in_button": false, "satisfies_second_factor": false},
	}
}

func organizationSettings(in *invite.Instance, o invite.OrganizationSettings) object {
	return object{
		"enabled": !in.Settings.OrganizationsDisabled, "max_allowed_memberships": in.MaxAllowedMemberships,
		"actions": object{"admin_delete": !in.Settings.AdminDeleteDisabled},
		"domains": object{
			"enabled": in.Settings.DomainsEnabled, "enrollment_modes": in.Settings.Modes(), "default_role": o.Roles.Default().Key,
		},
		"slug": object{"disabled": in.Settings.SlugsDisabled}, "creator_role": o.Roles.Creator().Key,
	}
}
