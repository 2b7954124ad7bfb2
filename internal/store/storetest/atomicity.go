package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"usher/internal/invite"
	"usher/internal/store"
)

// testAtomicity refuses each operation after it has written something.
func testAtomicity(w *World) {
	ctx, in := w.Context(), w.Instance
	u := w.user("bob@example.com")
	i := w.invite("a@example.com")
	w.limit(1)
	slug, huge := "taken", invite.MetadataChange{Public: json.RawMessage(`[]`)}
	must(w.DB.CreateOrganization(ctx, in, invite.NewOrganization{Name: "Taken", Slug: slug}))(w.T)
	_, key := must2(w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Test}, ""))(w.T)
	w.unchanged("a refused operation", func() {
		w.refused("accepting without a seat", w.accept(i), invite.QuotaExceeded)
		_, err := w.DB.CreateMembership(ctx, in, w.Org.ID, invite.NewMembership{UserID: u.ID, Role: "admin"})
		w.refused("joining without a seat", err, invite.QuotaExceeded)
		_, err = w.DB.CreateInvitation(ctx, in, w.Org.ID, asking("b@example.com"))
		w.refused("inviting without a seat", err, invite.QuotaExceeded)
		_, err = w.DB.CreateOrganization(ctx, in, invite.NewOrganization{Name: "New", CreatedBy: "user_x"})
		w.refused("creating for an unknown user", err, invite.CreatorNotFound)
		_, err = w.DB.CreateOrganization(ctx, in, invite.NewOrganization{Name: "New", Slug: slug})
		w.refused("creating under a taken slug", err, invite.ValueExists)
		_, err = w.DB.UpdateOrganization(ctx, in, w.Org.ID, invite.OrganizationChange{Slug: &slug})
		w.refused("moving to a taken slug", err, invite.ValueExists)
		_, err = w.DB.UpdateOrganization(ctx, in, w.Org.ID, invite.OrganizationChange{Metadata: huge})
		w.refused("metadata that is no object", err, invite.ParamNotObject)
		_, err = w.DB.CreateUser(ctx, in, invite.NewUser{EmailAddresses: []string{"free@example.com", "bob@example.com"}})
		w.refused("an address that somebody has", err, invite.IdentifierExists)
		_, _, err = w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Test}, key)
		w.refused("an instance with a known key", err, invite.ValueExists)
	})
}

// together calls f from n goroutines at once.
func together(n int, f func(k int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for k := range n {
		wg.Go(func() {
			<-start
			f(k)
		})
	}
	close(start)
	wg.Wait()
}

func testOneOutcome(w *World) {
	for round := range 3 {
		i := w.invite(fmt.Sprintf("a%d@example.com", round))
		var accepted, declined, revoked atomic.Int32
		count := func(n *atomic.Int32, err error) {
			switch {
			case err == nil:
				n.Add(1)
			case errors.Is(err, invite.Err(invite.NotPending)), errors.Is(err, invite.Err(invite.InvitationAccepted)), errors.Is(err, invite.Err(invite.InvitationRevoked)):
			default:
				w.Errorf("got %v, want success or the reason of the outcome", err)
			}
		}
		before, _ := w.seats()
		together(1000, func(k int) {
			switch (k + round) % 3 {
			case 0:
				count(&accepted, w.accept(i))
			case 1:
				count(&declined, w.decline(i))
			case 2:
				count(&revoked, w.revoke(i))
			}
		})
		if n := accepted.Load() + declined.Load() + revoked.Load(); n != 1 {
			w.Errorf("%d callers were told that they ended the invitation, want 1", n)
		}
		w.wantSeats(before+int(accepted.Load()), 0)
	}
}

func testOneInvitation(w *World) {
	var made atomic.Int32
	together(200, func(int) {
		_, err := w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, asking("a@example.com"))
		switch {
		case err == nil:
			made.Add(1)
		case !errors.Is(err, invite.Err(invite.DuplicateInvitation)):
			w.Errorf("got %v, want success or %s", err, invite.DuplicateInvitation)
		}
	})
	if made.Load() != 1 {
		w.Errorf("%d callers were told that they invited the address, want 1", made.Load())
	}
	w.wantSeats(1, 1)
}

func testNeverOversold(w *World) {
	w.limit(10)
	var made atomic.Int32
	together(100, func(k int) {
		var err error
		if k%4 == 0 {
			_, err = w.DB.CreateInvitations(w.Context(), w.Instance, w.Org.ID, []invite.NewInvitation{
				asking(fmt.Sprintf("a%d@example.com", k)), asking(fmt.Sprintf("b%d@example.com", k)),
			})
			if err == nil {
				made.Add(1)
			}
		} else {
			_, err = w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, asking(fmt.Sprintf("a%d@example.com", k)))
		}
		switch {
		case err == nil:
			made.Add(1)
		case !errors.Is(err, invite.Err(invite.QuotaExceeded)):
			w.Errorf("got %v, want success or %s", err, invite.QuotaExceeded)
		}
	})
	if made.Load() != 9 {
		w.Errorf("%d seats were sold, want 9", made.Load())
	}
	w.wantSeats(1, 9)
}

func testWorkers(w *World) {
	const messages = 200
	for k := range messages {
		w.invite(fmt.Sprintf("u%d@example.com", k))
	}
	var mu sync.Mutex
	got := make(map[string]int)
	together(8, func(int) {
		for {
			list, _, err := w.DB.Claim(w.Context(), 7, time.Minute)
			if err != nil {
				w.Errorf("claiming: %v", err)
			}
			if len(list) == 0 {
				return
			}
			mu.Lock()
			for _, m := range list {
				got[m.ID]++
			}
			mu.Unlock()
		}
	})
	if len(got) != messages {
		w.Errorf("%d messages were claimed, want %d", len(got), messages)
	}
	for id, n := range got {
		if n != 1 {
			w.Errorf("message %s was claimed %d times", id, n)
		}
	}
}

// testSnapshots reads while two invitations at a time appear and disappear: a
// reader that saw half of it would see an odd number.
func testSnapshots(w *World) {
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				page, err := w.DB.Invitations(w.Context(), w.Instance, w.Org.ID, store.InvitationFilter{Page: invite.Page{Limit: 100}})
				if n := len(page.Invitations); err != nil || page.Total%2 != 0 || n != page.Total {
					w.Errorf("a reader saw %d of %d invitations, error %v; want all of an even number", n, page.Total, err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for k := range 40 {
		must(w.DB.CreateInvitations(w.Context(), w.Instance, w.Org.ID, []invite.NewInvitation{
			asking(fmt.Sprintf("a%d@example.com", k)), asking(fmt.Sprintf("b%d@example.com", k)),
		}))(w.T)
	}
	close(done)
	readers.Wait()
}
