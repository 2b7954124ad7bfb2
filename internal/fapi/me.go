package fapi

import (
	"encoding/json"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// getMe serves GET /v1/me.
func (s *Server) getMe(r *request) (any, error) {
	if _, err := r.user(); err != nil {
		return nil, err
	}
	return s.me(r)
}

// me returns who is signed in, as of now.
func (s *Server) me(r *request) (any, error) {
	a, err := s.DB.Account(r.Context(), r.instance, r.session.ID)
	if err != nil {
		return nil, err
	}
	return s.Encoder.FrontUser(a.User, a.Memberships, s.DB.Now()), nil
}

// updateMe serves PATCH /v1/me. Until version 2025-11-10 it takes unsafe_metadata as
// well, which it replaces.
func (s *Server) updateMe(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	c, err := r.userChange()
	if err != nil {
		return nil, err
	}
	if _, err := s.DB.UpdateUser(r.Context(), r.instance, user, c); err != nil {
		return nil, err
	}
	return s.me(r)
}

// userChange reads what of oneself is to be changed. An empty primary address stands
// for none given.
func (r *request) userChange() (invite.UserChange, error) {
	for _, param := range []string{"primary_phone_number_id", "primary_web3_wallet_id"} {
		if id := r.form.Get(param); id != "" {
			return invite.UserChange{}, invite.ParamErr(invite.ParamValue, param, id)
		}
	}
	c := invite.UserChange{
		Username: r.given("username"), FirstName: r.given("first_name"), LastName: r.given("last_name"),
		PrimaryEmailAddressID: r.given("primary_email_address_id"),
	}
	if r.form.Get("primary_email_address_id") == "" {
		c.PrimaryEmailAddressID = nil
	}
	if r.version.MetadataOnPatch() {
		c.Metadata.Unsafe = r.unsafeMetadata()
	}
	return c, nil
}

// unsafeMetadata returns the metadata in the form; nil without any.
func (r *request) unsafeMetadata() json.RawMessage {
	if raw := r.form.Get("unsafe_metadata"); raw != "" {
		return json.RawMessage(raw)
	}
	return nil
}

// mergeOwnMetadata serves PATCH /v1/me/metadata.
func (s *Server) mergeOwnMetadata(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	change := invite.MetadataChange{Merge: true, Unsafe: r.unsafeMetadata()}
	if change.Unsafe == nil {
		return nil, invite.ParamErr(invite.ParamMissing, "unsafe_metadata")
	}
	if _, err := s.DB.UpdateUser(r.Context(), r.instance, user, invite.UserChange{Metadata: change}); err != nil {
		return nil, err
	}
	return s.me(r)
}

// deleteMe serves DELETE /v1/me.
func (s *Server) deleteMe(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	gone, err := s.DB.DeleteUser(ctx, r.instance, r.session.UserID)
	if err != nil {
		return nil, err
	}
	return clerk.DeletedOf(gone), nil
}

// changePassword serves POST /v1/me/change_password. Who has a password has to know it.
func (s *Server) changePassword(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	plain := r.form.Get("new_password")
	if plain == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "new_password")
	}
	if err := invite.CheckPassword("new_password", plain, false); err != nil {
		return nil, err
	}
	signOut, err := clerk.ParseBool(r.form, "sign_out_of_other_sessions")
	if err != nil {
		return nil, err
	}
	u, err := s.DB.User(r.Context(), r.instance, user)
	if err != nil {
		return nil, err
	}
	if err := s.Browsers.ChangePassword(r.Context(), r.instance, u, r.session.ID, r.form.Get("current_password"), plain, signOut); err != nil {
		return nil, err
	}
	return s.me(r)
}

// removePassword serves POST /v1/me/remove_password, for who knows it.
func (s *Server) removePassword(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	u, err := s.DB.User(r.Context(), r.instance, user)
	if err != nil {
		return nil, err
	}
	if err := s.Browsers.RemovePassword(r.Context(), r.instance, u, r.session.ID, r.form.Get("current_password")); err != nil {
		return nil, err
	}
	return s.me(r)
}

// listActiveSessions serves GET /v1/me/sessions/active: where one is signed in, the
// newest first.
func (s *Server) listActiveSessions(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	list, _, err := s.DB.Sessions(r.Context(), r.instance, store.SessionFilter{
		UserID: user, Status: invite.SessionActive, Page: invite.Page{Limit: maxOwnSessions},
	})
	if err != nil {
		return nil, err
	}
	active := make([]clerk.ActiveSession, len(list))
	for i, session := range list {
		active[i] = clerk.ActiveSessionOf(session, s.DB.Now())
	}
	return bare{active}, nil
}

// listOwnSessions serves GET /v1/me/sessions: where one is or was signed in, the newest
// first.
func (s *Server) listOwnSessions(r *request) (any, error) {
	user, err := r.user()
	if err != nil {
		return nil, err
	}
	list, _, err := s.DB.Sessions(r.Context(), r.instance, store.SessionFilter{
		UserID: user, Page: invite.Page{Limit: maxPastSessions},
	})
	if err != nil {
		return nil, err
	}
	a, err := s.DB.Account(r.Context(), r.instance, r.session.ID)
	if err != nil {
		return nil, err
	}
	own := make([]clerk.FrontSession, len(list))
	for i, session := range list {
		a.Session = session
		own[i] = s.Encoder.FrontSession(a, nil, s.DB.Now())
	}
	return bare{own}, nil
}

// maxOwnSessions is how many sessions their user is shown.
const maxOwnSessions = 500

// maxPastSessions is how many of them with those that have ended, which are shown with
// their user each.
const maxPastSessions = 50

// revokeOwnSession serves POST /v1/me/sessions/{session_id}/revoke.
func (s *Server) revokeOwnSession(r *request) (any, error) {
	ctx, err := r.asked()
	if err != nil {
		return nil, err
	}
	session, err := s.DB.RevokeSession(ctx, r.instance, r.PathValue("session_id"))
	if err != nil {
		return nil, err
	}
	a, err := s.DB.Account(r.Context(), r.instance, session.ID)
	if err != nil {
		return nil, err
	}
	return s.Encoder.FrontSession(a, nil, s.DB.Now()), nil
}
