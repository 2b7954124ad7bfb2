package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
)

// listRedirectURLs serves GET /v1/redirect_urls.
func (s *Server) listRedirectURLs(r *request) ([]byte, error) {
	page, envelope, err := r.bareList()
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.RedirectURLs(r.Context(), r.instance, page)
	if err != nil {
		return nil, err
	}
	return marshalBare(envelope, clerk.ListOf(list, total, clerk.RedirectURLOf))
}

// createRedirectURL serves POST /v1/redirect_urls.
func (s *Server) createRedirectURL(r *request) ([]byte, error) {
	var body clerk.CreateRedirectURL
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return redirectURL(s.DB.CreateRedirectURL(r.Context(), r.instance, body.Value()))
}

func redirectURL(u *invite.RedirectURL, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.RedirectURLOf(u))
}

// getRedirectURL serves GET /v1/redirect_urls/{id}.
func (s *Server) getRedirectURL(r *request) ([]byte, error) {
	return redirectURL(s.DB.RedirectURL(r.Context(), r.instance, r.PathValue("id")))
}

// deleteRedirectURL serves DELETE /v1/redirect_urls/{id}.
func (s *Server) deleteRedirectURL(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return deleted(s.DB.DeleteRedirectURL(r.Context(), r.instance, r.PathValue("id")))
}
