package clerk

import "usher/internal/invite"

// ListIdentifier is an entry of the allow-list or block-list.
type ListIdentifier struct {
	Object         string         `json:"object"`
	ID             string         `json:"id"`
	InvitationID   string         `json:"invitation_id,omitempty"`
	Identifier     string         `json:"identifier"`
	IdentifierType string         `json:"identifier_type"`
	InstanceID     string         `json:"instance_id"`
	CreatedAt      invite.Instant `json:"created_at"`
	UpdatedAt      invite.Instant `json:"updated_at"`
}

// ListIdentifierOf returns l.
func ListIdentifierOf(l *invite.ListIdentifier) ListIdentifier {
	return ListIdentifier{
		Object: string(l.List) + "_identifier", ID: l.ID, InvitationID: l.InvitationID, Identifier: l.Identifier, IdentifierType: "email_address",
		InstanceID: l.InstanceID, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt,
	}
}

// CreateListIdentifier is the body of POST /blocklist_identifiers.
type CreateListIdentifier struct {
	Identifier *string `json:"identifier"`
}

// Blocked returns what the request asks to block.
func (r *CreateListIdentifier) Blocked() invite.NewListIdentifier {
	return invite.NewListIdentifier{List: invite.Blocklist, Identifier: or(r.Identifier, "")}
}

// CreateAllowlistIdentifier is the body of POST /allowlist_identifiers.
type CreateAllowlistIdentifier struct {
	CreateListIdentifier
	Notify *bool `json:"notify"`
}

// Allowed returns what the request asks to allow.
func (r *CreateAllowlistIdentifier) Allowed() invite.NewListIdentifier {
	return invite.NewListIdentifier{List: invite.Allowlist, Identifier: or(r.Identifier, ""), Notify: or(r.Notify, false)}
}
