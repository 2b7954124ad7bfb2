package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

func (r *request) organization() string { return r.PathValue("organization_id") }

// listOrganizations serves GET /v1/organizations.
func (s *Server) listOrganizations(r *request) ([]byte, error) {
	page, err := clerk.ParsePage(r.query)
	if err != nil {
		return nil, err
	}
	field, descending, err := clerk.ParseOrder(r.query, "created_at", "name", "members_count")
	if err != nil {
		return nil, err
	}
	encode, managed, err := s.organizationEncoder(r)
	if err != nil {
		return nil, err
	}
	ids, err := clerk.ParseChoice(r.query, "organization_id")
	if err != nil {
		return nil, err
	}
	members, err := clerk.ParseChoice(r.query, "user_id")
	if err != nil {
		return nil, err
	}
	search, err := clerk.ParseSearch(r.query)
	if err != nil {
		return nil, err
	}
	list, total, err := s.DB.Organizations(r.Context(), r.instance, store.OrganizationFilter{
		IDs: ids, Members: members, Query: search, OrderBy: field, Descending: descending, Managed: managed, Page: page,
	})
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.ListOf(list, total, encode))
}

// unsupported refuses filters that the contract has and this server does not
// yet: a list that silently ignored one would be wrong.
func (r *request) unsupported(params ...string) error {
	for _, p := range params {
		if r.query.Get(p) != "" && r.query.Get(p) != "false" {
			return invite.ParamErr(invite.ParamUnknown, p)
		}
	}
	return nil
}

// organizationEncoder returns how organizations are shown with what the request
// wants included, and whether that needs to know which are unmanaged.
func (s *Server) organizationEncoder(r *request) (encode func(*invite.Organization) clerk.Organization, managed bool, err error) {
	counted, err := clerk.ParseBool(r.query, "include_members_count")
	if err != nil {
		return nil, false, err
	}
	managed, err = clerk.ParseBool(r.query, "include_missing_member_with_elevated_permissions")
	return func(o *invite.Organization) clerk.Organization {
		out := s.Encoder.Organization(o)
		if counted {
			out = s.Encoder.CountedOrganization(o)
		}
		if managed {
			out.Unmanaged = &o.Unmanaged
		}
		return out
	}, managed, err
}

// createOrganization serves POST /v1/organizations.
func (s *Server) createOrganization(r *request) ([]byte, error) {
	var body clerk.CreateOrganization
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	n, err := body.Organization()
	if err != nil {
		return nil, err
	}
	o, err := s.DB.CreateOrganization(r.Context(), r.instance, n)
	return s.counted(o, err)
}

func (s *Server) counted(o *invite.Organization, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(s.Encoder.CountedOrganization(o))
}

// getOrganization serves GET /v1/organizations/{organization_id}, by id or slug.
func (s *Server) getOrganization(r *request) ([]byte, error) {
	encode, _, err := s.organizationEncoder(r)
	if err != nil {
		return nil, err
	}
	o, err := s.DB.Organization(r.Context(), r.instance, r.organization())
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(encode(o))
}

// updateOrganization serves PATCH /v1/organizations/{organization_id}. Until
// version 2025-11-10 it takes metadata as well, which it replaces.
func (s *Server) updateOrganization(r *request) ([]byte, error) {
	var body clerk.UpdateOrganizationWithMetadata
	target := any(&body)
	if !r.version.MetadataOnPatch() {
		target = &body.UpdateOrganization
	}
	if err := clerk.Decode(r.body, target); err != nil {
		return nil, err
	}
	c, err := body.UpdateOrganization.Change()
	if err != nil {
		return nil, err
	}
	c.Metadata = body.Metadata.Change(false)
	return s.counted(s.DB.UpdateOrganization(r.Context(), r.instance, r.organization(), c))
}

// mergeOrganizationMetadata serves PATCH /v1/organizations/{organization_id}/metadata.
func (s *Server) mergeOrganizationMetadata(r *request) ([]byte, error) {
	return s.changeOrganizationMetadata(r, true)
}

// replaceOrganizationMetadata serves PUT /v1/organizations/{organization_id}/metadata.
func (s *Server) replaceOrganizationMetadata(r *request) ([]byte, error) {
	return s.changeOrganizationMetadata(r, false)
}

func (s *Server) changeOrganizationMetadata(r *request, merge bool) ([]byte, error) {
	var body clerk.Metadata
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	c := invite.OrganizationChange{Metadata: body.Change(merge)}
	return s.counted(s.DB.UpdateOrganization(r.Context(), r.instance, r.organization(), c))
}

// deleteOrganization serves DELETE /v1/organizations/{organization_id}.
func (s *Server) deleteOrganization(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return deleted(s.DB.DeleteOrganization(r.Context(), r.instance, r.organization()))
}

func deleted(d invite.Deleted, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.DeletedOf(d))
}

// uploadRoute is the one operation whose body is a form with a file.
const uploadRoute = "PUT /v1/organizations/{organization_id}/logo"

// setLogo serves PUT /v1/organizations/{organization_id}/logo.
func (s *Server) setLogo(r *request) ([]byte, error) {
	logo, err := clerk.DecodeLogo(r.Header.Get("Content-Type"), r.body)
	if err != nil {
		return nil, err
	}
	o, err := s.DB.SetLogo(r.Context(), r.instance, r.organization(), logo)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(s.Encoder.OrganizationWithLogo(o))
}

// deleteLogo serves DELETE /v1/organizations/{organization_id}/logo.
func (s *Server) deleteLogo(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return s.counted(s.DB.DeleteLogo(r.Context(), r.instance, r.organization()))
}
