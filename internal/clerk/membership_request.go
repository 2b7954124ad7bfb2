package clerk

import (
	"net/url"
	"slices"

	"usher/internal/invite"
)

// Suggestion is an organization suggested to a user, as the user sees it.
type Suggestion struct {
	Object                 string                 `json:"object"`
	ID                     string                 `json:"id"`
	PublicOrganizationData PublicOrganizationData `json:"public_organization_data"`
	Status                 string                 `json:"status"`
	CreatedAt              invite.Instant         `json:"created_at"`
	UpdatedAt              invite.Instant         `json:"updated_at"`
}

// Suggestion returns s.
func (e *Encoder) Suggestion(s *invite.Suggestion) Suggestion {
	return Suggestion{
		Object: "organization_suggestion", ID: s.ID, PublicOrganizationData: e.PublicOrganizationData(&s.Organization),
		Status: string(s.Status), CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
}

// ParseSuggestionStatuses reads the repeatable status filter of suggestions: without
// one all that a user is shown.
func ParseSuggestionStatuses(q url.Values) ([]invite.SuggestionStatus, error) {
	values, err := ParseValues(q, "status")
	if err != nil {
		return nil, err
	}
	shown := []invite.SuggestionStatus{invite.SuggestionPending, invite.SuggestionAccepted}
	if len(values) == 0 {
		return shown, nil
	}
	list := make([]invite.SuggestionStatus, len(values))
	for i, raw := range values {
		if list[i] = invite.SuggestionStatus(raw); !slices.Contains(shown, list[i]) {
			return nil, invite.ParamErr(invite.ParamValue, "status", raw)
		}
	}
	return list, nil
}

// MembershipRequest is a user's wish to become a member, as who may say yes or no
// sees it.
type MembershipRequest struct {
	Object         string         `json:"object"`
	ID             string         `json:"id"`
	OrganizationID string         `json:"organization_id"`
	Status         string         `json:"status"`
	PublicUserData FrontPerson    `json:"public_user_data"`
	CreatedAt      invite.Instant `json:"created_at"`
	UpdatedAt      invite.Instant `json:"updated_at"`
}

// MembershipRequest returns r.
func (e *Encoder) MembershipRequest(r *invite.MembershipRequest) MembershipRequest {
	return MembershipRequest{
		Object: "organization_membership_request", ID: r.ID, OrganizationID: r.OrganizationID, Status: statusName(r.Status),
		PublicUserData: e.FrontPerson(&r.User), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}
