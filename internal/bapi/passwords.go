package bapi

import (
	"context"

	"usher/internal/clerk"
)

// digest returns what is to be kept of the password in a request: empty when there
// is none.
func (s *Server) digest(r *request, body *clerk.UserPassword) (string, error) {
	plain, digest, hasher, err := body.Given()
	if err != nil || plain == "" && digest == "" {
		return "", err
	}
	return aside(r, "digest", func(ctx context.Context) (string, error) {
		if plain != "" {
			return s.Passwords.Digest(ctx, plain)
		}
		return s.Passwords.Import(ctx, hasher, digest)
	})
}

// verifyPassword serves POST /v1/users/{user_id}/verify_password.
func (s *Server) verifyPassword(r *request) ([]byte, error) {
	var body clerk.VerifyPassword
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	plain, err := body.Given()
	if err != nil {
		return nil, err
	}
	user := r.PathValue("user_id")
	digest, err := s.DB.PasswordDigest(r.Context(), r.instance, user)
	if err != nil {
		return nil, err
	}
	fresh, err := aside(r, digest, func(ctx context.Context) (string, error) {
		return s.Passwords.Verify(ctx, digest, plain)
	})
	if err != nil {
		return nil, err
	}
	if fresh != digest {
		if err := s.DB.RefreshPassword(r.Context(), r.instance, user, digest, fresh); err != nil {
			return nil, err
		}
	}
	return clerk.Marshal(clerk.Verified{Verified: true})
}

// removePassword serves POST /v1/users/{user_id}/remove_password.
func (s *Server) removePassword(r *request) ([]byte, error) {
	var body clerk.RemovePassword
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	return s.user(s.DB.RemovePassword(r.Context(), r.instance, r.PathValue("user_id"), body.SignsOut()))
}
