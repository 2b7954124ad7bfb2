package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
)

func (r *request) role() string { return r.PathValue("organization_role_id") }

func role(r invite.Role, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.RoleOf(r))
}

// listRoles serves GET /v1/organization_roles.
func (s *Server) listRoles(r *request) ([]byte, error) {
	f, err := r.catalogFilter()
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.Roles(r.Context(), r.instance, f)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.ListOf(list, total, clerk.RoleOf))
}

// createRole serves POST /v1/organization_roles.
func (s *Server) createRole(r *request) ([]byte, error) {
	var body clerk.CreateRole
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return role(s.DB.CreateRole(r.Context(), r.instance, body.Role()))
}

// getRole serves GET /v1/organization_roles/{organization_role_id}.
func (s *Server) getRole(r *request) ([]byte, error) {
	return role(s.DB.Role(r.Context(), r.instance, r.role()))
}

// updateRole serves PATCH /v1/organization_roles/{organization_role_id}.
func (s *Server) updateRole(r *request) ([]byte, error) {
	var body clerk.UpdateRole
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return role(s.DB.UpdateRole(r.Context(), r.instance, r.role(), body.Change()))
}

// deleteRole serves DELETE /v1/organization_roles/{organization_role_id}.
func (s *Server) deleteRole(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return deleted(s.DB.DeleteRole(r.Context(), r.instance, r.role()))
}

// assignPermission serves POST /v1/organization_roles/{organization_role_id}/permissions/{permission_id}.
func (s *Server) assignPermission(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return role(s.DB.AssignPermission(r.Context(), r.instance, r.role(), r.PathValue("permission_id")))
}

// removePermission serves DELETE /v1/organization_roles/{organization_role_id}/permissions/{permission_id}.
func (s *Server) removePermission(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return role(s.DB.RemovePermission(r.Context(), r.instance, r.role(), r.PathValue("permission_id")))
}
