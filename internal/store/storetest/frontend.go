package storetest

import "usher/internal/invite"

func testFrontend(w *World) {
	ctx := w.Context()
	at := func(host string) string {
		in, err := w.DB.Frontend(ctx, host)
		if err != nil {
			w.Fatal(err)
		}
		return in.ID
	}
	own, _ := must2(w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Live, Name: "Own", FrontendHost: "clerk.own.example"}, ""))(w.T)
	must2(w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Live, Name: "Younger"}, ""))(w.T)
	for host, want := range map[string]string{
		"clerk.own.example": own.ID, "CLERK.own.example": own.ID, "127.0.0.1:8080": w.Instance.ID, "": w.Instance.ID,
	} {
		if got := at(host); got != want {
			w.Errorf("at %q is %s, want %s", host, got, want)
		}
	}
	_, _, err := w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Live, Name: "Third", FrontendHost: "clerk.own.example"}, "")
	w.refused("a host that is another's", err, invite.ValueExists)
	host := "clerk.own.example"
	w.refused("moving to it", w.DB.UpdateInstance(ctx, w.Instance, invite.InstanceChange{FrontendHost: &host}), invite.ValueExists)

	moved := "new.own.example"
	if err := w.DB.UpdateInstance(ctx, own, invite.InstanceChange{FrontendHost: &moved}); err != nil {
		w.Fatal(err)
	}
	if got := []string{at(moved), at(host)}; got[0] != own.ID || got[1] != w.Instance.ID {
		w.Errorf("after moving from %s to %s, these are %v, want %s and %s", host, moved, got, own.ID, w.Instance.ID)
	}
}
