package clerk

import (
	"net/url"
	"slices"
	"strings"

	"usher/internal/invite"
)

// OrganizationDomain is contract §4.8.
type OrganizationDomain struct {
	Object                  string              `json:"object"`
	ID                      string              `json:"id"`
	OrganizationID          string              `json:"organization_id"`
	Name                    string              `json:"name"`
	EnrollmentMode          string              `json:"enrollment_mode"`
	AffiliationEmailAddress *string             `json:"affiliation_email_address"`
	AffiliationVerification *DomainVerification `json:"affiliation_verification"`
	OwnershipVerification   *DomainVerification `json:"ownership_verification"`
	Verification            *DomainVerification `json:"verification"` // the older name of the affiliation's
	TotalPendingInvitations int                 `json:"total_pending_invitations"`
	TotalPendingSuggestions int                 `json:"total_pending_suggestions"`
	CreatedAt               invite.Instant      `json:"created_at"`
	UpdatedAt               invite.Instant      `json:"updated_at"`
}

// DomainVerification says how an organization came to a domain.
type DomainVerification struct {
	Status     string          `json:"status"`
	Strategy   string          `json:"strategy"`
	Attempts   *int            `json:"attempts"`
	ExpireAt   *invite.Instant `json:"expire_at"`
	VerifiedAt *invite.Instant `json:"verified_at"`
}

// OrganizationDomainOf returns d.
func OrganizationDomainOf(d *invite.Domain) OrganizationDomain {
	out := OrganizationDomain{
		Object: "organization_domain", ID: d.ID, OrganizationID: d.OrganizationID, Name: d.Name, EnrollmentMode: string(d.Mode),
		TotalPendingInvitations: d.Invitations, TotalPendingSuggestions: d.Suggestions, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
	if d.Affiliation.Address != "" {
		out.AffiliationEmailAddress = &d.Affiliation.Address
	}
	switch {
	case d.Verified != invite.Unverified:
		out.AffiliationVerification = &DomainVerification{Status: "verified", Strategy: string(d.Verified)}
	case d.Code.ExpiresAt != 0:
		out.AffiliationVerification = &DomainVerification{
			Status: "unverified", Strategy: string(invite.ByEmailCode), Attempts: &d.Code.Attempts, ExpireAt: &d.Code.ExpiresAt,
		}
	}
	out.Verification = out.AffiliationVerification
	if d.OwnedAt != 0 {
		out.OwnershipVerification = &DomainVerification{Status: "verified", Strategy: "manual_override", VerifiedAt: &d.OwnedAt}
	}
	return out
}

// CreateDomain is the body of POST /organizations/{id}/domains.
type CreateDomain struct {
	Name           *string `json:"name"`
	EnrollmentMode *string `json:"enrollment_mode"`
	Verified       *bool   `json:"verified"`
}

// Domain returns what the request asks for.
func (r *CreateDomain) Domain() invite.NewDomain {
	return invite.NewDomain{Name: or(r.Name, ""), Mode: or(r.EnrollmentMode, ""), Verified: or(r.Verified, true)}
}

// UpdateDomain is the body of PATCH /organizations/{id}/domains/{id}. The last
// field is the Frontend API's.
type UpdateDomain struct {
	EnrollmentMode *string `json:"enrollment_mode"`
	Verified       *bool   `json:"verified"`
	DeletePending  *bool   `json:"delete_pending"`
}

// Change returns the change the request asks for.
func (r *UpdateDomain) Change() invite.DomainChange {
	return invite.DomainChange{Mode: r.EnrollmentMode, Verified: r.Verified, DeletePending: or(r.DeletePending, false)}
}

// ParseVerified reads the filter on verified domains; nil when absent.
func ParseVerified(q url.Values) (*bool, error) {
	if q.Get("verified") == "" {
		return nil, nil
	}
	verified, err := ParseBool(q, "verified")
	return &verified, err
}

// enterpriseSSO is a mode that is asked for and that no domain has here.
const enterpriseSSO = "enterprise_sso"

// ParseModes reads the filter on enrollment modes: with and, after -, without,
// repeated or separated by commas.
func ParseModes(q url.Values) (with, without []string, err error) {
	values, err := ParseValues(q, "enrollment_mode")
	if err != nil {
		return nil, nil, err
	}
	for raw := range strings.SplitSeq(strings.Join(values, ","), ",") {
		mode, exclude := strings.CutPrefix(raw, "-")
		if raw == "" {
			continue
		}
		if _, bad := invite.ParseEnrollmentMode("enrollment_mode", mode); bad != nil && mode != enterpriseSSO {
			return nil, nil, invite.ParamErr(invite.ParamValue, "enrollment_mode", raw)
		}
		switch {
		case !exclude && !slices.Contains(with, mode):
			with = append(with, mode)
		case exclude && !slices.Contains(without, mode):
			without = append(without, mode)
		}
	}
	return with, without, nil
}
