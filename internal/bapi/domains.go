package bapi

import (
	"strings"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

func domain(d *invite.Domain, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.OrganizationDomainOf(d))
}

// domainFilter reads what both lists of domains select by.
func (r *request) domainFilter() (f store.DomainFilter, err error) {
	if f.Verified, err = clerk.ParseVerified(r.query); err != nil {
		return f, err
	}
	if f.Modes, f.WithoutModes, err = clerk.ParseModes(r.query); err != nil {
		return f, err
	}
	f.OrderBy, f.Descending = "created_at", true
	f.Page, err = clerk.ParsePage(r.query)
	return f, err
}

// listOrganizationDomains serves GET /v1/organizations/{organization_id}/domains.
func (s *Server) listOrganizationDomains(r *request) ([]byte, error) {
	f, err := r.domainFilter()
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.OrganizationDomains(r.Context(), r.instance, r.organization(), f)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.ListOf(list, total, clerk.OrganizationDomainOf))
}

// listDomains serves GET /v1/organization_domains.
func (s *Server) listDomains(r *request) ([]byte, error) {
	f, err := r.domainFilter()
	if err != nil {
		return nil, err
	}
	if f.OrderBy, f.Descending, err = clerk.ParseOrder(r.query, "created_at", "name"); err != nil {
		return nil, err
	}
	if f.Names, err = clerk.ParseValues(r.query, "domains"); err != nil {
		return nil, err
	}
	if f.Query, err = clerk.ParseSearch(r.query); err != nil {
		return nil, err
	}
	if r.query.Has("query") && strings.TrimSpace(f.Query) == "" {
		return nil, invite.ParamErr(invite.ParamValue, "query", f.Query)
	}
	f.Organization = r.query.Get("organization_id")
	list, total, err := s.DB.Domains(r.Context(), r.instance, f)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.ListOf(list, total, clerk.OrganizationDomainOf))
}

// createDomain serves POST /v1/organizations/{organization_id}/domains.
func (s *Server) createDomain(r *request) ([]byte, error) {
	var body clerk.CreateDomain
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return domain(s.DB.CreateDomain(r.Context(), r.instance, r.organization(), body.Domain()))
}

// updateDomain serves PATCH /v1/organizations/{organization_id}/domains/{domain_id}.
func (s *Server) updateDomain(r *request) ([]byte, error) {
	var body clerk.UpdateDomain
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return domain(s.DB.UpdateDomain(r.Context(), r.instance, r.organization(), r.PathValue("domain_id"), body.Change()))
}

// deleteDomain serves DELETE /v1/organizations/{organization_id}/domains/{domain_id}.
func (s *Server) deleteDomain(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return deleted(s.DB.DeleteDomain(r.Context(), r.instance, r.organization(), r.PathValue("domain_id")))
}

// confirmDomain serves POST /v1/organizations/{organization_id}/domains/{domain_id}/verify_ownership.
func (s *Server) confirmDomain(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return domain(s.DB.ConfirmDomainOwnership(r.Context(), r.instance, r.organization(), r.PathValue("domain_id")))
}
