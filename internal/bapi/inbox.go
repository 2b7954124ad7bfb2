package bapi

import (
	"context"
	"net/http"
	"time"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// letter is one message of the inbox, which is our own and not the contract's.
type letter struct {
	Object    string         `json:"object"`
	ID        string         `json:"id"`
	From      string         `json:"from"`
	ReplyTo   *string        `json:"reply_to"`
	To        string         `json:"to"`
	Subject   string         `json:"subject"`
	HTML      string         `json:"html"`
	Text      string         `json:"text"`
	Link      *string        `json:"link"`
	Code      *string        `json:"code"`
	CreatedAt invite.Instant `json:"created_at"`
}

func letterOf(l invite.Letter) letter {
	out := letter{
		Object: "inbox_message", ID: l.ID, From: l.From, To: l.To, Subject: l.Subject,
		HTML: l.HTML, Text: l.Text, CreatedAt: l.CreatedAt,
	}
	if l.Link != "" {
		out.Link = &l.Link
	}
	if l.Code != "" {
		out.Code = &l.Code
	}
	if l.ReplyTo != "" {
		out.ReplyTo = &l.ReplyTo
	}
	return out
}

// maxWait bounds how long a request may wait for mail.
const maxWait = 60 * time.Second

// readInbox serves GET /usher/v1/inbox: a page, the newest mail first, for one
// address with to. With wait it answers as soon as there is any, or empty after
// that time or when the server stops.
func (s *Server) readInbox(r *request) ([]byte, error) {
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	wait, err := r.wait()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	for {
		received := s.DB.Received()
		letters, err := s.Letters(r.Context(), r.instance.ID, r.query.Get("to"), page)
		if err != nil {
			return nil, err
		}
		if len(letters) > 0 || ctx.Err() != nil {
			return clerk.Marshal(clerk.ListOf(letters, len(letters), letterOf))
		}
		select {
		case <-received:
		case <-ctx.Done():
		case <-s.Stopping:
			cancel()
		}
	}
}

// wait reads how long the client would wait, such as 5s; absent is not at all.
func (r *request) wait() (time.Duration, error) {
	raw := r.query.Get("wait")
	if raw == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(raw)
	if err != nil || d < 0 || d > maxWait {
		return 0, invite.ParamErr(invite.ParamValue, "wait", raw)
	}
	return d, nil
}

// inboxRoute is served only where mail is kept in an inbox.
const inboxRoute = "/usher/v1/inbox"

var inboxMethods = map[string]handler{http.MethodGet: (*Server).readInbox}
