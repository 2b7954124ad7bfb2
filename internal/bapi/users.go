package bapi

import (
	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

func (s *Server) user(u *invite.User, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(s.Encoder.User(u))
}

// userFilter reads what GET /v1/users and GET /v1/users/count select by.
func (r *request) userFilter() (f store.UserFilter, err error) {
	for param, values := range map[string]*[]string{"email_address": &f.EmailAddresses, "username": &f.Usernames} {
		if *values, err = clerk.ParseValues(r.query, param); err != nil {
			return f, err
		}
	}
	for param, values := range map[string]*[]string{"user_id": &f.IDs, "external_id": &f.ExternalIDs} {
		if *values, err = clerk.ParseIDs(r.query, param); err != nil {
			return f, err
		}
	}
	if f.Query, err = clerk.ParseSearch(r.query); err != nil {
		return f, err
	}
	if f.Page, err = clerk.ParsePage(r.query); err != nil {
		return f, err
	}
	f.OrderBy, f.Descending, err = clerk.ParseOrder(r.query, "created_at", "updated_at", "first_name", "last_name", "username")
	if err != nil {
		return f, err
	}
	return f, r.unsupported("phone_number", "web3_wallet", "organization_id", "email_address_query", "phone_number_query",
		"username_query", "name_query", "banned", "provider", "provider_user_id", "starting_after", "last_active_at",
		"last_active_at_before", "last_active_at_after", "last_active_at_since", "created_at_before", "created_at_after",
		"last_sign_in_at_before", "last_sign_in_at_after")
}

// listUsers serves GET /v1/users, which answers a bare array.
func (s *Server) listUsers(r *request) ([]byte, error) {
	f, err := r.userFilter()
	if err != nil {
		return nil, err
	}
	list, err := s.DB.Users(r.Context(), r.instance, f)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.ListOf(list, 0, s.Encoder.User).Data)
}

// countUsers serves GET /v1/users/count.
func (s *Server) countUsers(r *request) ([]byte, error) {
	f, err := r.userFilter()
	if err != nil {
		return nil, err
	}
	n, err := s.DB.CountUsers(r.Context(), r.instance, f)
	if err != nil {
		return nil, err
	}
	return clerk.Marshal(clerk.TotalCountOf(n))
}

// createUser serves POST /v1/users.
func (s *Server) createUser(r *request) ([]byte, error) {
	var body clerk.CreateUser
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	n, err := body.User()
	if err != nil {
		return nil, err
	}
	return s.user(s.DB.CreateUser(r.Context(), r.instance, n))
}

// getUser serves GET /v1/users/{user_id}.
func (s *Server) getUser(r *request) ([]byte, error) {
	return s.user(s.DB.User(r.Context(), r.instance, r.PathValue("user_id")))
}

// updateUser serves PATCH /v1/users/{user_id}. Until version 2025-11-10 it takes
// metadata as well, which it replaces.
func (s *Server) updateUser(r *request) ([]byte, error) {
	var body clerk.UpdateUserWithMetadata
	target := any(&body)
	if !r.version.MetadataOnPatch() {
		target = &body.UpdateUser
	}
	if err := clerk.Decode(r.body, target); err != nil {
		return nil, err
	}
	c, err := body.UpdateUser.Change()
	if err != nil {
		return nil, err
	}
	c.Metadata = body.UserMetadata.Change(false)
	return s.user(s.DB.UpdateUser(r.Context(), r.instance, r.PathValue("user_id"), c))
}

// mergeUserMetadata serves PATCH /v1/users/{user_id}/metadata.
func (s *Server) mergeUserMetadata(r *request) ([]byte, error) {
	return s.changeUserMetadata(r, true)
}

// replaceUserMetadata serves PUT /v1/users/{user_id}/metadata.
func (s *Server) replaceUserMetadata(r *request) ([]byte, error) {
	return s.changeUserMetadata(r, false)
}

func (s *Server) changeUserMetadata(r *request, merge bool) ([]byte, error) {
	var body clerk.UserMetadata
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	c := invite.UserChange{Metadata: body.Change(merge)}
	return s.user(s.DB.UpdateUser(r.Context(), r.instance, r.PathValue("user_id"), c))
}

// deleteUser serves DELETE /v1/users/{user_id}.
func (s *Server) deleteUser(r *request) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return deleted(s.DB.DeleteUser(r.Context(), r.instance, r.PathValue("user_id")))
}
