package fapi

import (
	"net/http"
	"net/url"
	"strings"

	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/store"
)

// openTicket serves GET /v1/tickets/accept, the link of every invitation
// (contract §5.7). It changes nothing, so that a mail scanner may follow it: it
// sends the invitee to the product's page when the invitation names one and can
// still be accepted, else to our own, which tells what became of it, and asks who is
// signed in here already. A client that would rather have JSON gets the refusal itself.
func (s *Server) openTicket(w http.ResponseWriter, r *http.Request) error {
	raw := r.URL.Query().Get("ticket")
	target, err := s.target(r, raw)
	if err != nil {
		if prefersJSON(r) || raw == "" && !acceptsHTML(r) {
			return err
		}
		edge.EventOf(r.Context()).Err = err
	}
	if target == "" {
		target = s.PublicURL + "/accept?ticket=" + url.QueryEscape(raw)
	}
	http.Redirect(w, r, target, http.StatusSeeOther) //nolint:gosec // a URL checked when the invitation was made, or our own page
	return nil
}

// target returns where the product wants the holder of a ticket, or nothing when
// it left that to us. The invitation decides, not what the ticket says.
func (s *Server) target(r *http.Request, raw string) (string, error) {
	if raw == "" {
		return "", invite.ParamErr(clerk.QueryMissing, "ticket")
	}
	ticket, err := s.Browsers.Ticket(s.network(r), raw, s.Keys)
	if err != nil {
		return "", err
	}
	edge.EventOf(r.Context()).Instance = ticket.InstanceID
	if ticket.Source == invite.ToSignIn {
		_, err := s.DB.SignInTokenByTicket(r.Context(), ticket)
		return "", err
	}
	found, err := s.DB.InvitationByTicket(r.Context(), ticket)
	if err != nil {
		return "", err
	}
	if err := found.Invitation.Acceptable(s.DB.Now()); err != nil {
		return "", err
	}
	if found.Invitation.RedirectURL == "" {
		return "", nil
	}
	browser, err := s.Browsers.Find(r, found.Instance)
	if err != nil {
		return "", err
	}
	if browser.SignedIn() != nil {
		return "", nil // our page asks who is signed in, and comes back
	}
	return clerk.HandOver(found.Invitation.RedirectURL, statusFor(found), raw), nil
}

func statusFor(found *store.Ticketed) string {
	if found.Known {
		return "sign_in"
	}
	return "sign_up"
}

// prefersJSON reports whether the client is a program: browsers ask for HTML.
func prefersJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json") && !acceptsHTML(r)
}

func acceptsHTML(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }
