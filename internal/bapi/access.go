package bapi

import (
	"math"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// listAllowed serves GET /v1/allowlist_identifiers: a bare array, or with
// paginated=true an envelope (contract §4.1).
func (s *Server) listAllowed(r *request) ([]byte, error) {
	page, envelope, err := r.bareList()
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.ListIdentifiers(r.Context(), r.instance, invite.Allowlist, page)
	if err != nil {
		return nil, err
	}
	return marshalBare(envelope, clerk.ListOf(list, total, clerk.ListIdentifierOf))
}

// listBlocked serves GET /v1/blocklist_identifiers: the whole list, since its
// clients know no pages, unless a limit is given.
func (s *Server) listBlocked(r *request) ([]byte, error) {
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	if r.query.Get("limit") == "" {
		page.Limit = math.MaxInt32
	}
	list, total, err := s.DB.ListIdentifiers(r.Context(), r.instance, invite.Blocklist, page)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.ListOf(list, total, clerk.ListIdentifierOf))
}

// allow serves POST /v1/allowlist_identifiers.
func (s *Server) allow(r *request) ([]byte, error) {
	var body clerk.CreateAllowlistIdentifier
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return listIdentifier(s.DB.CreateListIdentifier(r.Context(), r.instance, body.Allowed()))
}

// block serves POST /v1/blocklist_identifiers.
func (s *Server) block(r *request) ([]byte, error) {
	var body clerk.CreateListIdentifier
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return listIdentifier(s.DB.CreateListIdentifier(r.Context(), r.instance, body.Blocked()))
}

func listIdentifier(l *invite.ListIdentifier, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.ListIdentifierOf(l))
}

// disallow serves DELETE /v1/allowlist_identifiers/{identifier_id}.
func (s *Server) disallow(r *request) ([]byte, error) { return s.unlist(r, invite.Allowlist) }

// unblock serves DELETE /v1/blocklist_identifiers/{identifier_id}.
func (s *Server) unblock(r *request) ([]byte, error) { return s.unlist(r, invite.Blocklist) }

func (s *Server) unlist(r *request, list invite.List) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return deleted(s.DB.DeleteListIdentifier(r.Context(), r.instance, list, r.PathValue("identifier_id")))
}
