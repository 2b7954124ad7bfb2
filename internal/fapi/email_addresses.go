package fapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
)

func (s *Server) addressAs(a *invite.EmailAddress, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return clerk.FrontEmailAddressOf(a, s.DB.Now()), nil
}

// listOwnAddresses serves GET /v1/me/email_addresses, oldest first.
func (s *Server) listOwnAddresses(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	u, err := s.DB.User(r.Context(), r.instance, user)
	if err != nil {
		return nil, err
	}
	list := make([]clerk.FrontEmailAddress, len(u.EmailAddresses))
	for i := range list {
		list[i] = clerk.FrontEmailAddressOf(&u.EmailAddresses[i], s.DB.Now())
	}
	return bare{list}, nil
}

// createOwnAddress serves POST /v1/me/email_addresses. Nothing has proven the address.
func (s *Server) createOwnAddress(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return s.addressAs(s.DB.CreateEmailAddress(ctx, r.instance, invite.NewEmailAddress{
		UserID: r.session.UserID, EmailAddress: r.form.Get("email_address"),
	}))
}

// getOwnAddress serves GET /v1/me/email_addresses/{email_address_id}.
func (s *Server) getOwnAddress(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return s.addressAs(s.DB.EmailAddress(ctx, r.instance, r.PathValue("email_address_id")))
}

// deleteOwnAddress serves DELETE /v1/me/email_addresses/{email_address_id}.
func (s *Server) deleteOwnAddress(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	gone, err := s.DB.DeleteEmailAddress(ctx, r.instance, r.PathValue("email_address_id"))
	if err != nil {
		return nil, err
	}
	return clerk.DeletedOf(gone), nil
}

// prepareOwnAddress serves POST /v1/me/email_addresses/{email_address_id}/prepare_verification.
func (s *Server) prepareOwnAddress(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	if _, err := r.strategy(invite.ByEmailCode); err != nil {
		return nil, err
	}
	return s.addressAs(s.DB.SendAddressCode(ctx, r.instance, r.PathValue("email_address_id")))
}

// attemptOwnAddress serves POST /v1/me/email_addresses/{email_address_id}/attempt_verification.
func (s *Server) attemptOwnAddress(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	code, err := r.code()
	if err != nil {
		return nil, err
	}
	return s.addressAs(s.Browsers.VerifyEmailAddress(r.Context(), r.instance, user, r.PathValue("email_address_id"), code))
}
