package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/store"
)

// about is what the pages tell of an invitation, ready to be shown.
type about struct {
	Ticket                          string
	App, HomeURL                    string
	Organization, OrganizationImage string // or the application, when that is what one is invited to
	Account                         bool   // invited to the application: what is accepted is an account
	Role                            string
	Inviter, InviterIdentifier      string // Identifier is empty when it says no more than Inviter
	Address                         string
	Until, UntilISO, Left           string // Left is empty when the time is over
}

type acceptView struct {
	about
	AskName bool // the address has no account yet
}

// find reads what the ticket raw points to.
func (s *Server) find(ctx context.Context, raw string) (*store.Ticketed, invite.Ticket, error) {
	if raw == "" {
		return nil, invite.Ticket{}, invite.Err(ticketMissing)
	}
	ticket, err := invite.ParseTicket(raw, s.Keys)
	if err != nil {
		return nil, ticket, err
	}
	edge.EventOf(ctx).Instance = ticket.InstanceID
	if ticket.Source == invite.ToSignIn {
		return nil, ticket, s.findSignIn(ctx, ticket)
	}
	found, err := s.DB.InvitationByTicket(ctx, ticket)
	return found, ticket, err
}

// findSignIn always refuses: nobody is signed in here yet, whatever the sign-in
// token is worth.
func (s *Server) findSignIn(ctx context.Context, ticket invite.Ticket) error {
	_, err := s.DB.SignInTokenByTicket(ctx, ticket)
	if errors.Is(err, invite.Err(invite.TicketExpired)) {
		return invite.Err(signInExpired)
	}
	if err != nil {
		return err
	}
	return invite.Err(invite.SignInUnavailable)
}

func (s *Server) describe(found *store.Ticketed, ticket invite.Ticket, raw string) about {
	i, id, name, logo := found.Invitation, found.Instance.ID, cmp.Or(found.Instance.Name, "the application"), ""
	if o := found.Organization; o != nil {
		id, name, logo = o.ID, o.Name, o.LogoPath()
	}
	a := about{
		Ticket: raw, App: display(found.Instance.Name), HomeURL: found.Instance.HomeURL, Account: found.Organization == nil,
		Organization: display(name), OrganizationImage: cmp.Or(logo, avatarPath(id, initials(name))),
		Role: display(i.RoleName), Address: shownAddress(i.Email.Address, ticket.Channel),
		Until: instant(i.ExpiresAt), UntilISO: iso(i.ExpiresAt), Left: left(s.DB.Now(), i.ExpiresAt),
	}
	if p := i.Inviter; p != nil {
		a.Inviter = display(p.Name())
		if id := display(p.Identifier); id != a.Inviter {
			a.InviterIdentifier = id
		}
	}
	return a
}

// shownAddress shows the whole address to whoever got the link by mail: it was
// sent there, and people with several addresses need to know which one was
// meant. A link that left in another way may have been passed on, and must not
// tell a stranger who was invited; the invitee recognizes what is left.
func shownAddress(address string, ch invite.Channel) string {
	if ch == invite.ByMail {
		return display(address)
	}
	return display(masked(address))
}

// showInvitation serves GET /accept: the invitation and the form that answers
// it, or why it cannot be answered any more. It changes nothing.
func (s *Server) showInvitation(w http.ResponseWriter, r *http.Request) error {
	raw := r.URL.Query().Get("ticket")
	found, ticket, err := s.find(r.Context(), raw)
	if err != nil {
		return err
	}
	a := s.describe(found, ticket, raw)
	if err := over(found, s.DB.Now()); err != nil {
		s.explain(w, r, err, a)
		return nil
	}
	// Under no-referrer a browser calls the origin of a form "null" (Fetch, "append
	// a request Origin header"), and where it sends no Sec-Fetch-Site either, which
	// is everywhere but on https and loopback, nobody could accept.
	w.Header().Set("Referrer-Policy", "same-origin")
	return acceptPage.write(w, http.StatusOK, acceptView{about: a, AskName: !found.Known})
}

// over returns why an invitation cannot be answered any more. It knows a
// declined one, which the API shows as revoked, and one that was revoked because
// the invited person joined in another way.
func over(found *store.Ticketed, now invite.Instant) error {
	switch i := found.Invitation; {
	case i.Status == invite.Declined:
		return invite.Err(declined)
	case i.Status == invite.Revoked && found.Member:
		return invite.Err(invite.AlreadyMember)
	default:
		return i.Acceptable(now)
	}
}

// answerInvitation serves POST /accept, the only way by which these pages change
// anything. It sends the browser on to a page that reads what came of it, so
// that a form sent twice ends there as well.
func (s *Server) answerInvitation(w http.ResponseWriter, r *http.Request) error {
	if s.origins.Check(r) != nil {
		return invite.Err(crossOrigin)
	}
	if err := parseForm(r); err != nil {
		return err
	}
	raw := r.PostForm.Get("ticket")
	found, ticket, err := s.find(r.Context(), raw)
	if err != nil {
		return err
	}
	outcome := ""
	switch r.PostForm.Get("action") {
	case "accept":
		outcome = "/accept/joined"
		err = s.accept(r.Context(), ticket, invite.Joiner{
			FirstName: oneLine(r.PostForm.Get("first_name")), LastName: oneLine(r.PostForm.Get("last_name")),
		})
	case "decline":
		outcome = "/accept/declined"
		err = s.DB.DeclineInvitation(r.Context(), ticket)
	default:
		err = invite.Err(clerk.BodyInvalid)
	}
	edge.EventOf(r.Context()).Err = err
	if err != nil && !settled(err) {
		s.explain(w, r, err, s.describe(found, ticket, raw))
		return nil
	}
	redirect(w, r, outcome, raw)
	return nil
}

func (s *Server) accept(ctx context.Context, ticket invite.Ticket, j invite.Joiner) error {
	if ticket.Source == invite.ToApplication {
		_, err := s.DB.AcceptApplicationInvitation(ctx, ticket, j)
		return err
	}
	_, err := s.DB.AcceptInvitation(ctx, ticket, j)
	return err
}

func parseForm(r *http.Request) error {
	err := r.ParseForm()
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return invite.Err(clerk.BodyTooLarge)
	}
	if err != nil {
		return invite.Err(clerk.BodyInvalid)
	}
	return nil
}

// settled reports whether err says that the invitation was answered before, or
// is over. The page of the outcome reads what it came to.
func settled(err error) bool {
	e, ok := errors.AsType[*invite.Error](err)
	return ok && slices.Contains([]invite.Kind{
		invite.InvitationAccepted, invite.InvitationRevoked, invite.TicketExpired, invite.OrganizationDeleted, invite.TicketInvalid,
		invite.ApplicationInvitationAccepted, invite.ApplicationInvitationRevoked,
	}, e.Kind)
}

// redirect sends the browser to another of our pages about the same ticket.
func redirect(w http.ResponseWriter, r *http.Request, path, ticket string) {
	http.Redirect(w, r, path+"?ticket="+url.QueryEscape(ticket), http.StatusSeeOther)
}

func (s *Server) showJoined(w http.ResponseWriter, r *http.Request) error {
	return s.showOutcome(w, r, invite.Accepted, joinedPage)
}

func (s *Server) showDeclined(w http.ResponseWriter, r *http.Request) error {
	return s.showOutcome(w, r, invite.Declined, declinedPage)
}

// showOutcome shows page when the invitation has come to want, else what became
// of it instead.
func (s *Server) showOutcome(w http.ResponseWriter, r *http.Request, want invite.Status, page page[about]) error {
	raw := r.URL.Query().Get("ticket")
	found, ticket, err := s.find(r.Context(), raw)
	if err != nil {
		return err
	}
	if found.Invitation.Status != want {
		redirect(w, r, "/accept", raw)
		return nil
	}
	return page.write(w, http.StatusOK, s.describe(found, ticket, raw))
}
