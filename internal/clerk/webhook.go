package clerk

import (
	"encoding/json"
	"strconv"
	"time"

	"usher/internal/invite"
)

// Endpoint is a webhook endpoint, which is our own object. Its secrets are asked
// for separately.
type Endpoint struct {
	Object       string             `json:"object"`
	ID           string             `json:"id"`
	URL          string             `json:"url"`
	Description  string             `json:"description"`
	Types        []invite.EventType `json:"types"` // empty: all of the contract
	Enabled      bool               `json:"enabled"`
	Status       string             `json:"status"` // enabled, disabled, or failed: disabled after failures
	FailingSince *invite.Instant    `json:"failing_since"`
	CreatedAt    invite.Instant     `json:"created_at"`
	UpdatedAt    invite.Instant     `json:"updated_at"`
}

// EndpointOf returns e.
func EndpointOf(e *invite.Endpoint) Endpoint {
	types := []invite.EventType(e.Types)
	if types == nil {
		types = []invite.EventType{}
	}
	return Endpoint{
		Object: "webhook_endpoint", ID: e.ID, URL: e.URL, Description: e.Description, Types: types,
		Enabled: e.Status == invite.EndpointEnabled, Status: string(e.Status), FailingSince: instant(e.FailingSince),
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
}

// instant returns nil for none.
func instant(at invite.Instant) *invite.Instant {
	if at == 0 {
		return nil
	}
	return &at
}

// SecretEndpoint is an endpoint with the secret in use, as it is shown to who
// creates or rotates it.
type SecretEndpoint struct {
	Endpoint
	Secret string `json:"secret"`
}

// SecretEndpointOf returns e.
func SecretEndpointOf(e *invite.Endpoint) SecretEndpoint {
	out := SecretEndpoint{Endpoint: EndpointOf(e)}
	if len(e.Secrets) > 0 {
		out.Secret = e.Secrets[0].Secret
	}
	return out
}

// SigningSecrets are the secrets of an endpoint that sign, the one in use first.
type SigningSecrets struct {
	Object string          `json:"object"`
	Secret *string         `json:"secret"` // null when the master key was changed since
	Data   []SigningSecret `json:"data"`
}

// SigningSecret is one of them. The one in use has no end.
type SigningSecret struct {
	Secret    string          `json:"secret"`
	ExpiresAt *invite.Instant `json:"expires_at"`
}

// SigningSecretsOf returns list.
func SigningSecretsOf(list []invite.SigningSecret) SigningSecrets {
	out := SigningSecrets{Object: "webhook_secrets", Data: make([]SigningSecret, len(list))}
	for i, s := range list {
		out.Data[i] = SigningSecret{Secret: s.Secret, ExpiresAt: instant(s.Until)}
	}
	if len(list) > 0 {
		out.Secret = &list[0].Secret
	}
	return out
}

// deliveryStatuses are the wire's names, in the order of the domain's numbers.
var deliveryStatuses = []string{"pending", "succeeded", "failed"}

// ParseDeliveryStatus returns the status with a name.
func ParseDeliveryStatus(name string) (invite.DeliveryStatus, bool) {
	for i, known := range deliveryStatuses {
		if name == known {
			return invite.DeliveryStatus(i), true
		}
	}
	return 0, false
}

// Delivery is one event on its way to one endpoint. Its id is the event's, which is
// the svix-id of every attempt.
type Delivery struct {
	Object        string           `json:"object"`
	ID            string           `json:"id"`
	EndpointID    string           `json:"endpoint_id"`
	Type          invite.EventType `json:"type"`
	Status        string           `json:"status"`
	Attempts      int              `json:"attempts"`
	NextAttemptAt *invite.Instant  `json:"next_attempt_at"`
	CreatedAt     invite.Instant   `json:"created_at"`
	UpdatedAt     invite.Instant   `json:"updated_at"`
}

// DeliveryOf returns d.
func DeliveryOf(d invite.Delivery) Delivery {
	return Delivery{
		Object: "webhook_delivery", ID: d.EventID, EndpointID: d.EndpointID, Type: d.Type, Status: deliveryStatuses[d.Status],
		Attempts: d.Attempts, NextAttemptAt: instant(d.NextAttemptAt), CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
}

// DeliveryHistory is a delivery with the payload and every attempt.
type DeliveryHistory struct {
	Delivery
	Payload json.RawMessage `json:"payload"`
	History []Attempt       `json:"history"`
}

// Attempt is one attempt to deliver.
type Attempt struct {
	Number     int            `json:"number"`
	StatusCode *int           `json:"status_code"` // null without an answer
	Response   string         `json:"response"`    // the beginning of the answer's body
	Error      *string        `json:"error"`       // null for a success
	DurationMS int64          `json:"duration_ms"`
	CreatedAt  invite.Instant `json:"created_at"`
}

// DeliveryHistoryOf returns a delivery of e with its attempts.
func DeliveryHistoryOf(d invite.Delivery, e invite.Event, attempts []invite.Attempt) DeliveryHistory {
	out := DeliveryHistory{Delivery: DeliveryOf(d), Payload: AppendEvent(nil, &e), History: make([]Attempt, len(attempts))}
	for i, a := range attempts {
		out.History[i] = Attempt{
			Number: a.Number, Response: a.Response, Error: null(a.Error), DurationMS: a.Took.Milliseconds(), CreatedAt: a.At,
		}
		if a.StatusCode != 0 {
			out.History[i].StatusCode = &a.StatusCode
		}
	}
	return out
}

// Replayed is the answer of a replay of several events.
type Replayed struct {
	Object   string          `json:"object"`
	Since    *invite.Instant `json:"since,omitempty"`
	Replayed *int            `json:"replayed,omitempty"`
}

// CreateEndpoint is the body of POST /usher/v1/webhooks.
type CreateEndpoint struct {
	URL         *string            `json:"url"`
	Description *string            `json:"description"`
	Types       []invite.EventType `json:"types"`
	Secret      *string            `json:"secret"`
}

// Endpoint returns what the request asks for.
func (r *CreateEndpoint) Endpoint() invite.NewEndpoint {
	return invite.NewEndpoint{URL: or(r.URL, ""), Description: or(r.Description, ""), Types: r.Types, Secret: or(r.Secret, "")}
}

// UpdateEndpoint is the body of PATCH /usher/v1/webhooks/{id}.
type UpdateEndpoint struct {
	URL         *string             `json:"url"`
	Description *string             `json:"description"`
	Types       *[]invite.EventType `json:"types"`
	Enabled     *bool               `json:"enabled"`
}

// Change returns the change the request asks for.
func (r *UpdateEndpoint) Change() invite.EndpointChange {
	c := invite.EndpointChange{URL: r.URL, Description: r.Description, Enabled: r.Enabled}
	if r.Types != nil {
		types := invite.EventTypes(*r.Types)
		c.Types = &types
	}
	return c
}

// RotateSecret is the body of POST /usher/v1/webhooks/{id}/rotate.
type RotateSecret struct {
	Secret       *string `json:"secret"`
	GraceSeconds *int    `json:"grace_seconds"`
}

// How long the secrets before a rotation go on signing.
const (
	defaultGrace = 24 * time.Hour
	maxGrace     = 30 * 24 * time.Hour
)

// Rotation returns the new secret, empty for a random one, and how long those
// before it go on signing: a day unless the request says otherwise.
func (r *RotateSecret) Rotation() (string, time.Duration, error) {
	if r.GraceSeconds == nil {
		return or(r.Secret, ""), defaultGrace, nil
	}
	seconds := *r.GraceSeconds
	if seconds < 0 || seconds > int(maxGrace/time.Second) {
		return "", 0, invite.ParamErr(invite.ParamValue, "grace_seconds", strconv.Itoa(seconds))
	}
	return or(r.Secret, ""), time.Duration(seconds) * time.Second, nil
}

// Replay is the body of POST /usher/v1/webhooks/{id}/replay: one of the two.
type Replay struct {
	Failed *bool   `json:"failed"`
	Since  *string `json:"since"`
}

// Wanted returns whether to replay what failed, or else since when to replay all.
func (r *Replay) Wanted() (failed bool, since invite.Instant, err error) {
	failed = or(r.Failed, false)
	text := or(r.Since, "")
	switch {
	case failed && text != "":
		return false, 0, invite.ParamErr(invite.ParamValue, "since", text) // everything since includes what failed
	case failed:
		return true, 0, nil
	case text == "":
		return false, 0, invite.Err(invite.DataMissing, "failed", "since")
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return false, 0, invite.ParamErr(invite.ParamTime, "since")
	}
	return false, invite.At(at), nil
}
