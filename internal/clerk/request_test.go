package clerk_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// decode reads a body that must be fine.
func decode[T any](t *testing.T, body string) *T {
	t.Helper()
	r := new(T)
	if err := clerk.Decode([]byte(body), r); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return r
}

func TestDefaultsOfAnInvitation(t *testing.T) {
	want := invite.NewInvitation{ExpiresInDays: 30, Notify: true}
	for _, body := range []string{`{}`, `null`, ``, `{"expires_in_days":null,"notify":null,"role":null,"redirect_url":null}`} {
		if diff := cmp.Diff(want, decode[clerk.CreateInvitation](t, body).Invitation()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", body, diff)
		}
	}
	if got := decode[clerk.CreateInvitation](t, `{"expires_in_days":0}`).Invitation(); got.ExpiresInDays != 0 {
		t.Errorf("an explicit 0 days became %d; the rules are to refuse it", got.ExpiresInDays)
	}
}

func TestUserChange(t *testing.T) {
	text := func(s string) *string { return &s }
	tests := []struct {
		name, body string
		want       invite.UserChange
	}{
		{"absent leaves", `{}`, invite.UserChange{}},
		{"null clears", `{"first_name":null,"external_id":null}`, invite.UserChange{FirstName: text(""), ExternalID: text("")}},
		{"text sets", `{"first_name":"Ann","last_name":""}`, invite.UserChange{FirstName: text("Ann"), LastName: text("")}},
		{"null is no primary address", `{"primary_email_address_id":null}`, invite.UserChange{}},
		{"last of two", `{"username":"ann","username":null}`, invite.UserChange{Username: text("")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode[clerk.UpdateUser](t, tt.body).Change()
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestCreatedAt(t *testing.T) {
	bad := invite.ParamErr(invite.ParamTime, "created_at")
	tests := []struct {
		name, raw string
		want      invite.Instant
		err       error
	}{
		{"empty", ``, 0, nil},
		{"UTC", `2026-01-02T03:04:05Z`, 1767323045000, nil},
		{"milliseconds", `2026-01-02T03:04:05.678Z`, 1767323045678, nil},
		{"finer than milliseconds", `2026-01-02T03:04:05.678999Z`, 1767323045678, nil},
		{"with an offset", `2026-01-02T05:04:05.678+02:00`, 1767323045678, nil},
		{"date", `2026-01-02`, 0, bad},
		{"blank between", `2026-01-02 03:04:05Z`, 0, bad},
		{"no zone", `2026-01-02T03:04:05`, 0, bad},
		{"no such day", `2026-02-30T00:00:00Z`, 0, bad},
		{"milliseconds since 1970", `1767323045678`, 0, bad},
		{"the epoch, which means never", `1970-01-01T00:00:00Z`, 0, bad},
		{"before it", `1969-12-31T23:59:59Z`, 0, bad},
		{"year 0", `0000-01-01T00:00:00Z`, 0, bad},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body, err := json.Marshal(map[string]string{"created_at": tt.raw})
			if err != nil {
				t.Fatal(err)
			}
			organization, err := decode[clerk.CreateOrganization](t, string(body)).Organization()
			sameRefusal(t, "organization", err, tt.err)
			if organization.CreatedAt != tt.want {
				t.Errorf("organization: got %d, want %d", organization.CreatedAt, tt.want)
			}
			user, err := decode[clerk.CreateUser](t, string(body)).User()
			sameRefusal(t, "user", err, tt.err)
			if user.CreatedAt != tt.want {
				t.Errorf("user: got %d, want %d", user.CreatedAt, tt.want)
			}
		})
	}
}

func TestMetadataChange(t *testing.T) {
	got := decode[clerk.UserMetadata](t, `{"public_metadata":{"a":null},"unsafe_metadata":null}`).Change(true)
	want := invite.MetadataChange{Merge: true, Public: json.RawMessage(`{"a":null}`), Unsafe: json.RawMessage(`null`)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
