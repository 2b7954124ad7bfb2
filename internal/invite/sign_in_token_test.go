package invite_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
)

func TestSignInTokensAreUsedOnce(t *testing.T) {
	for _, row := range []struct {
		name        string
		status      invite.Status
		end         time.Duration // from now
		use, revoke invite.Kind   // refusals; empty: it is done
	}{
		{"pending", invite.Pending, time.Millisecond, "", ""},
		{"expired", invite.Pending, 0, invite.TicketExpired, ""},
		{"used", invite.Accepted, time.Hour, invite.SignInTokenUsed, invite.SignInTokenEnded},
		{"used and expired", invite.Accepted, 0, invite.SignInTokenUsed, invite.SignInTokenEnded},
		{"revoked", invite.Revoked, time.Hour, invite.SignInTokenRevoked, invite.SignInTokenEnded},
	} {
		t.Run(row.name, func(t *testing.T) {
			for name, act := range map[string]struct {
				do   func(*invite.SignInToken, invite.Instant) error
				to   invite.Status
				want invite.Kind
			}{
				"use":    {(*invite.SignInToken).Use, invite.Accepted, row.use},
				"revoke": {(*invite.SignInToken).Revoke, invite.Revoked, row.revoke},
			} {
				s := invite.SignInToken{Status: row.status, ExpiresAt: now.Add(row.end), UpdatedAt: 1}
				err := act.do(&s, now)
				if act.want == "" && (err != nil || s.Status != act.to || s.UpdatedAt != now) {
					t.Errorf("%s: got status %d, updated %d, error %v; want status %d, updated %d", name, s.Status, s.UpdatedAt, err, act.to, now)
				}
				if act.want != "" && (!errors.Is(err, invite.Err(act.want)) || s.Status != row.status || s.UpdatedAt != 1) {
					t.Errorf("%s: got status %d, updated %d, error %v; want it as it was, and %s", name, s.Status, s.UpdatedAt, err, act.want)
				}
			}
		})
	}
}

func TestSignInTicket(t *testing.T) {
	s := invite.SignInToken{
		ID: "sit_1", InstanceID: "ins_1", UserID: "user_1", OrganizationID: "org_1", CreatedAt: now, ExpiresAt: now.Add(300 * time.Second),
	}
	got, err := invite.ParseTicket(s.Ticket().Sign(keyring(t, master)), keyring(t, master))
	want := invite.Ticket{
		Channel: invite.ByAPI, Lifetime: 300, ExpiresAt: int64(now)/1000 + 300, InstanceID: "ins_1", OrganizationID: "org_1",
		SourceID: "sit_1", Source: invite.ToSignIn,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("the ticket came back with %v (-want +got):\n%s", err, diff)
	}
}
