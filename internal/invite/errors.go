package invite

import "strings"

// Kind names one way in which an operation can be refused. The wire's status,
// code and texts for each kind stand in one table, clerk.Table.
type Kind string

// What the domain refuses.
const (
	OrganizationNotFound Kind = "organization not found"
	InvitationNotFound   Kind = "invitation not found" // Values: the id
	UserNotFound         Kind = "user not found"       // Values: the id
	RoleNotFound         Kind = "role not found"       // Param
	MembershipNotFound   Kind = "membership not found" // Param
	CreatorNotFound      Kind = "organization creator not found"
	IdentifierNotFound   Kind = "email address id not found" // Values: the id
	EventNotFound        Kind = "event not found"            // Values: the id
	EndpointNotFound     Kind = "webhook endpoint not found" // Values: the id
	DeliveryNotFound     Kind = "delivery not found"         // Values: the event's id
	RedirectURLNotFound  Kind = "redirect url not found"     // Values: the id

	NotPending          Kind = "invitation not pending"
	DuplicateInvitation Kind = "duplicate pending invitation"
	DuplicateInBulk     Kind = "duplicate pending invitations" // Values: the addresses
	BulkTooLarge        Kind = "bulk too large"                // Limit: the maximum
	AlreadyMember       Kind = "already a member"              // Values: who
	QuotaExceeded       Kind = "membership quota exceeded"     // Limit: the organization's
	NotAMember          Kind = "not a member"
	MissingPermission   Kind = "missing permission" // Values: the permission keys
	LastAdmin           Kind = "minimum permissions needed"

	OrganizationsDisabled Kind = "organizations switched off"
	SlugsDisabled         Kind = "slugs switched off"
	NotAllowed            Kind = "not allowed to come in"         // Values: the addresses
	IdentifierListed      Kind = "identifier on the list already" // Values: the identifier
	IdentifierNotListed   Kind = "identifier not on the list"     // Values: the id
	DomainsDisabled       Kind = "domains switched off"
	DomainNotFound        Kind = "domain not found"                   // Values: the id
	DomainQuota           Kind = "too many domains"                   // Limit
	DomainTaken           Kind = "domain of another organization"     // Param
	DomainTakenHere       Kind = "domain of the organization already" // Param
	DomainCommon          Kind = "domain of a mail provider"          // Param, Values: the domain
	DomainMismatch        Kind = "address of another domain"          // Param, Values: the domain
	SuggestionNotFound    Kind = "suggestion not found"               // Values: the id
	SuggestionUsed        Kind = "suggestion accepted already"
	RequestNotFound       Kind = "no such pending membership request"   // Values: the id
	DomainBlocked         Kind = "domain of throw-away mail"            // Param, Values: the domain
	CreatorRoleTooWeak    Kind = "creator role without its permissions" // Values: the permission keys it needs
	PermissionNotFound    Kind = "permission not found"                 // Param, unless it is what the request is about
	RoleSetNotFound       Kind = "role set not found"
	PermissionFixed       Kind = "system permission not modifiable"
	PermissionGranted     Kind = "permission already granted"
	PermissionNotGranted  Kind = "permission not granted"
	RoleQuota             Kind = "role quota exceeded" // Limit
	RoleIsCreators        Kind = "role of creators"
	RoleIsDefault         Kind = "role of newcomers"
	RoleHasMembers        Kind = "role has members"
	RoleIsInvited         Kind = "role in pending invitations"
	RolesUnassigned       Kind = "roles without a successor" // Param, Values: the role keys

	TicketInvalid       Kind = "ticket invalid"
	TicketExpired       Kind = "ticket expired"
	InvitationRevoked   Kind = "invitation revoked"
	InvitationAccepted  Kind = "invitation already accepted"
	OrganizationDeleted Kind = "invitation to deleted organization"
	AddressNotOwned     Kind = "address not owned"  // redeeming for a user who does not own the invited address as verified
	MailboxUnproven     Kind = "mailbox not proven" // Instance.MailProofOnly and a ticket that did not leave by mail

	ApplicationInvitationAccepted Kind = "invitation to the application already accepted"
	ApplicationInvitationRevoked  Kind = "invitation to the application revoked"
	ApplicationInvitationEnded    Kind = "invitation to the application revoked before" // when it is to be revoked
	ApplicationAddressNotOwned    Kind = "address not owned by an account"              // as AddressNotOwned

	SignInTokenNotFound  Kind = "sign-in token not found" // Values: the id
	SignInTokenUsed      Kind = "sign-in token used"
	SignInTokenRevoked   Kind = "sign-in revoked"
	SignInTokenEnded     Kind = "sign-in token not pending" // when it is to be revoked
	SignInTokenMisplaced Kind = "sign-in token misplaced"   // where an invitation's ticket is wanted

	ParamMissing     Kind = "parameter missing"          // Param
	ParamUnknown     Kind = "parameter unknown"          // Param
	ParamFormat      Kind = "parameter format"           // Param
	ParamEncoding    Kind = "parameter encoding"         // Param
	ParamEmailFormat Kind = "email address format"       // Param
	ParamValue       Kind = "parameter value"            // Param, Values: the value, then the allowed ones
	ParamType        Kind = "parameter type"             // Param, Values: got, wanted
	ParamNil         Kind = "parameter null"             // Param
	ParamTooLong     Kind = "parameter too long"         // Param, Limit
	ParamTooLarge    Kind = "parameter too large"        // Param, Limit: bytes
	ParamTooMany     Kind = "parameter list too long"    // Param, Limit
	ParamTime        Kind = "parameter not RFC 3339"     // Param
	ParamNotObject   Kind = "metadata not an object"     // Param
	ParamDuplicate   Kind = "parameter repeated"         // Param
	IdentifierExists Kind = "identifier taken"           // Param
	ValueExists      Kind = "unique value taken"         // Param
	URLScheme        Kind = "url scheme not allowed"     // Param
	URLInsecure      Kind = "url must be https"          // Param
	URLNotListed     Kind = "url not listed"             // Param
	DataMissing      Kind = "required attribute missing" // Values: the parameters

	ParamExclusive       Kind = "parameters exclude each other" // Param, Values: the other
	ParamNeeded          Kind = "parameter missing beside"      // Param
	UsernameLength       Kind = "username length"               // Param, Values: the least, Limit: the most
	UsernameCharacter    Kind = "username character"            // Param
	UsernameDigits       Kind = "username of digits"            // Param
	PasswordTooShort     Kind = "password too short"            // Param, Limit
	PasswordTooLong      Kind = "password too long"             // Param, Limit: bytes
	PasswordDigest       Kind = "password digest invalid"       // Param, Values: the hasher
	PasswordIncorrect    Kind = "password incorrect"            // Param
	PasswordWrong        Kind = "password wrong"                // Param; of somebody who signs in
	CurrentPasswordWrong Kind = "current password wrong"        // Param; of somebody who changes it
	NoPassword           Kind = "no password"
	PasswordNeeded       Kind = "password needed"
	AddressNotFound      Kind = "email address not found"    // Values: the id
	AddressUnverified    Kind = "email address not verified" // Param
	LastIdentifier       Kind = "last identifier"
	UserBanned           Kind = "user banned"
	UserLocked           Kind = "user locked" // Limit: seconds until it ends by itself; 0: never

	LogoMissing  Kind = "logo missing"       // Param
	LogoTooLarge Kind = "logo too large"     // Param
	LogoType     Kind = "logo of no picture" // Param

	CursorExpired    Kind = "cursor expired"             // Param
	TooManyEndpoints Kind = "too many webhook endpoints" // Limit
	EndpointDisabled Kind = "webhook endpoint disabled"

	KeyReused  Kind = "idempotency key reused"
	KeyInvalid Kind = "secret key invalid"

	CreationDisabled      Kind = "user may not create organizations"
	CreationLimit         Kind = "user has created enough organizations" // Limit
	SelfDeleteDisabled    Kind = "user may not delete the own account"
	AdminDeleteDisabled   Kind = "admins may not delete the organization"
	OwnInvitationNotFound Kind = "no invitation of the user's"
	AddressesInvalid      Kind = "email addresses invalid" // Values: the addresses

	SignInNotFound       Kind = "sign-in not found"                           // Values: the id
	SignUpNotFound       Kind = "sign-up not found"                           // Values: the id
	AccountNotFound      Kind = "account not found"                           // Param
	SessionExists        Kind = "session exists"                              // somebody is signed in in this browser
	NoAccountInvited     Kind = "no account of the invited address"           // signing in
	AccountInvited       Kind = "account of the invited address"              // signing up
	NoApplicationAccount Kind = "no account of the invited address, anywhere" // signing in with an invitation to the application
	ApplicationAccount   Kind = "account of the invited address already"      // signing up with one
	StrategyInvalid      Kind = "strategy not possible"
	CodeUsed             Kind = "verification over"
	CodeMissing          Kind = "no code was sent"
	CodeExpired          Kind = "code expired"
	CodeFailed           Kind = "too many wrong codes"
	CodeIncorrect        Kind = "code incorrect" // Param
	OriginConflict       Kind = "origin and authorization"
	OriginInvalid        Kind = "origin not allowed"
	HostInvalid          Kind = "host of no instance"

	SessionNotFound Kind = "session not found" // Values: the id
	SessionOver     Kind = "session over"
	TemplateUnknown Kind = "jwt template not found" // Values: the name
	NotInLive       Kind = "not in a live instance"

	TooManyRequests Kind = "too many requests" // Limit: seconds until another is allowed

	Unavailable Kind = "unavailable" // the database could not be asked; a retry may succeed
)

// Error is a refusal by a rule. It carries the facts a caller may show; which
// fields are set depends on the Kind.
type Error struct {
	Kind   Kind
	Param  string   // the input at fault, in the contract's name
	Values []string // what the refusal is about
	Limit  int      // the bound that was crossed
}

// Error describes the refusal for a log.
func (e *Error) Error() string {
	s := string(e.Kind)
	if e.Param != "" {
		s += ": " + e.Param
	}
	if len(e.Values) > 0 {
		s += ": " + strings.Join(e.Values, ", ")
	}
	return s
}

// Is reports whether target is an *Error of the same Kind, whatever it carries.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind
}

// Err returns an error of the given kind about values.
func Err(kind Kind, values ...string) *Error { return &Error{Kind: kind, Values: values} }

// ParamErr returns an error of the given kind about the input param.
func ParamErr(kind Kind, param string, values ...string) *Error {
	return &Error{Kind: kind, Param: param, Values: values}
}

// Errors is several refusals of one request, in the order they were found.
type Errors []*Error

// Error describes all refusals for a log.
func (es Errors) Error() string {
	parts := make([]string, len(es))
	for i, e := range es {
		parts[i] = e.Error()
	}
	return strings.Join(parts, "; ")
}

// Unwrap lets errors.Is and errors.As see each refusal.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// Err returns es as an error, or nil when it is empty.
func (es Errors) Err() error {
	if len(es) == 0 {
		return nil
	}
	return es
}
