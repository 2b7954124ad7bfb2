package web

import (
	"errors"
	"net/http"
	"net/url"

	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/store"
)

// entryView is what the pages have in common on which people sign in and up.
type entryView struct {
	App, Next string
	Problem   string // what was wrong with what was given; empty at first
	Field     string // the field it is about
}

// Wrong reports whether the problem is about a field.
func (v entryView) Wrong(field string) bool { return v.Field == field }

type signInView struct {
	entryView
	Identifier string
}

// instance returns the one whose pages are asked for.
func (s *Server) instance(r *http.Request) (*invite.Instance, error) {
	in, err := s.DB.Frontend(r.Context(), r.Host)
	if err == nil {
		edge.EventOf(r.Context()).Instance = in.ID
	}
	return in, err
}

// showSignIn serves GET /sign-in. Who is signed in goes on.
func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request) error {
	in, err := s.instance(r)
	if err != nil {
		return err
	}
	next := r.URL.Query().Get("redirect_url")
	u, err := s.present(r, in)
	if err != nil {
		return err
	}
	if u != nil {
		s.goOn(w, r, in, next)
		return nil
	}
	return signInPage.writeForm(w, http.StatusOK, signInView{entryView: entryView{App: display(in.Name), Next: next}}, s.Browsers.Destination(in, r.Host, next))
}

// goOn leads to where somebody who has signed in wanted to go.
func (s *Server) goOn(w http.ResponseWriter, r *http.Request, in *invite.Instance, next string) {
	http.Redirect(w, r, s.Browsers.Destination(in, r.Host, next), http.StatusSeeOther) //nolint:gosec // a page of ours or the instance's
}

// signIn serves POST /sign-in.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(r); err != nil {
		return err
	}
	in, err := s.instance(r)
	if err != nil {
		return err
	}
	identifier, next := r.PostForm.Get("identifier"), r.PostForm.Get("redirect_url")
	v, err := s.enter(r, in, identifier)
	if err == nil {
		s.Browsers.Remember(w, in, v)
		s.goOn(w, r, in, next)
		return nil
	}
	view := signInView{entryView: entryView{App: display(in.Name), Next: next}, Identifier: identifier}
	if !view.blame(err) {
		return err
	}
	edge.EventOf(r.Context()).Err = err
	return signInPage.writeForm(w, http.StatusUnprocessableEntity, view, s.Browsers.Destination(in, r.Host, next))
}

// enter signs in with the password in the form.
func (s *Server) enter(r *http.Request, in *invite.Instance, identifier string) (*store.Visit, error) {
	if identifier == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "identifier")
	}
	client, err := s.Browsers.Find(r, in)
	if err != nil {
		return nil, err
	}
	u, err := s.DB.UserByIdentifier(r.Context(), in, identifier)
	if err != nil {
		return nil, err
	}
	return s.Browsers.SignIn(r.Context(), in, client.Key(), "", identifier, u, r.PostForm.Get("password"))
}

// blames are the refusals that are told beside the field they are about.
var blames = map[invite.Kind]struct{ field, text string }{
	invite.AccountNotFound:    {"identifier", "There is no account with this address or username."},
	invite.PasswordWrong:      {"password", "That is not the password of this account."},
	invite.StrategyInvalid:    {"password", "This account has no password. Use the link or the code in a mail instead."},
	invite.UserLocked:         {"identifier", "This account is locked at the moment. Try again later."},
	invite.UserBanned:         {"identifier", "This account may not be used."},
	invite.SessionExists:      {"identifier", "Somebody is signed in here already. Sign out first."},
	invite.NotAllowed:         {"identifier", "This address may not be used here."},
	invite.TooManyRequests:    {"password", "That was tried too often. Wait a little, then try again."},
	invite.PasswordTooShort:   {"password", "A password needs at least 8 characters."},
	invite.PasswordTooLong:    {"password", "That password is too long."},
	invite.ParamEmailFormat:   {"email_address", "That is not an e-mail address."},
	invite.IdentifierExists:   {"email_address", "There is an account with this address already. Sign in instead."},
	invite.AccountInvited:     {"email_address", "There is an account with the invited address already. Sign in instead."},
	invite.ApplicationAccount: {"email_address", "There is an account with the invited address already. Sign in instead."},
	invite.ParamTooLong:       {"first_name", "A name has room for 256 characters."},
	invite.CodeIncorrect:      {"code", "That is not the code that was sent."},
	invite.CodeExpired:        {"code", "This code is too old. Ask for another one."},
	invite.CodeFailed:         {"code", "That was tried too often. Ask for another code."},
	invite.CodeMissing:        {"code", "Ask for a code first."},
}

// blame tells a refusal beside its field and reports whether it is one that can be.
func (v *entryView) blame(err error) bool {
	e, ok := errors.AsType[*invite.Error](err)
	if !ok {
		return false
	}
	b, ok := blames[e.Kind]
	if e.Kind == invite.ParamMissing {
		b.field, b.text, ok = e.Param, "This is needed.", true
	}
	v.Field, v.Problem = b.field, b.text
	return ok
}

// signOut serves POST /sign-out, and opens the link again with which somebody came.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(r); err != nil {
		return err
	}
	raw := r.PostForm.Get("ticket")
	in, err := s.instanceOf(r, raw)
	if err != nil {
		return err
	}
	client, err := s.Browsers.Find(r, in)
	if err != nil {
		return err
	}
	if client != nil {
		if err := s.DB.CloseClient(r.Context(), in, client.ID, false); err != nil {
			return err
		}
	}
	next := "/sign-in"
	if raw != "" {
		next = invite.AcceptPath + "?ticket=" + url.QueryEscape(raw)
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// instanceOf returns the instance that a ticket is of, or without one that of the host.
func (s *Server) instanceOf(r *http.Request, raw string) (*invite.Instance, error) {
	if raw == "" {
		return s.instance(r)
	}
	ticket, err := invite.ParseTicket(raw, s.Keys)
	if err != nil {
		return nil, err
	}
	edge.EventOf(r.Context()).Instance = ticket.InstanceID
	return s.DB.Instance(r.Context(), ticket.InstanceID)
}
