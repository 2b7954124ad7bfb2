package clerk

import "usher/internal/invite"

// CreateSignInToken is the body of POST /sign_in_tokens.
type CreateSignInToken struct {
	UserID           *string `json:"user_id"`
	OrgID            *string `json:"org_id"`
	ExpiresInSeconds *int    `json:"expires_in_seconds"`
}

// Token returns what the request asks for, with the contract's defaults.
func (r *CreateSignInToken) Token() invite.NewSignInToken {
	return invite.NewSignInToken{
		UserID: or(r.UserID, ""), OrganizationID: or(r.OrgID, ""), ExpiresInSeconds: or(r.ExpiresInSeconds, invite.DefaultSignInSeconds),
	}
}

// SignInToken is contract §4.9. The token and its URL are sent while it is pending.
type SignInToken struct {
	Object    string         `json:"object"`
	ID        string         `json:"id"`
	Status    string         `json:"status"`
	UserID    string         `json:"user_id"`
	Token     string         `json:"token,omitempty"`
	URL       *string        `json:"url"`
	CreatedAt invite.Instant `json:"created_at"`
	UpdatedAt invite.Instant `json:"updated_at"`
}

// SignInToken returns s.
func (e *Encoder) SignInToken(s *invite.SignInToken) SignInToken {
	out := SignInToken{
		Object: "sign_in_token", ID: s.ID, Status: statusName(s.Status), UserID: s.UserID, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
	if s.Status == invite.Pending {
		link := s.Ticket().Link(e.PublicURL, e.Keys)
		out.Token, out.URL = s.Ticket().Sign(e.Keys), &link
	}
	return out
}
