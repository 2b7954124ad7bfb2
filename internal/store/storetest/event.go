package storetest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"usher/internal/invite"
	"usher/internal/store"
)

// events reads the log after a cursor.
func (w *World) events(after string, types ...invite.EventType) ([]invite.Event, string) {
	w.Helper()
	list, next, err := w.DB.Events(w.Context(), w.Instance, store.EventFilter{After: after, Types: types, Limit: 500})
	if err != nil {
		w.Fatal(err)
	}
	return list, next
}

func (w *World) wantEvents(what string, list []invite.Event, want ...invite.EventType) {
	w.Helper()
	var got []invite.EventType
	for _, e := range list {
		got = append(got, e.Type)
	}
	if !slices.Equal(got, want) {
		w.Errorf("%s: got events %v, want %v", what, got, want)
	}
}

func testEvents(w *World) {
	list, start := w.events("")
	w.wantEvents("a user made an organization", list,
		invite.UserCreatedEvent, invite.OrganizationCreatedEvent, invite.MembershipCreatedEvent)
	if start != list[2].ID || list[2].CreatedAt != invite.At(w.Clock.Now()) || list[2].InstanceID != w.Instance.ID {
		w.Errorf("got cursor %s after %+v, want the last one's id", start, list[2])
	}
	happened := w.DB.Happened(w.Instance.ID)
	a, b := w.invite("a@example.com"), w.invite("b@example.com")
	select {
	case <-happened:
	default:
		w.Error("nobody was woken for the event")
	}
	w.Clock.Add(-time.Hour) // the order is that of the commits, whatever the clock says
	w.ok("accepting", w.accept(a))
	w.ok("revoking", w.revoke(b))
	list, next := w.events(start)
	w.wantEvents("two invitations lived", list, invite.InvitationCreatedEvent, invite.InvitationCreatedEvent,
		invite.UserCreatedEvent, invite.MembershipCreatedEvent, invite.InvitationAcceptedEvent, invite.InvitationRevokedEvent)
	list, cursor := w.events(start, invite.UserCreatedEvent, invite.InvitationRevokedEvent)
	w.wantEvents("of two types", list, invite.UserCreatedEvent, invite.InvitationRevokedEvent)
	if cursor != next {
		w.Errorf("got cursor %s, want %s: all of the log was looked at", cursor, next)
	}
	page, cursor, err := w.DB.Events(w.Context(), w.Instance, store.EventFilter{After: start, Limit: 2})
	if err != nil || len(page) != 2 || cursor != page[1].ID {
		w.Errorf("a page of two: got %d events, cursor %s, error %v", len(page), cursor, err)
	}
	w.ok("declining", w.decline(w.invite("c@example.com")))
	w.invite("d@example.com")
	w.Clock.Add(31 * day)
	must(w.DB.SweepExpired(w.Context(), 1))(w.T)
	w.invite("e@example.com")
	list, _ = w.events(next, invite.InvitationRevokedEvent, invite.InvitationDeclinedEvent, invite.InvitationExpiredEvent)
	w.wantEvents("by name, what the contract has no event for", list,
		invite.InvitationRevokedEvent, invite.InvitationDeclinedEvent, invite.InvitationExpiredEvent)
	list, next = w.events(next)
	w.wantEvents("what the contract has an event for", list,
		invite.InvitationCreatedEvent, invite.InvitationRevokedEvent, invite.InvitationCreatedEvent, invite.InvitationCreatedEvent)

	list, cursor = w.events(next)
	if len(list) != 0 || cursor != next {
		w.Errorf("after the end: got %d events and cursor %s, want none and %s", len(list), cursor, next)
	}
	_, _, err = w.DB.Events(w.Context(), w.Instance, store.EventFilter{After: w.Org.ID, Limit: 1})
	w.refused("a cursor that is none", err, invite.ParamFormat)

	w.Clock.Add(-32 * day)
	other, _ := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Test}, ""))(w.T)
	if list, _, err := w.DB.Events(w.Context(), other, store.EventFilter{Limit: 10}); err != nil || len(list) != 0 {
		w.Errorf("another tenant reads %d events, error %v; want none", len(list), err)
	}
}

// testMailEvents holds the event of a mail to the moment at which it has left.
func testMailEvents(w *World) {
	w.invite("a@example.com")
	w.invite("b@example.com")
	list := w.claim(10)
	mail := &invite.SentMail{ID: list[0].ID, Slug: "organization_invitation", To: "a@example.com"}
	w.ok("retrying", w.DB.Retry(w.Context(), list[1], w.DB.Now(), "greylisted", store.Receipt{Mail: mail}))
	if found, _ := w.events("", invite.EmailCreatedEvent); len(found) != 0 {
		w.Errorf("a mail that has not left is told of: %v", found)
	}
	for range 2 { // the second time it is not there any more
		w.ok("delivering", w.DB.Delivered(w.Context(), list[0], store.Receipt{Mail: mail}))
	}
	if found, _ := w.events("", invite.EmailCreatedEvent); len(found) != 1 {
		w.Errorf("got %d events of one mail, want 1", len(found))
	}
}

// testFollowing reads on and on while many write: an event that became visible
// behind the reader's cursor would be missing at the end.
func testFollowing(w *World) {
	_, cursor := w.events("")
	const writers, each = 8, 25
	var left atomic.Int32
	left.Store(writers)
	seen := make(map[string]bool)
	together(writers+1, func(k int) {
		if k < writers {
			defer left.Add(-1)
			for n := range each {
				_, err := w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, asking(fmt.Sprintf("u%d-%d@example.com", k, n)))
				w.ok("inviting", err)
			}
			return
		}
		for done := false; !done; {
			done = left.Load() == 0
			list, next, err := w.DB.Events(w.Context(), w.Instance, store.EventFilter{After: cursor, Limit: 7})
			w.ok("reading the log", err)
			for _, e := range list {
				if seen[e.ID] {
					w.Errorf("%s was read twice", e.ID)
				}
				seen[e.ID] = true
			}
			cursor, done = next, done && len(list) == 0
		}
	})
	if len(seen) != writers*each {
		w.Errorf("the reader saw %d events, want %d", len(seen), writers*each)
	}
}

func testForgetting(w *World) {
	w.invite("old@example.com")
	old, middle := w.events("")
	w.Clock.Add(day + time.Millisecond)
	w.invite("new@example.com")
	_, end := w.events("")
	for _, want := range []int{3, 1, 0} { // of four old ones
		if n := must(w.DB.ForgetEvents(w.Context(), day, 3))(w.T); n != want {
			w.Errorf("forgot %d events, want %d", n, want)
		}
	}
	list, next := w.events("")
	w.wantEvents("what is kept", list, invite.InvitationCreatedEvent)
	if next != end {
		w.Errorf("got cursor %s, want %s", next, end)
	}
	list, _ = w.events(middle)
	w.wantEvents("from the last one forgotten", list, invite.InvitationCreatedEvent)
	_, _, err := w.DB.Events(w.Context(), w.Instance, store.EventFilter{After: old[0].ID, Limit: 1})
	w.refused("from before what was forgotten", err, invite.CursorExpired)
	w.Clock.Add(day)
	must(w.DB.ForgetEvents(w.Context(), 0, 10))(w.T)
	if list, next = w.events(""); len(list) != 0 || next != end {
		w.Errorf("with everything forgotten: got %d events and cursor %s, want none and %s", len(list), next, end)
	}
	w.invite("newer@example.com")
	list, _ = w.events(end)
	w.wantEvents("what happened since", list, invite.InvitationCreatedEvent)
}
