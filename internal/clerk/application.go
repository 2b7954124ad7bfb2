package clerk

import (
	"encoding/json"

	"usher/internal/invite"
)

// CreateApplicationInvitation is the body of POST /invitations, and one item of
// the bulk body (contract §4.6).
type CreateApplicationInvitation struct {
	EmailAddress   *string         `json:"email_address"`
	PublicMetadata json.RawMessage `json:"public_metadata"`
	RedirectURL    *string         `json:"redirect_url"`
	Notify         *bool           `json:"notify"`
	IgnoreExisting *bool           `json:"ignore_existing"`
	ExpiresInDays  *int            `json:"expires_in_days"`
	TemplateSlug   *string         `json:"template_slug"`
}

// Invitation returns what the request asks for, with the contract's defaults.
func (r *CreateApplicationInvitation) Invitation() invite.NewApplicationInvitation {
	return invite.NewApplicationInvitation{
		EmailAddress: or(r.EmailAddress, ""), PublicMetadata: r.PublicMetadata, RedirectURL: or(r.RedirectURL, ""),
		Notify: or(r.Notify, true), IgnoreExisting: or(r.IgnoreExisting, false),
		ExpiresInDays: or(r.ExpiresInDays, invite.DefaultDays), Template: or(r.TemplateSlug, invite.InvitationTemplate),
	}
}

// ApplicationInvitation is contract §4.6. Revoked is sent when it is true, the
// URL while the invitation is pending.
type ApplicationInvitation struct {
	Object         string          `json:"object"`
	ID             string          `json:"id"`
	EmailAddress   string          `json:"email_address"`
	PublicMetadata json.RawMessage `json:"public_metadata"`
	Revoked        bool            `json:"revoked,omitempty"`
	Status         string          `json:"status"`
	URL            string          `json:"url,omitempty"`
	ExpiresAt      invite.Instant  `json:"expires_at"`
	CreatedAt      invite.Instant  `json:"created_at"`
	UpdatedAt      invite.Instant  `json:"updated_at"`
}

// ApplicationInvitation returns i as of now.
func (e *Encoder) ApplicationInvitation(i *invite.Invitation, now invite.Instant) ApplicationInvitation {
	status := i.StatusAt(now)
	out := ApplicationInvitation{
		Object: "invitation", ID: i.ID, EmailAddress: i.Email.Address, PublicMetadata: i.PublicMetadata,
		Revoked: status == invite.Revoked || status == invite.Declined, Status: statusName(status),
		ExpiresAt: i.ExpiresAt, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
	}
	if status == invite.Pending {
		out.URL = invite.TicketFor(i, invite.ByAPI).Link(e.PublicURL, e.Keys)
	}
	return out
}
