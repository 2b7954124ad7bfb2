package storetest

import (
	"fmt"
	"sync"
	"time"

	"usher/internal/invite"
	"usher/internal/store"
)

// sessions returns how many sessions of the admin have each status.
func (w *World) sessions(user string) map[invite.SessionStatus]int {
	w.Helper()
	counts := make(map[invite.SessionStatus]int)
	for _, status := range []invite.SessionStatus{invite.SessionActive, invite.SessionRevoked, invite.SessionExpired, invite.SessionAbandoned} {
		list, total := must2(w.DB.Sessions(w.Context(), w.Instance, store.SessionFilter{UserID: user, Status: status, Page: invite.Page{Limit: 100}}))(w.T)
		for _, s := range list {
			if got := s.StatusAt(w.DB.Now()); got != status {
				w.Errorf("the list of %s has a session that is %s", status, got)
			}
		}
		if len(list) != total {
			w.Errorf("%d sessions are %s, counted %d", len(list), status, total)
		}
		if total > 0 {
			counts[status] = total
		}
	}
	return counts
}

func (w *World) openSession(user string) *invite.Session {
	w.Helper()
	return must(w.DB.CreateSession(w.Context(), w.Instance, user, w.Org.ID))(w.T)
}

func (w *World) wantSessions(what, user string, want map[invite.SessionStatus]int) {
	w.Helper()
	if got := w.sessions(user); fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func testSessions(w *World) {
	bob := w.member("bob@example.com", invite.RoleMember)
	s, other := w.openSession(bob.ID), w.openSession(bob.ID)
	g := must(w.DB.Grant(w.Context(), w.Instance, s.ID))(w.T)
	if g.Session.UserID != bob.ID || g.Organization == nil || g.Organization.ID != w.Org.ID || g.Organization.Slug != w.Org.Slug || g.Role.Key != invite.RoleMember {
		w.Errorf("granted %+v, want bob in %s as a member", g, w.Org.ID)
	}
	revoked := must(w.DB.RevokeSession(w.Context(), w.Instance, s.ID))(w.T)
	again := must(w.DB.RevokeSession(w.Context(), w.Instance, s.ID))(w.T)
	if revoked.Closed != invite.SessionRevoked || *again != *revoked {
		w.Errorf("revoked %+v, then %+v; want the same", revoked, again)
	}
	_, err := w.DB.Grant(w.Context(), w.Instance, s.ID)
	w.refused("a grant of a revoked session", err, invite.SessionOver)
	w.wantSessions("after a revocation", bob.ID, map[invite.SessionStatus]int{invite.SessionActive: 1, invite.SessionRevoked: 1})
	if n := w.happened(); n["session.created"] != 2 || n["session.revoked"] != 1 {
		w.Errorf("told of %d sessions and %d revocations, want 2 and 1", n["session.created"], n["session.revoked"])
	}

	third := w.openSession(w.Admin.ID)
	for _, banned := range []bool{true, false} {
		must(w.DB.BanUsers(w.Context(), w.Instance, []string{w.Admin.ID}, banned))(w.T)
		_, err = w.DB.Grant(w.Context(), w.Instance, third.ID)
		w.refused("a grant of a session that began before a ban", err, invite.SessionOver)
		_, err = w.DB.CreateSession(w.Context(), w.Instance, w.Admin.ID, "")
		if banned {
			w.refused("signing a banned user in", err, invite.UserBanned)
		}
	}
	w.ok("signing a user in whose ban was lifted", err)

	if _, err := w.DB.DeleteMembership(w.Context(), w.Instance, w.Org.ID, bob.ID); err != nil {
		w.Fatal(err)
	}
	g = must(w.DB.Grant(w.Context(), w.Instance, other.ID))(w.T)
	if g.Organization != nil || g.Session.OrganizationID != "" {
		w.Errorf("a former member is granted %+v", g.Organization)
	}
	w.Clock.Add(invite.SessionIdle)
	_, err = w.DB.Grant(w.Context(), w.Instance, other.ID)
	w.refused("a grant of a session that nobody used", err, invite.SessionOver)
	w.wantSessions("unused", bob.ID, map[invite.SessionStatus]int{invite.SessionRevoked: 1, invite.SessionAbandoned: 1})
}

// limitSessions gives the sessions of the instance limits of their own.
func (w *World) limitSessions(l invite.SessionLimits) {
	w.Helper()
	w.ok("setting limits", w.DB.UpdateInstance(w.Context(), w.Instance, invite.InstanceChange{Sessions: l}))
	w.ok("setting nothing", w.DB.UpdateInstance(w.Context(), w.Instance, invite.InstanceChange{}))
	w.Instance = must(w.DB.Instance(w.Context(), w.Instance.ID))(w.T)
}

// testSessionLimits lives through sessions that are used, and through one that is not.
func testSessionLimits(w *World) {
	limits := invite.SessionLimits{Lifetime: 60 * 24 * time.Hour, Idle: 20 * 24 * time.Hour}
	w.limitSessions(limits)
	grant := func(s *invite.Session) error {
		_, err := w.DB.Grant(w.Context(), w.Instance, s.ID)
		return err
	}
	s := w.openSession(w.Admin.ID)
	w.Clock.Add(limits.Pause() - time.Millisecond)
	w.ok("a use soon after the last", grant(s))
	if now := must(w.DB.Session(w.Context(), w.Instance, s.ID))(w.T); now.LastActiveAt != s.LastActiveAt {
		w.Errorf("a use soon after the last was written down")
	}
	for s.ExpireAt > w.DB.Now().Add(limits.Idle) {
		w.Clock.Add(limits.Idle - limits.Pause())
		w.ok("a use before it is idle for too long", grant(s))
	}
	idle := w.openSession(w.Admin.ID)
	w.Clock.Add(s.ExpireAt.Time().Sub(w.DB.Now().Time()) - time.Millisecond)
	w.ok("a use before the end", grant(s))
	w.Clock.Add(time.Millisecond)
	w.refused("a use at the end", grant(s), invite.SessionOver)
	w.Clock.Add(limits.Idle)
	w.refused("a use of one that was idle", grant(idle), invite.SessionOver)
	w.wantSessions("in the end", w.Admin.ID, map[invite.SessionStatus]int{invite.SessionExpired: 1, invite.SessionAbandoned: 1})
}

// testSignOut changes and removes a password, which ends the sessions when asked to.
func testSignOut(w *World) {
	for what, change := range map[string]func(signOut bool) error{
		"a new password": func(signOut bool) error {
			_, err := w.DB.UpdateUser(w.Context(), w.Instance, w.Admin.ID, invite.UserChange{PasswordDigest: new("x"), SignOut: signOut})
			return err
		},
		"no password": func(signOut bool) error {
			must(w.DB.UpdateUser(w.Context(), w.Instance, w.Admin.ID, invite.UserChange{PasswordDigest: new("x")}))(w.T)
			_, err := w.DB.RemovePassword(w.Context(), w.Instance, w.Admin.ID, signOut)
			return err
		},
	} {
		s := w.openSession(w.Admin.ID)
		w.ok(what, change(false))
		_, err := w.DB.Grant(w.Context(), w.Instance, s.ID)
		w.ok(what+" keeps the session", err)
		w.ok(what, change(true))
		_, err = w.DB.Grant(w.Context(), w.Instance, s.ID)
		w.refused(what+" and a sign-out", err, invite.SessionOver)
	}
}

// testSessionsEnd deletes a user who is signed in while tokens are asked for.
func testSessionsEnd(w *World) {
	bob := w.member("bob@example.com", invite.RoleMember)
	s := w.openSession(bob.ID)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if _, err := w.DB.Grant(w.Context(), w.Instance, s.ID); err != nil {
					return // from here on it stays gone
				}
			}
		})
	}
	if _, err := w.DB.DeleteUser(w.Context(), w.Instance, bob.ID); err != nil {
		w.Fatal(err)
	}
	_, err := w.DB.Grant(w.Context(), w.Instance, s.ID)
	w.refused("a grant of a deleted user's session", err, invite.SessionNotFound)
	wg.Wait()
	if n := w.happened()["session.revoked"]; n != 1 {
		w.Errorf("told of %d revocations, want 1", n)
	}
}

// testSigningKeys replaces the key that tokens are signed with.
func testSigningKeys(w *World) {
	before := must(w.DB.SigningKeys(w.Context(), w.Instance))(w.T)
	if len(before) != 1 || before[0].ID != w.Instance.ID || before[0].Private == nil {
		w.Fatalf("an instance begins with %+v, want one key named as itself", before)
	}
	other, _ := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	kid := must(w.DB.RotateSigningKey(w.Context(), w.Instance, time.Hour))(w.T)
	for _, step := range []struct {
		what string
		wait time.Duration
		want []string
	}{
		{"during the overlap", 0, []string{kid, w.Instance.ID}},
		{"a moment before its end", time.Hour - time.Millisecond, []string{kid, w.Instance.ID}},
		{"after the overlap", time.Second, []string{kid}},
	} {
		w.Clock.Add(step.wait)
		var got []string
		for _, k := range must(w.DB.SigningKeys(w.Context(), w.Instance))(w.T) {
			got = append(got, k.ID)
		}
		// What was read is remembered for a second, the overlap's end included.
		if fmt.Sprint(got) != fmt.Sprint(step.want) {
			w.Errorf("%s: got %v, want %v", step.what, got, step.want)
		}
	}
	if keys := must(w.DB.SigningKeys(w.Context(), other))(w.T); len(keys) != 1 || keys[0].ID != other.ID {
		w.Errorf("another instance has %v, want its own", keys)
	}
}
