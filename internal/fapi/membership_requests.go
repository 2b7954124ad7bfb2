package fapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// listMembershipRequests serves GET /v1/organizations/{organization_id}/membership_requests.
func (s *Server) listMembershipRequests(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	statuses, err := r.statuses()
	if err != nil {
		return nil, err
	}
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.MembershipRequests(ctx, r.instance, r.organization(), store.RequestFilter{Statuses: statuses, Page: page})
	if err != nil {
		return nil, err
	}
	return clerk.ListOf(list, total, s.Encoder.MembershipRequest), nil
}

// acceptMembershipRequest serves POST /v1/organizations/{organization_id}/membership_requests/{request_id}/accept.
func (s *Server) acceptMembershipRequest(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return s.membershipRequest(s.DB.AcceptMembershipRequest(ctx, r.instance, r.organization(), r.PathValue("request_id")))
}

// rejectMembershipRequest serves POST /v1/organizations/{organization_id}/membership_requests/{request_id}/reject.
func (s *Server) rejectMembershipRequest(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return s.membershipRequest(s.DB.RejectMembershipRequest(ctx, r.instance, r.organization(), r.PathValue("request_id")))
}

func (s *Server) membershipRequest(m *invite.MembershipRequest, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return s.Encoder.MembershipRequest(m), nil
}
