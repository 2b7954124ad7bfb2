package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
)

// createSignInToken serves POST /v1/sign_in_tokens.
func (s *Server) createSignInToken(r *request) ([]byte, error) {
	var body clerk.CreateSignInToken
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return s.signInToken(s.DB.CreateSignInToken(r.Context(), r.instance, body.Token()))
}

func (s *Server) signInToken(token *invite.SignInToken, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(s.Encoder.SignInToken(token))
}

// revokeSignInToken serves POST /v1/sign_in_tokens/{sign_in_token_id}/revoke.
func (s *Server) revokeSignInToken(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return s.signInToken(s.DB.RevokeSignInToken(r.Context(), r.instance, r.PathValue("sign_in_token_id")))
}
