package clerk

import (
	"fmt"

	"usher/internal/invite"
)

// ListIdentifier is an entry of the allow-list or block-list.
type ListIdentifier struct {
	Object         string         `json:"object"`
	ID             string         `json:"id"`
	Identifier     string         `json:"identifier"`
	IdentifierType string         `json:"identifier_type"`
	InstanceID     string         `json:"instance_id"`
	CreatedAt      invite.Instant `json:"created_at"`
	UpdatedAt      invite.Instant `json:"updated_at"`
}

// ListIdentifierOf returns l.
func ListIdentifierOf(l *invite.ListIdentifier) ListIdentifier {
	return ListIdentifier{
		Object: string(l.List) + "_identifier", ID: l.ID, Identifier: l.Identifier, IdentifierType: "email_address",
		InstanceID: l.InstanceID, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt,
	}
}

// CreateListIdentifier is the body of POST /blocklist_identifiers.
type CreateListIdentifier struct {
	Identifier *string `json:"identifier"`
}

// Name returns the identifier asked for, or nothing.
func (r *CreateListIdentifier) Name() string { return or(r.Identifier, "") }

// CreateAllowlistIdentifier is the body of POST /allowlist_identifiers.
type CreateAllowlistIdentifier struct {
	CreateListIdentifier
	Notify *bool `json:"notify"`
}

// Check refuses to send a mail: that belongs to invitations to the application.
func (r *CreateAllowlistIdentifier) Check() error {
	if or(r.Notify, false) {
		return invite.ParamErr(invite.ParamValue, "notify", fmt.Sprint(*r.Notify))
	}
	return nil
}
