package web

import (
	"context"
	"errors"
	"net/http"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

type signUpView struct {
	about
	fault
	FirstName, LastName string // as they were typed
}

// hasAccount is refused where a new account cannot be what somebody wants.
const hasAccount invite.Kind = "account there already"

// newcomer is find for a ticket with which an account can be made here.
func (s *Server) newcomer(r *http.Request, raw string) (*store.Ticketed, invite.Ticket, error) {
	if ticket, err := invite.ParseTicket(raw, s.Keys); err == nil && ticket.Source == invite.ToSignIn {
		return nil, ticket, invite.Err(hasAccount)
	}
	found, ticket, err := s.find(r.Context(), raw)
	if err != nil {
		return nil, ticket, err
	}
	g, err := s.guest(r, found.Instance)
	if err == nil && (g != nil || found.Known || over(found, s.DB.Now()) != nil) {
		err = invite.Err(hasAccount)
	}
	return found, ticket, err
}

// showSignUp serves GET /sign-up: a new account with a password, for whom a ticket
// invites. Everybody else answers the invitation without.
func (s *Server) showSignUp(w http.ResponseWriter, r *http.Request) error {
	raw := r.URL.Query().Get("__clerk_ticket")
	found, ticket, err := s.newcomer(r, raw)
	if errors.Is(err, invite.Err(hasAccount)) {
		redirect(w, r, "/accept", raw)
		return nil
	}
	if err != nil {
		return err
	}
	return signUpPage.writeForm(w, http.StatusOK, signUpView{about: s.describe(found, ticket, raw)}, found.Invitation.RedirectURL)
}

// signUp serves POST /sign-up.
func (s *Server) signUp(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(r); err != nil {
		return err
	}
	raw := r.PostForm.Get("__clerk_ticket")
	found, ticket, err := s.newcomer(r, raw)
	if errors.Is(err, invite.Err(hasAccount)) {
		redirect(w, r, "/accept", raw)
		return nil
	}
	if err != nil {
		return err
	}
	v := signUpView{
		about: s.describe(found, ticket, raw), FirstName: oneLine(r.PostForm.Get("first_name")), LastName: oneLine(r.PostForm.Get("last_name")),
	}
	err = s.register(w, r, found.Instance, invite.SignUpChange{Ticket: &ticket, FirstName: &v.FirstName, LastName: &v.LastName})
	if f, ok := blame(err, "first_name", "last_name", "password"); ok {
		v.fault = f
		return signUpPage.writeForm(w, told(w, r, err), v, found.Invitation.RedirectURL)
	}
	if err != nil {
		s.explain(w, r, err, v.about)
		return nil
	}
	s.welcome(w, r, found, raw)
	return nil
}

// register makes the account that c asks for, with the password in the form, and signs
// its owner in.
func (s *Server) register(w http.ResponseWriter, r *http.Request, in *invite.Instance, c invite.SignUpChange) error {
	client, err := s.Browsers.Find(r, in)
	if err != nil {
		return err
	}
	if c.PasswordDigest, err = s.digest(r.Context(), r.PostForm.Get("password")); err != nil {
		return err
	}
	v, err := s.DB.SaveSignUp(r.Context(), in, client.Key(), "", c)
	if err == nil {
		s.Browsers.Remember(w, in, v)
	}
	return err
}

func (s *Server) digest(ctx context.Context, plain string) (string, error) {
	if plain == "" {
		return "", invite.ParamErr(invite.ParamMissing, "password")
	}
	if err := invite.CheckPassword(plain, false); err != nil {
		return "", err
	}
	return s.Browsers.Passwords.Digest(ctx, plain)
}

// welcome leads who has joined to the product's page, or to ours that says so.
func (s *Server) welcome(w http.ResponseWriter, r *http.Request, found *store.Ticketed, raw string) {
	if to := found.Invitation.RedirectURL; to != "" {
		http.Redirect(w, r, clerk.HandOver(to, "complete", ""), http.StatusSeeOther) //nolint:gosec // a URL checked when the invitation was made
		return
	}
	redirect(w, r, "/accept/joined", raw)
}
