package fapi

import (
	"usher/internal/clerk"
)

// listSuggestions serves GET /v1/me/organization_suggestions.
func (s *Server) listSuggestions(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	statuses, err := clerk.ParseSuggestionStatuses(r.query)
	if err != nil {
		return nil, err
	}
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.Suggestions(r.Context(), r.instance, user, statuses, page)
	if err != nil {
		return nil, err
	}
	return clerk.ListOf(list, total, s.Encoder.Suggestion), nil
}

// acceptSuggestion serves POST /v1/me/organization_suggestions/{suggestion_id}/accept.
func (s *Server) acceptSuggestion(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	suggestion, err := s.DB.AcceptSuggestion(r.Context(), r.instance, user, r.PathValue("suggestion_id"))
	if err != nil {
		return nil, err
	}
	return s.Encoder.Suggestion(suggestion), nil
}
