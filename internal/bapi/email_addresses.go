package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
)

func emailAddress(a *invite.EmailAddress, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.EmailAddressOf(a))
}

// createEmailAddress serves POST /v1/email_addresses.
func (s *Server) createEmailAddress(r *request) ([]byte, error) {
	var body clerk.CreateEmailAddress
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	n, err := body.Address()
	if err != nil {
		return nil, err
	}
	return emailAddress(s.DB.CreateEmailAddress(r.Context(), r.instance, n))
}

// getEmailAddress serves GET /v1/email_addresses/{email_address_id}.
func (s *Server) getEmailAddress(r *request) ([]byte, error) {
	return emailAddress(s.DB.EmailAddress(r.Context(), r.instance, r.PathValue("email_address_id")))
}

// updateEmailAddress serves PATCH /v1/email_addresses/{email_address_id}.
func (s *Server) updateEmailAddress(r *request) ([]byte, error) {
	var body clerk.UpdateEmailAddress
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	c, err := body.Change()
	if err != nil {
		return nil, err
	}
	return emailAddress(s.DB.UpdateEmailAddress(r.Context(), r.instance, r.PathValue("email_address_id"), c))
}

// deleteEmailAddress serves DELETE /v1/email_addresses/{email_address_id}.
func (s *Server) deleteEmailAddress(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return deleted(s.DB.DeleteEmailAddress(r.Context(), r.instance, r.PathValue("email_address_id")))
}

// replaceEmailAddress serves PUT /v1/users/{user_id}/email_address.
func (s *Server) replaceEmailAddress(r *request) ([]byte, error) {
	var body clerk.ReplaceEmailAddress
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	replacement, err := body.Replacement()
	if err != nil {
		return nil, err
	}
	return emailAddress(s.DB.ReplaceEmailAddress(r.Context(), r.instance, r.PathValue("user_id"), replacement))
}
