package bapi

// routes is the whole surface: each path with its methods.
var routes = map[string]map[string]handler{
	"/v1/organizations": {
		"GET":  (*Server).listOrganizations,
		"POST": (*Server).createOrganization,
	},
	"/v1/organizations/{organization_id}": {
		"GET":    (*Server).getOrganization,
		"PATCH":  (*Server).updateOrganization,
		"DELETE": (*Server).deleteOrganization,
	},
	"/v1/organizations/{organization_id}/metadata": {
		"PATCH": (*Server).mergeOrganizationMetadata,
		"PUT":   (*Server).replaceOrganizationMetadata,
	},

	"/v1/organizations/{organization_id}/logo": {
		"PUT":    (*Server).setLogo,
		"DELETE": (*Server).deleteLogo,
	},

	"/v1/organizations/{organization_id}/invitations": {
		"GET":  (*Server).listInvitations,
		"POST": (*Server).createInvitation,
	},
	"/v1/organizations/{organization_id}/invitations/bulk": {
		"POST": (*Server).createInvitations,
	},
	"/v1/organizations/{organization_id}/invitations/pending": {
		"GET": (*Server).listPendingInvitations,
	},
	"/v1/organizations/{organization_id}/invitations/{invitation_id}": {
		"GET": (*Server).getInvitation,
	},
	"/v1/organizations/{organization_id}/invitations/{invitation_id}/revoke": {
		"POST": (*Server).revokeInvitation,
	},
	"/v1/organization_invitations": {
		"GET": (*Server).listInstanceInvitations,
	},
	"/v1/users/{user_id}/organization_invitations": {
		"GET": (*Server).listUserInvitations,
	},
	"/v1/tickets/redeem": {
		"POST": (*Server).redeemTicket,
	},

	"/v1/invitations": {
		"GET":  (*Server).listApplicationInvitations,
		"POST": (*Server).createApplicationInvitation,
	},
	"/v1/invitations/bulk": {
		"POST": (*Server).createApplicationInvitations,
	},
	"/v1/invitations/{invitation_id}/revoke": {
		"POST": (*Server).revokeApplicationInvitation,
	},

	"/v1/sign_in_tokens": {
		"POST": (*Server).createSignInToken,
	},
	"/v1/sign_in_tokens/{sign_in_token_id}/revoke": {
		"POST": (*Server).revokeSignInToken,
	},

	"/v1/redirect_urls": {
		"GET":  (*Server).listRedirectURLs,
		"POST": (*Server).createRedirectURL,
	},
	"/v1/redirect_urls/{id}": {
		"GET":    (*Server).getRedirectURL,
		"DELETE": (*Server).deleteRedirectURL,
	},

	"/v1/organizations/{organization_id}/memberships": {
		"GET":  (*Server).listMemberships,
		"POST": (*Server).createMembership,
	},
	"/v1/organizations/{organization_id}/memberships/{user_id}": {
		"PATCH":  (*Server).updateMembership,
		"DELETE": (*Server).deleteMembership,
	},
	"/v1/organizations/{organization_id}/memberships/{user_id}/metadata": {
		"PATCH": (*Server).mergeMembershipMetadata,
	},
	"/v1/organization_memberships": {
		"GET": (*Server).listInstanceMemberships,
	},
	"/v1/users/{user_id}/organization_memberships": {
		"GET": (*Server).listUserMemberships,
	},

	"/usher/v1/events": {
		"GET": (*Server).readEvents,
	},
	"/usher/v1/webhooks": {
		"GET":  (*Server).listEndpoints,
		"POST": (*Server).createEndpoint,
	},
	"/usher/v1/webhooks/{endpoint_id}": {
		"GET":    (*Server).getEndpoint,
		"PATCH":  (*Server).updateEndpoint,
		"DELETE": (*Server).deleteEndpoint,
	},
	"/usher/v1/webhooks/{endpoint_id}/secrets": {
		"GET": (*Server).getSigningSecrets,
	},
	"/usher/v1/webhooks/{endpoint_id}/rotate": {
		"POST": (*Server).rotateSecret,
	},
	"/usher/v1/webhooks/{endpoint_id}/test": {
		"POST": (*Server).testEndpoint,
	},
	"/usher/v1/webhooks/{endpoint_id}/replay": {
		"POST": (*Server).replay,
	},
	"/usher/v1/webhooks/{endpoint_id}/deliveries": {
		"GET": (*Server).listDeliveries,
	},
	"/usher/v1/webhooks/{endpoint_id}/deliveries/{event_id}": {
		"GET": (*Server).getDelivery,
	},
	"/usher/v1/webhooks/{endpoint_id}/deliveries/{event_id}/replay": {
		"POST": (*Server).replayEvent,
	},

	"/v1/organization_roles": {
		"GET":  (*Server).listRoles,
		"POST": (*Server).createRole,
	},
	"/v1/organization_roles/{organization_role_id}": {
		"GET":    (*Server).getRole,
		"PATCH":  (*Server).updateRole,
		"DELETE": (*Server).deleteRole,
	},
	"/v1/organization_roles/{organization_role_id}/permissions/{permission_id}": {
		"POST":   (*Server).assignPermission,
		"DELETE": (*Server).removePermission,
	},
	"/v1/organization_permissions": {
		"GET":  (*Server).listPermissions,
		"POST": (*Server).createPermission,
	},
	"/v1/organization_permissions/{permission_id}": {
		"GET":    (*Server).getPermission,
		"PATCH":  (*Server).updatePermission,
		"DELETE": (*Server).deletePermission,
	},
	"/v1/role_sets": {
		"GET":  (*Server).listRoleSets,
		"POST": (*Server).createRoleSet,
	},
	"/v1/role_sets/{role_set_key_or_id}": {
		"GET":   (*Server).getRoleSet,
		"PATCH": (*Server).updateRoleSet,
	},
	"/v1/role_sets/{role_set_key_or_id}/roles": {
		"POST": (*Server).addRoles,
	},
	"/v1/role_sets/{role_set_key_or_id}/roles/replace": {
		"POST": (*Server).replaceRole,
	},
	"/v1/role_sets/{role_set_key_or_id}/replace": {
		"POST": (*Server).replaceRoleSet,
	},

	"/v1/users": {
		"GET":  (*Server).listUsers,
		"POST": (*Server).createUser,
	},
	"/v1/users/count": {
		"GET": (*Server).countUsers,
	},
	"/v1/users/{user_id}": {
		"GET":    (*Server).getUser,
		"PATCH":  (*Server).updateUser,
		"DELETE": (*Server).deleteUser,
	},
	"/v1/users/{user_id}/metadata": {
		"PATCH": (*Server).mergeUserMetadata,
		"PUT":   (*Server).replaceUserMetadata,
	},
	"/v1/users/ban":                       {"POST": (*Server).banUsers},
	"/v1/users/unban":                     {"POST": (*Server).unbanUsers},
	"/v1/users/{user_id}/ban":             {"POST": (*Server).banUser},
	"/v1/users/{user_id}/unban":           {"POST": (*Server).unbanUser},
	"/v1/users/{user_id}/lock":            {"POST": (*Server).lockUser},
	"/v1/users/{user_id}/unlock":          {"POST": (*Server).unlockUser},
	"/v1/users/{user_id}/verify_password": {"POST": (*Server).verifyPassword},
	"/v1/users/{user_id}/remove_password": {"POST": (*Server).removePassword},
	"/v1/users/{user_id}/email_address":   {"PUT": (*Server).replaceEmailAddress},
	"/v1/email_addresses":                 {"POST": (*Server).createEmailAddress},
	"/v1/email_addresses/{email_address_id}": {
		"GET":    (*Server).getEmailAddress,
		"PATCH":  (*Server).updateEmailAddress,
		"DELETE": (*Server).deleteEmailAddress,
	},

	"/v1/organizations/{organization_id}/domains": {
		"GET":  (*Server).listOrganizationDomains,
		"POST": (*Server).createDomain,
	},
	"/v1/organizations/{organization_id}/domains/{domain_id}": {
		"PATCH":  (*Server).updateDomain,
		"DELETE": (*Server).deleteDomain,
	},
	"/v1/organizations/{organization_id}/domains/{domain_id}/verify_ownership": {
		"POST": (*Server).confirmDomain,
	},
	"/v1/organization_domains": {
		"GET": (*Server).listDomains,
	},
	"/v1/jwks": {
		"GET": (*Server).getKeys,
	},
	"/v1/sessions": {
		"GET":  (*Server).listSessions,
		"POST": (*Server).createSession,
	},
	"/v1/sessions/{session_id}": {
		"GET": (*Server).getSession,
	},
	"/v1/sessions/{session_id}/revoke": {
		"POST": (*Server).revokeSession,
	},
	"/v1/sessions/{session_id}/refresh": {
		"POST": (*Server).refreshSession,
	},
	"/v1/sessions/{session_id}/tokens": {
		"POST": (*Server).createSessionToken,
	},
	"/v1/sessions/{session_id}/tokens/{template_name}": {
		"POST": (*Server).createTemplateToken,
	},
	"/v1/testing_tokens": {
		"POST": (*Server).createTestingToken,
	},

	"/v1/instance": {
		"GET":   (*Server).getInstance,
		"PATCH": (*Server).updateInstance,
	},
	"/v1/instance/restrictions": {
		"PATCH": (*Server).updateRestrictions,
	},
	"/v1/allowlist_identifiers": {
		"GET":  (*Server).listAllowed,
		"POST": (*Server).allow,
	},
	"/v1/allowlist_identifiers/{identifier_id}": {
		"DELETE": (*Server).disallow,
	},
	"/v1/blocklist_identifiers": {
		"GET":  (*Server).listBlocked,
		"POST": (*Server).block,
	},
	"/v1/blocklist_identifiers/{identifier_id}": {
		"DELETE": (*Server).unblock,
	},
	"/v1/instance/organization_settings": {
		"GET":   (*Server).getOrganizationSettings,
		"PATCH": (*Server).updateOrganizationSettings,
	},
}
