package invite

import (
	"encoding/json"
	"slices"
)

// The mails that an invitation to the application can be sent with.
const (
	InvitationTemplate = "invitation"
	WaitlistTemplate   = "waitlist_invitation" // for somebody who has waited for it
)

// NewApplicationInvitation is what is asked for with an invitation to the
// application. Check must accept it before it is used.
type NewApplicationInvitation struct {
	EmailAddress   string
	PublicMetadata json.RawMessage
	RedirectURL    string
	ExpiresInDays  int
	Notify         bool // queue a mail
	// IgnoreExisting invites although the address has a pending invitation or an account.
	IgnoreExisting bool
	Template       string

	Email Email // set by Check
}

// Check folds n's inputs in place and refuses the first that breaks a rule of
// contract §4.6.
func (n *NewApplicationInvitation) Check(env Environment) error {
	if n.EmailAddress == "" {
		return ParamErr(ParamMissing, "email_address")
	}
	email, ok := ParseEmail(n.EmailAddress)
	if !ok {
		return ParamErr(ParamEmailFormat, "email_address")
	}
	n.Email = email
	bad := checkDays(n.ExpiresInDays)
	if bad != nil {
		return bad
	}
	if n.PublicMetadata, bad = CheckMetadata("public_metadata", n.PublicMetadata); bad != nil {
		return bad
	}
	if bad = CheckRedirectURL("redirect_url", n.RedirectURL, env); bad != nil {
		return bad
	}
	if !slices.Contains([]string{InvitationTemplate, WaitlistTemplate}, n.Template) {
		return ParamErr(ParamValue, "template_slug", n.Template)
	}
	return nil
}

// ExpiresAt returns when an invitation created at now ends.
func (n *NewApplicationInvitation) ExpiresAt(now Instant) Instant {
	return now.Add(days(n.ExpiresInDays))
}
