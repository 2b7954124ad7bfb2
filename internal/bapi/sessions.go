package bapi

import (
	"time"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// getKeys serves GET /v1/jwks.
func (s *Server) getKeys(r *request) ([]byte, error) {
	keys, err := s.DB.SigningKeys(r.Context(), r.instance)
	if err != nil {
		return nil, err
	}
	return clerk.KeySet(keys)
}

func (s *Server) session(session *invite.Session, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.SessionOf(session, s.DB.Now()))
}

// listSessions serves GET /v1/sessions, which needs a client or a user.
func (s *Server) listSessions(r *request) ([]byte, error) {
	status, err := clerk.ParseSessionStatus(r.query)
	if err != nil {
		return nil, err
	}
	page, envelope, err := r.bareList()
	if err != nil {
		return nil, err
	}
	f := store.SessionFilter{ClientID: r.query.Get("client_id"), UserID: r.query.Get("user_id"), Status: status, Page: page}
	if f.ClientID == "" && f.UserID == "" {
		return nil, invite.Err(invite.DataMissing, "client_id", "user_id")
	}
	list, total, err := s.DB.Sessions(r.Context(), r.instance, f)
	if err != nil {
		return nil, err
	}
	now := s.DB.Now()
	return marshalBare(envelope, clerk.ListOf(list, total, func(session *invite.Session) clerk.Session { return clerk.SessionOf(session, now) }))
}

// createSession serves POST /v1/sessions, in test instances.
func (s *Server) createSession(r *request) ([]byte, error) {
	var body clerk.CreateSession
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	user, organization, err := body.Who()
	if err != nil {
		return nil, err
	}
	if r.instance.Environment == invite.Live {
		return nil, invite.Err(invite.NotInLive)
	}
	return s.session(s.DB.CreateSession(r.Context(), r.instance, user, organization))
}

// getSession serves GET /v1/sessions/{session_id}.
func (s *Server) getSession(r *request) ([]byte, error) {
	return s.session(s.DB.Session(r.Context(), r.instance, r.PathValue("session_id")))
}

// revokeSession serves POST /v1/sessions/{session_id}/revoke.
func (s *Server) revokeSession(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return s.session(s.DB.RevokeSession(r.Context(), r.instance, r.PathValue("session_id")))
}

// refreshSession serves POST /v1/sessions/{session_id}/refresh. Nobody has a
// refresh token here, so that there is none to be good; the refusal makes SDKs
// take the way through the browser.
func (s *Server) refreshSession(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &clerk.RefreshSession{}); err != nil {
		return nil, err
	}
	if _, err := s.DB.Session(r.Context(), r.instance, r.PathValue("session_id")); err != nil {
		return nil, err
	}
	return nil, invite.Err(invite.SessionOver)
}

// createSessionToken serves POST /v1/sessions/{session_id}/tokens.
func (s *Server) createSessionToken(r *request) ([]byte, error) {
	var body clerk.CreateSessionToken
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	lifetime, err := body.Lifetime()
	if err != nil {
		return nil, err
	}
	grant, err := s.DB.Grant(r.Context(), r.instance, r.PathValue("session_id"))
	if err != nil {
		return nil, err
	}
	keys, err := s.DB.SigningKeys(r.Context(), r.instance)
	if err != nil {
		return nil, err
	}
	token, err := s.Encoder.SessionToken(r.instance, grant, keys[0], r.version, "", s.DB.Now(), lifetime)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.Token{Object: "token", JWT: token})
}

// createTemplateToken serves POST /v1/sessions/{session_id}/tokens/{template_name}:
// there are no templates.
func (s *Server) createTemplateToken(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &clerk.CreateSessionToken{}); err != nil {
		return nil, err
	}
	if _, err := s.DB.Session(r.Context(), r.instance, r.PathValue("session_id")); err != nil {
		return nil, err
	}
	return nil, invite.Err(invite.TemplateUnknown, r.PathValue("template_name"))
}

// testingTokenLifetime is the contract's.
const testingTokenLifetime = time.Hour

// createTestingToken serves POST /v1/testing_tokens.
func (s *Server) createTestingToken(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	until := s.DB.Now().Add(testingTokenLifetime)
	return clerk.Marshal(clerk.TestingTokenOf(s.Keys.TestingToken(r.instance.ID, until), until))
}
