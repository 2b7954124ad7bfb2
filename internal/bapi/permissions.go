package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// catalogFilter reads what the lists of roles, permissions and role sets take.
func (r *request) catalogFilter() (store.CatalogFilter, error) {
	var f store.CatalogFilter
	var err error
	if f.Page, err = clerk.ParsePage(r.query); err != nil {
		return f, err
	}
	if f.OrderBy, f.Descending, err = clerk.ParseOrder(r.query, "created_at", "name", "key"); err != nil {
		return f, err
	}
	f.Query, err = clerk.ParseSearch(r.query)
	return f, err
}

func permission(p invite.Permission, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.PermissionOf(p))
}

// listPermissions serves GET /v1/organization_permissions.
func (s *Server) listPermissions(r *request) ([]byte, error) {
	f, err := r.catalogFilter()
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.Permissions(r.Context(), r.instance, f)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.ListOf(list, total, clerk.PermissionOf))
}

// createPermission serves POST /v1/organization_permissions.
func (s *Server) createPermission(r *request) ([]byte, error) {
	var body clerk.CreatePermission
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return permission(s.DB.CreatePermission(r.Context(), r.instance, body.Permission()))
}

// getPermission serves GET /v1/organization_permissions/{permission_id}.
func (s *Server) getPermission(r *request) ([]byte, error) {
	return permission(s.DB.Permission(r.Context(), r.instance, r.PathValue("permission_id")))
}

// updatePermission serves PATCH /v1/organization_permissions/{permission_id}.
func (s *Server) updatePermission(r *request) ([]byte, error) {
	var body clerk.UpdatePermission
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return permission(s.DB.UpdatePermission(r.Context(), r.instance, r.PathValue("permission_id"), body.Change()))
}

// deletePermission serves DELETE /v1/organization_permissions/{permission_id}.
func (s *Server) deletePermission(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return deleted(s.DB.DeletePermission(r.Context(), r.instance, r.PathValue("permission_id")))
}
