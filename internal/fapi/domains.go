package fapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

func domain(d *invite.Domain, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return clerk.FrontDomainOf(d), nil
}

// listDomains serves GET /v1/organizations/{organization_id}/domains. Where domains
// are switched off there are none.
func (s *Server) listDomains(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	f := store.DomainFilter{OrderBy: "created_at", Descending: true}
	if f.Verified, err = clerk.ParseVerified(r.query); err != nil {
		return nil, err
	}
	if f.Modes, f.WithoutModes, err = clerk.ParseModes(r.query); err != nil {
		return nil, err
	}
	if f.Page, err = clerk.ParsePage(r.query); err != nil {
		return nil, err
	}
	if !r.instance.Settings.DomainsEnabled {
		return clerk.ListOf(nil, 0, clerk.FrontDomainOf), nil
	}
	list, total, err := s.DB.OrganizationDomains(ctx, r.instance, r.organization(), f)
	if err != nil {
		return nil, err
	}
	return clerk.ListOf(list, total, clerk.FrontDomainOf), nil
}

// createDomain serves POST /v1/organizations/{organization_id}/domains. Nothing has
// shown yet that the domain is the organization's.
func (s *Server) createDomain(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return domain(s.DB.CreateDomain(ctx, r.instance, r.organization(), invite.NewDomain{
		Name: r.form.Get("name"), Mode: r.form.Get("enrollment_mode"),
	}))
}

// getDomain serves GET /v1/organizations/{organization_id}/domains/{domain_id}.
func (s *Server) getDomain(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return domain(s.DB.Domain(ctx, r.instance, r.organization(), r.PathValue("domain_id")))
}

// deleteDomain serves DELETE /v1/organizations/{organization_id}/domains/{domain_id}.
func (s *Server) deleteDomain(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	gone, err := s.DB.DeleteDomain(ctx, r.instance, r.organization(), r.PathValue("domain_id"))
	if err != nil {
		return nil, err
	}
	return clerk.DeletedOf(gone), nil
}

// updateEnrollmentMode serves POST /v1/organizations/{organization_id}/domains/{domain_id}/update_enrollment_mode.
func (s *Server) updateEnrollmentMode(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	mode := r.form.Get("enrollment_mode")
	if mode == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "enrollment_mode")
	}
	withdraw, err := clerk.ParseBool(r.form, "delete_pending")
	if err != nil {
		return nil, err
	}
	return domain(s.DB.UpdateDomain(ctx, r.instance, r.organization(), r.PathValue("domain_id"), invite.DomainChange{
		Mode: &mode, DeletePending: withdraw,
	}))
}

// prepareAffiliation serves POST /v1/organizations/{organization_id}/domains/{domain_id}/prepare_affiliation_verification.
func (s *Server) prepareAffiliation(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	return domain(s.DB.SendAffiliationCode(ctx, r.instance, r.organization(), r.PathValue("domain_id"), r.form.Get("affiliation_email_address")))
}

// attemptAffiliation serves POST /v1/organizations/{organization_id}/domains/{domain_id}/attempt_affiliation_verification.
func (s *Server) attemptAffiliation(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	code := r.form.Get("code")
	if code == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "code")
	}
	return domain(s.Browsers.VerifyAffiliation(r.Context(), r.instance, user, r.organization(), r.PathValue("domain_id"), code))
}
