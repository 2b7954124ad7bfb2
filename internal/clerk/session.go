package clerk

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"usher/internal/invite"
)

// CreateSession is the body of POST /sessions.
type CreateSession struct {
	UserID               *string `json:"user_id"`
	ActiveOrganizationID *string `json:"active_organization_id"`
}

// Who returns the user and the active organization asked for, or refuses a
// request without a user.
func (r *CreateSession) Who() (user, organization string, err error) {
	if user = or(r.UserID, ""); user == "" {
		return "", "", invite.ParamErr(invite.ParamMissing, "user_id")
	}
	return user, or(r.ActiveOrganizationID, ""), nil
}

// CreateSessionToken is the body of POST /sessions/{id}/tokens.
type CreateSessionToken struct {
	ExpiresInSeconds *int `json:"expires_in_seconds"`
}

// Lifetime returns how long the token is to be good.
func (r *CreateSessionToken) Lifetime() (time.Duration, error) {
	if r.ExpiresInSeconds == nil {
		return invite.TokenLifetime, nil
	}
	n := *r.ExpiresInSeconds
	if n < int(invite.MinTokenLifetime/time.Second) || n > int(invite.MaxTokenLifetime/time.Second) {
		return 0, invite.ParamErr(invite.ParamValue, "expires_in_seconds", strconv.Itoa(n))
	}
	return time.Duration(n) * time.Second, nil
}

// RefreshSession is the body of POST /sessions/{id}/refresh.
type RefreshSession struct {
	ExpiredToken         *string         `json:"expired_token"`
	RefreshToken         *string         `json:"refresh_token"`
	RequestOrigin        *string         `json:"request_origin"`
	RequestHeaders       json.RawMessage `json:"request_headers"`
	Format               *string         `json:"format"`
	RequestOriginatingIP *string         `json:"request_originating_ip"`
}

// Session is contract §4.9.
type Session struct {
	Object                   string         `json:"object"`
	ID                       string         `json:"id"`
	ClientID                 string         `json:"client_id"`
	UserID                   string         `json:"user_id"`
	Status                   string         `json:"status"`
	LastActiveOrganizationID *string        `json:"last_active_organization_id"`
	Actor                    *struct{}      `json:"actor"`
	LastActiveAt             invite.Instant `json:"last_active_at"`
	ExpireAt                 invite.Instant `json:"expire_at"`
	AbandonAt                invite.Instant `json:"abandon_at"`
	CreatedAt                invite.Instant `json:"created_at"`
	UpdatedAt                invite.Instant `json:"updated_at"`
}

// SessionOf returns s as of now.
func SessionOf(s *invite.Session, now invite.Instant) Session {
	return Session{
		Object: "session", ID: s.ID, ClientID: s.ClientID, UserID: s.UserID, Status: string(s.StatusAt(now)),
		LastActiveOrganizationID: null(s.OrganizationID), LastActiveAt: s.LastActiveAt,
		ExpireAt: s.ExpireAt, AbandonAt: s.AbandonAt, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
}

// Token is the answer that carries a session token.
type Token struct {
	Object string `json:"object"`
	JWT    string `json:"jwt"`
}

// TestingToken is contract §4.9. Its expiry is in seconds.
type TestingToken struct {
	Object    string `json:"object"`
	Token     string `json:"token"`
	ExpiresAt int64  `json:"expires_at"`
}

// TestingTokenOf returns a testing token that ends at an instant.
func TestingTokenOf(token string, until invite.Instant) TestingToken {
	return TestingToken{Object: "testing_token", Token: token, ExpiresAt: int64(until) / 1000}
}

// KeySet encodes the public halves of keys as RFC 7517 has them.
func KeySet(keys []invite.TokenKey) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, len(keys))}
	for i, k := range keys {
		set.Keys[i] = jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(jose.RS256), Use: "sig"}
	}
	return Marshal(set)
}

// ParseSessionStatus reads the status filter of sessions; empty when absent.
func ParseSessionStatus(q url.Values) (invite.SessionStatus, error) {
	status := invite.SessionStatus(q.Get("status"))
	known := []invite.SessionStatus{
		"", invite.SessionActive, invite.SessionPending, invite.SessionRevoked, invite.SessionEnded, invite.SessionRemoved,
		invite.SessionReplaced, invite.SessionExpired, invite.SessionAbandoned,
	}
	if !slices.Contains(known, status) {
		return "", invite.ParamErr(invite.ParamValue, "status", string(status))
	}
	return status, nil
}

// claims is what a session token says, in either version of the claims
// (contract §8.4). Instants are Unix seconds.
type claims struct {
	Party     string `json:"azp,omitempty"`
	Expires   int64  `json:"exp"`
	Features  string `json:"fea,omitempty"`
	Factors   [2]int `json:"fva"` // minutes since the first and the second factor; -1 for none
	IssuedAt  int64  `json:"iat"`
	Issuer    string `json:"iss"`
	ID        string `json:"jti,omitempty"`
	NotBefore int64  `json:"nbf"`

	Active *activeClaim `json:"o,omitempty"`

	OrganizationID          string   `json:"org_id,omitempty"`
	OrganizationPermissions []string `json:"org_permissions,omitempty"`
	OrganizationRole        string   `json:"org_role,omitempty"`
	OrganizationSlug        string   `json:"org_slug,omitempty"`

	SessionID string `json:"sid"`
	Status    string `json:"sts,omitempty"`
	Subject   string `json:"sub"`
	Version   int    `json:"v,omitempty"`
}

// activeClaim is the active organization in version 2.
type activeClaim struct {
	Map         string `json:"fpm,omitempty"`
	ID          string `json:"id"`
	Permissions string `json:"per,omitempty"`
	Role        string `json:"rol"`
	Slug        string `json:"slg,omitempty"`
}

// Leeway is how far the clocks of verifiers may be behind.
const leeway = 10 * time.Second

// SessionToken returns a token for what is granted, signed RS256 and good from now
// for the lifetime. Its claims are of version 2 from API version 2025-04-10 on.
// origin is where the browser is, empty without one.
func (e *Encoder) SessionToken(in *invite.Instance, g *invite.Grant, key invite.TokenKey, v Version, origin string, now invite.Instant, lifetime time.Duration) (string, error) {
	at := now.Time()
	c := claims{
		Party: origin, Expires: at.Add(lifetime).Unix(), IssuedAt: at.Unix(), NotBefore: at.Add(-leeway).Unix(), Issuer: issuer(in, e.PublicURL),
		Factors: [2]int{int((now - g.Session.CreatedAt) / 60_000), -1}, SessionID: g.Session.ID, Subject: g.Session.UserID,
	}
	if v.ShortClaims() {
		c.ID, c.Status, c.Version = rand.Text(), string(invite.SessionActive), 2
		c.Active, c.Features = activeOf(g)
	} else if g.Organization != nil {
		c.OrganizationID, c.OrganizationSlug, c.OrganizationRole = g.Organization.ID, g.Organization.Slug, g.Role.Key
		c.OrganizationPermissions = ownPermissions(g.Role)
	}
	return sign(key, c)
}

// issuer returns where an instance's Frontend API is: at its own host or the server's.
func issuer(in *invite.Instance, publicURL string) string {
	if in.FrontendHost != "" {
		return "https://" + in.FrontendHost
	}
	return publicURL
}

func sign(key invite.TokenKey, claims any) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.Private, KeyID: key.ID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return token, nil
}

// HandshakeLifetime is how long a browser has to bring a handshake back.
const HandshakeLifetime = time.Minute

// HandshakeToken signs the cookies that an application is to set, in the form in
// which Clerk's SDKs take them.
func HandshakeToken(directives []string, key invite.TokenKey, now invite.Instant) (string, error) {
	return sign(key, struct {
		Expires   int64    `json:"exp"` // Unix seconds, as the next
		IssuedAt  int64    `json:"iat"`
		Handshake []string `json:"handshake"`
	}{now.Add(HandshakeLifetime).Time().Unix(), now.Time().Unix(), directives})
}

// PublishableKey returns the key by which browsers find an instance's Frontend API,
// at its own host or at the server's (contract §1.1). publicURL is the server's.
func PublishableKey(in *invite.Instance, publicURL string) string {
	host := in.FrontendHost
	if u, err := url.Parse(publicURL); host == "" && err == nil {
		host = u.Host
	}
	return "pk_" + string(in.Environment) + "_" + base64.StdEncoding.EncodeToString([]byte(host+"$"))
}

// ownPermissions returns a role's permissions without those of the system, which
// tokens never carry.
func ownPermissions(r invite.Role) []string {
	var keys []string
	for _, p := range r.Permissions {
		if p.Type != invite.SystemPermission {
			keys = append(keys, p.Key)
		}
	}
	return keys
}

// activeOf returns the organization's claim and the features: permissions are
// org:<feature>:<action>, and for each feature, in their order, a bit mask says
// which of the actions it has.
func activeOf(g *invite.Grant) (*activeClaim, string) {
	if g.Organization == nil {
		return nil, ""
	}
	var features, actions []string
	masks := make(map[string]int)
	for _, key := range ownPermissions(g.Role) {
		feature, action, ok := strings.Cut(strings.TrimPrefix(key, "org:"), ":")
		if !ok {
			continue
		}
		if !slices.Contains(features, feature) {
			features = append(features, feature)
		}
		if !slices.Contains(actions, action) {
			actions = append(actions, action)
		}
		masks[feature] |= 1 << slices.Index(actions, action)
	}
	o := &activeClaim{
		ID: g.Organization.ID, Slug: g.Organization.Slug, Role: strings.TrimPrefix(g.Role.Key, "org:"), Permissions: strings.Join(actions, ","),
	}
	list, maps := make([]string, len(features)), make([]string, len(features))
	for i, feature := range features {
		list[i], maps[i] = "o:"+feature, strconv.Itoa(masks[feature])
	}
	o.Map = strings.Join(maps, ",")
	return o, strings.Join(list, ",")
}
