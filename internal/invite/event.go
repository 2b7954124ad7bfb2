package invite

import (
	"encoding/json"
	"slices"
)

// EventType names what happened, in the contract's words (§7.2).
type EventType string

// The events that operations cause.
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
	DomainCreatedEvent       EventType = "organizationDomain.created"
	DomainUpdatedEvent       EventType = "organizationDomain.updated"
	DomainDeletedEvent       EventType = "organizationDomain.deleted"
	RoleCreatedEvent         EventType = "role.created"
	RoleUpdatedEvent         EventType = "role.updated"
	RoleDeletedEvent         EventType = "role.deleted"
	PermissionCreatedEvent   EventType = "permission.created"
	PermissionUpdatedEvent   EventType = "permission.updated"
	PermissionDeletedEvent   EventType = "permission.deleted"
	UserCreatedEvent         EventType = "user.created"
	UserUpdatedEvent         EventType = "user.updated"
	UserDeletedEvent         EventType = "user.deleted"
	SessionCreatedEvent      EventType = "session.created"
	SessionEndedEvent        EventType = "session.ended"
	SessionRemovedEvent      EventType = "session.removed"
	SessionRevokedEvent      EventType = "session.revoked"
	EmailCreatedEvent        EventType = "email.created"
)

// What the contract has no event for. A refusal by the invitee is a revocation
// there as well. These reach only those who ask for them by name.
const (
	InvitationExpiredEvent  EventType = "organizationInvitation.expired"
	InvitationDeclinedEvent EventType = "organizationInvitation.declined"
	EndpointTestedEvent     EventType = "webhookEndpoint.tested"
)

var extraEvents = []EventType{InvitationExpiredEvent, InvitationDeclinedEvent, EndpointTestedEvent}

// contractEvents are the types of contract §7.2, those that nothing causes here
// included: who moves here need not know which.
var contractEvents = []EventType{
	EmailCreatedEvent, OrganizationCreatedEvent, OrganizationUpdatedEvent, OrganizationDeletedEvent,
	DomainCreatedEvent, DomainUpdatedEvent, DomainDeletedEvent,
	InvitationCreatedEvent, InvitationAcceptedEvent, InvitationRevokedEvent,
	MembershipCreatedEvent, MembershipUpdatedEvent, MembershipDeletedEvent,
	"paymentAttempt.created", "paymentAttempt.updated",
	PermissionCreatedEvent, PermissionUpdatedEvent, PermissionDeletedEvent, RoleCreatedEvent, RoleUpdatedEvent, RoleDeletedEvent,
	SessionCreatedEvent, "session.pending", SessionEndedEvent, SessionRemovedEvent, SessionRevokedEvent, "sms.created",
	"subscription.created", "subscription.updated", "subscription.active", "subscription.pastDue",
	"subscriptionItem.abandoned", "subscriptionItem.active", "subscriptionItem.canceled",
	"subscriptionItem.ended", "subscriptionItem.freeTrialEnding", "subscriptionItem.incomplete",
	"subscriptionItem.pastDue", "subscriptionItem.upcoming", "subscriptionItem.updated",
	UserCreatedEvent, UserUpdatedEvent, UserDeletedEvent, "waitlistEntry.created", "waitlistEntry.updated",
}

// ExtraEvents returns the types that the contract does not have.
func ExtraEvents() []EventType { return slices.Clone(extraEvents) }

// KnownEvents returns the types of the contract and those that it does not have.
func KnownEvents() []EventType { return slices.Concat(contractEvents, extraEvents) }

// Extra reports whether the contract has no such type.
func (t EventType) Extra() bool { return slices.Contains(extraEvents, t) }

// Known reports whether t is a type of the contract or one of ours.
func (t EventType) Known() bool { return t.Extra() || slices.Contains(contractEvents, t) }

// EventTypes are the types that somebody asked for. None is all of the contract's.
type EventTypes []EventType

// Want reports whether t was asked for.
func (ts EventTypes) Want(t EventType) bool {
	if len(ts) == 0 {
		return !t.Extra()
	}
	return slices.Contains(ts, t)
}

// maxEventTypes is how many types may be asked for at once.
const maxEventTypes = 100

// CheckEventTypes refuses types that do not exist.
func CheckEventTypes(param string, types EventTypes) *Error {
	if len(types) > maxEventTypes {
		return &Error{Kind: ParamTooMany, Param: param, Limit: maxEventTypes}
	}
	for _, t := range types {
		if !t.Known() {
			return ParamErr(ParamValue, param, string(t))
		}
	}
	return nil
}

// Event is one entry of an instance's log. Ids sort as the events happened.
type Event struct {
	ID         string
	InstanceID string
	Type       EventType
	Data       json.RawMessage // without anything that can be replayed
	CreatedAt  Instant
}
