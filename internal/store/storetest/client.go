package storetest

import (
	"time"

	"usher/internal/invite"
)

// browse begins to sign the user in, or only visits without an address.
func (w *World) browse(in *invite.Instance, address string) (client, token string) {
	w.Helper()
	v := must(w.DB.CreateClient(w.Context(), in, ""))(w.T)
	if address != "" {
		must(w.DB.BeginSignIn(w.Context(), in, v.ClientID, address, ""))(w.T)
	}
	return v.ClientID, v.Token
}

func testForgottenBrowsers(w *World) {
	ctx := w.Context()
	other, _ := must2(w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	bob := w.member("bob@example.com", invite.RoleMember)
	_, idle := w.browse(w.Instance, "bob@example.com")
	used, kept := w.browse(w.Instance, "bob@example.com")
	_, theirs := w.browse(other, "")
	s := w.openSession(bob.ID)
	forget := func(limit, want int) {
		w.Helper()
		if n := must(w.DB.ForgetClients(ctx, limit))(w.T); n != want {
			w.Errorf("forgot %d, want %d", n, want)
		}
	}
	known := func(what string, in *invite.Instance, token string, want bool) {
		w.Helper()
		if got := must(w.DB.Client(ctx, in, token))(w.T) != nil; got != want {
			w.Errorf("%s: known is %t, want %t", what, got, want)
		}
	}

	w.Clock.Add(invite.ClientTTL - time.Millisecond)
	forget(10, 0)
	must(w.DB.Grant(ctx, w.Instance, s.ID))(w.T)
	must(w.DB.CreateClient(ctx, w.Instance, used))(w.T)
	w.Clock.Add(time.Millisecond)
	for _, want := range []int{1, 1, 0} { // the idle one, and that of the session
		forget(1, want)
	}
	known("idle", w.Instance, idle, false)
	known("used a moment ago", w.Instance, kept, true)
	known("another tenant's", other, theirs, false)

	w.Clock.Add(invite.SessionRetention - time.Millisecond)
	forget(10, 1) // the one that was used
	known("used long ago", w.Instance, kept, false)
	must(w.DB.Session(ctx, w.Instance, s.ID))(w.T)
	w.Clock.Add(time.Millisecond)
	forget(10, 1)
	_, err := w.DB.Session(ctx, w.Instance, s.ID)
	w.refused("a session that was forgotten", err, invite.SessionNotFound)
}
