package fapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

func (s *Server) membershipAs(m *invite.Membership, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return s.Encoder.FrontMembership(m), nil
}

// paginated returns a page in its envelope when the request asks for that, else the
// bare rows (contract §5.2).
func paginated[T any](r *request, list clerk.List[T]) (any, error) {
	envelope, err := clerk.ParseBool(r.query, "paginated")
	if err != nil {
		return nil, err
	}
	if envelope {
		return list, nil
	}
	return list.Data, nil
}

// listMemberships serves GET /v1/organizations/{organization_id}/memberships.
func (s *Server) listMemberships(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	roles, err := clerk.ParseValues(r.query, "role")
	if err != nil {
		return nil, err
	}
	search, err := clerk.ParseSearch(r.query)
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.Memberships(ctx, r.instance, r.organization(), store.MembershipFilter{
		Users: store.UserFilter{Query: search}, Roles: roles, Descending: true, Page: page,
	})
	if err != nil {
		return nil, err
	}
	return paginated(r, clerk.ListOf(list, total, s.Encoder.FrontMembership))
}

// createMembership serves POST /v1/organizations/{organization_id}/memberships.
func (s *Server) createMembership(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return s.membershipAs(s.DB.CreateMembership(ctx, r.instance, r.organization(), invite.NewMembership{
		UserID: r.form.Get("user_id"), Role: r.form.Get("role"),
	}))
}

// updateMembership serves PATCH /v1/organizations/{organization_id}/memberships/{user_id}.
func (s *Server) updateMembership(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return s.membershipAs(s.DB.UpdateMembership(ctx, r.instance, r.organization(), r.PathValue("user_id"), r.form.Get("role")))
}

// deleteMembership serves DELETE /v1/organizations/{organization_id}/memberships/{user_id}.
func (s *Server) deleteMembership(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return s.membershipAs(s.DB.DeleteMembership(ctx, r.instance, r.organization(), r.PathValue("user_id")))
}

// listOwnMemberships serves GET /v1/me/organization_memberships.
func (s *Server) listOwnMemberships(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.UserMemberships(r.Context(), r.instance, user, page)
	if err != nil {
		return nil, err
	}
	return paginated(r, clerk.ListOf(list, total, s.Encoder.FrontMembership))
}

// leaveOrganization serves DELETE /v1/me/organization_memberships/{organization_id}.
func (s *Server) leaveOrganization(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	m, err := s.DB.DeleteMembership(ctx, r.instance, r.organization(), r.session.UserID)
	if err != nil {
		return nil, err
	}
	return clerk.DeletedOf(invite.Deleted{Object: "organization_membership", ID: m.ID}), nil
}
