package invite

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Endpoint is where an instance's events are posted to.
type Endpoint struct {
	ID          string
	InstanceID  string
	URL         string
	Description string
	Types       EventTypes
	Secrets     []SigningSecret // newest first; only what was asked for with its secrets has them
	Status      EndpointStatus
	// FailingSince is when the first of the failures was that no success has
	// followed; zero after a success.
	FailingSince         Instant
	CreatedAt, UpdatedAt Instant
}

// EndpointStatus says whether an endpoint gets events. The texts are stored.
type EndpointStatus string

// An endpoint is disabled by hand, or when it has failed for too long.
const (
	EndpointEnabled EndpointStatus = "enabled"
	EndpointOff     EndpointStatus = "disabled"
	EndpointFailed  EndpointStatus = "failed"
)

// SigningSecret signs what is posted to an endpoint, until an instant that is
// zero for the one in use.
type SigningSecret struct {
	Secret string
	Until  Instant
}

// Bounds of endpoints.
const (
	MaxEndpoints   = 50 // of an instance
	maxEndpointURL = 2048
	maxSecrets     = 5 // valid at the same time
)

// FailedAfter is how long an endpoint may fail, without one success, before it is
// disabled.
const FailedAfter = 5 * 24 * time.Hour

// Failed notes an attempt that failed, and disables the endpoint when nothing has
// succeeded for FailedAfter.
func (e *Endpoint) Failed(now Instant) {
	if e.FailingSince == 0 {
		e.FailingSince = now
	}
	if e.Status == EndpointEnabled && now >= e.FailingSince.Add(FailedAfter) {
		e.Status, e.UpdatedAt = EndpointFailed, now
	}
}

// Rotate makes secret the one in use. Those before it go on signing until the end
// of the grace, or until they would have ended anyway.
func (e *Endpoint) Rotate(secret string, now Instant, grace time.Duration) {
	kept := []SigningSecret{{Secret: secret}}
	for _, s := range e.Secrets {
		if end := now.Add(grace); s.Until == 0 || s.Until > end {
			s.Until = end
		}
		if s.Until > now && s.Secret != secret && len(kept) < maxSecrets {
			kept = append(kept, s)
		}
	}
	e.Secrets = kept
}

// SigningAt returns the secrets that sign at an instant, the one in use first.
func (e *Endpoint) SigningAt(now Instant) []SigningSecret {
	var list []SigningSecret
	for _, s := range e.Secrets {
		if s.Until == 0 || s.Until > now {
			list = append(list, s)
		}
	}
	return list
}

// NewEndpoint is what somebody asks for who wants to be told of events.
type NewEndpoint struct {
	URL         string
	Description string
	Types       EventTypes
	Secret      string // empty: a random one is made
	Insecure    bool   // http is allowed
}

// Check refuses what breaks a rule.
func (n *NewEndpoint) Check() error {
	if n.URL == "" {
		return ParamErr(ParamMissing, "url")
	}
	if bad := checkEndpointURL(n.URL, n.Insecure); bad != nil {
		return bad
	}
	if bad := checkLabels("", n.Description); bad != nil {
		return bad
	}
	if bad := CheckEventTypes("types", n.Types); bad != nil {
		return bad
	}
	if bad := CheckSigningSecret(n.Secret); bad != nil {
		return bad
	}
	return nil
}

// EndpointChange changes an endpoint. Nil fields are left as they are.
type EndpointChange struct {
	URL         *string
	Description *string
	Types       *EventTypes
	Enabled     *bool
	Insecure    bool // http is allowed
}

// Apply changes e, or refuses the inputs that break a rule. Enabling an endpoint
// gives it its time to fail anew.
func (c *EndpointChange) Apply(e *Endpoint) error {
	if c.URL != nil {
		if bad := checkEndpointURL(*c.URL, c.Insecure); bad != nil {
			return bad
		}
	}
	if c.Description != nil {
		if bad := checkLabels("", *c.Description); bad != nil {
			return bad
		}
	}
	if c.Types != nil {
		if bad := CheckEventTypes("types", *c.Types); bad != nil {
			return bad
		}
	}
	set(&e.URL, c.URL)
	set(&e.Description, c.Description)
	set(&e.Types, c.Types)
	switch {
	case c.Enabled == nil:
	case !*c.Enabled:
		e.Status = EndpointOff
	case e.Status != EndpointEnabled:
		e.Status, e.FailingSince = EndpointEnabled, 0
	}
	return nil
}

// checkEndpointURL wants an absolute URL of a web server. A password in it would
// be stored and shown; a fragment never arrives.
func checkEndpointURL(raw string, insecure bool) *Error {
	u, err := url.Parse(raw)
	switch {
	case len(raw) > maxEndpointURL:
		return &Error{Kind: ParamTooLong, Param: "url", Limit: maxEndpointURL}
	case err != nil, u.Scheme == "", u.Hostname() == "", !validPort(u.Port()), u.User != nil, u.Fragment != "", strings.ContainsFunc(raw, notInURL), !utf8.ValidString(raw):
		return ParamErr(ParamFormat, "url")
	case u.Scheme == "http" && !insecure:
		return ParamErr(URLInsecure, "url")
	case u.Scheme != "http" && u.Scheme != "https":
		return ParamErr(URLScheme, "url", u.Scheme)
	}
	return nil
}

// validPort reports whether something can listen at a port; empty is the scheme's.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// secretPrefix stands before every signing secret (contract §7.4).
const secretPrefix = "whsec_"

// NewSigningSecret returns 256 random bits in the form that verifiers know.
func NewSigningSecret() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}

// SigningKey returns the key that a secret stands for: 24 to 64 bytes in base64
// behind whsec_ (Standard Webhooks).
func SigningKey(secret string) (key []byte, ok bool) {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	return key, ok && err == nil && len(key) >= 24 && len(key) <= 64
}

// CheckSigningSecret refuses what is no signing secret; empty is none.
func CheckSigningSecret(secret string) *Error {
	if _, ok := SigningKey(secret); secret != "" && !ok {
		return ParamErr(ParamFormat, "secret")
	}
	return nil
}

// DeliveryStatus is where the delivery of one event to one endpoint stands. The
// numbers are stored.
type DeliveryStatus int

// A delivery is pending while there is an attempt to come, and failed when the
// last one was in vain.
const (
	DeliveryPending DeliveryStatus = iota
	DeliverySucceeded
	DeliveryFailed
)

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	EventID              string
	EndpointID           string
	Type                 EventType
	Status               DeliveryStatus
	Attempts             int     // made so far, those before a replay included
	NextAttemptAt        Instant // zero unless pending
	CreatedAt, UpdatedAt Instant
}

// Attempt is one attempt to deliver.
type Attempt struct {
	Number     int    // 1 for the first
	StatusCode int    // of the answer; 0 without one
	Response   string // the beginning of the answer's body
	Error      string // why it failed; empty for a success
	Took       time.Duration
	At         Instant // when it ended
}
