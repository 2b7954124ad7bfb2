package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/actortoken"
	"github.com/clerk/clerk-sdk-go/v2/allowlistidentifier"
	"github.com/clerk/clerk-sdk-go/v2/billing"
	"github.com/clerk/clerk-sdk-go/v2/blocklistidentifier"
	clerkclient "github.com/clerk/clerk-sdk-go/v2/client"
	"github.com/clerk/clerk-sdk-go/v2/domain"
	"github.com/clerk/clerk-sdk-go/v2/emailaddress"
	"github.com/clerk/clerk-sdk-go/v2/instancesettings"
	"github.com/clerk/clerk-sdk-go/v2/invitation"
	"github.com/clerk/clerk-sdk-go/v2/jwttemplate"
	m2mtoken "github.com/clerk/clerk-sdk-go/v2/m2m_token"
	"github.com/clerk/clerk-sdk-go/v2/machine"
	"github.com/clerk/clerk-sdk-go/v2/machinescope"
	"github.com/clerk/clerk-sdk-go/v2/oauthapplication"
	"github.com/clerk/clerk-sdk-go/v2/organization"
	"github.com/clerk/clerk-sdk-go/v2/organizationdomain"
	"github.com/clerk/clerk-sdk-go/v2/organizationinvitation"
	"github.com/clerk/clerk-sdk-go/v2/organizationmembership"
	"github.com/clerk/clerk-sdk-go/v2/phonenumber"
	"github.com/clerk/clerk-sdk-go/v2/proxycheck" //nolint:staticcheck // deprecated, and called none the less
	"github.com/clerk/clerk-sdk-go/v2/redirecturl"
	"github.com/clerk/clerk-sdk-go/v2/samlconnection"
	"github.com/clerk/clerk-sdk-go/v2/signintoken"
	"github.com/clerk/clerk-sdk-go/v2/svixwebhook"
	"github.com/clerk/clerk-sdk-go/v2/template"
	"github.com/clerk/clerk-sdk-go/v2/user"
	"github.com/clerk/clerk-sdk-go/v2/waitlistentry"
	"github.com/google/go-cmp/cmp"
)

// refusal holds that a call failed with a status and a code.
func refusal(t *testing.T, err error, status int, code string) {
	t.Helper()
	got, ok := errors.AsType[*clerk.APIErrorResponse](err)
	if !ok || got.HTTPStatusCode != status || len(got.Errors) == 0 || got.Errors[0].Code != code {
		t.Errorf("got %v, want %d %s", err, status, code)
	}
}

// same holds that got is want.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func gone(t *testing.T, got *clerk.DeletedResource, id string) {
	t.Helper()
	if got.ID != id || !got.Deleted {
		t.Errorf("deleting %s answered %+v", id, got)
	}
}

// each applies f to all items.
func each[T, R any](items []T, f func(T) R) []R {
	all := []R{}
	for _, item := range items {
		all = append(all, f(item))
	}
	return all
}

func (r *tour) user(address string) *clerk.User {
	r.Helper()
	return ok(user.NewClient(r.config).Create(r.Context(), &user.CreateParams{EmailAddresses: &[]string{address}, SkipPasswordRequirement: new(true)}))(r.T)
}

// organization makes one with its first admin.
func (r *tour) organization(name string) (*clerk.Organization, *clerk.User) {
	r.Helper()
	admin := r.user("admin@" + name + ".example")
	return ok(organization.NewClient(r.config).Create(r.Context(), &organization.CreateParams{Name: &name, Slug: &name, CreatedBy: &admin.ID, MaxAllowedMemberships: new(int64(0))}))(r.T), admin
}

func raw(s string) *json.RawMessage { return new(json.RawMessage(s)) }

func tourOrganizations(r *tour) {
	t := r.T
	ctx, api := t.Context(), organization.NewClient(r.config)
	id := func(o *clerk.Organization) string { return o.ID }
	var atlas *clerk.Organization
	var admin *clerk.User
	r.visit("organization.Create", func(t *testing.T) {
		atlas, admin = r.organization("atlas")
		_, err := api.Create(ctx, &organization.CreateParams{Name: new("Other"), Slug: new("atlas")})
		refusal(t, err, 422, "form_already_exists")
	})
	r.visit("organization.Get", func(t *testing.T) {
		same(t, "by slug", ok(api.Get(ctx, "atlas"))(t).ID, atlas.ID)
		refusal(t, errOf(api.Get(ctx, "org_none")), 404, "resource_not_found")
	})
	r.visit("organization.GetWithParams", func(t *testing.T) {
		same(t, "members_count", ok(api.GetWithParams(ctx, atlas.ID, &organization.GetParams{IncludeMembersCount: new(true)}))(t).MembersCount, new(int64(1)))
	})
	r.visit("organization.List", func(t *testing.T) {
		// The SDK asks with an empty order_by, too.
		for _, params := range []organization.ListParams{
			{Query: new("tla")},
			{UserIDs: []string{admin.ID}, IncludeMissingMemberWithElevatedPermissions: new(true)},
			{Query: new("tla"), OrderBy: new(""), IncludeMembersCount: new(true)},
			{Query: new("atlas"), OrderBy: new("-name"), ListParams: clerk.ListParams{Limit: new(int64(1)), Offset: new(int64(0))}},
		} {
			list := ok(api.List(ctx, &params))(t)
			same(t, "listed", each(list.Organizations, id), []string{atlas.ID})
			same(t, "total_count", list.TotalCount, int64(1))
		}
	})
	r.visit("organization.Update", func(t *testing.T) {
		// This SDK is older than the version in which metadata left the body.
		changed := ok(api.Update(ctx, atlas.ID, &organization.UpdateParams{Name: new("Atlas Two"), PublicMetadata: raw(`{"a":1}`)}))(t)
		same(t, "changed", []string{changed.Name, string(changed.PublicMetadata)}, []string{"Atlas Two", `{"a":1}`})
	})
	r.visit("organization.UpdateMetadata", func(t *testing.T) {
		changed := ok(api.UpdateMetadata(ctx, atlas.ID, &organization.UpdateMetadataParams{PublicMetadata: raw(`{"b":2}`), PrivateMetadata: raw(`{"c":3}`)}))(t)
		same(t, "merged", []string{string(changed.PublicMetadata), string(changed.PrivateMetadata)}, []string{`{"a":1,"b":2}`, `{"c":3}`})
	})
	r.visit("organization.UpdateLogo", func(t *testing.T) {
		upload := func(picture string) (*clerk.Organization, error) {
			return api.UpdateLogo(ctx, atlas.ID, &organization.UpdateLogoParams{File: file{strings.NewReader(picture)}, UploaderUserID: &admin.ID})
		}
		same(t, "has_image", ok(upload(pixel))(t).HasImage, true)
		refusal(t, errOf(upload("<svg/>")), 400, "image_type_not_supported")
	})
	r.visit("organization.DeleteLogo", func(t *testing.T) {
		same(t, "has_image", ok(api.DeleteLogo(ctx, atlas.ID))(t).HasImage, false)
	})
	r.visit("organization.Delete", func(t *testing.T) {
		gone(t, ok(api.Delete(ctx, atlas.ID))(t), atlas.ID)
		refusal(t, errOf(api.Delete(ctx, atlas.ID)), 404, "resource_not_found")
	})
	r.complete(api)
}

// file is a picture to upload, which the SDK reads and closes.
type file struct{ *strings.Reader }

func (file) Close() error { return nil }

// pixel is the smallest of GIFs.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x01D\x00;"

func tourMemberships(r *tour) {
	t := r.T
	ctx, api := t.Context(), organizationmembership.NewClient(r.config)
	atlas, ada := r.organization("atlas")
	bob := r.user("bob@atlas.example")
	r.visit("organizationmembership.Create", func(t *testing.T) {
		m := ok(api.Create(ctx, &organizationmembership.CreateParams{OrganizationID: atlas.ID, UserID: &bob.ID, Role: new("org:member")}))(t)
		same(t, "made", []string{m.Role, m.PublicUserData.UserID, m.Organization.ID}, []string{"org:member", bob.ID, atlas.ID})
		refusal(t, errOf(api.Create(ctx, &organizationmembership.CreateParams{OrganizationID: atlas.ID, UserID: &bob.ID, Role: new("org:king")})), 404, "resource_not_found")
	})
	r.visit("organizationmembership.List", func(t *testing.T) {
		for _, tt := range []struct {
			params organizationmembership.ListParams
			want   []string
		}{
			{organizationmembership.ListParams{OrderBy: new("+created_at")}, []string{ada.ID, bob.ID}},
			{organizationmembership.ListParams{Roles: []string{"org:admin", "org:member"}, UserIDs: []string{bob.ID}}, []string{bob.ID}},
			{organizationmembership.ListParams{Roles: []string{"org:admin"}}, []string{ada.ID}},
			{organizationmembership.ListParams{EmailAddressQuery: new("bob@")}, []string{bob.ID}},
			{organizationmembership.ListParams{Query: new("atlas.example"), OrderBy: new("email_address")}, []string{ada.ID, bob.ID}},
			{organizationmembership.ListParams{EmailAddresses: []string{"bob@atlas.example"}, CreatedAtAfter: new(int64(1))}, []string{bob.ID}},
		} {
			tt.params.OrganizationID = atlas.ID
			list := ok(api.List(ctx, &tt.params))(t)
			same(t, "listed", each(list.OrganizationMemberships, func(m *clerk.OrganizationMembership) string { return m.PublicUserData.UserID }), tt.want)
			same(t, "total_count", list.TotalCount, int64(len(tt.want)))
		}
	})
	r.visit("organizationmembership.Update", func(t *testing.T) {
		m := ok(api.Update(ctx, &organizationmembership.UpdateParams{OrganizationID: atlas.ID, UserID: bob.ID, Role: new("org:admin")}))(t)
		same(t, "role", m.Role, "org:admin")
	})
	r.visit("organizationmembership.Delete", func(t *testing.T) {
		gone := ok(api.Delete(ctx, &organizationmembership.DeleteParams{OrganizationID: atlas.ID, UserID: bob.ID}))(t)
		same(t, "left", gone.PublicUserData.UserID, bob.ID)
		refusal(t, errOf(api.Delete(ctx, &organizationmembership.DeleteParams{OrganizationID: atlas.ID, UserID: ada.ID})), 400, "organization_minimum_permissions_needed")
	})
	r.complete(api)
}

func tourInvitations(r *tour) {
	t := r.T
	ctx, api := t.Context(), organizationinvitation.NewClient(r.config)
	atlas, ada := r.organization("atlas")
	var grace, heidi *clerk.OrganizationInvitation
	r.visit("organizationinvitation.Create", func(t *testing.T) {
		invite := func(address string) (*clerk.OrganizationInvitation, error) {
			return api.Create(ctx, &organizationinvitation.CreateParams{OrganizationID: atlas.ID, EmailAddress: &address, Role: new("org:member"), InviterUserID: &ada.ID, ExpiresInDays: new(int64(3))})
		}
		grace, heidi = ok(invite("grace@example.com"))(t), ok(invite("heidi@example.com"))(t)
		same(t, "expires", *grace.ExpiresAt-grace.CreatedAt, int64(3*24*3600*1000))
		refusal(t, errOf(invite("Grace@example.com")), 400, "organization_invitation_not_unique")
	})
	r.visit("organizationinvitation.Get", func(t *testing.T) {
		got := ok(api.Get(ctx, &organizationinvitation.GetParams{OrganizationID: atlas.ID, ID: grace.ID}))(t)
		same(t, "got", plain(t, got), plain(t, grace))
		refusal(t, errOf(api.Get(ctx, &organizationinvitation.GetParams{OrganizationID: atlas.ID, ID: "orginv_none"})), 404, "resource_not_found")
	})
	r.visit("organizationinvitation.Revoke", func(t *testing.T) {
		revoke := func(requester *string) (*clerk.OrganizationInvitation, error) {
			return api.Revoke(ctx, &organizationinvitation.RevokeParams{OrganizationID: atlas.ID, ID: heidi.ID, RequestingUserID: requester})
		}
		same(t, "status", ok(revoke(&ada.ID))(t).Status, "revoked")
		refusal(t, errOf(revoke(nil)), 404, "organization_invitation_not_pending")
	})
	r.visit("organizationinvitation.List", func(t *testing.T) {
		for _, tt := range []struct {
			params organizationinvitation.ListParams
			want   []string
		}{
			{organizationinvitation.ListParams{OrderBy: new("+created_at")}, []string{grace.ID, heidi.ID}},
			{organizationinvitation.ListParams{Statuses: &[]string{"pending", "revoked"}}, []string{heidi.ID, grace.ID}},
			{organizationinvitation.ListParams{Statuses: &[]string{"pending"}}, []string{grace.ID}},
			{organizationinvitation.ListParams{EmailAddress: new("heidi@example.com")}, []string{heidi.ID}},
		} {
			tt.params.OrganizationID = atlas.ID
			list := ok(api.List(ctx, &tt.params))(t)
			same(t, "listed", each(list.OrganizationInvitations, func(i *clerk.OrganizationInvitation) string { return i.ID }), tt.want)
			same(t, "total_count", list.TotalCount, int64(len(tt.want)))
		}
	})
	r.visit("organizationinvitation.ListFromInstance", func(t *testing.T) {
		list := ok(api.ListFromInstance(ctx, &organizationinvitation.ListFromInstanceParams{Query: new("grace@"), OrderBy: new("-created_at"), Statuses: &[]string{"pending"}}))(t)
		same(t, "listed", each(list.OrganizationInvitations, func(i *clerk.OrganizationInvitation) string { return i.ID }), []string{grace.ID})
		same(t, "total_count", list.TotalCount, int64(1))
	})
	r.complete(api)
}

func tourUsers(r *tour) {
	t := r.T
	ctx, api := t.Context(), user.NewClient(r.config)
	var ada, bob *clerk.User
	r.visit("user.Create", func(t *testing.T) {
		ada, bob = r.user("ada@users.example"), r.user("bob@users.example")
		_, err := api.Create(ctx, &user.CreateParams{EmailAddresses: &[]string{"ada@users.example"}})
		refusal(t, err, 422, "form_identifier_exists")
	})
	r.visit("user.Get", func(t *testing.T) {
		same(t, "got", plain(t, ok(api.Get(ctx, ada.ID))(t)), plain(t, ada))
		refusal(t, errOf(api.Get(ctx, "user_none")), 404, "resource_not_found")
	})
	r.visit("user.List", func(t *testing.T) {
		list := ok(api.List(ctx, &user.ListParams{Query: new("@users.example"), OrderBy: new("-created_at"), ListParams: clerk.ListParams{Limit: new(int64(1))}}))(t)
		same(t, "listed", each(list.Users, func(u *clerk.User) string { return u.ID }), []string{bob.ID})
		same(t, "total_count", list.TotalCount, int64(2))
	})
	r.visit("user.Count", func(t *testing.T) {
		same(t, "total_count", ok(api.Count(ctx, &user.ListParams{EmailAddresses: []string{"ada@users.example"}}))(t).TotalCount, int64(1))
	})
	r.visit("user.Update", func(t *testing.T) {
		changed := ok(api.Update(ctx, ada.ID, &user.UpdateParams{FirstName: new("Augusta"), ExternalID: new("ext"), PublicMetadata: raw(`{"a":1}`)}))(t)
		same(t, "changed", []string{*changed.FirstName, *changed.ExternalID, string(changed.PublicMetadata)}, []string{"Augusta", "ext", `{"a":1}`})
	})
	r.visit("user.UpdateMetadata", func(t *testing.T) {
		changed := ok(api.UpdateMetadata(ctx, ada.ID, &user.UpdateMetadataParams{PublicMetadata: raw(`{"a":null,"b":2}`), UnsafeMetadata: raw(`{"c":3}`)}))(t)
		same(t, "merged", []string{string(changed.PublicMetadata), string(changed.UnsafeMetadata)}, []string{`{"b":2}`, `{"c":3}`})
	})
	r.visit("user.ListOrganizationMemberships", func(t *testing.T) {
		atlas, admin := r.organization("atlas")
		list := ok(api.ListOrganizationMemberships(ctx, admin.ID, &user.ListOrganizationMembershipsParams{}))(t)
		same(t, "listed", each(list.OrganizationMemberships, func(m *clerk.OrganizationMembership) string { return m.Organization.ID }), []string{atlas.ID})
	})
	r.visit("user.ListOrganizationInvitations", func(t *testing.T) {
		beacon, _ := r.organization("beacon")
		invited := ok(organizationinvitation.NewClient(r.config).Create(ctx, &organizationinvitation.CreateParams{OrganizationID: beacon.ID, EmailAddress: new("bob@users.example"), Role: new("org:member")}))(t)
		list := ok(api.ListOrganizationInvitations(ctx, &user.ListOrganizationInvitationsParams{UserID: bob.ID, Statuses: &[]string{"pending"}}))(t)
		same(t, "listed", each(list.OrganizationInvitations, func(i *clerk.OrganizationInvitation) string { return i.ID }), []string{invited.ID})
	})
	r.visit("user.UpdateProfileImage", func(t *testing.T) {
		_, err := api.UpdateProfileImage(ctx, bob.ID, &user.UpdateProfileImageParams{File: file{strings.NewReader(pixel)}})
		refusal(t, err, 404, "resource_not_found")
	})
	r.lacks["user.UpdateProfileImage"] = true
	for _, tt := range []struct {
		method         string
		call           func(context.Context, string) (*clerk.User, error)
		banned, locked bool
	}{
		{"Ban", api.Ban, true, false}, {"Unban", api.Unban, false, false}, {"Lock", api.Lock, false, true}, {"Unlock", api.Unlock, false, false},
	} {
		r.visit("user."+tt.method, func(t *testing.T) {
			changed := ok(tt.call(ctx, bob.ID))(t)
			same(t, "banned, locked", []bool{changed.Banned, changed.Locked}, []bool{tt.banned, tt.locked})
		})
	}
	r.visit("user.VerifyPassword", func(t *testing.T) {
		ok(api.Update(ctx, bob.ID, &user.UpdateParams{Password: new("correct horse battery staple")}))(t)
		same(t, "verified", ok(api.VerifyPassword(ctx, &user.VerifyPasswordParams{UserID: bob.ID, Password: "correct horse battery staple"}))(t).Verified, true)
		refusal(t, errOf(api.VerifyPassword(ctx, &user.VerifyPasswordParams{UserID: bob.ID, Password: "wrong"})), 422, "incorrect_password")
	})
	r.absent(api, "DeleteBackupCode", "DeleteExternalAccount", "DeleteMFA", "DeletePasskey", "DeleteProfileImage",
		"DeleteTOTP", "DeleteWeb3Wallet", "ListOAuthAccessTokens")
	r.visit("user.Delete", func(t *testing.T) {
		gone(t, ok(api.Delete(ctx, ada.ID))(t), ada.ID)
		refusal(t, errOf(api.Get(ctx, ada.ID)), 404, "resource_not_found")
	})
	r.complete(api)
}

func tourEmailAddresses(r *tour) {
	t := r.T
	ctx, api := t.Context(), emailaddress.NewClient(r.config)
	ada := r.user("ada@users.example")
	var second *clerk.EmailAddress
	r.visit("emailaddress.Create", func(t *testing.T) {
		second = ok(api.Create(ctx, &emailaddress.CreateParams{UserID: &ada.ID, EmailAddress: new("second@users.example"), Verified: new(true)}))(t)
		same(t, "made", []string{second.EmailAddress, second.Verification.Status}, []string{"second@users.example", "verified"})
		refusal(t, errOf(api.Create(ctx, &emailaddress.CreateParams{UserID: &ada.ID, EmailAddress: new("ada@users.example")})), 422, "form_identifier_exists")
	})
	r.visit("emailaddress.Get", func(t *testing.T) {
		same(t, "got", plain(t, ok(api.Get(ctx, second.ID))(t)), plain(t, second))
		refusal(t, errOf(api.Get(ctx, "idn_none")), 404, "resource_not_found")
	})
	r.visit("emailaddress.Update", func(t *testing.T) {
		ok(api.Update(ctx, second.ID, &emailaddress.UpdateParams{Primary: new(true)}))(t)
		same(t, "primary", *ok(user.NewClient(r.config).Get(ctx, ada.ID))(t).PrimaryEmailAddressID, second.ID)
	})
	r.visit("emailaddress.Delete", func(t *testing.T) {
		first := ada.EmailAddresses[0].ID
		gone(t, ok(api.Delete(ctx, first))(t), first)
	})
	r.complete(api)
}

func tourInstance(r *tour) {
	t := r.T
	ctx, api := t.Context(), instancesettings.NewClient(r.config)
	blocked, allowed := blocklistidentifier.NewClient(r.config), allowlistidentifier.NewClient(r.config)
	r.visit("instancesettings.Update", func(t *testing.T) {
		if err := api.Update(ctx, &instancesettings.UpdateParams{SupportEmail: new("help@example.com"), TestMode: new(true)}); err != nil {
			t.Error(err)
		}
		refusal(t, api.Update(ctx, &instancesettings.UpdateParams{SupportEmail: new("help")}), 422, "form_param_format_invalid")
	})
	r.visit("instancesettings.UpdateRestrictions", func(t *testing.T) {
		got := ok(api.UpdateRestrictions(ctx, &instancesettings.UpdateRestrictionsParams{Blocklist: new(true), BlockDisposableEmailDomains: new(true)}))(t)
		same(t, "restrictions", []bool{got.Allowlist, got.Blocklist, got.BlockDisposableEmailDomains}, []bool{false, true, true})
	})
	r.visit("instancesettings.UpdateOrganizationSettings", func(t *testing.T) {
		got := ok(api.UpdateOrganizationSettings(ctx, &instancesettings.UpdateOrganizationSettingsParams{MaxAllowedMemberships: new(int64(9)), DomainsEnabled: new(true)}))(t)
		same(t, "settings", []any{got.Enabled, got.MaxAllowedMemberships, got.DomainsEnabled, got.CreatorRole}, []any{true, int64(9), true, "org:admin"})
	})
	var spam *clerk.BlocklistIdentifier
	r.visit("blocklistidentifier.Create", func(t *testing.T) {
		spam = ok(blocked.Create(ctx, &blocklistidentifier.CreateParams{Identifier: new("*@spam.example")}))(t)
		_, err := user.NewClient(r.config).Create(ctx, &user.CreateParams{EmailAddresses: &[]string{"x@spam.example"}})
		refusal(t, err, 403, "not_allowed_access")
	})
	r.visit("blocklistidentifier.List", func(t *testing.T) {
		list := ok(blocked.List(ctx, &blocklistidentifier.ListParams{}))(t)
		same(t, "listed", each(list.BlocklistIdentifiers, func(i *clerk.BlocklistIdentifier) string { return i.ID }), []string{spam.ID})
		same(t, "total_count", list.TotalCount, int64(1))
	})
	r.visit("blocklistidentifier.Delete", func(t *testing.T) { gone(t, ok(blocked.Delete(ctx, spam.ID))(t), spam.ID) })
	var ada *clerk.AllowlistIdentifier
	r.visit("allowlistidentifier.Create", func(t *testing.T) {
		ada = ok(allowed.Create(ctx, &allowlistidentifier.CreateParams{Identifier: new("ada@example.com"), Notify: new(false)}))(t)
	})
	r.visit("allowlistidentifier.List", func(t *testing.T) {
		list := ok(allowed.List(ctx, &allowlistidentifier.ListParams{}))(t)
		same(t, "listed", each(list.AllowlistIdentifiers, func(i *clerk.AllowlistIdentifier) string { return i.ID }), []string{ada.ID})
	})
	r.visit("allowlistidentifier.Delete", func(t *testing.T) { gone(t, ok(allowed.Delete(ctx, ada.ID))(t), ada.ID) })
	r.complete(api, blocked, allowed)
}

func tourRedirectURLs(r *tour) {
	t := r.T
	ctx, api := t.Context(), redirecturl.NewClient(r.config)
	var home *clerk.RedirectURL
	r.visit("redirecturl.Create", func(t *testing.T) {
		home = ok(api.Create(ctx, &redirecturl.CreateParams{URL: new("https://app.example/home")}))(t)
		refusal(t, errOf(api.Create(ctx, &redirecturl.CreateParams{URL: new("home")})), 422, "form_param_format_invalid")
	})
	r.visit("redirecturl.Get", func(t *testing.T) {
		same(t, "got", plain(t, ok(api.Get(ctx, home.ID))(t)), plain(t, home))
	})
	r.visit("redirecturl.List", func(t *testing.T) {
		list := ok(api.List(ctx, &redirecturl.ListParams{}))(t)
		same(t, "listed", each(list.RedirectURLs, func(u *clerk.RedirectURL) string { return u.ID }), []string{home.ID})
		same(t, "total_count", list.TotalCount, int64(1))
	})
	r.visit("redirecturl.Delete", func(t *testing.T) { gone(t, ok(api.Delete(ctx, home.ID))(t), home.ID) })
	r.complete(api)
}

func tourAbsent(r *tour) {
	for _, client := range []any{
		actortoken.NewClient(r.config), billing.NewClient(r.config), clerkclient.NewClient(r.config), domain.NewClient(r.config),
		jwttemplate.NewClient(r.config), m2mtoken.NewClient(r.config), machine.NewClient(r.config), machinescope.NewClient(r.config),
		oauthapplication.NewClient(r.config), phonenumber.NewClient(r.config), proxycheck.NewClient(r.config),
		samlconnection.NewClient(r.config), svixwebhook.NewClient(r.config), template.NewClient(r.config), waitlistentry.NewClient(r.config),
	} {
		r.absent(client, methodsOf(client)...)
		r.complete(client)
	}
}

func tourApplicationInvitations(r *tour) {
	t := r.T
	ctx, api := t.Context(), invitation.NewClient(r.config)
	id := func(i *clerk.Invitation) string { return i.ID }
	var grace *clerk.Invitation
	var many *clerk.Invitations
	r.visit("invitation.Create", func(t *testing.T) {
		grace = ok(api.Create(ctx, &invitation.CreateParams{EmailAddress: "grace@example.com", PublicMetadata: raw(`{"a":1}`), ExpiresInDays: new(int64(2))}))(t)
		same(t, "made", []string{grace.Status, string(grace.PublicMetadata)}, []string{"pending", `{"a":1}`})
		refusal(t, errOf(api.Create(ctx, &invitation.CreateParams{EmailAddress: "grace@example.com"})), 400, "duplicate_record")
	})
	r.visit("invitation.BulkCreate", func(t *testing.T) {
		many = ok(api.BulkCreate(ctx, &invitation.BulkCreateParams{Invitations: []*invitation.CreateParams{
			{EmailAddress: "x@example.com", Notify: new(false)}, {EmailAddress: "y@example.com", Notify: new(false)},
		}}))(t)
		same(t, "addresses", each(many.Invitations, func(i *clerk.Invitation) string { return i.EmailAddress }), []string{"x@example.com", "y@example.com"})
	})
	r.visit("invitation.Revoke", func(t *testing.T) {
		same(t, "status", ok(api.Revoke(ctx, grace.ID))(t).Status, "revoked")
		refusal(t, errOf(api.Revoke(ctx, "inv_none")), 404, "resource_not_found")
	})
	r.visit("invitation.List", func(t *testing.T) {
		list := ok(api.List(ctx, &invitation.ListParams{OrderBy: new("+email_address"), Statuses: []string{"pending"}}))(t)
		same(t, "listed", each(list.Invitations, id), each(many.Invitations, id))
		same(t, "total_count", list.TotalCount, int64(2))
	})
	r.complete(api)
}

func tourSignInTokens(r *tour) {
	t := r.T
	ctx, api := t.Context(), signintoken.NewClient(r.config)
	ada := r.user("ada@tokens.example")
	var made *clerk.SignInToken
	r.visit("signintoken.Create", func(t *testing.T) {
		made = ok(api.Create(ctx, &signintoken.CreateParams{UserID: &ada.ID, ExpiresInSeconds: new(int64(60))}))(t)
		if made.Status != "pending" || made.Token == "" || made.UserID != ada.ID {
			t.Errorf("got %+v, want it pending, with a token", made)
		}
	})
	r.visit("signintoken.Revoke", func(t *testing.T) {
		same(t, "status", ok(api.Revoke(ctx, made.ID))(t).Status, "revoked")
		refusal(t, errOf(api.Revoke(ctx, "sit_none")), 404, "resource_not_found")
	})
	r.complete(api)
}

func tourDomains(r *tour) {
	t := r.T
	ctx, api := t.Context(), organizationdomain.NewClient(r.config)
	ok(instancesettings.NewClient(r.config).UpdateOrganizationSettings(ctx, &instancesettings.UpdateOrganizationSettingsParams{
		DomainsEnabled: new(true), DomainsEnrollmentModes: &[]string{"automatic_invitation", "automatic_suggestion"},
	}))(t)
	atlas, _ := r.organization("atlas")
	var made *clerk.OrganizationDomain
	r.visit("organizationdomain.Create", func(t *testing.T) {
		made = ok(api.Create(ctx, atlas.ID, &organizationdomain.CreateParams{Name: new("joining.example"), EnrollmentMode: new("automatic_invitation"), Verified: new(true)}))(t)
		same(t, "made", []string{made.Name, made.EnrollmentMode, made.Verification.Status}, []string{"joining.example", "automatic_invitation", "verified"})
	})
	r.visit("organizationdomain.List", func(t *testing.T) {
		list := ok(api.List(ctx, atlas.ID, &organizationdomain.ListParams{Verified: new(true), EnrollmentModes: &[]string{"automatic_invitation"}}))(t)
		same(t, "listed", each(list.OrganizationDomains, func(d *clerk.OrganizationDomain) string { return d.ID }), []string{made.ID})
	})
	r.visit("organizationdomain.Update", func(t *testing.T) {
		changed := ok(api.Update(ctx, &organizationdomain.UpdateParams{OrganizationID: atlas.ID, DomainID: made.ID, EnrollmentMode: new("manual_invitation")}))(t)
		same(t, "mode", changed.EnrollmentMode, "manual_invitation")
	})
	r.visit("organizationdomain.Delete", func(t *testing.T) {
		gone(t, ok(api.Delete(ctx, &organizationdomain.DeleteParams{OrganizationID: atlas.ID, DomainID: made.ID}))(t), made.ID)
	})
	r.complete(api)
}
