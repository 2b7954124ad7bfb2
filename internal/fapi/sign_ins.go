package fapi

import (
	"slices"
	"strings"

	"usher/internal/invite"
	"usher/internal/store"
)

// createSignIn serves POST /v1/client/sign_ins: with a ticket or a password it signs
// in at once, with a strategy that mails it sends a code, and with an identifier alone
// it says how its user can.
func (s *Server) createSignIn(r *request) (any, error) {
	if invite.Strategy(r.form.Get("strategy")).Mails() {
		return mailing((*Server).beginSignIn)(s, r)
	}
	return attempt((*Server).beginSignIn)(s, r)
}

func (s *Server) beginSignIn(r *request) (any, error) {
	identifier, strategy := r.form.Get("identifier"), invite.Strategy(r.form.Get("strategy"))
	if r.form.Get("ticket") != "" {
		strategy = invite.ByTicket
	}
	switch strategy {
	case invite.ByTicket:
		return s.signInWithTicket(r)
	case invite.ByPassword, invite.ByEmailCode, invite.ByReset, "":
	default:
		return nil, invite.ParamErr(invite.ParamValue, "strategy", string(strategy))
	}
	if identifier == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "identifier")
	}
	if plain := r.form.Get("password"); plain != "" && !strategy.Mails() {
		return s.signedIn(r)(s.Browsers.SignInAs(r.Context(), r.instance, r.browser.Key(), identifier, plain))
	}
	if err := r.visited(s.DB.BeginSignIn(r.Context(), r.instance, r.browser.Key(), identifier, strategy)); err != nil {
		return nil, err
	}
	return s.Encoder.SignIn(r.visit.SignIn, s.DB.Now()), nil
}

// signInWithTicket uses the ticket of an invitation or a sign-in token.
func (s *Server) signInWithTicket(r *request) (any, error) {
	ticket, err := r.ticket(s.Keys)
	if err != nil {
		return nil, err
	}
	if err := r.visited(s.DB.SignInWithTicket(r.Context(), r.instance, r.browser.Key(), ticket)); err != nil {
		return nil, err
	}
	return s.Encoder.SignIn(r.visit.SignIn, s.DB.Now()), nil
}

// ticket returns the verified ticket in the form.
func (r *request) ticket(keys *invite.Keyring) (invite.Ticket, error) {
	raw := r.form.Get("ticket")
	if raw == "" {
		return invite.Ticket{}, invite.ParamErr(invite.ParamMissing, "ticket")
	}
	return invite.ParseTicket(raw, keys)
}

// signedIn answers the sign-in of a visit.
func (s *Server) signedIn(r *request) func(*store.Visit, error) (any, error) {
	return func(v *store.Visit, err error) (any, error) {
		if err := r.visited(v, err); err != nil {
			return nil, err
		}
		return s.Encoder.SignIn(v.SignIn, s.DB.Now()), nil
	}
}

// getSignIn serves GET /v1/client/sign_ins/{sign_in_id}.
func (s *Server) getSignIn(r *request) (any, error) {
	in, err := s.DB.SignIn(r.Context(), r.instance, r.browser.Key(), r.PathValue("sign_in_id"))
	if err != nil {
		return nil, err
	}
	return s.Encoder.SignIn(in, s.DB.Now()), nil
}

// prepareFirstFactor serves POST /v1/client/sign_ins/{sign_in_id}/prepare_first_factor.
func (s *Server) prepareFirstFactor(r *request) (any, error) {
	strategy, err := r.strategy(invite.ByEmailCode, invite.ByReset)
	if err != nil {
		return nil, err
	}
	id, address := r.PathValue("sign_in_id"), r.form.Get("email_address_id")
	if err := r.visited(s.DB.SendSignInCode(r.Context(), r.instance, r.browser.Key(), id, strategy, address)); err != nil {
		return nil, err
	}
	return s.Encoder.SignIn(r.visit.SignIn, s.DB.Now()), nil
}

// strategy returns that of the form, which must be one of those.
func (r *request) strategy(allowed ...invite.Strategy) (invite.Strategy, error) {
	strategy := invite.Strategy(r.form.Get("strategy"))
	if strategy == "" {
		return "", invite.ParamErr(invite.ParamMissing, "strategy")
	}
	if !slices.Contains(allowed, strategy) {
		return "", invite.ParamErr(invite.ParamValue, "strategy", string(strategy))
	}
	return strategy, nil
}

// code returns the code in the form.
func (r *request) code() (string, error) {
	code := strings.TrimSpace(r.form.Get("code"))
	if code == "" {
		return "", invite.ParamErr(invite.ParamMissing, "code")
	}
	return code, nil
}

// attemptFirstFactor serves POST /v1/client/sign_ins/{sign_in_id}/attempt_first_factor.
func (s *Server) attemptFirstFactor(r *request) (any, error) {
	in, err := s.DB.SignIn(r.Context(), r.instance, r.browser.Key(), r.PathValue("sign_in_id"))
	if err != nil {
		return nil, err
	}
	strategy, err := r.strategy(invite.ByPassword, invite.ByTicket, invite.ByEmailCode, invite.ByReset)
	switch {
	case err != nil:
		return nil, err
	case strategy == invite.ByPassword:
		return s.signedIn(r)(s.Browsers.SignIn(r.Context(), r.instance, r.browser.Key(), in.ID, in.Identifier, in.User, r.form.Get("password")))
	case strategy == invite.ByTicket:
		return s.signInWithTicket(r)
	}
	code, err := r.code()
	if err != nil {
		return nil, err
	}
	if err := r.visited(s.Browsers.SignInWithCode(r.Context(), r.instance, r.browser.Key(), in, strategy, code)); err != nil {
		return nil, err
	}
	return s.Encoder.SignIn(r.visit.SignIn, s.DB.Now()), nil
}

// resetPassword serves POST /v1/client/sign_ins/{sign_in_id}/reset_password, after a
// code has proven that its user may.
func (s *Server) resetPassword(r *request) (any, error) {
	in, err := s.DB.SignIn(r.Context(), r.instance, r.browser.Key(), r.PathValue("sign_in_id"))
	if err != nil {
		return nil, err
	}
	if !in.NeedsPassword {
		return nil, invite.Err(invite.CodeMissing)
	}
	plain := r.form.Get("password")
	if plain == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "password")
	}
	if err := invite.CheckPassword("password", plain, false); err != nil {
		return nil, err
	}
	digest, err := s.Passwords.Digest(r.Context(), plain)
	if err != nil {
		return nil, err
	}
	signOut := r.form.Get("sign_out_of_other_sessions") == "true"
	if err := r.visited(s.DB.ResetPassword(r.Context(), r.instance, r.browser.Key(), in.ID, digest, signOut)); err != nil {
		return nil, err
	}
	return s.Encoder.SignIn(r.visit.SignIn, s.DB.Now()), nil
}
