package clerk

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"usher/internal/invite"
)

// What only the wire refuses: the request never reached a rule.
const (
	AuthorizationMalformed invite.Kind = "authorization header malformed"
	RouteNotFound          invite.Kind = "route not found"
	MethodNotAllowed       invite.Kind = "method not allowed"
	VersionInvalid         invite.Kind = "api version invalid" // Values: the reason
	BodyInvalid            invite.Kind = "request body invalid"
	BodyTooLarge           invite.Kind = "request body too large"
	ContentTypeUnsupported invite.Kind = "content type unsupported"
	QueryMalformed         invite.Kind = "query malformed"
	QueryMissing           invite.Kind = "query parameter missing" // Param
	IdempotencyKeyInvalid  invite.Kind = "idempotency key invalid"
	Internal               invite.Kind = "internal"
)

// Refusal is one row of Table: how a kind of refusal looks on the wire.
type Refusal struct {
	Kind    invite.Kind
	Status  int
	Code    string
	Message string
	// Long is the long message. %p stands for the parameter, %v for the first
	// value, %s for all values, %i for "is" or "are" behind them, %w for the second
	// value, %d for the limit.
	Long string
	// Meta names the facts sent along: param_name, param_names,
	// email_addresses, identifiers, permissions, resets_in or lockout_expires_in_seconds.
	Meta string
	When string // for the documentation
}

// Table is everything the server refuses. It is the source of the answers, of
// docs/errors.md and of a test that no kind is missing. The texts that clients
// match on are the contract's (§2.5); the others are our own.
var Table = []Refusal{
	{AuthorizationMalformed, 401, "authorization_header_format_invalid", "Invalid Authorization header format", "Invalid Authorization header format. Must be 'Bearer <YOUR_API_KEY>'", "", "the Authorization header is missing or not a bearer token"},
	{invite.KeyInvalid, 401, "clerk_key_invalid", keyInvalid, keyInvalid, "", "the secret key is unknown"},
	{RouteNotFound, 404, "resource_not_found", "not found", "There is nothing at this path.", "", "the path is not part of the API"},
	{MethodNotAllowed, 405, "method_not_allowed", "method not allowed", "This path does not support the request's method.", "", "the path exists with other methods; the Allow header lists them"},
	{VersionInvalid, 400, "api_version_invalid", "invalid API version", "Invalid Clerk API version: %v", "", "the API version is not a date of the published list or later than it, or was given twice"},
	{BodyInvalid, 400, "request_body_invalid", "Request body invalid", "The request body is invalid. Please consult the API documentation for more information.", "", "the body is not JSON, or an array where an object is wanted, or the reverse"},
	{BodyTooLarge, 413, "request_body_too_large", "request body too large", "The request body is larger than this endpoint accepts.", "", "the body is larger than 1 MiB"},
	{ContentTypeUnsupported, 415, "unsupported_content_type", "unsupported content type", "The request body must be sent as application/json.", "", "a body came with another Content-Type"},
	{invite.TooManyRequests, 429, "too_many_requests", "Too many requests", "Too many requests, retry later", "resets_in", "a request limit is used up; the Retry-After header says for how many seconds"},
	{QueryMalformed, 400, "malformed_request_parameters", "malformed request parameters", "The query string could not be read.", "", "the query string is not well-formed"},
	{QueryMissing, 400, "missing_query_parameter", "missing query parameter", "The query parameter %p must be included.", "param_name", "a query parameter that the endpoint needs is absent"},
	{IdempotencyKeyInvalid, 400, "idempotency_key_invalid", "idempotency key invalid", "The Idempotency-Key header must have 1 to 255 printable ASCII characters.", "", "the Idempotency-Key header is empty, too long or not printable"},
	{invite.KeyReused, 422, "idempotency_key_reused", "idempotency key reused", "This Idempotency-Key was used for another request. Use a new key.", "", "the Idempotency-Key was used within 24 hours for another method, path or body"},
	{invite.Unavailable, 503, "service_unavailable", "service unavailable", "The service is temporarily unavailable. Try again.", "", "the database cannot be used at the moment; nothing has changed"},
	{Internal, 500, "internal_clerk_error", "Oops, an unexpected error occurred", "There was an internal error on our servers. The trace id leads to it in the server's log.", "", "a fault of the server"},

	{invite.OrganizationNotFound, 404, "resource_not_found", "not found", "Given organization not found.", "", "no organization has the id or slug"},
	{invite.InvitationNotFound, 404, "resource_not_found", "not found", "No invitation was found with id %v.", "", "the organization has no invitation with the id"},
	{invite.UserNotFound, 404, "resource_not_found", "not found", "No user was found with id %v", "", "no user has the id"},
	{invite.RoleNotFound, 404, "resource_not_found", "not found", "Organization role not found", "param_name", "the instance has no role with the key"},
	{invite.MembershipNotFound, 404, "resource_not_found", "not found", "The user is not a member of the organization.", "param_name", "the user is not a member of the organization"},
	{invite.IdentifierNotFound, 404, "resource_not_found", "not found", "No verified email address of the user was found with id %v.", "", "the user has no verified address with the id"},
	{invite.EventNotFound, 404, "resource_not_found", "not found", "No event was found with id %v. Events are kept for a limited time.", "", "the event does not exist, or is not kept any more"},
	{invite.EndpointNotFound, 404, "resource_not_found", "not found", "No webhook endpoint was found with id %v.", "", "no webhook endpoint has the id"},
	{invite.DeliveryNotFound, 404, "resource_not_found", "not found", "No delivery of the event %v to this endpoint was found.", "", "the event was not, or not yet, sent to the endpoint"},
	{invite.RedirectURLNotFound, 404, "resource_not_found", "not found", "No RedirectURL exists with id: %v", "", "the instance lists no redirect URL with the id"},
	{invite.SessionNotFound, 404, "resource_not_found", "not found", "No session was found with id %v", "", "no session has the id"},
	{invite.TemplateUnknown, 404, "resource_not_found", "not found", "No JWT template was found with name %v", "", "there are no JWT templates"},
	{invite.CreationDisabled, 403, "user_create_organization_not_enabled", "organization creation not enabled", "This user may not create organizations.", "", "a user creates an organization who may not"},
	{invite.CreationLimit, 403, "org_creation_limit_exceeded", "organization creation limit exceeded", "This user has created %d organizations, which is the limit.", "", "a user creates one organization more than it may"},
	{invite.SelfDeleteDisabled, 403, "user_delete_self_not_enabled", "deletion not enabled", "You may not delete your account.", "", "a user whom the application keeps from it deletes the own account"},
	{invite.AdminDeleteDisabled, 403, "organization_admin_delete_not_enabled", "deletion by admins not enabled", "Admins may not delete this organization.", "", "a member deletes an organization that only the application may delete"},
	{invite.OwnInvitationNotFound, 404, "organization_invitation_not_found", "not found", "No invitation of yours was found.", "", "a user accepts an invitation to an address that is not a verified one of the user's"},
	{invite.DomainMismatch, 422, "organization_domain_mismatch", "domain mismatch", "The email address is not one of the domain %v.", "param_name", "the address where the code for a domain is to go is of another domain"},
	{invite.SuggestionNotFound, 404, "resource_not_found", "not found", "No organization suggestion was found with id %v.", "", "nothing with the id is suggested to the user"},
	{invite.SuggestionUsed, 400, "organization_suggestion_already_accepted", "already accepted", "The organization suggestion was accepted already.", "", "a user accepts a suggestion a second time"},
	{invite.RequestNotFound, 404, "resource_not_found", "not found", "No pending membership request was found with id %v.", "", "the organization has no membership request with the id, or it was answered"},
	{invite.AddressesInvalid, 422, "form_param_format_invalid", "invalid email addresses", "The following email addresses are invalid: %s", "email_addresses", "some of the addresses that a member invites are none"},
	{invite.SignInNotFound, 404, "resource_not_found", "Sign in not found", "No sign in was found with id %v.", "", "the sign-in is unknown, complete or another browser's"},
	{invite.SignUpNotFound, 404, "resource_not_found", "Sign up not found", "No sign up was found with id %v.", "", "the sign-up is unknown, complete or another browser's"},
	{invite.PasswordWrong, 422, "form_password_incorrect", "Password is incorrect. Try again, or use another method.", "Password is incorrect. Try again, or use another method.", "param_name", "the password that somebody wants to sign in with is not the account's"},
	{invite.AccountNotFound, 422, "form_identifier_not_found", "Couldn't find your account.", "Couldn't find your account.", "param_name", "nobody has verified the address, or has the username, that somebody wants to sign in with"},
	{invite.SessionExists, 400, "session_exists", "Session already exists", "You're already signed in.", "", "somebody else is signed in in this browser"},
	{invite.NoAccountInvited, 400, "organization_invitation_identification_not_exist", "no account", "There is no account with the invited email address. Sign up instead.", "", "signing in with a ticket whose address nobody has verified"},
	{invite.AccountInvited, 400, "organization_invitation_identification_already_exists", "account exists", "There is an account with the invited email address. Sign in instead.", "", "signing up with a ticket whose address has an account"},
	{invite.NoApplicationAccount, 400, "invitation_account_not_exists", "no account", "There is no account with the invited email address. Sign up instead.", "", "signing in with an invitation to the application for an address that nobody has verified"},
	{invite.ApplicationAccount, 400, "invitation_account_exists", "account exists", "There is an account with the invited email address. Sign in instead.", "", "signing up with an invitation to the application though the address has an account"},
	{invite.StrategyInvalid, 400, "strategy_for_user_invalid", "invalid verification strategy", "The verification strategy is not valid for this account.", "", "the account has no such way to sign in"},
	{invite.CodeUsed, 400, "verification_already_verified", "already verified", "This verification has already been verified.", "", "a code is asked for, or given, for an address that is verified"},
	{invite.CodeMissing, 400, "verification_missing", "verification missing", "Ask for a code first.", "", "a code is given that was never sent"},
	{invite.CodeExpired, 400, "verification_expired", "has expired", "This verification has expired. You must create a new one.", "", "a code is given after its time"},
	{invite.CodeFailed, 400, "verification_failed", "failed", "Too many failed attempts. You have to try again with the same or another method.", "", "a code was guessed at too often"},
	{invite.CodeIncorrect, 422, "form_code_incorrect", "is incorrect", "Incorrect code", "param_name", "the code is not the one that was sent"},
	{invite.OriginConflict, 400, "origin_authorization_headers_conflict", "Setting both the 'Origin' and 'Authorization' headers is forbidden", "Only one of the 'Origin' and 'Authorization' headers should be provided.", "", "a browser's page sends a client's token, which apps without cookies do"},
	{invite.OriginInvalid, 400, "origin_invalid", "Invalid HTTP Origin header", "This origin may not use the Frontend API of this instance. Add it to the allowed origins.", "", "a browser's page of another origin calls"},
	{invite.HostInvalid, 400, "host_invalid", "Invalid host", "There is no instance at this host.", "", "the host of a request to the Frontend API belongs to no instance"},
	{invite.SessionOver, 401, "authentication_invalid", "Invalid authentication", "Unable to authenticate the request, you need to supply an active session", "", "the session has ended, or what would refresh it is not valid"},
	{invite.NotInLive, 400, "request_invalid_for_environment", "invalid for environment", "This request works in test instances only.", "", "a session is created without a sign-in in a live instance"},
	{invite.CreatorNotFound, 400, "organization_creator_not_found", "organization creator not found", "The user given as created_by does not exist.", "", "created_by names no user"},

	{invite.NotPending, 404, "organization_invitation_not_pending", "not pending", "The organization invitation is not in the 'pending' status.", "", "the invitation to revoke, or to accept, is accepted, revoked, declined or expired"},
	{invite.DuplicateInvitation, 400, "organization_invitation_not_unique", "organization invitation not unique", "Organizations cannot have duplicate pending invitations for an email address.", "", "the address has a pending invitation to the organization"},
	{invite.DuplicateInBulk, 400, "duplicate_record", "duplicate invitation", "There are already pending invitations for the following email addresses: %s", "email_addresses", "addresses have a pending invitation or stand twice in the request; to an organization only in bulk"},
	{invite.BulkTooLarge, 400, "bulk_size_exceeded", "bulk size exceeded", "Parameters exceed the maximum allowed bulk processing size of %d.", "", "a bulk request has more than 10 items"},
	{invite.AlreadyMember, 400, "already_a_member_in_organization", "already a member", "%v is already a member of the organization.", "", "the invitee or the user is a member"},
	{invite.QuotaExceeded, 403, "organization_membership_quota_exceeded", "organization membership quota exceeded", "You have reached your limit of %d organization memberships, including outstanding invitations.", "", "members and pending invitations fill max_allowed_memberships"},
	{invite.NotAMember, 403, "not_a_member_in_organization", "not a member", "Current user is not a member of the organization. Only organization members can perform this action.", "", "the inviter or requester is not a member"},
	{invite.MissingPermission, 403, "missing_organization_permission", "missing permission", "Current user is missing an organization permission.", "permissions", "the inviter or requester may not manage memberships"},
	{invite.LastAdmin, 400, "organization_minimum_permissions_needed", "minimum permissions needed", "The organization needs at least one member who can manage its memberships.", "", "the change would leave nobody who can manage members"},

	{invite.OrganizationsDisabled, 403, "organization_not_enabled_in_instance", "access denied", "The organizations feature is not enabled for this instance.", "", "organizations are switched off in the instance's organization settings"},
	{invite.SlugsDisabled, 403, "organization_slugs_disabled", "slugs are disabled", "Organization slugs are disabled for this instance.", "", "a slug is given while slugs are switched off"},
	{invite.NotAllowed, 403, "not_allowed_access", "Access not allowed.", "%s %i not allowed to access this application.", "identifiers", "an address that the instance's restrictions or lists keep out"},
	{invite.IdentifierListed, 400, "duplicate_record", "duplicate identifier", "The identifier %v is already on the list.", "", "the allow-list or block-list has the identifier"},
	{invite.IdentifierNotListed, 404, "resource_not_found", "not found", "No identifier was found with id %v.", "", "the list has no identifier with the id"},
	{invite.DomainsDisabled, 403, "organization_domains_not_enabled", "domains are not enabled", "Organization domains are not enabled for this instance.", "", "domains are switched off in the instance's organization settings"},
	{invite.DomainNotFound, 404, "resource_not_found", "not found", "No organization domain was found with id %v.", "", "the organization has no domain with the id"},
	{invite.DomainQuota, 403, "organization_domain_quota_exceeded", "organization domain quota exceeded", "An organization may have at most %d domains.", "", "the organization has as many domains as it may have"},
	{invite.DomainTaken, 422, "organization_domain_already_exists", "domain already exists", "This domain belongs to another organization.", "param_name", "another organization has verified the domain"},
	{invite.DomainTakenHere, 422, "organization_domain_already_exists_same_organization", "domain already exists", "The organization has this domain already.", "param_name", "the organization has the domain"},
	{invite.DomainCommon, 422, "organization_domain_common", "common domain", "%v gives mailboxes to anybody, so it cannot be an organization's domain.", "param_name", "the domain of a public mail provider"},
	{invite.DomainBlocked, 422, "organization_domain_blocked", "blocked domain", "%v gives mailboxes to throw away, so it cannot be an organization's domain.", "param_name", "the domain of a throw-away mail provider"},
	{invite.CreatorRoleTooWeak, 422, "organization_missing_creator_role_permissions", "missing creator role permissions", "The role of an organization's creator needs the permissions %s.", "permissions", "a creator role without the permissions to run an organization"},
	{invite.CursorExpired, 410, "cursor_expired", "cursor expired", "Events after %p are not kept any more. Read the state again, then go on without it.", "param_name", "the event feed was asked to go on from a place whose next events are forgotten"},
	{invite.TooManyEndpoints, 403, "webhook_endpoint_quota_exceeded", "webhook endpoint quota exceeded", "An instance may have at most %d webhook endpoints.", "", "the instance has as many webhook endpoints as it may have"},
	{invite.EndpointDisabled, 400, "webhook_endpoint_disabled", "webhook endpoint disabled", "The webhook endpoint is disabled. Enable it first.", "", "a test or replay to an endpoint that is disabled"},
	{invite.PermissionNotFound, 404, "resource_not_found", "not found", "Organization permission not found", "param_name", "the instance has no permission with the id"},
	{invite.RoleSetNotFound, 404, "resource_not_found", "not found", "Role set not found", "param_name", "the instance has no role set with the key or id"},
	{invite.PermissionFixed, 403, "organization_system_permission_not_modifiable", "system permission not modifiable", "System permissions can be neither changed nor deleted.", "", "the permission to change or delete is a system permission"},
	{invite.PermissionGranted, 409, "organization_role_permission_association_exists", "permission already granted", "The role has this permission already.", "", "the permission to assign is the role's already"},
	{invite.PermissionNotGranted, 404, "organization_role_permission_association_not_found", "permission not granted", "The role does not have this permission.", "", "the permission to remove is not the role's"},
	{invite.RoleQuota, 403, "organization_instance_roles_quota_exceeded", "role quota exceeded", "You have reached your limit of %d organization roles.", "", "the instance has as many roles as it may"},
	{invite.RoleIsCreators, 422, "organization_role_default_creator_role", "role of creators", "The role is given to the creators of organizations. Choose another one for them first.", "", "the role to delete is the creator role of a role set"},
	{invite.RoleIsDefault, 422, "organization_role_domain_default_role", "default role", "The role is the default role of new members. Choose another one for them first.", "", "the role to delete is the default role of a role set"},
	{invite.RoleHasMembers, 422, "organization_role_assigned_members", "role has members", "Members have the role. Give them another one first.", "", "the role to delete is a member's"},
	{invite.RoleIsInvited, 422, "organization_role_exists_in_invitations", "role in invitations", "Pending invitations promise the role. Revoke them first, or replace the role.", "", "the role to delete is a pending invitation's"},
	{invite.RolesUnassigned, 422, "form_param_value_invalid", "is invalid", "%p leaves members or pending invitations without a role: %s.", "param_name", "a change of role set, with members or pending invitations whose roles are not in the new one"},

	{invite.TicketInvalid, 400, "ticket_invalid_code", "ticket is invalid", "This ticket is invalid. Make sure you're using a valid ticket generated by Clerk.", "", "this server did not sign the ticket, or it was replaced"},
	{invite.TicketExpired, 400, "ticket_expired_code", "ticket has expired", "This ticket has expired and cannot be used anymore.", "", "the invitation has expired"},
	{invite.InvitationRevoked, 400, "organization_invitation_revoked_code", "invitation has been revoked", "This invitation has been revoked and cannot be used anymore.", "", "the invitation was revoked or declined"},
	{invite.InvitationAccepted, 400, "organization_invitation_already_accepted", "invitation has already been accepted", "This invitation has already been accepted. Sign in instead.", "", "the invitation was accepted before"},
	{invite.OrganizationDeleted, 400, "organization_invitation_to_deleted_organization", "organization invitation to deleted organization", "This invitation refers to an organization that has been deleted.", "", "the organization is gone"},
	{invite.AddressNotOwned, 400, "organization_invitation_identification_not_exist", "identification not found", "The user has not verified the email address that was invited.", "", "the user who redeems does not own the invited address as verified"},
	{invite.MailboxUnproven, 422, "form_verification_needed", "verification needed", "This ticket does not prove that the mailbox is the invitee's. Use the link of the mail, or verify the address first.", "", "the instance takes only tickets that left by mail as proof of a mailbox"},

	{invite.ApplicationInvitationAccepted, 400, "invitation_already_accepted", "invitation already accepted", "This invitation was accepted before. Sign in instead.", "", "the invitation to the application was accepted before"},
	{invite.ApplicationInvitationRevoked, 400, "revoked_invitation", "invitation revoked", "This invitation was revoked and cannot be used.", "", "the invitation to the application was revoked or declined"},
	{invite.ApplicationInvitationEnded, 400, "invitation_already_revoked", "invitation already revoked", "This invitation was revoked before.", "", "the invitation to the application that is to be revoked was revoked or declined before"},
	{invite.ApplicationAddressNotOwned, 400, "invitation_account_not_exists", "account not found", "The user has not verified the email address that was invited.", "", "the user who redeems an invitation to the application does not own the invited address as verified"},

	{invite.SignInTokenNotFound, 404, "resource_not_found", "not found", "No sign-in token was found with id %v.", "", "the instance has no sign-in token with the id"},
	{invite.SignInTokenUsed, 400, "sign_in_token_already_used_code", "sign-in token already used", "This sign-in token was used before. Ask for a new one.", "", "the sign-in token was used before"},
	{invite.SignInTokenRevoked, 400, "sign_in_token_revoked_code", "sign-in token revoked", "This sign-in token was revoked and cannot be used.", "", "the sign-in token was revoked"},
	{invite.SignInTokenEnded, 400, "sign_in_token_cannot_be_revoked_code", "sign-in token cannot be revoked", "Only a pending sign-in token can be revoked.", "", "the sign-in token that is to be revoked was used or revoked before"},
	{invite.SignInTokenMisplaced, 400, "sign_in_token_not_in_sign_in_code", "sign-in token not in a sign-in", "A sign-in token can be used for nothing but signing in.", "", "a sign-in token stands where the ticket of an invitation is wanted"},

	{invite.ParamMissing, 422, "form_param_missing", "is missing", "%p must be included.", "param_name", "a required parameter is absent, null or empty"},
	{invite.ParamUnknown, 422, "form_param_unknown", "is unknown", "%p is not a valid parameter for this request.", "param_name", "a parameter that the endpoint does not know"},
	{invite.ParamEmailFormat, 422, "form_param_format_invalid", "is invalid", "%p must be a valid email address.", "param_name", "not an e-mail address"},
	{invite.ParamFormat, 422, "form_param_format_invalid", "is invalid", "%p does not have the required format.", "param_name", "a slug, URL or id of the wrong form"},
	{invite.ParamEncoding, 422, "form_param_value_invalid", "is invalid", "%p must be UTF-8 text without NUL.", "param_name", "a query parameter that is no UTF-8, or has a NUL"},
	{invite.ParamValue, 422, "form_param_value_invalid", "is invalid", "%v does not match one of the allowed values for parameter %p", "param_name", "a value out of its bounds or not in its list"},
	{invite.ParamType, 422, "form_param_value_invalid", "is invalid", "%p is invalid. Received %v, must be of type %w.", "param_name", "a JSON value of another type"},
	{invite.ParamNil, 422, "form_param_nil", "is null", "%p cannot be null.", "param_name", "null where a value is needed"},
	{invite.ParamTooLong, 422, "form_param_max_length_exceeded", "is too long", "%p must have at most %d characters.", "param_name", "a text longer than allowed"},
	{invite.ParamTooLarge, 422, "form_param_exceeds_allowed_size", "exceeds allowed size", "%p must have at most %d bytes.", "param_name", "metadata larger than 8 KB"},
	{invite.ParamTooMany, 422, "form_param_array_size_exceeded", "has too many values", "%p must have at most %d values.", "param_name", "a list longer than allowed"},
	{invite.ParamTime, 422, "form_param_invalid_time", "is not a time", "%p must be a time as in RFC 3339.", "param_name", "a created_at that is not RFC 3339"},
	{invite.ParamNotObject, 422, "form_param_value_invalid", "is invalid", "%p must be a JSON object.", "param_name", "metadata that is not an object"},
	{invite.ParamDuplicate, 422, "form_param_duplicate", "is repeated", "%p has a value twice.", "param_name", "a list with the same value twice"},
	{invite.IdentifierExists, 422, "form_identifier_exists", "is taken", "That %p is taken. Please try another.", "param_name", "another user has the address or username"},
	{invite.ValueExists, 422, "form_already_exists", "already exists", "%p is taken. Please choose another.", "param_name", "another user has the external id; another organization the slug; another role, permission or role set the key; or the redirect URL is listed"},
	{invite.URLScheme, 422, "prohibited_redirect_url", "prohibited redirect URL", "%p must not use the scheme %v.", "param_name", "a redirect URL that would run or reveal something"},
	{invite.URLInsecure, 422, "insecure_url", "URL must be https", "%p must be an https URL.", "param_name", "an http redirect URL of a live instance that is not local"},
	{invite.URLNotListed, 422, "form_param_value_invalid", "is invalid", "%p does not lead to one of the instance's redirect URLs.", "param_name", "the instance lists redirect URLs, and an invitation would lead elsewhere"},
	{invite.DataMissing, 422, "form_data_missing", "data is missing", "At least one of the following must be included: %s.", "param_names", "a user without any identifier"},
	{invite.ParamExclusive, 422, "form_param_value_invalid", "is invalid", "%p cannot be included together with %v.", "param_name", "two parameters of which only one can be given"},
	{invite.ParamNeeded, 422, "form_conditional_param_missing", "is missing", "%p must be included, because of another parameter.", "param_name", "a parameter that another one needs is absent"},

	{invite.UsernameLength, 422, "form_username_invalid_length", "invalid length", "Username must be between %v and %d characters long.", "param_name", "a username shorter or longer than allowed"},
	{invite.UsernameCharacter, 422, "form_username_invalid_character", "invalid character", "Username can have only Latin letters, digits, hyphens and underscores.", "param_name", "a username with any other character"},
	{invite.UsernameDigits, 422, "form_username_needs_non_number_code", "needs a non-number", "Username must have something else than digits.", "param_name", "a username of digits only"},
	{invite.PasswordTooShort, 422, "form_password_length_too_short", "is too short", "Passwords must be %d characters or more.", "param_name", "a password shorter than allowed"},
	{invite.PasswordTooLong, 422, "form_password_size_in_bytes_exceeded", "is too long", "Passwords must have at most %d bytes.", "param_name", "a password longer than allowed"},
	{invite.PasswordDigest, 422, "form_password_digest_invalid", "digest is invalid", "%p is no digest of the hasher %v, or one that costs too much to compare.", "param_name", "a digest that its hasher could not have made, or with costs out of bounds"},
	{invite.PasswordIncorrect, 422, "incorrect_password", "incorrect password", "The password is not the user's.", "param_name", "the password to verify is another one"},
	{invite.CurrentPasswordWrong, 422, "form_password_validation_failed", "Incorrect password", "The current password is not this one.", "param_name", "somebody changes the own password and does not know the current one"},
	{invite.NoPassword, 400, "no_password_set", "no password", "The user has no password.", "", "the user whose password is to be verified, or who takes it away, has none"},
	{invite.PasswordNeeded, 400, "password_required", "password required", "Without a verified email address a password is the only way to sign in.", "", "somebody takes the own password away and has no verified address"},
	{invite.AddressNotFound, 404, "resource_not_found", "not found", "No email address was found with id %v.", "", "no user has an address with the id"},
	{invite.AddressUnverified, 422, "form_verification_needed", "verification needed", "%p is only possible for a verified email address.", "param_name", "an unverified address cannot become the primary one"},
	{invite.LastIdentifier, 400, "identification_deletion_failed", "deletion failed", "The last identifier of a user cannot be deleted.", "", "the user would have neither an address nor a username, or takes away the own last verified address"},
	{invite.UserBanned, 403, "user_banned", "user is banned", "The user is banned.", "", "who would join or be signed in is banned"},
	{invite.LogoMissing, 400, "form_param_missing", "is missing", "%p must be included.", "param_name", "a logo is to be set, and the form has no file or an empty one"},
	{invite.LogoTooLarge, 413, "image_too_large", "image too large", "The image must have at most 10 MB and 40 megapixels.", "param_name", "a logo of more bytes or pixels"},
	{invite.LogoType, 400, "image_type_not_supported", "image type not supported", "The image must be a JPEG, PNG, GIF or WebP.", "param_name", "a logo that is none of these by its content, whatever it is called"},
	{invite.UserLocked, 403, "user_locked", "user is locked", "The user is locked and cannot sign in or join.", "lockout_expires_in_seconds", "who would join or be signed in is locked; without the meta until the application takes the lock away"},
}

const keyInvalid = "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct."

// rows is Table by kind. A kind has one row, which a test holds.
var rows = func() map[invite.Kind]*Refusal {
	m := make(map[invite.Kind]*Refusal, len(Table))
	for i := range Table {
		m[Table[i].Kind] = &Table[i]
	}
	return m
}()

// Error is one item of the error envelope.
type Error struct {
	Status  int            `json:"-"`
	Message string         `json:"message"`
	Long    string         `json:"long_message"`
	Code    string         `json:"code"`
	Meta    map[string]any `json:"meta,omitempty"`
}

// ErrorsOf turns an error into its wire form: each refusal by its row of Table,
// anything else into the constant internal error. There is at least one item.
func ErrorsOf(err error) []Error {
	if many, ok := asType[invite.Errors](err); ok && len(many) > 0 {
		out := make([]Error, len(many))
		for i, e := range many {
			out[i] = wire(e)
		}
		return out
	}
	if one, ok := asType[*invite.Error](err); ok {
		return []Error{wire(one)}
	}
	return []Error{wire(invite.Err(Internal))}
}

func wire(e *invite.Error) Error {
	row, ok := rows[e.Kind]
	if !ok {
		row = rows[Internal]
	}
	return Error{Status: row.Status, Code: row.Code, Message: row.Message, Long: fill(row.Long, e), Meta: meta(row.Meta, e)}
}

// fill puts the refusal's facts into a long message in one pass, so that a value
// is never taken for a template.
func fill(template string, e *invite.Error) string {
	value := func(i int) string {
		if i < len(e.Values) {
			return e.Values[i]
		}
		return ""
	}
	param := e.Param
	if e.Kind == invite.IdentifierExists {
		param = strings.ReplaceAll(param, "_", " ") // clients know "That email address is taken."
	}
	verb := "is"
	if len(e.Values) > 1 {
		verb = "are"
	}
	return strings.NewReplacer(
		"%p", param, "%v", value(0), "%w", value(1), "%s", strings.Join(e.Values, ", "), "%i", verb, "%d", fmt.Sprint(e.Limit),
	).Replace(template)
}

func meta(key string, e *invite.Error) map[string]any {
	switch {
	case key == "param_name" && e.Param != "":
		return map[string]any{key: e.Param}
	case key == "lockout_expires_in_seconds" && e.Limit > 0, key == "resets_in":
		return map[string]any{key: e.Limit}
	case key == "param_names", key == "email_addresses", key == "identifiers", key == "permissions":
		return map[string]any{key: slices.Clone(e.Values)}
	}
	return nil
}

// envelope is the body of every refusal (contract §2.1).
type envelope struct {
	Errors  []Error `json:"errors"`
	TraceID string  `json:"clerk_trace_id"`
}

// Envelope returns the body that refuses a request.
func Envelope(errs []Error, traceID string) []byte {
	body, err := Marshal(envelope{errs, traceID})
	if err != nil {
		return []byte(`{"errors":[]}`) // strings and lists of strings always encode
	}
	return body
}

// Status returns the HTTP status of a refusal: that of its first item.
func Status(errs []Error) int {
	if len(errs) == 0 {
		return http.StatusInternalServerError
	}
	return errs[0].Status
}
