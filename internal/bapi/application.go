package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// createApplicationInvitation serves POST /v1/invitations.
func (s *Server) createApplicationInvitation(r *request) ([]byte, error) {
	var body clerk.CreateApplicationInvitation
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return s.applicationInvitation(s.DB.CreateApplicationInvitation(r.Context(), r.instance, body.Invitation()))
}

func (s *Server) applicationInvitation(i *invite.Invitation, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(s.Encoder.ApplicationInvitation(i, s.DB.Now()))
}

// createApplicationInvitations serves POST /v1/invitations/bulk.
func (s *Server) createApplicationInvitations(r *request) ([]byte, error) {
	bodies, err := clerk.DecodeList[clerk.CreateApplicationInvitation](r.body)
	if err != nil {
		return nil, err
	}
	news := make([]invite.NewApplicationInvitation, len(bodies))
	for i := range bodies {
		news[i] = bodies[i].Invitation()
	}
	list, err := s.DB.CreateApplicationInvitations(r.Context(), r.instance, news)
	if err != nil {
		return nil, err
	}
	return marshalBare(false, clerk.ListOf(list, len(list), s.applicationEncoder(s.DB.Now())))
}

func (s *Server) applicationEncoder(now invite.Instant) func(*invite.Invitation) clerk.ApplicationInvitation {
	return func(i *invite.Invitation) clerk.ApplicationInvitation { return s.Encoder.ApplicationInvitation(i, now) }
}

// listApplicationInvitations serves GET /v1/invitations.
func (s *Server) listApplicationInvitations(r *request) ([]byte, error) {
	statuses, err := clerk.ParseStatuses(r.query)
	if err != nil {
		return nil, err
	}
	search, err := clerk.ParseSearch(r.query)
	if err != nil {
		return nil, err
	}
	field, descending, err := clerk.ParseOrder(r.query, "created_at", "email_address", "expires_at")
	if err != nil {
		return nil, err
	}
	page, envelope, err := r.bareList()
	if err != nil {
		return nil, err
	}
	p, err := s.DB.ApplicationInvitations(r.Context(), r.instance, store.ApplicationInvitationFilter{
		Statuses: statuses, Query: search, OrderBy: field, Descending: descending, Page: page,
	})
	if err != nil {
		return nil, err
	}
	return marshalBare(envelope, clerk.ListOf(p.Invitations, p.Total, s.applicationEncoder(p.At)))
}

// revokeApplicationInvitation serves POST /v1/invitations/{invitation_id}/revoke.
func (s *Server) revokeApplicationInvitation(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return s.applicationInvitation(s.DB.RevokeApplicationInvitation(r.Context(), r.instance, r.PathValue("invitation_id")))
}
