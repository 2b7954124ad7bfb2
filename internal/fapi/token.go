package fapi

import (
	"sync"
	"time"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// token signs what is granted, for the page that asks.
func (s *Server) token(r *request, g *invite.Grant) (*clerk.Token, error) {
	keys, err := s.DB.SigningKeys(r.Context(), r.instance)
	if err != nil {
		return nil, err
	}
	jwt, err := s.Encoder.SessionToken(r.instance, g, keys[0], r.version, r.Header.Get("Origin"), s.DB.Now(), invite.TokenLifetime)
	return &clerk.Token{Object: "token", JWT: jwt}, err
}

// Signing a token costs more than all the rest of most requests, and each of their
// answers has one for each session. So one that was signed a moment ago and says the
// same is sent again.
const (
	recent    = 10 * time.Second
	maxTokens = 10_000
)

// tokens remembers those that were signed lately.
type tokens struct {
	sync.Mutex
	signed map[said]signed
}

// said is what a token says, but for its times.
type said struct {
	instance, session, organization, slug, role, origin string
	version                                             clerk.Version
}

type signed struct {
	token *clerk.Token
	at    invite.Instant
}

// recentToken is token, or one that says the same, has most of its life before it and
// was signed since the browser's last change: what is older, SDKs take for outdated.
func (s *Server) recentToken(r *request, g *invite.Grant, changed invite.Instant) (*clerk.Token, error) {
	if hasOwn(g.Role) {
		return s.token(r, g) // what its permissions are may change
	}
	what := said{instance: r.instance.ID, session: g.Session.ID, role: g.Role.Key, origin: r.Header.Get("Origin"), version: r.version}
	if g.Organization != nil {
		what.organization, what.slug = g.Organization.ID, g.Organization.Slug
	}
	now := s.DB.Now()
	s.tokens.Lock()
	known, ok := s.tokens.signed[what]
	s.tokens.Unlock()
	if ok && known.at >= changed && now >= known.at && now < known.at.Add(recent) {
		return known.token, nil
	}
	token, err := s.token(r, g)
	if err != nil {
		return nil, err
	}
	s.tokens.Lock()
	defer s.tokens.Unlock()
	if s.tokens.signed == nil || len(s.tokens.signed) >= maxTokens {
		s.tokens.signed = make(map[said]signed)
	}
	s.tokens.signed[what] = signed{token, now}
	return token, nil
}

// hasOwn reports whether the role has permissions of the application's, which tokens
// carry.
func hasOwn(r invite.Role) bool {
	for _, p := range r.Permissions {
		if p.Type != invite.SystemPermission {
			return true
		}
	}
	return false
}
