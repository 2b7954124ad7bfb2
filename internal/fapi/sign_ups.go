package fapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
)

// createSignUp serves POST /v1/client/sign_ups.
func (s *Server) createSignUp(r *request) (any, error) { return s.saveSignUp(r, "") }

// updateSignUp serves PATCH /v1/client/sign_ups/{sign_up_id}.
func (s *Server) updateSignUp(r *request) (any, error) {
	return s.saveSignUp(r, r.PathValue("sign_up_id"))
}

func (s *Server) saveSignUp(r *request, id string) (any, error) {
	c, err := s.signUpChange(r)
	if err != nil {
		return nil, err
	}
	if err := r.visited(s.DB.SaveSignUp(r.Context(), r.instance, r.browser.Key(), id, c)); err != nil {
		return nil, err
	}
	return clerk.SignUpOf(r.visit.SignUp, s.DB.Now()), nil
}

// signUpChange reads what the form has of an account.
func (s *Server) signUpChange(r *request) (invite.SignUpChange, error) {
	c := invite.SignUpChange{
		EmailAddress: r.given("email_address"), FirstName: r.given("first_name"), LastName: r.given("last_name"),
		Username: r.given("username"), Locale: r.given("locale"), LegalAccepted: r.form.Get("legal_accepted") == "true",
	}
	if c.EmailAddress == nil {
		c.EmailAddress = r.given("email_address_or_phone_number")
	}
	c.UnsafeMetadata = r.unsafeMetadata()
	if r.form.Get("strategy") == string(invite.ByTicket) || r.form.Get("ticket") != "" {
		ticket, err := r.ticket(s.Keys)
		if err != nil {
			return c, err
		}
		c.Ticket = &ticket
	}
	plain := r.form.Get("password")
	if plain == "" {
		return c, nil
	}
	if err := invite.CheckPassword("password", plain, false); err != nil {
		return c, err
	}
	var err error
	c.PasswordDigest, err = s.Passwords.Digest(r.Context(), plain)
	return c, err
}

// given returns a field of the form; nil without it.
func (r *request) given(name string) *string {
	if !r.form.Has(name) {
		return nil
	}
	return new(r.form.Get(name))
}

// prepareVerification serves POST /v1/client/sign_ups/{sign_up_id}/prepare_verification.
func (s *Server) prepareVerification(r *request) (any, error) {
	if _, err := r.strategy(invite.ByEmailCode); err != nil {
		return nil, err
	}
	if err := r.visited(s.DB.SendSignUpCode(r.Context(), r.instance, r.browser.Key(), r.PathValue("sign_up_id"))); err != nil {
		return nil, err
	}
	return clerk.SignUpOf(r.visit.SignUp, s.DB.Now()), nil
}

// attemptVerification serves POST /v1/client/sign_ups/{sign_up_id}/attempt_verification.
func (s *Server) attemptVerification(r *request) (any, error) {
	if _, err := r.strategy(invite.ByEmailCode); err != nil {
		return nil, err
	}
	code, err := r.code()
	if err != nil {
		return nil, err
	}
	up, err := s.DB.SignUp(r.Context(), r.instance, r.browser.Key(), r.PathValue("sign_up_id"))
	if err != nil {
		return nil, err
	}
	if err := r.visited(s.Browsers.VerifySignUp(r.Context(), r.instance, r.browser.Key(), up, code)); err != nil {
		return nil, err
	}
	return clerk.SignUpOf(r.visit.SignUp, s.DB.Now()), nil
}

// getSignUp serves GET /v1/client/sign_ups/{sign_up_id}.
func (s *Server) getSignUp(r *request) (any, error) {
	up, err := s.DB.SignUp(r.Context(), r.instance, r.browser.Key(), r.PathValue("sign_up_id"))
	if err != nil {
		return nil, err
	}
	return clerk.SignUpOf(up, s.DB.Now()), nil
}
