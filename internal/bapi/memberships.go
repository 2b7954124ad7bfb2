package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

func (s *Server) membership(m *invite.Membership, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(s.Encoder.Membership(m))
}

// listMemberships serves GET /v1/organizations/{organization_id}/memberships.
func (s *Server) listMemberships(r *request) ([]byte, error) {
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	field, descending, err := clerk.ParseOrder(r.query, membershipOrders...)
	if err != nil {
		return nil, err
	}
	users, err := r.userFilter()
	if err != nil {
		return nil, err
	}
	roles, err := clerk.ParseValues(r.query, "role")
	if err != nil {
		return nil, err
	}
	return s.memberships(s.DB.Memberships(r.Context(), r.instance, r.organization(), store.MembershipFilter{
		Users: users, Roles: roles, OrderBy: field, Descending: descending, Page: page,
	}))
}

// listInstanceMemberships serves GET /v1/organization_memberships.
func (s *Server) listInstanceMemberships(r *request) ([]byte, error) {
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	field, descending, err := clerk.ParseOrder(r.query, membershipOrders...)
	if err != nil {
		return nil, err
	}
	return s.memberships(s.DB.InstanceMemberships(r.Context(), r.instance, store.MembershipFilter{
		OrderBy: field, Descending: descending, Page: page,
	}))
}

var membershipOrders = []string{"phone_number", "email_address", "created_at", "first_name", "last_name", "username"}

// listUserMemberships serves GET /v1/users/{user_id}/organization_memberships.
func (s *Server) listUserMemberships(r *request) ([]byte, error) {
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	return s.memberships(s.DB.UserMemberships(r.Context(), r.instance, r.PathValue("user_id"), page))
}

func (s *Server) memberships(list []*invite.Membership, total int, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.ListOf(list, total, s.Encoder.Membership))
}

// createMembership serves POST /v1/organizations/{organization_id}/memberships.
func (s *Server) createMembership(r *request) ([]byte, error) {
	var body clerk.CreateMembership
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return s.membership(s.DB.CreateMembership(r.Context(), r.instance, r.organization(), body.Membership()))
}

// updateMembership serves PATCH /v1/organizations/{organization_id}/memberships/{user_id}.
func (s *Server) updateMembership(r *request) ([]byte, error) {
	var body clerk.UpdateMembership
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return s.membership(s.DB.UpdateMembership(r.Context(), r.instance, r.organization(), r.PathValue("user_id"), body.RoleName()))
}

// mergeMembershipMetadata serves PATCH /v1/organizations/{organization_id}/memberships/{user_id}/metadata.
func (s *Server) mergeMembershipMetadata(r *request) ([]byte, error) {
	var body clerk.Metadata
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return s.membership(s.DB.UpdateMembershipMetadata(r.Context(), r.instance, r.organization(), r.PathValue("user_id"), body.Change(true)))
}

// deleteMembership serves DELETE /v1/organizations/{organization_id}/memberships/{user_id}
// and answers what the membership was.
func (s *Server) deleteMembership(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return s.membership(s.DB.DeleteMembership(r.Context(), r.instance, r.organization(), r.PathValue("user_id")))
}
