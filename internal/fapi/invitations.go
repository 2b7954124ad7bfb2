package fapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// listInvitations serves GET /v1/organizations/{organization_id}/invitations.
func (s *Server) listInvitations(r *request) (any, error) {
	statuses, err := r.statuses()
	if err != nil {
		return nil, err
	}
	return s.invitations(r, statuses)
}

// listPendingInvitations serves GET /v1/organizations/{organization_id}/invitations/pending.
func (s *Server) listPendingInvitations(r *request) (any, error) {
	return s.invitations(r, []invite.Status{invite.Pending})
}

// statuses returns what is asked for. The Frontend API knows two more, which are
// internal to the hosted service (contract §5.11).
func (r *request) statuses() ([]invite.Status, error) {
	return clerk.ParseStatuses(r.query, "invalid", "completed")
}

func (s *Server) invitations(r *request, statuses []invite.Status) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	p, err := s.DB.Invitations(ctx, r.instance, r.organization(), store.InvitationFilter{
		Statuses: statuses, OrderBy: "created_at", Descending: true, Page: page,
	})
	if err != nil {
		return nil, err
	}
	return clerk.ListOf(p.Invitations, p.Total, s.invitation), nil
}

func (s *Server) invitation(i *invite.Invitation) clerk.FrontInvitation {
	return clerk.FrontInvitationOf(i, s.DB.Now())
}

// createInvitation serves POST /v1/organizations/{organization_id}/invitations.
func (s *Server) createInvitation(r *request) (any, error) {
	list, err := s.invite(r, r.form["email_address"][:min(1, len(r.form["email_address"]))])
	if err != nil {
		return nil, err
	}
	return s.invitation(list[0]), nil
}

// createInvitations serves POST /v1/organizations/{organization_id}/invitations/bulk,
// which answers a bare array.
func (s *Server) createInvitations(r *request) (any, error) {
	list, err := s.invite(r, r.form["email_address"])
	if err != nil {
		return nil, err
	}
	return clerk.ListOf(list, len(list), s.invitation).Data, nil
}

// invite invites all addresses or none, in the name of who is signed in.
func (s *Server) invite(r *request, addresses []string) ([]*invite.Invitation, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	if err := clerk.CheckAddresses(addresses); err != nil {
		return nil, err
	}
	news := make([]invite.NewInvitation, len(addresses))
	for i, address := range addresses {
		news[i] = invite.NewInvitation{
			EmailAddress: address, Role: r.form.Get("role"), InviterID: r.session.UserID,
			ExpiresInDays: invite.DefaultDays, Notify: r.form.Get("notify") != "false",
		}
	}
	return s.DB.CreateInvitations(ctx, r.instance, r.organization(), news)
}

// revokeInvitation serves POST /v1/organizations/{organization_id}/invitations/{invitation_id}/revoke.
func (s *Server) revokeInvitation(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	i, err := s.DB.RevokeInvitation(r.Context(), r.instance, r.organization(), r.PathValue("invitation_id"), user)
	if err != nil {
		return nil, err
	}
	return s.invitation(i), nil
}

// listOwnInvitations serves GET /v1/me/organization_invitations: those to any verified
// address, the pending ones unless others are asked for.
func (s *Server) listOwnInvitations(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	statuses, err := r.statuses()
	if err != nil {
		return nil, err
	}
	if len(statuses) == 0 {
		statuses = []invite.Status{invite.Pending}
	}
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	p, err := s.DB.UserInvitations(r.Context(), r.instance, user, statuses, page)
	if err != nil {
		return nil, err
	}
	return clerk.ListOf(p.Invitations, p.Total, func(i *invite.Invitation) clerk.FrontInvitation {
		return s.Encoder.OwnInvitation(i, p.Organizations[i.OrganizationID], p.At)
	}), nil
}

// acceptOwnInvitation serves POST /v1/me/organization_invitations/{invitation_id}/accept.
func (s *Server) acceptOwnInvitation(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	i, o, err := s.DB.AcceptOwnInvitation(r.Context(), r.instance, user, r.PathValue("invitation_id"))
	if err != nil {
		return nil, err
	}
	return s.Encoder.OwnInvitation(i, o, s.DB.Now()), nil
}
