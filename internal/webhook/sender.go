// Package webhook tells endpoints of events: it signs what clerk renders of an
// event and posts it. What to post, and when again, is the outbox's.
package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"usher/internal/clerk"
	"usher/internal/store"
)

// Sender posts events.
type Sender struct {
	DB     *store.DB
	Client *http.Client // see NewClient
}

// What is read of an answer: as much as lets the connection be used again, and of
// that the beginning is kept.
const (
	maxResponse = 16 << 10
	maxExcerpt  = 1 << 10
)

var errNoSecret = errors.New("its signing secret cannot be read, because the master key was changed; rotate it")

// Deliver posts one queued message and returns what the endpoint answered; any
// status but 2xx is an error. sent is false when nothing was left to say: the
// endpoint was deleted, or the event is not kept any more.
func (s *Sender) Deliver(ctx context.Context, m store.Message) (r store.Receipt, sent bool, err error) {
	p, ok, err := s.DB.Posting(ctx, m)
	if err != nil || !ok {
		return r, false, err
	}
	now := s.DB.Now()
	secrets := p.Endpoint.SigningAt(now)
	if len(secrets) == 0 {
		return r, true, errNoSecret
	}
	body := clerk.AppendEvent(nil, &p.Event)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Endpoint.URL, bytes.NewReader(body))
	if err != nil {
		return r, true, errors.New("its URL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "usher-webhooks")
	sign(req.Header, secrets, m.ID, now, body)
	r, err = s.post(req)
	r.Took = time.Duration(s.DB.Now()-now) * time.Millisecond
	return r, true, err
}

func (s *Sender) post(req *http.Request) (r store.Receipt, err error) {
	resp, err := s.Client.Do(req)
	if err != nil {
		return r, told(err)
	}
	defer resp.Body.Close()
	r.StatusCode = resp.StatusCode
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	r.Response = excerpt(answer)
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return r, fmt.Errorf("status %d: redirects are not followed", resp.StatusCode)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return r, fmt.Errorf("status %d", resp.StatusCode)
	case err != nil:
		return r, fmt.Errorf("reading the answer: %w", err)
	}
	return r, nil
}

// told returns what of a failure is kept: not the URL, in which a receiver may keep
// a password, and nothing of the network that the server is in, neither what its
// name server answers nor where that is.
func told(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if errors.Is(err, errNotPublic) {
		return errNotPublic
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("looking up %s: %s", e.Name, e.Err)
	}
	return err
}

// excerpt returns the beginning of an answer as text.
func excerpt(answer []byte) string {
	text := string(answer[:min(len(answer), maxExcerpt)])
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}
