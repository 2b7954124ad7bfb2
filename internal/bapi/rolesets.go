package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
)

func (r *request) roleSet() string { return r.PathValue("role_set_key_or_id") }

func roleSet(s *invite.RoleSet, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.RoleSetOf(*s))
}

// listRoleSets serves GET /v1/role_sets.
func (s *Server) listRoleSets(r *request) ([]byte, error) {
	f, err := r.catalogFilter()
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.RoleSets(r.Context(), r.instance, f)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.ListOf(list, total, clerk.RoleSetOf))
}

// createRoleSet serves POST /v1/role_sets.
func (s *Server) createRoleSet(r *request) ([]byte, error) {
	var body clerk.CreateRoleSet
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return roleSet(s.DB.CreateRoleSet(r.Context(), r.instance, body.RoleSet()))
}

// getRoleSet serves GET /v1/role_sets/{role_set_key_or_id}.
func (s *Server) getRoleSet(r *request) ([]byte, error) {
	return roleSet(s.DB.RoleSet(r.Context(), r.instance, r.roleSet()))
}

// updateRoleSet serves PATCH /v1/role_sets/{role_set_key_or_id}.
func (s *Server) updateRoleSet(r *request) ([]byte, error) {
	var body clerk.UpdateRoleSet
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return roleSet(s.DB.UpdateRoleSet(r.Context(), r.instance, r.roleSet(), body.Change()))
}

// addRoles serves POST /v1/role_sets/{role_set_key_or_id}/roles.
func (s *Server) addRoles(r *request) ([]byte, error) {
	var body clerk.AddRoles
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return roleSet(s.DB.AddRoles(r.Context(), r.instance, r.roleSet(), body.Addition()))
}

// replaceRole serves POST /v1/role_sets/{role_set_key_or_id}/roles/replace.
func (s *Server) replaceRole(r *request) ([]byte, error) {
	var body clerk.ReplaceRole
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	from, to := body.Roles()
	return roleSet(s.DB.ReplaceRole(r.Context(), r.instance, r.roleSet(), from, to))
}

// replaceRoleSet serves POST /v1/role_sets/{role_set_key_or_id}/replace.
func (s *Server) replaceRoleSet(r *request) ([]byte, error) {
	var body clerk.ReplaceRoleSet
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	to, mappings := body.Successor()
	return deleted(s.DB.ReplaceRoleSet(r.Context(), r.instance, r.roleSet(), to, mappings))
}
