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
	return clerk.Marshal(s.Encoder.User(u, s.DB.Now()))
}

func (s *Server) encodeUsers(list []*invite.User) ([]byte, error) {
	now := s.DB.Now()
	out := make([]clerk.User, len(list))
	for i, u := range list {
		out[i] = s.Encoder.User(u, now)
	}
	return clerk.Marshal(out)
}

// userFilter reads what GET /v1/users and GET /v1/users/count select by.
func (r *request) userFilter() (f store.UserFilter, err error) {
	for param, values := range map[string]*[]string{"email_address": &f.EmailAddresses, "username": &f.Usernames} {
		if *values, err = clerk.ParseValues(r.query, param); err != nil {
			return f, err
		}
	}
	for param, ids := range map[string]*invite.Choice{"user_id": &f.IDs, "external_id": &f.ExternalIDs, "organization_id": &f.OrganizationIDs} {
		if *ids, err = clerk.ParseChoice(r.query, param); err != nil {
			return f, err
		}
	}
	for param, search := range map[string]*string{
		"query": &f.Query, "email_address_query": &f.AddressQuery, "username_query": &f.UsernameQuery, "name_query": &f.NameQuery,
	} {
		if *search, err = clerk.ParseSearchIn(r.query, param); err != nil {
			return f, err
		}
	}
	if r.query.Get("banned") != "" {
		banned, err := clerk.ParseBool(r.query, "banned")
		if err != nil {
			return f, err
		}
		f.Banned = &banned
	}
	if f.Nobody, err = r.selectsNobody(); err != nil {
		return f, err
	}
	return f, r.userDates(&f)
}

// selectsNobody reads the filters by what users here never have.
func (r *request) selectsNobody() (bool, error) {
	nobody := false
	for _, param := range []string{"phone_number", "web3_wallet", "provider_user_id"} {
		values, err := clerk.ParseValues(r.query, param)
		if err != nil {
			return false, err
		}
		nobody = nobody || len(values) > 0
	}
	phone, err := clerk.ParseSearchIn(r.query, "phone_number_query")
	if err != nil {
		return false, err
	}
	switch provider, id := r.query.Get("provider") != "", r.query.Get("provider_user_id") != ""; {
	case provider && !id:
		return false, invite.ParamErr(invite.ParamNeeded, "provider_user_id")
	case id && !provider:
		return false, invite.ParamErr(invite.ParamNeeded, "provider")
	}
	return nobody || phone != "", nil
}

func (r *request) userDates(f *store.UserFilter) (err error) {
	for field, b := range map[string]*store.Between{
		"created_at": &f.CreatedAt, "last_active_at": &f.LastActiveAt, "last_sign_in_at": &f.LastSignInAt,
	} {
		if b.From, b.Until, err = clerk.ParseBetween(r.query, field); err != nil {
			return err
		}
	}
	since, err := clerk.ParseSince(r.query, "last_active_at_since")
	f.LastActiveAt.From = max(f.LastActiveAt.From, since)
	return err
}

// userPage reads what orders and cuts GET /v1/users.
func (r *request) userPage(f *store.UserFilter) (err error) {
	if f.Page, err = clerk.ParsePage(r.query); err != nil {
		return err
	}
	f.OrderBy, f.Descending, err = clerk.ParseOrder(r.query, "created_at", "updated_at", "email_address", "web3wallet",
		"first_name", "last_name", "phone_number", "username", "last_active_at", "last_sign_in_at")
	if err != nil {
		return err
	}
	if f.OrderBy == "web3wallet" || f.OrderBy == "phone_number" {
		f.OrderBy = "id" // nobody has one, so all are equal
	}
	f.StartingAfter, err = clerk.ParseSearchIn(r.query, "starting_after")
	switch {
	case err != nil || f.StartingAfter == "":
		return err
	case f.OrderBy != "created_at":
		return invite.ParamErr(invite.ParamExclusive, "starting_after", "order_by="+r.query.Get("order_by"))
	case f.Offset != 0:
		return invite.ParamErr(invite.ParamExclusive, "starting_after", "offset")
	}
	return nil
}

// listUsers serves GET /v1/users, which answers a bare array.
func (s *Server) listUsers(r *request) ([]byte, error) {
	f, err := r.userFilter()
	if err != nil {
		return nil, err
	}
	if err := r.userPage(&f); err != nil {
		return nil, err
	}
	list, err := s.DB.Users(r.Context(), r.instance, f)
	if err != nil {
		return nil, err
	}
	return s.encodeUsers(list)
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
	if n.PasswordDigest, err = s.digest(r, &body.UserPassword); err != nil {
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
	digest, err := s.digest(r, &body.UserPassword)
	if err != nil {
		return nil, err
	}
	if digest != "" {
		c.PasswordDigest = &digest
	}
	if c.SignOut = body.SignsOut(); digest == "" && c.SignOut {
		return nil, invite.ParamErr(invite.ParamNeeded, "password")
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

// banUser serves POST /v1/users/{user_id}/ban.
func (s *Server) banUser(r *request) ([]byte, error) { return s.setBan(r, true) }

// unbanUser serves POST /v1/users/{user_id}/unban.
func (s *Server) unbanUser(r *request) ([]byte, error) { return s.setBan(r, false) }

func (s *Server) setBan(r *request, banned bool) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	list, err := s.DB.BanUsers(r.Context(), r.instance, []string{r.PathValue("user_id")}, banned)
	if err != nil {
		return nil, err
	}
	return s.user(list[0], nil)
}

// banUsers serves POST /v1/users/ban.
func (s *Server) banUsers(r *request) ([]byte, error) { return s.setBans(r, true) }

// unbanUsers serves POST /v1/users/unban.
func (s *Server) unbanUsers(r *request) ([]byte, error) { return s.setBans(r, false) }

func (s *Server) setBans(r *request, banned bool) ([]byte, error) {
	var body clerk.UserIDs
	if err := clerk.Decode(r.body, &body); err != nil {
		return nil, err
	}
	ids, err := invite.CheckBan(body.UserIDs)
	if err != nil {
		return nil, err
	}
	list, err := s.DB.BanUsers(r.Context(), r.instance, ids, banned)
	if err != nil {
		return nil, err
	}
	return s.encodeUsers(list)
}

// lockUser serves POST /v1/users/{user_id}/lock.
func (s *Server) lockUser(r *request) ([]byte, error) { return s.setLock(r, true) }

// unlockUser serves POST /v1/users/{user_id}/unlock.
func (s *Server) unlockUser(r *request) ([]byte, error) { return s.setLock(r, false) }

func (s *Server) setLock(r *request, locked bool) ([]byte, error) {
	if err := clerk.Decode(r.body, &struct{}{}); err != nil {
		return nil, err
	}
	return s.user(s.DB.LockUser(r.Context(), r.instance, r.PathValue("user_id"), locked))
}
