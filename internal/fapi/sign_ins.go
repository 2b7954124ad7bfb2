package fapi

import "usher/internal/invite"

// createSignIn serves POST /v1/client/sign_ins: with a ticket or a password it signs
// in at once, with an identifier alone it says how its user can.
func (s *Server) createSignIn(r *request) (any, error) {
	identifier, strategy := r.form.Get("identifier"), invite.Strategy(r.form.Get("strategy"))
	if r.form.Get("ticket") != "" {
		strategy = invite.ByTicket
	}
	switch strategy {
	case invite.ByTicket:
		return s.signInWithTicket(r)
	case invite.ByPassword, "":
	default:
		return nil, invite.ParamErr(invite.ParamValue, "strategy", string(strategy))
	}
	if identifier == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "identifier")
	}
	if r.form.Get("password") != "" {
		u, err := s.DB.UserByIdentifier(r.Context(), r.instance, identifier)
		if err != nil {
			return nil, err
		}
		return s.signInWithPassword(r, "", identifier, u)
	}
	if err := r.visited(s.DB.BeginSignIn(r.Context(), r.instance, r.browser.Key(), identifier)); err != nil {
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

// signInWithPassword compares the password in the form with the user's.
func (s *Server) signInWithPassword(r *request, id, identifier string, u *invite.User) (any, error) {
	if err := r.visited(s.Browsers.SignIn(r.Context(), r.instance, r.browser.Key(), id, identifier, u, r.form.Get("password"))); err != nil {
		return nil, err
	}
	return s.Encoder.SignIn(r.visit.SignIn, s.DB.Now()), nil
}

// getSignIn serves GET /v1/client/sign_ins/{sign_in_id}.
func (s *Server) getSignIn(r *request) (any, error) {
	in, err := s.DB.SignIn(r.Context(), r.instance, r.browser.Key(), r.PathValue("sign_in_id"))
	if err != nil {
		return nil, err
	}
	return s.Encoder.SignIn(in, s.DB.Now()), nil
}

// attemptFirstFactor serves POST /v1/client/sign_ins/{sign_in_id}/attempt_first_factor.
func (s *Server) attemptFirstFactor(r *request) (any, error) {
	in, err := s.DB.SignIn(r.Context(), r.instance, r.browser.Key(), r.PathValue("sign_in_id"))
	if err != nil {
		return nil, err
	}
	switch strategy := invite.Strategy(r.form.Get("strategy")); strategy {
	case invite.ByPassword:
		return s.signInWithPassword(r, in.ID, in.Identifier, in.User)
	case invite.ByTicket:
		return s.signInWithTicket(r)
	case "":
		return nil, invite.ParamErr(invite.ParamMissing, "strategy")
	default:
		return nil, invite.ParamErr(invite.ParamValue, "strategy", string(strategy))
	}
}
