package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// createInvitation serves POST /v1/organizations/{organization_id}/invitations.
func (s *Server) createInvitation(r *request) ([]byte, error) {
	var body clerk.CreateInvitation
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return s.invitation(s.DB.CreateInvitation(r.Context(), r.instance, r.organization(), body.Invitation()))
}

func (s *Server) invitation(i *invite.Invitation, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return s.Encoder.AppendInvitation(make([]byte, 0, 1536), i, s.DB.Now()), nil
}

// createInvitations serves POST /v1/organizations/{organization_id}/invitations/bulk.
func (s *Server) createInvitations(r *request) ([]byte, error) {
	bodies, err := clerk.DecodeList[clerk.CreateInvitation](r.body)
	if err != nil {
		return nil, err
	}
	news := make([]invite.NewInvitation, len(bodies))
	for i := range bodies {
		news[i] = bodies[i].Invitation()
	}
	list, err := s.DB.CreateInvitations(r.Context(), r.instance, r.organization(), news)
	if err != nil {
		return nil, err
	}
	return s.Encoder.AppendInvitations(nil, list, len(list), s.DB.Now()), nil
}

// listInvitations serves GET /v1/organizations/{organization_id}/invitations.
func (s *Server) listInvitations(r *request) ([]byte, error) {
	statuses, err := clerk.ParseStatuses(r.query)
	if err != nil {
		return nil, err
	}
	field, descending, err := clerk.ParseOrder(r.query, "created_at", "email_address")
	if err != nil {
		return nil, err
	}
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	return s.page(r, store.InvitationFilter{
		Statuses: statuses, EmailAddress: r.query.Get("email_address"), OrderBy: field, Descending: descending, Page: page,
	})
}

// page answers one page of the organization's invitations, which the store may
// have kept since it was last asked for.
func (s *Server) page(r *request, f store.InvitationFilter) ([]byte, error) {
	return s.DB.Page(r.instance, r.organization(), r.RequestURI, func() ([]byte, invite.Instant, error) {
		p, err := s.DB.Invitations(r.Context(), r.instance, r.organization(), f)
		if err != nil {
			return nil, 0, err
		}
		body := make([]byte, 0, 64+1280*len(p.Invitations))
		return s.Encoder.AppendInvitations(body, p.Invitations, p.Total, p.At), p.Until, nil
	})
}

// listPendingInvitations serves GET /v1/organizations/{organization_id}/invitations/pending.
func (s *Server) listPendingInvitations(r *request) ([]byte, error) {
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	return s.page(r, store.InvitationFilter{
		Statuses: []invite.Status{invite.Pending}, OrderBy: "created_at", Descending: true, Page: page,
	})
}

// listInstanceInvitations serves GET /v1/organization_invitations.
func (s *Server) listInstanceInvitations(r *request) ([]byte, error) {
	statuses, err := clerk.ParseStatuses(r.query)
	if err != nil {
		return nil, err
	}
	search, err := clerk.ParseSearch(r.query)
	if err != nil {
		return nil, err
	}
	field, descending, err := clerk.ParseOrder(r.query, "created_at", "email_address")
	if err != nil {
		return nil, err
	}
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	return s.found(s.DB.InstanceInvitations(r.Context(), r.instance, store.InvitationSearch{
		Statuses: statuses, Query: search, OrderBy: field, Descending: descending, Page: page,
	}))
}

// listUserInvitations serves GET /v1/users/{user_id}/organization_invitations.
func (s *Server) listUserInvitations(r *request) ([]byte, error) {
	statuses, err := clerk.ParseStatuses(r.query)
	if err != nil {
		return nil, err
	}
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	return s.found(s.DB.UserInvitations(r.Context(), r.instance, r.PathValue("user_id"), statuses, page))
}

func (s *Server) found(p store.FoundInvitations, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return s.Encoder.AppendFoundInvitations(nil, p.Invitations, p.Organizations, p.Total, p.At), nil
}

// getInvitation serves GET /v1/organizations/{organization_id}/invitations/{invitation_id}.
func (s *Server) getInvitation(r *request) ([]byte, error) {
	return s.DB.Page(r.instance, r.organization(), r.RequestURI, func() ([]byte, invite.Instant, error) {
		now := s.DB.Now()
		i, err := s.DB.Invitation(r.Context(), r.instance, r.organization(), r.PathValue("invitation_id"))
		if err != nil {
			return nil, 0, err
		}
		body, err := s.invitation(i, nil)
		return body, i.UnchangedUntil(now), err
	})
}

// revokeInvitation serves POST /v1/organizations/{organization_id}/invitations/{invitation_id}/revoke.
func (s *Server) revokeInvitation(r *request) ([]byte, error) {
	var body clerk.RevokeInvitation
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return s.invitation(s.DB.RevokeInvitation(r.Context(), r.instance, r.organization(), r.PathValue("invitation_id"), body.RequestingUser()))
}

// redeemTicket serves POST /v1/tickets/redeem, with which a product finishes an
// invitation on its own page.
func (s *Server) redeemTicket(r *request) ([]byte, error) {
	var body clerk.RedeemTicket
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	raw, joiner := body.Joiner()
	if raw == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "ticket")
	}
	ticket, err := invite.ParseTicket(raw, s.Keys)
	if err != nil {
		return nil, err
	}
	if ticket.InstanceID != r.instance.ID {
		return nil, invite.Err(invite.TicketInvalid) // another tenant's
	}
	if ticket.Source == invite.ToApplication {
		return s.user(s.DB.AcceptApplicationInvitation(r.Context(), ticket, joiner))
	}
	return s.membership(s.DB.AcceptInvitation(r.Context(), ticket, joiner))
}
