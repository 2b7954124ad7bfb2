package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/organization"
	"github.com/clerk/clerk-sdk-go/v2/organizationinvitation"
	"github.com/clerk/clerk-sdk-go/v2/organizationmembership"
	"github.com/clerk/clerk-sdk-go/v2/user"
	"github.com/google/go-cmp/cmp"
)

// sdk is the official Go SDK, unmodified, as a product would use it.
type sdk struct {
	organizations *organization.Client
	users         *user.Client
	invitations   *organizationinvitation.Client
	memberships   *organizationmembership.Client
}

func (u *usher) sdk(key string) sdk {
	config := &clerk.ClientConfig{BackendConfig: clerk.BackendConfig{
		HTTPClient: u.client, URL: new(u.url + "/v1"), Key: &key,
	}}
	return sdk{
		organization.NewClient(config), user.NewClient(config),
		organizationinvitation.NewClient(config), organizationmembership.NewClient(config),
	}
}

// ok ends the test when a call that must succeed did not.
func ok[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// An organization invites somebody, with the official SDK: the mail comes, a
// scanner opens the link, the invitee accepts on usher's page and is a member
// with the role and the metadata of the invitation.
func TestLife(t *testing.T) {
	t.Parallel()
	u := dev(t)
	api := u.sdk(u.key)
	ctx := t.Context()
	ada := ok(api.users.Create(ctx, &user.CreateParams{
		EmailAddresses: &[]string{"ada@atlas.example"}, FirstName: new("Ada"), LastName: new("King"),
	}))(t)
	atlas := ok(api.organizations.Create(ctx, &organization.CreateParams{Name: new("Atlas"), Slug: new("atlas"), CreatedBy: &ada.ID}))(t)
	public, private := json.RawMessage(`{"team":"red","grade":1.50}`), json.RawMessage(`{"cost_centre":7}`)
	made := ok(api.invitations.Create(ctx, &organizationinvitation.CreateParams{
		OrganizationID: atlas.ID, EmailAddress: new("Grace@Example.com"), Role: new("org:admin"), InviterUserID: &ada.ID,
		PublicMetadata: &public, PrivateMetadata: &private, ExpiresInDays: new(int64(3)),
	}))(t)
	if made.Status != "pending" || made.Role != "org:admin" || made.OrganizationID != atlas.ID || *made.ExpiresAt-made.CreatedAt != 3*24*3600*1000 {
		t.Errorf("created %+v, want it pending for three days", made)
	}
	got := ok(api.invitations.Get(ctx, &organizationinvitation.GetParams{OrganizationID: atlas.ID, ID: made.ID}))(t)
	if diff := cmp.Diff(plain(t, made), plain(t, got)); diff != "" {
		t.Errorf("getting it differs from creating it (-created +got):\n%s", diff)
	}
	list := ok(api.invitations.List(ctx, &organizationinvitation.ListParams{
		OrganizationID: atlas.ID, Statuses: &[]string{"pending", "revoked"}, EmailAddress: new("grace@example.com"), OrderBy: new("+created_at"),
	}))(t)
	if list.TotalCount != 1 || len(list.OrganizationInvitations) != 1 || list.OrganizationInvitations[0].ID != made.ID {
		t.Errorf("listed %+v, want the invitation", list)
	}
	if pending := u.must("GET", "/v1/organizations/"+atlas.ID+"/invitations/pending", ""); pending.number("total_count") != 1 || pending.data()[0].text("id") != made.ID {
		t.Errorf("pending are %v, want the invitation", pending)
	}

	link := u.link(u.mail("grace@example.com"))
	page := u.scan(link)
	for _, want := range []string{"Atlas", "Ada King", "Admin", "grace@example.com"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not show %q:\n%s", want, page.body)
		}
	}
	if got := ok(api.invitations.Get(ctx, &organizationinvitation.GetParams{OrganizationID: atlas.ID, ID: made.ID}))(t); got.Status != "pending" || got.UpdatedAt != made.UpdatedAt {
		t.Errorf("a scanner left %+v, want it as it was", got)
	}

	ticket := ticketOf(t, link)
	joined := u.accept(ticket, url.Values{"first_name": {"Grace"}, "last_name": {"Hopper"}})
	if !strings.Contains(joined.body, "Atlas") || joined.status != http.StatusOK {
		t.Errorf("after accepting: %d\n%s", joined.status, joined.body)
	}
	if got := ok(api.invitations.Get(ctx, &organizationinvitation.GetParams{OrganizationID: atlas.ID, ID: made.ID}))(t); got.Status != "accepted" {
		t.Errorf("the invitation is %s, want accepted", got.Status)
	}
	grace := ok(api.users.List(ctx, &user.ListParams{EmailAddresses: []string{"grace@example.com"}}))(t)
	if grace.TotalCount != 1 || *grace.Users[0].FirstName != "Grace" || grace.Users[0].EmailAddresses[0].Verification.Strategy != "ticket" {
		t.Fatalf("the new user is %+v, want Grace, verified by the ticket", grace)
	}
	members := ok(api.memberships.List(ctx, &organizationmembership.ListParams{OrganizationID: atlas.ID, UserIDs: []string{grace.Users[0].ID}}))(t)
	if members.TotalCount != 1 {
		t.Fatalf("Grace has %d memberships, want one", members.TotalCount)
	}
	m := members.OrganizationMemberships[0]
	if m.Role != "org:admin" || string(m.PublicMetadata) != string(public) || string(m.PrivateMetadata) != string(private) || m.PublicUserData.Identifier != "grace@example.com" {
		t.Errorf("the membership is %+v with %s and %s, want the invitation's role and metadata", m, m.PublicMetadata, m.PrivateMetadata)
	}
	u.refused("POST", "/v1/tickets/redeem", redeeming(ticket), 400, "organization_invitation_already_accepted")

	// The SDK sends the body null with a DELETE, and every body in chunks.
	if gone := ok(api.memberships.Delete(ctx, &organizationmembership.DeleteParams{OrganizationID: atlas.ID, UserID: grace.Users[0].ID}))(t); gone.ID != m.ID {
		t.Errorf("deleted %s, want the membership %s", gone.ID, m.ID)
	}
	if gone := ok(api.organizations.Delete(ctx, atlas.ID))(t); !gone.Deleted {
		t.Errorf("deleting the organization answered %+v", gone)
	}
}

// plain is a resource as JSON, without the response it came in.
func plain(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// scan opens a link as mail scanners do, and returns the page behind it.
func (u *usher) scan(link string) (page answer) {
	u.Helper()
	for _, method := range []string{"HEAD", "GET", "GET"} {
		a := u.browse(method, link, "Accept", "text/html,application/xhtml+xml")
		if a.status != http.StatusSeeOther {
			u.Fatalf("%s %s: got %d, want 303", method, link, a.status)
		}
		page = u.browse(method, a.header.Get("Location"), "Accept", "text/html")
		if page.status != http.StatusOK {
			u.Fatalf("%s %s: got %d, want 200\n%s", method, a.header.Get("Location"), page.status, page.body)
		}
	}
	return page
}

// answer sends the form of usher's page and goes where that leads.
func (u *usher) answer(ticket, action string, form url.Values) answer {
	u.Helper()
	if form == nil {
		form = url.Values{}
	}
	form.Set("ticket", ticket)
	form.Set("action", action)
	a, err := u.send("POST", "/accept", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Origin", u.url, "Sec-Fetch-Site", "same-origin")
	if err != nil {
		u.Fatal(err)
	}
	if a.status != http.StatusSeeOther {
		return a
	}
	return u.browse("GET", a.header.Get("Location"))
}

func (u *usher) accept(ticket string, form url.Values) answer {
	u.Helper()
	return u.answer(ticket, "accept", form)
}

// Every refusal reaches a user of the SDK as its own kind of error.
func TestSDKErrors(t *testing.T) {
	t.Parallel()
	u := dev(t)
	acme, ada := u.acme()
	api, stranger := u.sdk(u.key), u.sdk("sk_test_wrong")
	bob := ok(api.users.Create(t.Context(), &user.CreateParams{EmailAddresses: &[]string{"bob@example.com"}}))(t)
	full := u.organization("Full", 1)
	create := func(p organizationinvitation.CreateParams) error {
		if p.OrganizationID == "" {
			p.OrganizationID = acme
		}
		if p.EmailAddress == nil {
			p.EmailAddress = new("grace@example.com")
		}
		if p.Role == nil {
			p.Role = new("org:member")
		}
		_, err := api.invitations.Create(t.Context(), &p)
		return err
	}
	big := json.RawMessage(`{"k":"` + strings.Repeat("x", 8192) + `"}`)
	made := ok(api.invitations.Create(t.Context(), &organizationinvitation.CreateParams{
		OrganizationID: acme, EmailAddress: new("pending@example.com"), Role: new("org:member"),
	}))(t)
	revoke := func(organization, id, requester string) error {
		_, err := api.invitations.Revoke(t.Context(), &organizationinvitation.RevokeParams{OrganizationID: organization, ID: id, RequestingUserID: &requester})
		return err
	}
	for _, tt := range []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"wrong key", errOf(stranger.organizations.Get(t.Context(), "acme")), 401, "clerk_key_invalid"},
		{"no such organization", errOf(api.organizations.Get(t.Context(), "nope")), 404, "resource_not_found"},
		{"no such invitation", errOf(api.invitations.Get(t.Context(), &organizationinvitation.GetParams{OrganizationID: acme, ID: "orginv_none"})), 404, "resource_not_found"},
		{"not an address", create(organizationinvitation.CreateParams{EmailAddress: new("grace")}), 422, "form_param_format_invalid"},
		{"no such role", create(organizationinvitation.CreateParams{Role: new("org:king")}), 404, "resource_not_found"},
		{"expiry too far away", create(organizationinvitation.CreateParams{ExpiresInDays: new(int64(366))}), 422, "form_param_value_invalid"},
		{"metadata too large", create(organizationinvitation.CreateParams{PublicMetadata: &big}), 422, "form_param_exceeds_allowed_size"},
		{"pending already", create(organizationinvitation.CreateParams{EmailAddress: new("Pending@example.com")}), 400, "organization_invitation_not_unique"},
		{"a member already", create(organizationinvitation.CreateParams{EmailAddress: new("ada@example.com")}), 400, "already_a_member_in_organization"},
		{"no room", create(organizationinvitation.CreateParams{OrganizationID: full}), 403, "organization_membership_quota_exceeded"},
		{"inviter is no member", create(organizationinvitation.CreateParams{InviterUserID: &bob.ID}), 403, "not_a_member_in_organization"},
		{"revoked by a stranger", revoke(acme, made.ID, bob.ID), 403, "not_a_member_in_organization"},
		{"revoked by the admin", revoke(acme, made.ID, ada), 0, ""},
		{"revoked twice", revoke(acme, made.ID, ada), 404, "organization_invitation_not_pending"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.code == "" {
				if tt.err != nil {
					t.Error(tt.err)
				}
				return
			}
			refusal, ok := errors.AsType[*clerk.APIErrorResponse](tt.err)
			if !ok {
				t.Fatalf("got %T %v, want the SDK's error", tt.err, tt.err)
			}
			e := refusal.Errors[0]
			if refusal.HTTPStatusCode != tt.status || e.Code != tt.code || e.Message == "" || e.LongMessage == "" {
				t.Errorf("got %d %+v, want %d %s with both messages", refusal.HTTPStatusCode, e, tt.status, tt.code)
			}
			if refusal.TraceID == "" || refusal.TraceID != refusal.Response.TraceID {
				t.Errorf("trace id is %q in the body and %q in the header", refusal.TraceID, refusal.Response.TraceID)
			}
		})
	}
}

func errOf[T any](_ T, err error) error { return err }
