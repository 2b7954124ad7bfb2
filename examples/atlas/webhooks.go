package main

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"

	svix "github.com/svix/svix-webhooks/go"
)

// eventLog receives webhooks, and remembers the last of them.
type eventLog struct {
	verifier *svix.Webhook

	mu   sync.Mutex
	last []event // the newest first
}

// remembered is how many events are kept: enough for a page that shows them.
const remembered = 100

// event is what the page shows of one.
type event struct {
	ID   string `json:"id"` // the same each time that it is delivered
	Type string `json:"type"`
	At   int64  `json:"at"` // milliseconds
	Who  string `json:"who,omitempty"`

	organization string // whose it is
}

func newEventLog(secret string) (*eventLog, error) {
	verifier, err := svix.NewWebhook(secret)
	return &eventLog{verifier: verifier}, err
}

// ServeHTTP receives an event. Everybody can post here, so what is not signed with
// our secret is refused. It comes again until we answer 2xx.
func (l *eventLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return
	}
	if err := l.verifier.Verify(body, r.Header); err != nil {
		http.Error(w, "not signed by usher", http.StatusUnauthorized)
		return
	}
	e, err := parseEvent(body)
	if err != nil {
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	e.ID = r.Header.Get("svix-id")
	l.remember(e)
	w.WriteHeader(http.StatusNoContent)
}

// parseEvent reads an event about an invitation or a membership, which is where an
// organization is in it.
func parseEvent(body []byte) (event, error) {
	var received struct {
		Type      string `json:"type"`
		Timestamp int64  `json:"timestamp"`
		Data      struct {
			EmailAddress   string `json:"email_address"`
			OrganizationID string `json:"organization_id"`
			Organization   struct {
				ID string `json:"id"`
			} `json:"organization"`
			PublicUserData struct {
				Identifier string `json:"identifier"`
			} `json:"public_user_data"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &received); err != nil {
		return event{}, err
	}
	d := received.Data
	return event{
		Type: received.Type, At: received.Timestamp,
		Who: d.EmailAddress + d.PublicUserData.Identifier, organization: d.OrganizationID + d.Organization.ID,
	}, nil
}

func (l *eventLog) remember(e event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.ContainsFunc(l.last, func(known event) bool { return known.ID == e.ID }) {
		return // delivered again, because our answer was lost
	}
	l.last = slices.Insert(l.last, 0, e)
	l.last = l.last[:min(len(l.last), remembered)]
}

// list serves the last events of the organization that the session is active in.
func (l *eventLog) list(w http.ResponseWriter, r *http.Request) {
	_, organization := active(w, r)
	if organization == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	list := []event{}
	for _, e := range l.last {
		if e.organization == organization {
			list = append(list, e)
		}
	}
	reply(w, http.StatusOK, list)
}
