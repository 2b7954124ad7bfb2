package fapi

import (
	"context"
	"errors"

	"usher/internal/invite"
)

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
	if err := r.visited(s.DB.BeginSignIn(r.Context(), r.instance, r.clientID(), identifier)); err != nil {
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
	if err := r.visited(s.DB.SignInWithTicket(r.Context(), r.instance, r.clientID(), ticket)); err != nil {
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
	digest, err := s.comparePassword(r.Context(), r, u)
	if err != nil {
		return nil, err
	}
	if err := r.visited(s.DB.SignInWithPassword(r.Context(), r.instance, r.clientID(), id, identifier, u.ID, digest)); err != nil {
		return nil, err
	}
	return s.Encoder.SignIn(r.visit.SignIn, s.DB.Now()), nil
}

// comparePassword returns the digest that the password in the form belongs to, made
// anew when it was outdated.
func (s *Server) comparePassword(ctx context.Context, r *request, u *invite.User) (string, error) {
	plain := r.form.Get("password")
	switch {
	case plain == "":
		return "", invite.ParamErr(invite.ParamMissing, "password")
	case len(plain) > invite.MaxPassword:
		return "", invite.ParamErr(invite.PasswordWrong, "password")
	case u.Locked:
		return "", invite.Err(invite.UserLocked)
	case !u.HasPassword:
		return "", invite.Err(invite.StrategyInvalid)
	}
	digest, err := s.DB.PasswordDigest(ctx, r.instance, u.ID)
	if err != nil {
		return "", err
	}
	fresh, err := s.Passwords.Verify(ctx, digest, plain)
	if errors.Is(err, invite.ParamErr(invite.PasswordIncorrect, "password")) {
		err = invite.ParamErr(invite.PasswordWrong, "password")
	}
	if err != nil {
		return "", err
	}
	if fresh != digest {
		err = s.DB.RefreshPassword(ctx, r.instance, u.ID, digest, fresh)
	}
	return fresh, err
}

// getSignIn serves GET /v1/client/sign_ins/{sign_in_id}.
func (s *Server) getSignIn(r *request) (any, error) {
	in, err := s.DB.SignIn(r.Context(), r.instance, r.clientID(), r.PathValue("sign_in_id"))
	if err != nil {
		return nil, err
	}
	return s.Encoder.SignIn(in, s.DB.Now()), nil
}

// attemptFirstFactor serves POST /v1/client/sign_ins/{sign_in_id}/attempt_first_factor.
func (s *Server) attemptFirstFactor(r *request) (any, error) {
	in, err := s.DB.SignIn(r.Context(), r.instance, r.clientID(), r.PathValue("sign_in_id"))
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
