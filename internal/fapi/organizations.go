package fapi

import (
	"context"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

func (r *request) organization() string { return r.PathValue("organization_id") }

// asked returns the context of an operation that the signed-in user asks for. It
// refuses with SessionOver where nobody is signed in.
func (r *request) asked() (context.Context, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	return store.As(r.Context(), user), nil
}

// createOrganization serves POST /v1/organizations: its creator is its first admin.
func (s *Server) createOrganization(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	o, err := s.DB.CreateOrganization(ctx, r.instance, invite.NewOrganization{
		Name: r.form.Get("name"), Slug: r.form.Get("slug"), CreatedBy: r.session.UserID,
	})
	return s.organizationAs(o, err)
}

func (s *Server) organizationAs(o *invite.Organization, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return s.Encoder.FrontOrganization(o), nil
}

// getOrganization serves GET /v1/organizations/{organization_id}, by id or slug.
func (s *Server) getOrganization(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return s.organizationAs(s.DB.Organization(ctx, r.instance, r.organization()))
}

// updateOrganization serves PATCH /v1/organizations/{organization_id}.
func (s *Server) updateOrganization(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return s.organizationAs(s.DB.UpdateOrganization(ctx, r.instance, r.organization(), invite.OrganizationChange{
		Name: r.given("name"), Slug: r.given("slug"),
	}))
}

// deleteOrganization serves DELETE /v1/organizations/{organization_id}.
func (s *Server) deleteOrganization(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	gone, err := s.DB.DeleteOrganization(ctx, r.instance, r.organization())
	if err != nil {
		return nil, err
	}
	return clerk.DeletedOf(gone), nil
}

// setLogo serves PUT /v1/organizations/{organization_id}/logo.
func (s *Server) setLogo(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	logo, err := clerk.DecodeLogo(r.Header.Get("Content-Type"), r.upload)
	if err != nil {
		return nil, err
	}
	return s.organizationAs(s.DB.SetLogo(ctx, r.instance, r.organization(), logo))
}

// deleteLogo serves DELETE /v1/organizations/{organization_id}/logo.
func (s *Server) deleteLogo(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	o, err := s.DB.DeleteLogo(ctx, r.instance, r.organization())
	if err != nil {
		return nil, err
	}
	return clerk.DeletedOf(invite.Deleted{Object: "organization_logo", ID: o.ID}), nil
}

// listRoles serves GET /v1/organizations/{organization_id}/roles: those that can be
// given there.
func (s *Server) listRoles(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.OrganizationRoles(ctx, r.instance, r.organization(), page)
	if err != nil {
		return nil, err
	}
	return clerk.FrontRoles{List: clerk.ListOf(list, total, clerk.FrontRoleOf)}, nil
}
