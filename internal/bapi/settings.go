package bapi

import (
	"usher/internal/clerk"
)

// getInstance serves GET /v1/instance.
func (s *Server) getInstance(r *request) ([]byte, error) {
	return clerk.Marshal(clerk.InstanceOf(r.instance))
}

// updateInstance serves PATCH /v1/instance, which answers nothing.
func (s *Server) updateInstance(r *request) ([]byte, error) {
	var body clerk.UpdateInstance
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return nil, s.DB.UpdateInstance(r.Context(), r.instance, body.Change())
}

// updateRestrictions serves PATCH /v1/instance/restrictions.
func (s *Server) updateRestrictions(r *request) ([]byte, error) {
	var body clerk.UpdateRestrictions
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	now, err := s.DB.UpdateRestrictions(r.Context(), r.instance, body.Change())
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.RestrictionsOf(now))
}

// getOrganizationSettings serves GET /v1/instance/organization_settings.
func (s *Server) getOrganizationSettings(r *request) ([]byte, error) {
	now, err := s.DB.OrganizationSettings(r.Context(), r.instance)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.OrganizationSettingsOf(now))
}

// updateOrganizationSettings serves PATCH /v1/instance/organization_settings.
func (s *Server) updateOrganizationSettings(r *request) ([]byte, error) {
	var body clerk.UpdateOrganizationSettings
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	now, err := s.DB.UpdateOrganizationSettings(r.Context(), r.instance, body.Change())
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.OrganizationSettingsOf(now))
}
