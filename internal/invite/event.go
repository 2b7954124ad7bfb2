package invite

// EventType names what happened, in the contract's words (§7.2).
type EventType string

// The events that operations cause. An expiry and a refusal by the invitee have
// none in the contract; the latter shows as a revocation there.
const (
	OrganizationCreatedEvent EventType = "organization.created"
	OrganizationUpdatedEvent EventType = "organization.updated"
	OrganizationDeletedEvent EventType = "organization.deleted"
	InvitationCreatedEvent   EventType = "organizationInvitation.created"
	InvitationAcceptedEvent  EventType = "organizationInvitation.accepted"
	InvitationRevokedEvent   EventType = "organizationInvitation.revoked"
	MembershipCreatedEvent   EventType = "organizationMembership.created"
	MembershipUpdatedEvent   EventType = "organizationMembership.updated"
	MembershipDeletedEvent   EventType = "organizationMembership.deleted"
	UserCreatedEvent         EventType = "user.created"
	UserUpdatedEvent         EventType = "user.updated"
	UserDeletedEvent         EventType = "user.deleted"
)
