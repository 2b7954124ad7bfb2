package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"usher/internal/browser"
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
	ForAccount                      bool   // invited to the application: what is accepted is an account
	Role                            string
	Inviter, InviterIdentifier      string // Identifier is empty when it says no more than Inviter
	Address                         string
	Until, UntilISO, Left           string // Left is empty when the time is over
}

type acceptView struct {
	about
	AskName bool   // the address has no account yet
	Account *badge // who is signed in and owns the address; nil without
}

// badge is an account as its owner recognizes it.
type badge struct{ Name, Identifier string }

func badgeOf(p invite.Person) *badge {
	b := &badge{Name: display(p.Name()), Identifier: display(p.Identifier)}
	if b.Identifier == b.Name {
		b.Identifier = ""
	}
	return b
}

// ticket verifies a ticket that a request brings.
func (s *Server) ticket(r *http.Request, raw string) (invite.Ticket, error) {
	if raw == "" {
		return invite.Ticket{}, invite.Err(ticketMissing)
	}
	ticket, err := s.Browsers.Ticket(s.Browsers.Network(r, false), raw, s.Keys)
	if err == nil {
		edge.EventOf(r.Context()).Instance = ticket.InstanceID
	}
	return ticket, err
}

// find reads what the ticket raw points to.
func (s *Server) find(r *http.Request, raw string) (*store.Ticketed, invite.Ticket, error) {
	ticket, err := s.ticket(r, raw)
	if err != nil {
		return nil, ticket, err
	}
	found, err := s.DB.InvitationByTicket(r.Context(), ticket)
	return found, ticket, err
}

// present returns who is signed in in the browser; nil for nobody.
func (s *Server) present(r *http.Request, in *invite.Instance) (*invite.User, error) {
	g, err := s.guest(r, in)
	if err != nil || g == nil {
		return nil, err
	}
	return g.user, nil
}

func (s *Server) describe(found *store.Ticketed, ticket invite.Ticket, raw string) about {
	i, name := found.Invitation, cmp.Or(found.Instance.Name, "the application")
	image := avatarPath(found.Instance.ID, initials(name))
	if o := found.Organization; o != nil {
		name, image = o.Name, imageOf(o)
	}
	a := about{
		Ticket: raw, App: display(found.Instance.Name), HomeURL: found.Instance.HomeURL, ForAccount: found.Organization == nil,
		Organization: display(name), OrganizationImage: image,
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
	ticket, err := s.ticket(r, raw)
	if err != nil {
		return err
	}
	if ticket.Source == invite.ToSignIn {
		return s.showSignInLink(w, r, ticket, raw)
	}
	found, err := s.DB.InvitationByTicket(r.Context(), ticket)
	if err != nil {
		return err
	}
	a := s.describe(found, ticket, raw)
	if err := over(found, s.DB.Now()); err != nil {
		s.explain(w, r, err, a)
		return nil
	}
	u, err := s.present(r, found.Instance)
	if err != nil {
		return err
	}
	switch {
	case u == nil:
		return acceptPage.writeForm(w, http.StatusOK, acceptView{about: a, AskName: !found.Known}, found.Invitation.RedirectURL)
	case u.Owns(found.Invitation.Email.Key):
		return acceptPage.writeForm(w, http.StatusOK, acceptView{about: a, Account: badgeOf(u.Person())}, found.Invitation.RedirectURL)
	}
	return s.showOtherAccount(w, found.Instance, u, raw, found.Invitation.RedirectURL)
}

// showOtherAccount says who is signed in, which is not for whom the link is. It does
// not say for whom: the link may have been passed on.
func (s *Server) showOtherAccount(w http.ResponseWriter, in *invite.Instance, u *invite.User, raw, leads string) error {
	return otherPage.writeForm(w, http.StatusForbidden, otherView{App: display(in.Name), HomeURL: in.HomeURL, Ticket: raw, Account: badgeOf(u.Person())}, leads)
}

type otherView struct {
	App, HomeURL, Ticket string
	Account              *badge
}

type signInLinkView struct {
	App, Ticket string
	Account     *badge // whom the link signs in
}

// showSignInLink serves GET /accept for the link of a sign-in token: a button, so
// that nothing but a person uses it up.
func (s *Server) showSignInLink(w http.ResponseWriter, r *http.Request, ticket invite.Ticket, raw string) error {
	edge.EventOf(r.Context()).Instance = ticket.InstanceID
	token, err := s.DB.SignInTokenByTicket(r.Context(), ticket)
	if errors.Is(err, invite.Err(invite.TicketExpired)) {
		return invite.Err(signInExpired)
	}
	if err != nil {
		return err
	}
	in, err := s.DB.Instance(r.Context(), ticket.InstanceID)
	if err != nil {
		return err
	}
	u, err := s.present(r, in)
	if err != nil {
		return err
	}
	if u != nil && u.ID != token.UserID {
		return s.showOtherAccount(w, in, u, raw, "")
	}
	if u, err = s.DB.User(r.Context(), in, token.UserID); err != nil {
		return err
	}
	return signInLinkPage.writeForm(w, http.StatusOK, signInLinkView{App: display(in.Name), Ticket: raw, Account: badgeOf(u.Person())}, in.HomeURL)
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

// answerInvitation serves POST /accept. It sends the browser on to a page that reads
// what came of it, so that a form sent twice ends there as well.
func (s *Server) answerInvitation(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(r); err != nil {
		return err
	}
	raw := r.PostForm.Get("ticket")
	ticket, err := s.ticket(r, raw)
	if err != nil {
		return err
	}
	if ticket.Source == invite.ToSignIn {
		return s.useSignInLink(w, r, ticket)
	}
	found, err := s.DB.InvitationByTicket(r.Context(), ticket)
	if err != nil {
		return err
	}
	outcome := "/accept/declined"
	switch r.PostForm.Get("action") {
	case "accept":
		outcome = "/accept/joined"
		err = s.accept(w, r, found.Instance, ticket)
	case "decline":
		err = s.DB.DeclineInvitation(r.Context(), ticket)
	default:
		err = invite.Err(clerk.BodyInvalid)
	}
	edge.EventOf(r.Context()).Err = err
	if e, ok := errors.AsType[*invite.Error](err); ok && (e.Kind == invite.AddressNotOwned || e.Kind == invite.ApplicationAddressNotOwned) {
		u, err := s.present(r, found.Instance)
		if err != nil || u == nil {
			return err
		}
		return s.showOtherAccount(w, found.Instance, u, raw, found.Invitation.RedirectURL)
	}
	if err != nil && !settled(err) {
		s.explain(w, r, err, s.describe(found, ticket, raw))
		return nil
	}
	if to := found.Invitation.RedirectURL; err == nil && to != "" && outcome == "/accept/joined" {
		http.Redirect(w, r, clerk.HandOver(to, "complete", ""), http.StatusSeeOther) //nolint:gosec // a URL checked when the invitation was made
		return nil
	}
	redirect(w, r, outcome, raw)
	return nil
}

// ownForm reads a form, if it was sent from one of our own pages.
func (s *Server) ownForm(r *http.Request) error {
	if s.origins.Check(r) != nil {
		return invite.Err(crossOrigin)
	}
	return parseForm(r)
}

// accept makes a member of who is signed in, or signs in whom the ticket is for.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, in *invite.Instance, ticket invite.Ticket) error {
	client, err := s.Browsers.Find(r, in)
	if err != nil {
		return err
	}
	joiner := invite.Joiner{FirstName: oneLine(r.PostForm.Get("first_name")), LastName: oneLine(r.PostForm.Get("last_name"))}
	v, err := browser.Attempt(s.Browsers, s.Browsers.Network(r, false), false, func() (*store.Visit, error) {
		return s.DB.JoinWithTicket(r.Context(), in, client.Key(), ticket, joiner)
	})
	if err == nil {
		s.Browsers.Remember(w, in, v)
	}
	return err
}

// useSignInLink signs in with a sign-in token.
func (s *Server) useSignInLink(w http.ResponseWriter, r *http.Request, ticket invite.Ticket) error {
	in, err := s.DB.Instance(r.Context(), ticket.InstanceID)
	if err != nil {
		return err
	}
	err = s.accept(w, r, in, ticket)
	if errors.Is(err, invite.Err(invite.SessionExists)) {
		redirect(w, r, "/accept", r.PostForm.Get("ticket"))
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, cmp.Or(in.HomeURL, "/"), http.StatusSeeOther)
	return nil
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

type joinedView struct {
	about
	SignedIn bool // as who has joined, where our own pages are the same application's
}

// showJoined serves GET /accept/joined.
func (s *Server) showJoined(w http.ResponseWriter, r *http.Request) error {
	raw := r.URL.Query().Get("ticket")
	found, ticket, err := s.find(r, raw)
	if err != nil {
		return err
	}
	if found.Invitation.Status != invite.Accepted {
		redirect(w, r, "/accept", raw)
		return nil
	}
	v := joinedView{about: s.describe(found, ticket, raw)}
	if in, err := s.DB.Frontend(r.Context(), r.Host); err == nil && in.ID == found.Instance.ID {
		u, err := s.present(r, in)
		if err != nil {
			return err
		}
		v.SignedIn = u != nil && u.ID == found.Invitation.UserID
	}
	return joinedPage.write(w, http.StatusOK, v)
}

// showDeclined serves GET /accept/declined.
func (s *Server) showDeclined(w http.ResponseWriter, r *http.Request) error {
	raw := r.URL.Query().Get("ticket")
	found, ticket, err := s.find(r, raw)
	if err != nil {
		return err
	}
	if found.Invitation.Status != invite.Declined {
		redirect(w, r, "/accept", raw)
		return nil
	}
	return declinedPage.write(w, http.StatusOK, s.describe(found, ticket, raw))
}
