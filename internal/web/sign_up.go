package web

import (
	"context"
	"errors"
	"net/http"

	"usher/internal/browser"
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

type signUpView struct {
	about // without a ticket only App
	fault
	Next                              string
	EmailAddress, FirstName, LastName string // as they were typed
}

// hasAccount is refused where a new account cannot be what somebody wants.
const hasAccount invite.Kind = "account there already"

// newcomer is find for a ticket with which an account can be made here.
func (s *Server) newcomer(r *http.Request, raw string) (*store.Ticketed, invite.Ticket, error) {
	ticket, err := s.ticket(r, raw)
	if err != nil {
		return nil, ticket, err
	}
	if ticket.Source == invite.ToSignIn {
		return nil, ticket, invite.Err(hasAccount)
	}
	found, err := s.DB.InvitationByTicket(r.Context(), ticket)
	if err != nil {
		return nil, ticket, err
	}
	g, err := s.guest(r, found.Instance)
	if err == nil && (g != nil || found.Known || over(found, s.DB.Now()) != nil) {
		err = invite.Err(hasAccount)
	}
	return found, ticket, err
}

// showSignUp serves GET /sign-up: a new account with a password. Where a ticket is for
// somebody who has an account, the invitation is answered without.
func (s *Server) showSignUp(w http.ResponseWriter, r *http.Request) error {
	raw := r.URL.Query().Get("__clerk_ticket")
	if raw == "" {
		return s.showOpenSignUp(w, r)
	}
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
	if raw == "" {
		return s.openSignUp(w, r)
	}
	found, ticket, err := s.newcomer(r, raw)
	if errors.Is(err, invite.Err(hasAccount)) {
		redirect(w, r, "/accept", raw)
		return nil
	}
	if err != nil {
		return err
	}
	v := typedSignUp(r, s.describe(found, ticket, raw))
	_, err = s.register(w, r, found.Instance, invite.SignUpChange{Ticket: &ticket, FirstName: &v.FirstName, LastName: &v.LastName})
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

// showOpenSignUp serves GET /sign-up without a ticket. Who is signed in goes on.
func (s *Server) showOpenSignUp(w http.ResponseWriter, r *http.Request) error {
	in, err := s.instance(r)
	if err != nil {
		return err
	}
	v := signUpView{about: about{App: display(in.Name)}, Next: r.URL.Query().Get("redirect_url")}
	u, err := s.present(r, in)
	if err != nil {
		return err
	}
	if u != nil {
		s.goOn(w, r, in, v.Next)
		return nil
	}
	return signUpPage.writeForm(w, http.StatusOK, v, "")
}

// openSignUp serves POST /sign-up without a ticket: the address is to be proven by a
// code before there is an account.
func (s *Server) openSignUp(w http.ResponseWriter, r *http.Request) error {
	in, err := s.instance(r)
	if err != nil {
		return err
	}
	v := typedSignUp(r, about{App: display(in.Name)})
	visit, err := s.register(w, r, in, invite.SignUpChange{EmailAddress: &v.EmailAddress, FirstName: &v.FirstName, LastName: &v.LastName})
	if err == nil {
		_, err = browser.Attempt(s.Browsers, s.Browsers.Network(r, false), true, func() (*store.Visit, error) {
			return s.DB.SendSignUpCode(r.Context(), in, visit.ClientID, visit.SignUp.ID)
		})
	}
	if f, ok := blame(err, "email_address", "first_name", "last_name", "password"); ok {
		v.fault = f
		return signUpPage.writeForm(w, told(w, r, err), v, "")
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, onwards(signUpProof.path, v.Next), http.StatusSeeOther)
	return nil
}

// typedSignUp returns the page of a sign-up with what its form had.
func typedSignUp(r *http.Request, a about) signUpView {
	return signUpView{
		about: a, Next: r.PostForm.Get("redirect_url"), EmailAddress: r.PostForm.Get("email_address"),
		FirstName: oneLine(r.PostForm.Get("first_name")), LastName: oneLine(r.PostForm.Get("last_name")),
	}
}

// register saves what c asks for, with the password in the form. With a ticket that is
// an account, whose owner is signed in.
func (s *Server) register(w http.ResponseWriter, r *http.Request, in *invite.Instance, c invite.SignUpChange) (*store.Visit, error) {
	client, err := s.Browsers.Find(r, in)
	if err != nil {
		return nil, err
	}
	if c.EmailAddress != nil && *c.EmailAddress == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "email_address")
	}
	v, err := browser.Attempt(s.Browsers, s.Browsers.Network(r, false), false, func() (*store.Visit, error) {
		if c.PasswordDigest, err = s.digest(r.Context(), r.PostForm.Get("password")); err != nil {
			return nil, err
		}
		return s.DB.SaveSignUp(r.Context(), in, client.Key(), "", c)
	})
	if err == nil {
		s.Browsers.Remember(w, in, v)
	}
	return v, err
}

func (s *Server) digest(ctx context.Context, plain string) (string, error) {
	if plain == "" {
		return "", invite.ParamErr(invite.ParamMissing, "password")
	}
	if err := invite.CheckPassword("password", plain, false); err != nil {
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
