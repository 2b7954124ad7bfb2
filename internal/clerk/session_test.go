package clerk_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// claimsOf signs and verifies a token and returns its claims, without the random one.
func claimsOf(t *testing.T, g *invite.Grant, v clerk.Version, origin string) map[string]any {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key := invite.TokenKey{ID: "ins_1", Private: private}
	e := &clerk.Encoder{PublicURL: "https://usher.test"}
	token, err := e.SessionToken(&invite.Instance{}, g, key, v, origin, 1_700_000_060_999, 90*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := clerk.KeySet([]invite.TokenKey{key})
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	if h := parsed.Headers[0]; h.KeyID != "ins_1" || h.ExtraHeaders["typ"] != "JWT" {
		t.Errorf("the header is %+v", h)
	}
	claims := map[string]any{}
	if err := parsed.Claims(set.Keys[0], &claims); err != nil {
		t.Fatalf("verifying with the published key: %v", err)
	}
	if id, ok := claims["jti"].(string); ok && len(id) < 20 {
		t.Errorf("jti is %q", id)
	}
	delete(claims, "jti")
	return claims
}

func TestSessionToken(t *testing.T) {
	permission := func(key string, typ invite.PermissionType) invite.Permission {
		return invite.Permission{Key: key, Type: typ}
	}
	s := &invite.Session{ID: "sess_1", UserID: "user_1", CreatedAt: 1_700_000_000_000, ExpireAt: 1_800_000_000_000}
	acme := &invite.Organization{ID: "org_1", Slug: "acme"}
	accountant := invite.Role{Key: "org:accountant", Permissions: []invite.Permission{
		permission(invite.MembershipsRead, invite.SystemPermission),
		permission("org:invoices:read", invite.UserPermission), permission("org:invoices:manage", invite.UserPermission),
		permission("org:reports:read", invite.UserPermission),
	}}
	common := func(more map[string]any) map[string]any {
		claims := map[string]any{
			"exp": 1_700_000_150.0, "fva": []any{1.0, -1.0}, "iat": 1_700_000_060.0, "iss": "https://usher.test",
			"nbf": 1_700_000_050.0, "sid": "sess_1", "sub": "user_1",
		}
		maps.Copy(claims, more)
		return claims
	}
	for _, test := range []struct {
		name    string
		grant   invite.Grant
		version clerk.Version
		origin  string
		want    map[string]any
	}{
		{"version 1, nowhere", invite.Grant{Session: s}, "2024-10-01", "", common(nil)},
		{"version 1, an organization", invite.Grant{Session: s, Organization: acme, Role: accountant}, "2021-02-05", "https://app.test", common(map[string]any{
			"azp": "https://app.test", "org_id": "org_1", "org_slug": "acme", "org_role": "org:accountant",
			"org_permissions": []any{"org:invoices:read", "org:invoices:manage", "org:reports:read"}})},
		{"version 2, nowhere", invite.Grant{Session: s}, "2025-04-10", "", common(map[string]any{"v": 2.0, "sts": "active"})},
		{"version 2, no permissions of its own", invite.Grant{Session: s, Organization: acme, Role: invite.Role{Key: "org:member"}}, "2026-05-12", "", common(map[string]any{
			"v": 2.0, "sts": "active", "o": map[string]any{"id": "org_1", "slg": "acme", "rol": "member"}})},
		{"version 2, permissions", invite.Grant{Session: s, Organization: acme, Role: accountant}, "2026-05-12", "", common(map[string]any{
			"v": 2.0, "sts": "active", "fea": "o:invoices,o:reports",
			"o": map[string]any{"id": "org_1", "slg": "acme", "rol": "accountant", "per": "read,manage", "fpm": "3,1"}})},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, claimsOf(t, &test.grant, test.version, test.origin)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
