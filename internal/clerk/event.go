package clerk

import (
	"encoding/json"
	"fmt"
	"strconv"

	"usher/internal/invite"
)

// EventData renders a domain value as the data of an event (contract §7.2). The
// url of an invitation is always null in it: events are kept, links are not.
func (e *Encoder) EventData(data any, now invite.Instant) (json.RawMessage, error) {
	switch v := data.(type) {
	case *invite.Invitation:
		return e.appendInvitation(nil, v, e.appendInviter(nil, v.Inviter), now, false), nil
	case *invite.Membership:
		return Marshal(e.Membership(v))
	case *invite.Organization:
		return Marshal(e.CountedOrganization(v))
	case *invite.Domain:
		return Marshal(OrganizationDomainOf(v))
	case *invite.User:
		return Marshal(e.User(v, now))
	case invite.Role:
		return Marshal(RoleOf(v))
	case invite.Permission:
		return Marshal(PermissionOf(v))
	case *invite.SentMail:
		return Marshal(sentMail{
			ID: v.ID, Object: "email", Slug: v.Slug, FromEmailName: v.From, ReplyToEmailName: null(v.ReplyTo), ToEmailAddress: v.To,
			Subject: v.Subject, Status: "delivered", Data: v.Variables, DeliveredByClerk: true,
		})
	case *invite.Endpoint:
		return Marshal(testedEndpoint{Object: "webhook_endpoint", ID: v.ID, Description: v.Description})
	case invite.SignedIn:
		return Marshal(signedIn{SessionOf(v.Session, now), e.User(v.User, now)})
	case invite.Deleted:
		return Marshal(DeletedOf(v))
	}
	return nil, fmt.Errorf("no event data for a %T", data)
}

// signedIn is a session with its user, as the events about sessions have it.
type signedIn struct {
	Session
	User User `json:"user"`
}

// sentMail is contract §7.3 without the bodies.
type sentMail struct {
	ID               string          `json:"id"`
	Object           string          `json:"object"`
	Slug             string          `json:"slug"`
	FromEmailName    string          `json:"from_email_name"`
	ReplyToEmailName *string         `json:"reply_to_email_name"`
	ToEmailAddress   string          `json:"to_email_address"`
	EmailAddressID   *string         `json:"email_address_id"`
	UserID           *string         `json:"user_id"`
	Subject          string          `json:"subject"`
	Status           string          `json:"status"`
	Data             json.RawMessage `json:"data"`
	DeliveredByClerk bool            `json:"delivered_by_clerk"`
}

// testedEndpoint leaves the URL out: in some a password is part of the path.
type testedEndpoint struct {
	Object      string `json:"object"`
	ID          string `json:"id"`
	Description string `json:"description"`
}

// AppendEvent appends the payload that tells of an event (contract §7.1). The
// same event has the same bytes whenever it is told of. Who caused it is not
// kept, which the contract writes as the address 0.0.0.0.
func AppendEvent(dst []byte, e *invite.Event) []byte {
	dst = append(dst, `{"data":`...)
	dst = append(dst, e.Data...)
	dst = append(dst, `,"event_attributes":{"http_request":{"client_ip":"0.0.0.0","user_agent":""}},"instance_id":`...)
	dst = appendString(dst, e.InstanceID)
	dst = append(dst, `,"object":"event","timestamp":`...)
	dst = strconv.AppendInt(dst, int64(e.CreatedAt), 10)
	dst = append(dst, `,"type":`...)
	dst = appendString(dst, string(e.Type))
	return append(dst, '}')
}

// LoggedEvent is an event as the feed and the history of deliveries show it: the
// payload and its id, which is the svix-id of its deliveries.
type LoggedEvent struct {
	ID      string          `json:"id"`
	Payload json.RawMessage `json:"payload"`
}

// LoggedEventOf returns e.
func LoggedEventOf(e invite.Event) LoggedEvent {
	return LoggedEvent{ID: e.ID, Payload: AppendEvent(nil, &e)}
}

// Feed is a stretch of a list that is read with a cursor. Next is where to go on.
type Feed[T any] struct {
	Data []T    `json:"data"`
	Next string `json:"next"`
}

// FeedOf returns the envelope of a stretch; no rows are an empty array.
func FeedOf[D, T any](rows []D, next string, encode func(D) T) Feed[T] {
	return Feed[T]{Data: ListOf(rows, 0, encode).Data, Next: next}
}
