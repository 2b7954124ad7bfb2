package fapi

import (
	"net/http"

	"usher/internal/edge"
	"usher/internal/invite"
)

// own are the paths below /v1 that only browsers use.
var own = []string{
	"/v1/client", "/v1/environment", "/v1/me", "/v1/tickets/accept", "/v1/health", "/v1/dev_browser",
}

// routes is the whole surface: each path with its methods. A browser's other
// methods than GET and POST come as POST with _method.
var routes = map[string]map[string]handler{
	"/.well-known/jwks.json": {"GET": (*Server).jwks},
	"/v1/health":             {"GET": (*Server).health},
	"/v1/environment": {
		"GET":   (*Server).environment,
		"PATCH": (*Server).environment,
	},

	"/v1/client": {
		"GET":    (*Server).getClient,
		"POST":   (*Server).createClient,
		"PUT":    (*Server).createClient,
		"DELETE": (*Server).deleteClient,
	},
	"/v1/client/sessions":                     {"DELETE": (*Server).removeSessions},
	"/v1/client/sessions/{session_id}":        {"GET": (*Server).getSession},
	"/v1/client/sessions/{session_id}/touch":  {"POST": (*Server).touchSession},
	"/v1/client/sessions/{session_id}/end":    {"POST": (*Server).endSession},
	"/v1/client/sessions/{session_id}/remove": {"POST": (*Server).removeSession},
	"/v1/client/sessions/{session_id}/tokens": {"POST": (*Server).createToken},

	"/v1/client/sign_ins":                                   {"POST": (*Server).createSignIn},
	"/v1/client/sign_ins/{sign_in_id}":                      {"GET": (*Server).getSignIn},
	"/v1/client/sign_ins/{sign_in_id}/prepare_first_factor": {"POST": mailing((*Server).prepareFirstFactor)},
	"/v1/client/sign_ins/{sign_in_id}/attempt_first_factor": {"POST": attempt((*Server).attemptFirstFactor)},
	"/v1/client/sign_ins/{sign_in_id}/reset_password":       {"POST": (*Server).resetPassword},

	"/v1/client/sign_ups": {"POST": attempt((*Server).createSignUp)},
	"/v1/client/sign_ups/{sign_up_id}": {
		"GET":   (*Server).getSignUp,
		"PATCH": attempt((*Server).updateSignUp),
	},
	"/v1/client/sign_ups/{sign_up_id}/prepare_verification": {"POST": mailing((*Server).prepareVerification)},
	"/v1/client/sign_ups/{sign_up_id}/attempt_verification": {"POST": attempt((*Server).attemptVerification)},

	"/v1/dev_browser": {"POST": (*Server).createDevBrowser},

	"/v1/me": {
		"GET":    (*Server).getMe,
		"PATCH":  (*Server).updateMe,
		"DELETE": (*Server).deleteMe,
	},
	"/v1/me/metadata":        {"PATCH": (*Server).mergeOwnMetadata},
	"/v1/me/change_password": {"POST": attempt((*Server).changePassword)},
	"/v1/me/remove_password": {"POST": attempt((*Server).removePassword)},
	"/v1/me/email_addresses": {
		"GET":  (*Server).listOwnAddresses,
		"POST": (*Server).createOwnAddress,
	},
	"/v1/me/email_addresses/{email_address_id}": {
		"GET":    (*Server).getOwnAddress,
		"DELETE": (*Server).deleteOwnAddress,
	},
	"/v1/me/email_addresses/{email_address_id}/prepare_verification": {"POST": mailing((*Server).prepareOwnAddress)},
	"/v1/me/email_addresses/{email_address_id}/attempt_verification": {"POST": attempt((*Server).attemptOwnAddress)},
	"/v1/me/sessions":                     {"GET": (*Server).listOwnSessions},
	"/v1/me/sessions/active":              {"GET": (*Server).listActiveSessions},
	"/v1/me/sessions/{session_id}/revoke": {"POST": (*Server).revokeOwnSession},

	"/v1/me/organization_memberships":                        {"GET": (*Server).listOwnMemberships},
	"/v1/me/organization_memberships/{organization_id}":      {"DELETE": (*Server).leaveOrganization},
	"/v1/me/organization_invitations":                        {"GET": (*Server).listOwnInvitations},
	"/v1/me/organization_invitations/{invitation_id}/accept": {"POST": (*Server).acceptOwnInvitation},

	"/v1/me/organization_suggestions":                        {"GET": (*Server).listSuggestions},
	"/v1/me/organization_suggestions/{suggestion_id}/accept": {"POST": (*Server).acceptSuggestion},

	"/v1/organizations": {"POST": (*Server).createOrganization},
	"/v1/organizations/{organization_id}": {
		"GET":    (*Server).getOrganization,
		"PATCH":  (*Server).updateOrganization,
		"DELETE": (*Server).deleteOrganization,
	},
	"/v1/organizations/{organization_id}/logo": {
		"PUT":    (*Server).setLogo,
		"DELETE": (*Server).deleteLogo,
	},
	"/v1/organizations/{organization_id}/roles": {"GET": (*Server).listRoles},
	"/v1/organizations/{organization_id}/domains": {
		"GET":  (*Server).listDomains,
		"POST": (*Server).createDomain,
	},
	"/v1/organizations/{organization_id}/domains/{domain_id}": {
		"GET":    (*Server).getDomain,
		"DELETE": (*Server).deleteDomain,
	},
	"/v1/organizations/{organization_id}/domains/{domain_id}/update_enrollment_mode":           {"POST": (*Server).updateEnrollmentMode},
	"/v1/organizations/{organization_id}/domains/{domain_id}/prepare_affiliation_verification": {"POST": mailing((*Server).prepareAffiliation)},
	"/v1/organizations/{organization_id}/domains/{domain_id}/attempt_affiliation_verification": {"POST": attempt((*Server).attemptAffiliation)},

	"/v1/organizations/{organization_id}/membership_requests":                     {"GET": (*Server).listMembershipRequests},
	"/v1/organizations/{organization_id}/membership_requests/{request_id}/accept": {"POST": (*Server).acceptMembershipRequest},
	"/v1/organizations/{organization_id}/membership_requests/{request_id}/reject": {"POST": (*Server).rejectMembershipRequest},
	"/v1/organizations/{organization_id}/memberships": {
		"GET":  (*Server).listMemberships,
		"POST": (*Server).createMembership,
	},
	"/v1/organizations/{organization_id}/memberships/{user_id}": {
		"PATCH":  (*Server).updateMembership,
		"DELETE": (*Server).deleteMembership,
	},
	"/v1/organizations/{organization_id}/invitations": {
		"GET":  (*Server).listInvitations,
		"POST": (*Server).createInvitation,
	},
	"/v1/organizations/{organization_id}/invitations/bulk":                   {"POST": (*Server).createInvitations},
	"/v1/organizations/{organization_id}/invitations/pending":                {"GET": (*Server).listPendingInvitations},
	"/v1/organizations/{organization_id}/invitations/{invitation_id}/revoke": {"POST": (*Server).revokeInvitation},
}

// redirects are the paths that browsers are led to by links.
func (s *Server) redirects() map[string]edge.Methods {
	return map[string]edge.Methods{
		invite.AcceptPath:      {http.MethodGet: s.openTicket},
		"/v1/client/handshake": {http.MethodGet: s.handshake},
	}
}
