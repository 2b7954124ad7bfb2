package e2e

import (
	"testing"

	"github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/jwks"
	"github.com/clerk/clerk-sdk-go/v2/jwt"
	"github.com/clerk/clerk-sdk-go/v2/organization"
	"github.com/clerk/clerk-sdk-go/v2/session"
	"github.com/clerk/clerk-sdk-go/v2/testingtoken"
	"github.com/clerk/clerk-sdk-go/v2/user"
)

func tourSessions(r *tour) {
	t := r.T
	ctx, api, keys := t.Context(), session.NewClient(r.config), jwks.NewClient(r.config)
	ada := ok(user.NewClient(r.config).Create(ctx, &user.CreateParams{EmailAddresses: &[]string{"ada2@example.com"}}))(t)
	org := ok(organization.NewClient(r.config).Create(ctx, &organization.CreateParams{Name: new("Atlas"), CreatedBy: &ada.ID}))(t)

	var made *clerk.Session
	r.visit("session.Create", func(t *testing.T) {
		made = ok(api.Create(ctx, &session.CreateParams{UserID: ada.ID}))(t)
		same(t, "status", made.Status, "active")
		refusal(t, errOf(api.Create(ctx, &session.CreateParams{UserID: "user_none"})), 404, "resource_not_found")
	})
	r.visit("session.Get", func(t *testing.T) { same(t, "got", ok(api.Get(ctx, made.ID))(t).ID, made.ID) })
	r.visit("session.List", func(t *testing.T) {
		list := ok(api.List(ctx, &session.ListParams{UserID: &ada.ID}))(t)
		same(t, "listed", each(list.Sessions, func(s *clerk.Session) string { return s.ID }), []string{made.ID})
		same(t, "total_count", list.TotalCount, int64(1))
	})
	set := (*clerk.JSONWebKeySet)(nil)
	r.visit("jwks.Get", func(t *testing.T) {
		set = ok(keys.Get(ctx, &jwks.GetParams{}))(t)
		same(t, "keys", len(set.Keys), 1)
		same(t, "algorithm", set.Keys[0].Algorithm, "RS256")
	})
	issuer := r.server.url
	r.visit("session.CreateToken", func(t *testing.T) {
		token := ok(api.CreateToken(ctx, &session.CreateTokenParams{ID: made.ID}))(t)
		// Of the API version that this SDK asks for, which has short claims.
		for name, p := range map[string]*jwt.VerifyParams{
			"with the published keys": {Token: token.JWT, JWKSClient: keys, ProxyURL: &issuer},
			"without the network":     {Token: token.JWT, JWK: set.Keys[0], ProxyURL: &issuer},
		} {
			claims := ok(jwt.Verify(ctx, p))(t)
			same(t, name+", who", []string{claims.Subject, claims.SessionID, claims.ActiveOrganizationID}, []string{ada.ID, made.ID, ""})
		}
		_, err := jwt.Verify(ctx, &jwt.VerifyParams{Token: token.JWT[:len(token.JWT)-4] + "AAAA", JWK: set.Keys[0], ProxyURL: &issuer})
		if err == nil {
			t.Error("a token with another signature was verified")
		}
	})
	t.Run("an active organization", func(t *testing.T) {
		active := r.server.must("POST", "/v1/sessions", `{"user_id":"`+ada.ID+`","active_organization_id":"`+org.ID+`"}`)
		token := ok(api.CreateToken(ctx, &session.CreateTokenParams{ID: active.text("id")}))(t)
		claims := ok(jwt.Verify(ctx, &jwt.VerifyParams{Token: token.JWT, JWK: set.Keys[0], ProxyURL: &issuer}))(t)
		same(t, "where", []string{claims.ActiveOrganizationID, claims.ActiveOrganizationSlug, claims.ActiveOrganizationRole},
			[]string{org.ID, org.Slug, "org:admin"})
		same(t, "permissions of the system in it", len(claims.ActiveOrganizationPermissions), 0)
	})
	r.visit("session.Revoke", func(t *testing.T) {
		same(t, "status", ok(api.Revoke(ctx, &session.RevokeParams{ID: made.ID}))(t).Status, "revoked")
		refusal(t, errOf(api.CreateToken(ctx, &session.CreateTokenParams{ID: made.ID})), 401, "authentication_invalid")
	})
	r.absent(api, "Verify") // withdrawn from the API long ago
	r.complete(api, keys)
}

func tourTestingTokens(r *tour) {
	api := testingtoken.NewClient(r.config)
	r.visit("testingtoken.Create", func(t *testing.T) {
		if token := ok(api.Create(t.Context()))(t); token.Token == "" || token.ExpiresAt == 0 {
			t.Errorf("got %+v, want a token and its end", token)
		}
	})
	r.complete(api)
}
