package invite_test

import (
	"errors"
	"testing"
	"time"

	"usher/internal/invite"
)

func TestInvitationsToTheApplicationEndInTheirOwnWords(t *testing.T) {
	const accepted, revoked = invite.ApplicationInvitationAccepted, invite.ApplicationInvitationRevoked
	for _, row := range []struct {
		event  string
		status invite.Status
		want   invite.Kind // empty: it is done
	}{
		{"accept", invite.Pending, ""},
		{"accept", invite.Accepted, accepted},
		{"accept", invite.Revoked, revoked},
		{"accept", invite.Declined, revoked},
		{"accept", invite.Expired, invite.TicketExpired},
		{"decline", invite.Pending, ""},
		{"decline", invite.Accepted, accepted},
		{"decline", invite.Revoked, revoked},
		{"decline", invite.Declined, revoked},
		{"decline", invite.Expired, invite.TicketExpired},
		{"revoke", invite.Pending, ""},
		{"revoke", invite.Accepted, accepted},
		{"revoke", invite.Revoked, invite.ApplicationInvitationEnded},
		{"revoke", invite.Declined, invite.ApplicationInvitationEnded},
		{"revoke", invite.Expired, ""},
	} {
		i := invite.Invitation{Status: row.status, ExpiresAt: now.Add(time.Hour)}
		if row.status == invite.Expired {
			i.Status, i.ExpiresAt = invite.Pending, now
		}
		err := events[row.event](&i, now)
		if row.want == "" && err != nil || row.want != "" && !errors.Is(err, invite.Err(row.want)) {
			t.Errorf("%s in status %d: got error %v, want %q", row.event, row.status, err, row.want)
		}
	}
}

func TestNewApplicationInvitationCheck(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*invite.NewApplicationInvitation)
		want   string // empty: accepted
	}{
		{"complete", func(*invite.NewApplicationInvitation) {}, ""},
		{"for somebody who has waited", func(n *invite.NewApplicationInvitation) { n.Template = invite.WaitlistTemplate }, ""},
		{"no address", func(n *invite.NewApplicationInvitation) { n.EmailAddress = "" }, "parameter missing: email_address"},
		{"a malformed address", func(n *invite.NewApplicationInvitation) { n.EmailAddress = "ada" }, "email address format: email_address"},
		{"no days", func(n *invite.NewApplicationInvitation) { n.ExpiresInDays = 0 }, "parameter value: expires_in_days: 0"},
		{"a year and a day", func(n *invite.NewApplicationInvitation) { n.ExpiresInDays = 366 }, "parameter value: expires_in_days: 366"},
		{"metadata a list", func(n *invite.NewApplicationInvitation) { n.PublicMetadata = []byte(`[1]`) }, "metadata not an object: public_metadata"},
		{"redirect to a script", func(n *invite.NewApplicationInvitation) { n.RedirectURL = "javascript:x" }, "url scheme not allowed: redirect_url: javascript"},
		{"a mail that is none", func(n *invite.NewApplicationInvitation) { n.Template = "organization_invitation" }, "parameter value: template_slug: organization_invitation"},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := invite.NewApplicationInvitation{EmailAddress: " Ada@Example.COM ", ExpiresInDays: 1, Template: invite.InvitationTemplate}
			row.change(&n)
			got := ""
			if err := n.Check(invite.Live); err != nil {
				got = err.Error()
			} else if n.Email.Key != "ada@example.com" {
				t.Errorf("got address %q, want it folded", n.Email.Key)
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
