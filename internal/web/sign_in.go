package web

import (
	"net/http"
	"net/url"

	"usher/internal/browser"
	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/store"
)

// entryView is what the pages have in common on which people sign in and up.
type entryView struct {
	App, Next string
	fault
}

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

// showSignIn serves GET /sign-in. Who is signed in goes on, and who brings a ticket
// answers the invitation.
func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request) error {
	if raw := r.URL.Query().Get("__clerk_ticket"); raw != "" {
		redirect(w, r, "/accept", raw)
		return nil
	}
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
	identifier, next, byCode := r.PostForm.Get("identifier"), r.PostForm.Get("redirect_url"), r.PostForm.Get("action") == "code"
	v, err := browser.Attempt(s.Browsers, s.Browsers.Network(r, false), byCode, func() (*store.Visit, error) {
		return s.enter(r, in, identifier, byCode)
	})
	if err == nil {
		s.Browsers.Remember(w, in, v)
	}
	if err == nil && byCode {
		http.Redirect(w, r, onwards(signInProof.path, next), http.StatusSeeOther)
		return nil
	}
	if err == nil {
		s.goOn(w, r, in, next)
		return nil
	}
	f, ok := blame(err, "identifier", "password")
	if !ok {
		return err
	}
	view := signInView{entryView: entryView{App: display(in.Name), Next: next, fault: f}, Identifier: identifier}
	return signInPage.writeForm(w, told(w, r, err), view, s.Browsers.Destination(in, r.Host, next))
}

// enter signs in with the password in the form, or has a code mailed.
func (s *Server) enter(r *http.Request, in *invite.Instance, identifier string, byCode bool) (*store.Visit, error) {
	if identifier == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "identifier")
	}
	client, err := s.Browsers.Find(r, in)
	if err != nil {
		return nil, err
	}
	if byCode {
		return s.DB.BeginSignIn(r.Context(), in, client.Key(), identifier, invite.ByEmailCode)
	}
	return s.Browsers.SignInAs(r.Context(), in, client.Key(), identifier, r.PostForm.Get("password"))
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
	ticket, err := s.Browsers.Ticket(s.Browsers.Network(r, false), raw, s.Keys)
	if err != nil {
		return nil, err
	}
	edge.EventOf(r.Context()).Instance = ticket.InstanceID
	return s.DB.Instance(r.Context(), ticket.InstanceID)
}
