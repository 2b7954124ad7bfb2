package fapi

import (
	"encoding/json"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// environment serves GET and PATCH /v1/environment, which changes nothing.
func (s *Server) environment(r *request) (any, error) {
	settings, err := s.DB.OrganizationSettings(r.Context(), r.instance)
	if err != nil {
		return nil, err
	}
	return bare{clerk.Environment(r.instance, settings, s.PublicURL)}, nil
}

// jwks serves GET /.well-known/jwks.json: what session tokens are verified with.
func (s *Server) jwks(r *request) (any, error) {
	keys, err := s.DB.SigningKeys(r.Context(), r.instance)
	if err != nil {
		return nil, err
	}
	set, err := clerk.KeySet(keys)
	return bare{json.RawMessage(set)}, err
}

// health serves GET /v1/health.
func (s *Server) health(r *request) (any, error) {
	return bare{map[string]string{"status": "healthy"}}, s.DB.Ping(r.Context())
}

// getClient serves GET /v1/client: null for a browser that nobody knows.
func (s *Server) getClient(r *request) (any, error) {
	c, err := s.client(r)
	if err != nil {
		return nil, err
	}
	return bare{clerk.Enveloped{Response: orNull(c)}}, nil
}

// orNull keeps a missing client from being an any that is not nil.
func orNull(c *clerk.Client) any {
	if c == nil {
		return nil
	}
	return c
}

// createClient serves POST and PUT /v1/client.
func (s *Server) createClient(r *request) (any, error) {
	var err error
	if r.visit, err = s.DB.CreateClient(r.Context(), r.instance, r.browser.Key()); err != nil {
		return nil, err
	}
	c, err := s.client(r)
	return orNull(c), err
}

// deleteClient serves DELETE /v1/client: nobody is signed in here any more, and the
// browser is forgotten.
func (s *Server) deleteClient(r *request) (any, error) {
	if r.browser == nil {
		return nil, invite.Err(invite.SessionOver)
	}
	if err := s.DB.CloseClient(r.Context(), r.instance, r.browser.ID, true); err != nil {
		return nil, err
	}
	r.browser = nil
	return nil, nil
}

// removeSessions serves DELETE /v1/client/sessions: nobody is signed in here any more.
func (s *Server) removeSessions(r *request) (any, error) {
	if r.browser == nil {
		return nil, invite.Err(invite.SessionOver)
	}
	if err := s.DB.CloseClient(r.Context(), r.instance, r.browser.ID, false); err != nil {
		return nil, err
	}
	c, err := s.client(r)
	return orNull(c), err
}

// account returns one session of the browser whole, as it is now.
func (s *Server) account(r *request, id string) (any, error) {
	state, err := s.DB.ClientState(r.Context(), r.instance, r.browser.Key())
	if err != nil {
		return nil, err
	}
	for i := range state.Accounts {
		if a := &state.Accounts[i]; a.Session.ID == id {
			token, err := s.recentToken(r, a.Grant(), state.UpdatedAt)
			return s.Encoder.FrontSession(a, token, s.DB.Now()), err
		}
	}
	return nil, invite.Err(invite.SessionNotFound, id)
}

// signedIn returns the session that the path names, if it is active in this browser.
func (r *request) signedIn() (*invite.Session, error) {
	if r.browser == nil {
		return nil, invite.Err(invite.SessionOver)
	}
	id := r.PathValue("session_id")
	if s := r.browser.Session(id); s != nil {
		return s, nil
	}
	return nil, invite.Err(invite.SessionNotFound, id)
}

// getSession serves GET /v1/client/sessions/{session_id}.
func (s *Server) getSession(r *request) (any, error) {
	session, err := r.signedIn()
	if err != nil {
		return nil, err
	}
	return s.account(r, session.ID)
}

// touchSession serves POST /v1/client/sessions/{session_id}/touch. An empty
// active_organization_id stands for none; without one the organization stays.
func (s *Server) touchSession(r *request) (any, error) {
	session, err := r.signedIn()
	if err != nil {
		return nil, err
	}
	var organization *string
	if r.form.Has("active_organization_id") {
		organization = new(r.form.Get("active_organization_id"))
	}
	if _, err := s.DB.TouchSession(r.Context(), r.instance, r.browser.ID, session.ID, organization); err != nil {
		return nil, err
	}
	return s.account(r, session.ID)
}

// endSession serves POST /v1/client/sessions/{session_id}/end.
func (s *Server) endSession(r *request) (any, error) { return s.closeSession(r, invite.SessionEnded) }

// removeSession serves POST /v1/client/sessions/{session_id}/remove.
func (s *Server) removeSession(r *request) (any, error) {
	return s.closeSession(r, invite.SessionRemoved)
}

func (s *Server) closeSession(r *request, how invite.SessionStatus) (any, error) {
	session, err := r.signedIn()
	if err != nil {
		return nil, err
	}
	a, err := s.DB.Account(r.Context(), r.instance, session.ID)
	if err != nil {
		return nil, err
	}
	if a.Session, err = s.DB.CloseSession(r.Context(), r.instance, r.browser.ID, session.ID, how); err != nil {
		return nil, err
	}
	return s.Encoder.FrontSession(a, nil, s.DB.Now()), nil
}

// createToken serves POST /v1/client/sessions/{session_id}/tokens: a session token,
// for the session's organization or for another of the user's.
func (s *Server) createToken(r *request) (any, error) {
	session, err := r.signedIn()
	if err != nil {
		return nil, err
	}
	var organization *string
	if r.form.Has("organization_id") {
		organization = new(r.form.Get("organization_id"))
	}
	grant, err := s.DB.GrantFor(r.Context(), r.instance, session.ID, organization)
	if err != nil {
		return nil, err
	}
	token, err := s.token(r, grant)
	return bare{token}, err
}

// visited keeps what an operation did for the browser, for the answer.
func (r *request) visited(v *store.Visit, err error) error {
	if err == nil {
		r.visit = v
	}
	return err
}
