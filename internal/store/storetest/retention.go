package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
	"usher/internal/store"
)

// testForgettingAddresses lets the time pass after which invitations lose their address.
func testForgettingAddresses(w *World) {
	w.limit(0)
	accepted, revoked, declined, late := w.invite("accepted@example.com"), w.invite("revoked@example.com"), w.invite("declined@example.com"), w.invite("late@example.com")
	w.ok("accepting", w.accept(accepted))
	w.ok("revoking", w.revoke(revoked))
	w.ok("declining", w.decline(declined))
	again := w.invite("revoked@example.com")
	w.ok("revoking again", w.revoke(again))
	app := w.inviteToApp("app@example.com")
	w.ok("revoking one to the application", w.revokeToApp(app))
	w.Clock.Add(day)
	w.ok("revoking later", w.revoke(late))
	pending := w.invite("pending@example.com")
	forget := func(keep time.Duration, want int) {
		w.Helper()
		if n := must(w.DB.ForgetAddresses(w.Context(), keep, 3))(w.T); n != want {
			w.Errorf("forgot %d addresses at once, want %d", n, want)
		}
	}
	w.unchanged("within the time", func() { forget(day, 0) })
	w.Clock.Add(time.Millisecond)
	forget(day, 3)
	forget(day, 1)
	forget(day, 0)

	address := func(i *invite.Invitation) string {
		w.Helper()
		return must(w.DB.Invitation(w.Context(), w.Instance, w.Org.ID, i.ID))(w.T).Email.Address
	}
	for _, i := range []*invite.Invitation{accepted, revoked, declined, again} {
		if got := address(i); !strings.HasPrefix(got, "erased-") || !strings.HasSuffix(got, "@erased.invalid") || len(got) != len("erased-@erased.invalid")+32 {
			w.Errorf("%s became %s, want a placeholder", i.Email.Address, got)
		}
	}
	if address(revoked) != address(again) || address(revoked) == address(declined) {
		w.Error("one address has not one placeholder of its own")
	}
	for _, i := range []*invite.Invitation{late, pending} {
		if got := address(i); got != i.Email.Address {
			w.Errorf("%s became %s before its time", i.Email.Address, got)
		}
	}
	if got := must(w.DB.Invitation(w.Context(), w.Instance, w.Org.ID, accepted.ID))(w.T); got.Status != invite.Accepted || got.UserID == "" {
		w.Errorf("got %+v, want it accepted by its user", got)
	}
	found, total := w.list(store.InvitationFilter{EmailAddress: "accepted@example.com"})
	if len(found) != 0 || total != 0 {
		w.Errorf("the forgotten address finds %v of %d, want none", found, total)
	}
	found, _ = w.list(store.InvitationFilter{EmailAddress: address(revoked)})
	if len(found) != 2 {
		w.Errorf("the placeholder finds %v, want both", found)
	}
	page := must(w.DB.ApplicationInvitations(w.Context(), w.Instance, store.ApplicationInvitationFilter{
		Statuses: []invite.Status{invite.Revoked}, Page: invite.Page{Limit: 10},
	}))(w.T)
	if page.Total != 1 || !strings.HasSuffix(page.Invitations[0].Email.Address, "@erased.invalid") {
		w.Errorf("got %+v, want the application's invitation with a placeholder", page)
	}
	w.refused("a ticket of a forgotten one", w.accept(revoked), invite.InvitationRevoked)
	w.ok("inviting the forgotten address", func() error {
		_, err := w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, asking("declined@example.com"))
		return err
	}())
}

// testForgettingMails has mails parked with what the mail server said, and others kept.
func testForgettingMails(w *World) {
	w.limit(0)
	for k := range 4 {
		w.invite(fmt.Sprintf("gone-%d@example.com", k))
	}
	w.invite("waiting@example.com")
	w.Clock.Add(time.Second)
	list, _ := must2(w.DB.Claim(w.Context(), 4, time.Minute))(w.T)
	for _, m := range list[:2] {
		w.ok("parking", w.DB.Park(w.Context(), m, "550 no such user gone@example.com", store.Receipt{}))
	}
	for _, m := range list[2:] {
		w.ok("keeping", w.DB.KeepMail(w.Context(), m, invite.Email{Address: "kept@example.com", Key: "kept@example.com"}, []byte(`{}`)))
		w.ok("delivering", w.DB.Delivered(w.Context(), m, store.Receipt{}))
	}
	forget := func(limit, want int) {
		w.Helper()
		if n := must(w.DB.ForgetMails(w.Context(), day, limit))(w.T); n != want {
			w.Errorf("forgot %d mails at once, want %d", n, want)
		}
	}
	forget(10, 0)
	w.tally("within the time", 3, 2)
	w.Clock.Add(day)
	w.invite("later@example.com")
	forget(1, 1)
	w.tally("after a portion", 3, 1)
	forget(10, 1)
	w.tally("afterwards", 2, 0)
	if stats := must(w.DB.OutboxStats(w.Context()))(w.T); stats.Parked != 0 || stats.Queued != 2 {
		w.Errorf("got %+v, want two mails that wait", stats)
	}
}

// tally holds the outbox and the inbox to so many mails.
func (w *World) tally(when string, outbox, inbox int) {
	w.Helper()
	want := []string{fmt.Sprint(outbox, inbox)}
	got := Rows(w.T, w.Raw, `SELECT (SELECT count(*) FROM outbox) || ' ' || (SELECT count(*) FROM inbox)`)
	for k := range got {
		got[k] = strings.Trim(got[k], "[]")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("mails in outbox and inbox %s (-want +got):\n%s", when, diff)
	}
}
