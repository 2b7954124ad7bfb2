package invite_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"usher/internal/invite"
)

// now is an odd instant, so that truncation shows.
var now = invite.At(time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC))

// events are everything that can happen to an invitation.
var events = map[string]func(*invite.Invitation, invite.Instant) error{
	"accept":  (*invite.Invitation).Accept,
	"decline": (*invite.Invitation).Decline,
	"revoke":  (*invite.Invitation).Revoke,
}

func TestEveryStatusMeetsEveryEvent(t *testing.T) {
	const before, after = -time.Millisecond, time.Duration(0) // relative to the expiry
	invitee := map[invite.Status]invite.Kind{
		invite.Accepted: invite.InvitationAccepted, invite.Revoked: invite.InvitationRevoked,
		invite.Declined: invite.InvitationRevoked, invite.Expired: invite.TicketExpired,
	}
	become := map[string]invite.Status{"accept": invite.Accepted, "decline": invite.Declined, "revoke": invite.Revoked}

	for status := invite.Pending; status <= invite.Declined; status++ {
		for name, happen := range events {
			for _, offset := range []time.Duration{before, after} {
				i := invite.Invitation{OrganizationID: "org_1", Status: status, ExpiresAt: now.Add(-offset), UpdatedAt: 1}
				read := status
				if status == invite.Pending && offset == after {
					read = invite.Expired
				}
				if got := i.StatusAt(now); got != read {
					t.Errorf("StatusAt of stored status %d, %v after its expiry: got %d, want %d", status, offset, got, read)
				}

				err := happen(&i, now)
				want := invite.Kind("")
				switch {
				case read == invite.Pending:
				case name == "revoke":
					want = invite.NotPending
				default:
					want = invitee[read]
				}
				if want == "" {
					if err != nil || i.Status != become[name] || i.UpdatedAt != now {
						t.Errorf("%s a pending one: got status %d, updated %d, error %v; want status %d, updated %d", name, i.Status, i.UpdatedAt, err, become[name], now)
					}
					continue
				}
				if !errors.Is(err, invite.Err(want)) {
					t.Errorf("%s in status %d: got error %v, want %s", name, read, err, want)
				}
				if i.Status != status || i.UpdatedAt != 1 {
					t.Errorf("%s in status %d was refused but changed it to %d, updated %d", name, read, i.Status, i.UpdatedAt)
				}
			}
		}
	}
}

func TestNoPathLeavesAFinalStatus(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := invite.Invitation{OrganizationID: "org_1", ExpiresAt: now.Add(time.Hour)}
		clock, final := now, invite.Pending
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			clock = clock.Add(rapid.SampledFrom([]time.Duration{0, time.Minute, time.Hour}).Draw(t, "wait"))
			name := rapid.SampledFrom([]string{"accept", "decline", "revoke"}).Draw(t, "event")
			err := events[name](&i, clock)
			read := i.StatusAt(clock)
			if final != invite.Pending && (err == nil || read != final) {
				t.Fatalf("%s after status %d: got status %d, error %v", name, final, read, err)
			}
			final = read
		}
	})
}

func TestNewInvitationCheck(t *testing.T) {
	good := func() invite.NewInvitation {
		return invite.NewInvitation{EmailAddress: " Ada@Example.COM ", Role: "admin", ExpiresInDays: invite.DefaultDays}
	}
	rows := []struct {
		name   string
		change func(*invite.NewInvitation)
		want   string // empty: accepted
	}{
		{"complete", func(*invite.NewInvitation) {}, ""},
		{"nothing but days", func(n *invite.NewInvitation) { n.EmailAddress, n.Role = "", "" }, "parameter missing: email_address; parameter missing: role"},
		{"missing before malformed", func(n *invite.NewInvitation) { n.EmailAddress, n.Role = "ada", "" }, "parameter missing: role"},
		{"malformed address before days", func(n *invite.NewInvitation) { n.EmailAddress, n.ExpiresInDays = "ada", 0 }, "email address format: email_address"},
		{"no days", func(n *invite.NewInvitation) { n.ExpiresInDays = 0 }, "parameter value: expires_in_days: 0"},
		{"one day", func(n *invite.NewInvitation) { n.ExpiresInDays = 1 }, ""},
		{"a year", func(n *invite.NewInvitation) { n.ExpiresInDays = 365 }, ""},
		{"a year and a day", func(n *invite.NewInvitation) { n.ExpiresInDays = 366 }, "parameter value: expires_in_days: 366"},
		{"public metadata a list", func(n *invite.NewInvitation) { n.PublicMetadata = []byte(`[1]`) }, "metadata not an object: public_metadata"},
		{"private metadata a text", func(n *invite.NewInvitation) { n.PrivateMetadata = []byte(`"x"`) }, "metadata not an object: private_metadata"},
		{"metadata broken off", func(n *invite.NewInvitation) { n.PublicMetadata = []byte(`{"a":`) }, "metadata not an object: public_metadata"},
		{"metadata at the limit", func(n *invite.NewInvitation) { n.PublicMetadata = metadataOf(invite.MaxMetadata) }, ""},
		{"metadata over the limit", func(n *invite.NewInvitation) { n.PublicMetadata = metadataOf(invite.MaxMetadata + 1) }, "parameter too large: public_metadata"},
		{"redirect to a script", func(n *invite.NewInvitation) { n.RedirectURL = "javascript:alert(1)" }, "url scheme not allowed: redirect_url: javascript"},
		{"redirect in clear in production", func(n *invite.NewInvitation) { n.RedirectURL = "http://app.example/" }, "url must be https: redirect_url"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			n := good()
			row.change(&n)
			got := ""
			if err := n.Check(invite.Live); err != nil {
				got = err.Error()
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}

	n := good()
	if err := n.Check(invite.Live); err != nil {
		t.Fatal(err)
	}
	if n.Email.Key != "ada@example.com" || n.Role != invite.RoleAdmin || string(n.PublicMetadata) != "{}" || string(n.PrivateMetadata) != "{}" {
		t.Errorf("the accepted inputs were not folded: %+v", n)
	}
	if got, want := n.ExpiresAt(now), now+30*86_400_000; got != want {
		t.Errorf("ExpiresAt = %d, want %d", got, want)
	}
}

// metadataOf returns an object of exactly size bytes.
func metadataOf(size int) []byte {
	return []byte(`{"a":"` + strings.Repeat("x", size-len(`{"a":""}`)) + `"}`)
}

func TestCheckInviter(t *testing.T) {
	for _, role := range invite.DefaultRoles(invite.SystemPermissions()) {
		err := invite.CheckInviter(role)
		if want := role.Key != invite.RoleAdmin; errors.Is(err, invite.Err(invite.MissingPermission)) != want {
			t.Errorf("CheckInviter(%s) = %v, want refused: %v", role.Key, err, want)
		}
	}
}

func TestRoleKey(t *testing.T) {
	for name, want := range map[string]string{
		"admin": invite.RoleAdmin, "org:admin": invite.RoleAdmin,
		"basic_member": invite.RoleMember, "org:basic_member": invite.RoleMember, "member": invite.RoleMember, "org:member": invite.RoleMember,
		"org:editor": "org:editor", "Admin": "Admin", "": "",
	} {
		if got := invite.RoleKey(name); got != want {
			t.Errorf("RoleKey(%q) = %q, want %q", name, got, want)
		}
		if again := invite.RoleKey(invite.RoleKey(name)); again != want {
			t.Errorf("RoleKey of its own answer %q = %q", want, again)
		}
	}
}

func TestRoom(t *testing.T) {
	for _, row := range []struct {
		name                         string
		limit, members, pending, add int
		refused                      bool
	}{
		{"no limit", 0, 1000, 1000, 1000, false},
		{"the last seat", 5, 2, 2, 1, false},
		{"one too many", 5, 2, 3, 1, true},
		{"a batch half too many", 5, 2, 0, 4, true},
		{"lowered below what is taken", 1, 2, 0, 0, true},
	} {
		o := invite.Organization{MaxAllowedMemberships: row.limit, Members: row.members, Pending: row.pending}
		err := o.Room(row.add)
		if refused := errors.Is(err, invite.Err(invite.QuotaExceeded)); refused != row.refused {
			t.Errorf("%s: got %v, want refused: %v", row.name, err, row.refused)
		}
	}
}

func TestErrorsAreComparedByKind(t *testing.T) {
	one := invite.ParamErr(invite.ParamMissing, "role")
	if !errors.Is(one, invite.Err(invite.ParamMissing)) || errors.Is(one, invite.Err(invite.ParamValue)) {
		t.Error("an Error is not its kind, or is another one")
	}
	two := invite.Errors{one, invite.Err(invite.NotPending, "x", "y")}
	if !errors.Is(two, invite.Err(invite.ParamMissing)) || !errors.Is(two, invite.Err(invite.NotPending)) || errors.Is(two, invite.Err(invite.LastAdmin)) {
		t.Error("Errors do not show each refusal")
	}
	if got, want := two.Error(), "parameter missing: role; invitation not pending: x, y"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := (invite.Errors{}).Err(); err != nil {
		t.Errorf("no refusals are %v, want nil", err)
	}
	if first, ok := errors.AsType[*invite.Error](two.Err()); !ok || first != one {
		t.Errorf("the first refusal is %v, want %v", first, one)
	}
}
