package clerk_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/internal/clerk"
	"usher/internal/invite"
)

var none = json.RawMessage(`{}`)

// newUser has everything a user can have, and an address of each kind.
func newUser() *invite.User {
	address := func(id, s string, v invite.Verification) invite.EmailAddress {
		return invite.EmailAddress{ID: id, UserID: "user_1", Email: invite.Email{Address: s, Key: s}, Verified: v, CreatedAt: now, UpdatedAt: now}
	}
	return &invite.User{
		ID: "user_1", ExternalID: "7", Username: "ann", FirstName: "Ann", LastName: "von Ahn", PrimaryEmailAddressID: "idn_2",
		EmailAddresses: []invite.EmailAddress{
			address("idn_1", "old@example.com", invite.Unverified), address("idn_2", "ann@example.com", invite.VerifiedByAdmin),
			address("idn_3", "ann@example.org", invite.VerifiedByTicket),
		},
		PublicMetadata: json.RawMessage(`{"a":1}`), PrivateMetadata: none, UnsafeMetadata: none, CreatedAt: now, UpdatedAt: now + 1,
	}
}

func newOrganization() *invite.Organization {
	return &invite.Organization{
		ID: "org_1", InstanceID: "ins_1", Name: "Acme Corporation Ltd", Slug: "acme", MaxAllowedMemberships: 5, AdminDeleteEnabled: true,
		PublicMetadata: none, PrivateMetadata: none, CreatedBy: "user_1", Members: 3, Pending: 2, CreatedAt: now, UpdatedAt: now + 1,
	}
}

func newMembership() *invite.Membership {
	return &invite.Membership{
		ID: "orgmem_1", Role: invite.DefaultRoles(invite.SystemPermissions())[0], User: newUser().Person(), Organization: *newOrganization(),
		PublicMetadata: none, PrivateMetadata: none, CreatedAt: now, UpdatedAt: now + 1,
	}
}

// marshal returns a response as its client reads it.
func marshal(t *testing.T, response any) string {
	t.Helper()
	body, err := clerk.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestCountersAreThereOnlyWhenAskedFor(t *testing.T) {
	e, o := newEncoder(t), newOrganization()
	if got := marshal(t, e.Organization(o)); strings.Contains(got, "_count") {
		t.Errorf("nobody asked for counters: %s", got)
	}
	o.Members, o.Pending = 3, 0
	if got := marshal(t, e.CountedOrganization(o)); !strings.Contains(got, `"members_count":3,"pending_invitations_count":0,`) {
		t.Errorf("no counters in %s", got)
	}
}

func TestListOfNothingIsAnArray(t *testing.T) {
	e := newEncoder(t)
	if got := marshal(t, clerk.ListOf(nil, 0, e.Membership)); got != `{"data":[],"total_count":0}` {
		t.Errorf("got %s", got)
	}
	page := []*invite.Membership{newMembership()}
	if got, want := marshal(t, clerk.ListOf(page, 12, e.Membership)), `{"data":[`+marshal(t, e.Membership(page[0]))+`],"total_count":12}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestUserSaysWhenItsLockEnds(t *testing.T) {
	for name, row := range map[string]struct {
		lockout invite.Lockout
		want    string
	}{
		"not locked":         {invite.Lockout{Guesses: 3}, `"locked":false,"deprovisioned":false,"lockout_expires_in_seconds":null,"verification_attempts_remaining":97`},
		"for guesses":        {invite.Lockout{Guesses: 100, LockedUntil: now + 1500}, `"locked":true,"deprovisioned":false,"lockout_expires_in_seconds":2,"verification_attempts_remaining":0`},
		"no longer":          {invite.Lockout{Guesses: 100, LockedUntil: now}, `"locked":false,"deprovisioned":false,"lockout_expires_in_seconds":null,"verification_attempts_remaining":100`},
		"by the application": {invite.Lockout{Locked: true, Guesses: 3}, `"locked":true,"deprovisioned":false,"lockout_expires_in_seconds":null,"verification_attempts_remaining":97`},
	} {
		u := newUser()
		u.Lockout = row.lockout
		for surface, got := range map[string]string{
			"backend": marshal(t, newEncoder(t).User(u, now)), "frontend": marshal(t, newEncoder(t).FrontUser(u, nil, now)),
		} {
			if !strings.Contains(got, row.want) {
				t.Errorf("%s, %s: no %s in %s", name, surface, row.want, got)
			}
		}
	}
}

func TestUserWithoutAnything(t *testing.T) {
	u := newEncoder(t).User(&invite.User{ID: "user_1", PublicMetadata: none, PrivateMetadata: none, UnsafeMetadata: none}, now)
	got := marshal(t, u)
	for _, want := range []string{`"first_name":null`, `"username":null`, `"external_id":null`, `"primary_email_address_id":null`, `"email_addresses":[]`, `"phone_numbers":[]`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

func TestVerificationOfAnAddress(t *testing.T) {
	want := []*clerk.Verification{
		{Object: "verification_otp", Status: "unverified", Strategy: "email_code"},
		{Object: "verification_admin", Status: "verified", Strategy: "admin"},
		{Object: "verification_ticket", Status: "verified", Strategy: "ticket"},
	}
	var got []*clerk.Verification
	for _, a := range newEncoder(t).User(newUser(), now).EmailAddresses {
		got = append(got, a.Verification)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMembershipWithoutPermissions(t *testing.T) {
	m := newMembership()
	m.Role.Permissions = nil
	if got := marshal(t, newEncoder(t).Membership(m)); !strings.Contains(got, `"permissions":[]`) {
		t.Errorf("clients iterate over permissions, but got %s", got)
	}
}

func TestImagesAreDrawnFromInitials(t *testing.T) {
	tests := []struct {
		name             string
		first, last, who string
		want             string
	}{
		{"both names", "Ann", "Doe", "", "AD"},
		{"small letters", "ann", "doe", "", "AD"},
		{"more than two words", "Ann Mary", "Doe", "", "AM"},
		{"many words", "a b c d e f", "", "", "AB"},
		{"one name", "Ann", "", "x@example.com", "A"},
		{"no name", "", "", "jane@example.com", "J"},
		{"nothing", "", "", "", "-"},
		{"only signs", "!!! ...", "", "", "-"},
		{"signs before a word", "(ann) doe", "", "", "D"},
		{"digits", "3 musketeers", "", "", "3M"},
		{"beyond ASCII", "Éva", "Ōe", "", "%C3%89%C5%8C"},
		{"not UTF-8", "\xff", "Doe", "", "D"},
		{"slashes", "/../", "x", "", "X"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := newEncoder(t).User(&invite.User{ID: "user_1", FirstName: tt.first, LastName: tt.last, Username: tt.who}, now)
			if want := publicURL + "/img/user_1/" + tt.want + ".svg"; u.ImageURL != want {
				t.Errorf("got %s, want %s", u.ImageURL, want)
			}
		})
	}
}

func TestDeleted(t *testing.T) {
	tests := []struct {
		of   invite.Deleted
		want string
	}{
		{invite.Deleted{Object: "organization", ID: "org_1", Slug: "acme"}, `{"object":"organization","id":"org_1","slug":"acme","deleted":true}`},
		{invite.Deleted{Object: "user", ID: "user_1", ExternalID: "7"}, `{"object":"user","id":"user_1","deleted":true,"external_id":"7"}`},
		{invite.Deleted{Object: "user", ID: "user_1"}, `{"object":"user","id":"user_1","deleted":true}`},
	}
	for _, tt := range tests {
		if got := marshal(t, clerk.DeletedOf(tt.of)); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// JavaScript clients take everything with a key "deleted" for a deletion.
func TestNothingAliveSaysDeleted(t *testing.T) {
	e := newEncoder(t)
	for _, alive := range []any{e.User(newUser(), now), e.CountedOrganization(newOrganization()), e.Membership(newMembership())} {
		if got := marshal(t, alive); strings.Contains(got, `"deleted"`) {
			t.Errorf("%T: %s", alive, got)
		}
	}
}

func TestEventData(t *testing.T) {
	e := newEncoder(t)
	i := newInvitation()
	accepted := newInvitation()
	accepted.Status, accepted.UserID = invite.Accepted, "user_joined"
	declined := newInvitation()
	declined.Status = invite.Declined
	link := wireOf(e, i)
	link.URL = nil
	joined := wireOf(e, accepted)
	joined.UserID = "user_joined"
	tests := []struct {
		name string
		data any
		want any
	}{
		{"pending invitation, without its link", i, link},
		{"accepted invitation, with who joined", accepted, joined},
		{"declined invitation", declined, wireOf(e, declined)},
		{"membership", newMembership(), e.Membership(newMembership())},
		{"organization, with counters", newOrganization(), e.CountedOrganization(newOrganization())},
		{"user", newUser(), e.User(newUser(), now)},
		{"role, with its permissions", newMembership().Role, clerk.RoleOf(newMembership().Role)},
		{"permission", invite.Permission{ID: "perm_1", Key: "org:a:b", Type: invite.UserPermission}, clerk.PermissionOf(invite.Permission{ID: "perm_1", Key: "org:a:b", Type: invite.UserPermission})},
		{"deletion", invite.Deleted{Object: "user", ID: "user_1"}, clerk.DeletedOf(invite.Deleted{Object: "user", ID: "user_1"})},
	}
	ticket := invite.TicketFor(i, invite.ByAPI).Sign(e.Keys)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := e.EventData(tt.data, now)
			if err != nil {
				t.Fatal(err)
			}
			if want := marshal(t, tt.want); string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			for _, secret := range []string{ticket, ticket[:20], "ticket=", invite.AcceptPath, i.RedirectURL} {
				if strings.Contains(string(got), secret) {
					t.Errorf("an event is kept, but shows %s: %s", secret, got)
				}
			}
		})
	}
	if _, err := e.EventData(struct{}{}, now); err == nil {
		t.Error("a value that is no event's data gives no error")
	}
}
