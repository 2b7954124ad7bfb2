package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"usher/internal/invite"
	"usher/internal/store"
)

// asked returns the inputs of an ordinary invitation to the application.
func asked(address string) invite.NewApplicationInvitation {
	return invite.NewApplicationInvitation{EmailAddress: address, ExpiresInDays: 30, Notify: true, Template: invite.InvitationTemplate}
}

func (w *World) inviteToApp(address string) *invite.Invitation {
	w.Helper()
	return must(w.DB.CreateApplicationInvitation(w.Context(), w.Instance, asked(address)))(w.T)
}

func (w *World) acceptToApp(i *invite.Invitation) error {
	_, err := w.DB.AcceptApplicationInvitation(w.Context(), invite.TicketFor(i, invite.ByMail), invite.Joiner{})
	return err
}

func (w *World) revokeToApp(i *invite.Invitation) error {
	_, err := w.DB.RevokeApplicationInvitation(w.Context(), w.Instance, i.ID)
	return err
}

func testApplicationInvitations(w *World) {
	n := asked(" Bob@Example.COM ")
	n.PublicMetadata = json.RawMessage(`{"plan": "beta"}`)
	i := must(w.DB.CreateApplicationInvitation(w.Context(), w.Instance, n))(w.T)
	if !strings.HasPrefix(i.ID, "inv_") || i.Email.Address != "bob@example.com" || i.ExpiresAt != invite.At(w.Clock.Now()).Add(30*day) {
		w.Errorf("created %+v", i)
	}
	if found := must(w.DB.InvitationByTicket(w.Context(), invite.TicketFor(i, invite.ByMail)))(w.T); found.Known || found.Organization != nil || found.Invitation.ID != i.ID {
		w.Errorf("the ticket opens %+v", found)
	}
	joining := w.invite("x@example.com")
	w.unchanged("a ticket of the other kind", func() {
		_, err := w.DB.AcceptInvitation(w.Context(), invite.TicketFor(i, invite.ByMail), invite.Joiner{})
		w.refused("joining an organization with it", err, invite.TicketInvalid)
		_, err = w.DB.AcceptApplicationInvitation(w.Context(), invite.TicketFor(joining, invite.ByMail), invite.Joiner{})
		w.refused("getting an account with that of an organization", err, invite.TicketInvalid)
	})
	stale := invite.TicketFor(i, invite.ByMail)
	stale.Generation++
	_, err := w.DB.InvitationByTicket(w.Context(), stale)
	w.refused("a ticket of another generation", err, invite.TicketInvalid)

	u := must(w.DB.AcceptApplicationInvitation(w.Context(), invite.TicketFor(i, invite.ByMail), invite.Joiner{FirstName: "Bob"}))(w.T)
	if !u.Owns("bob@example.com") || u.FirstName != "Bob" || string(u.PublicMetadata) != `{"plan":"beta"}` {
		w.Errorf("got user %+v, want the address verified and the metadata of the invitation", u)
	}
	w.refused("accepting twice", w.acceptToApp(i), invite.ApplicationInvitationAccepted)
	w.refused("revoking what was accepted", w.revokeToApp(i), invite.ApplicationInvitationAccepted)

	i = w.inviteToApp("carol@example.com")
	w.ok("revoking", w.revokeToApp(i))
	w.refused("revoking twice", w.revokeToApp(i), invite.ApplicationInvitationEnded)
	w.refused("accepting what was revoked", w.acceptToApp(i), invite.ApplicationInvitationRevoked)
	i = w.inviteToApp("carol@example.com")
	w.ok("declining", w.decline(i))
	w.refused("accepting what was declined", w.acceptToApp(i), invite.ApplicationInvitationRevoked)

	i = w.inviteToApp("dave@example.com")
	w.unchanged("a click from the wrong account", func() {
		_, err := w.DB.AcceptApplicationInvitation(w.Context(), invite.TicketFor(i, invite.ByMail), invite.Joiner{UserID: u.ID})
		w.refused("accepting for somebody else", err, invite.ApplicationAddressNotOwned)
	})
	dave := w.user("dave@example.com")
	if got := must(w.DB.AcceptApplicationInvitation(w.Context(), invite.TicketFor(i, invite.ByMail), invite.Joiner{}))(w.T); got.ID != dave.ID {
		w.Errorf("got user %s, want the one who came in meanwhile, %s", got.ID, dave.ID)
	}

	other, _ := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Test, Name: "Other", MailProofOnly: true}, ""))(w.T)
	i = w.inviteToApp("erin@example.com")
	w.unchanged("another tenant", func() {
		_, err := w.DB.RevokeApplicationInvitation(w.Context(), other, i.ID)
		w.refused("revoking", err, invite.InvitationNotFound)
	})
	if page := must(w.DB.ApplicationInvitations(w.Context(), other, store.ApplicationInvitationFilter{Page: invite.Page{Limit: 10}}))(w.T); page.Total != 0 {
		w.Errorf("the other tenant counts %d invitations, want 0", page.Total)
	}
	strict := must(w.DB.CreateApplicationInvitation(w.Context(), other, asked("erin@example.com")))(w.T)
	_, err = w.DB.AcceptApplicationInvitation(w.Context(), invite.TicketFor(strict, invite.ByAPI), invite.Joiner{})
	w.refused("a ticket that did not leave by mail", err, invite.MailboxUnproven)
	w.ok("a ticket that left by mail", w.acceptToApp(strict))
}

func testApplicationDuplicates(w *World) {
	create := func(n invite.NewApplicationInvitation) error {
		_, err := w.DB.CreateApplicationInvitation(w.Context(), w.Instance, n)
		return err
	}
	bulk := func(news ...invite.NewApplicationInvitation) error {
		_, err := w.DB.CreateApplicationInvitations(w.Context(), w.Instance, news)
		return err
	}
	ignoring := func(address string) invite.NewApplicationInvitation {
		n := asked(address)
		n.IgnoreExisting = true
		return n
	}
	first := w.inviteToApp("a@example.com")
	w.unchanged("what is there already", func() {
		w.refused("inviting twice", create(asked("A@example.com")), invite.DuplicateInBulk)
		w.refused("inviting a user", create(asked("ada@example.com")), invite.IdentifierExists)
		w.refused("an address twice in a request", bulk(asked("b@example.com"), asked("b@example.com")), invite.DuplicateInBulk)
		w.refused("a user among others, who cannot be ignored", bulk(asked("b@example.com"), ignoring("ada@example.com")), invite.IdentifierExists)
		w.refused("nobody", bulk(), invite.ParamMissing)
		w.refused("more than ten", bulk(make11()...), invite.BulkTooLarge)
	})
	w.ok("inviting twice on purpose", create(ignoring("a@example.com")))
	w.ok("inviting a user on purpose", create(ignoring("ada@example.com")))
	w.ok("twice in a request on purpose", bulk(asked("b@example.com"), ignoring("b@example.com")))
	w.ok("revoking the first", w.revokeToApp(first))
	w.refused("while the second is pending", create(asked("a@example.com")), invite.DuplicateInBulk)
	w.Clock.Add(30 * day)
	w.ok("when the second has expired", create(asked("a@example.com")))
}

func make11() []invite.NewApplicationInvitation {
	news := make([]invite.NewApplicationInvitation, invite.MaxBulk+1)
	for k := range news {
		news[k] = asked(fmt.Sprintf("n%d@example.com", k))
	}
	return news
}

func testApplicationOverdue(w *World) {
	i := w.inviteToApp("a@example.com")
	kept := w.inviteToApp("b@example.com")
	w.Clock.Add(30 * day)
	want := func(when string, f store.ApplicationInvitationFilter, total int) {
		w.Helper()
		f.Limit = 10
		if page := must(w.DB.ApplicationInvitations(w.Context(), w.Instance, f))(w.T); page.Total != total || len(page.Invitations) != total {
			w.Errorf("%s %+v: got %d of %d, want %d", when, f, len(page.Invitations), page.Total, total)
		}
	}
	for swept, when := range []string{"before the sweep", "after one was written down", "after the sweep"} {
		for _, query := range []string{"", "@example"} {
			want(when, store.ApplicationInvitationFilter{Query: query, Statuses: []invite.Status{invite.Pending}}, 0)
			want(when, store.ApplicationInvitationFilter{Query: query, Statuses: []invite.Status{invite.Expired}}, 2)
			want(when, store.ApplicationInvitationFilter{Query: query}, 2)
		}
		w.refused("accepting "+when, w.acceptToApp(i), invite.TicketExpired)
		if n := must(w.DB.SweepExpired(w.Context(), 1))(w.T); n != min(1, 2-swept) {
			w.Errorf("the sweep %s found %d", when, n)
		}
	}
	w.ok("revoking what has expired", w.revokeToApp(kept))
	want("then", store.ApplicationInvitationFilter{Statuses: []invite.Status{invite.Expired}}, 1)
}

// testApplicationLists compares every filter and order with a list made by hand.
func testApplicationLists(w *World) {
	statuses := []invite.Status{invite.Pending, invite.Accepted, invite.Revoked, invite.Declined, invite.Expired}
	names := []string{"m", "c", "x", "a", "t", "f", "q", "b", "z", "d"}
	is := make(map[string]invite.Status)
	ends := make(map[string]int)
	for k, name := range names {
		n := asked(name + "@example.com")
		is[name], ends[name] = statuses[k%len(statuses)], 10-k%3
		if n.ExpiresInDays = ends[name]; is[name] == invite.Expired {
			n.ExpiresInDays, ends[name] = 1, 1
		}
		i := must(w.DB.CreateApplicationInvitation(w.Context(), w.Instance, n))(w.T)
		switch is[name] {
		case invite.Accepted:
			w.ok("accepting", w.acceptToApp(i))
		case invite.Revoked:
			w.ok("revoking", w.revokeToApp(i))
		case invite.Declined:
			w.ok("declining", w.decline(i))
		case invite.Pending, invite.Expired:
		}
	}
	w.Clock.Add(day) // two are overdue
	for range 2 {
		for set := range 1 << len(statuses) {
			f := store.ApplicationInvitationFilter{}
			match := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
				k := slices.Index(statuses, is[name])
				return set&(1<<k) == 0 && (set != 0 || is[name] == invite.Revoked || is[name] == invite.Declined)
			})
			for k, s := range statuses {
				if set&(1<<k) != 0 {
					f.Statuses = append(f.Statuses, s)
				}
			}
			for _, f.OrderBy = range []string{"created_at", "email_address", "expires_at"} {
				for _, f.Query = range []string{"", "@EXAMPLE.com"} {
					w.wantApplications(f, match, names, ends)
				}
			}
		}
		must(w.DB.SweepExpired(w.Context(), 1))(w.T) // one is written down, one is not
	}
	w.wantApplications(store.ApplicationInvitationFilter{OrderBy: "created_at", Query: "q@"}, []string{"q"}, names, ends)
	w.wantApplications(store.ApplicationInvitationFilter{OrderBy: "created_at", Query: "_"}, nil, names, ends)
}

// wantApplications reads the list in both directions and in pages of three.
func (w *World) wantApplications(f store.ApplicationInvitationFilter, want, created []string, ends map[string]int) {
	w.Helper()
	want = slices.Clone(want)
	slices.SortStableFunc(want, func(a, b string) int {
		byCreation := slices.Index(created, a) - slices.Index(created, b)
		switch {
		case f.OrderBy == "email_address":
			return strings.Compare(a, b)
		case f.OrderBy == "expires_at" && ends[a] != ends[b]:
			return ends[a] - ends[b]
		}
		return byCreation
	})
	for _, f.Descending = range []bool{false, true} {
		var got []string
		for f.Limit, f.Offset = 3, 0; ; f.Offset += 3 {
			page := must(w.DB.ApplicationInvitations(w.Context(), w.Instance, f))(w.T)
			if page.Total != len(want) {
				w.Errorf("filter %+v: got total %d, want %d", f, page.Total, len(want))
			}
			if len(page.Invitations) == 0 {
				break
			}
			for _, i := range page.Invitations {
				name, _, _ := strings.Cut(i.Email.Address, "@")
				got = append(got, name)
			}
		}
		if !slices.Equal(got, want) {
			w.Errorf("filter %+v: got %v, want %v", f, got, want)
		}
		slices.Reverse(want)
	}
}

// testOneApplicationInvitation lets many callers want the same, and one have it.
func testOneApplicationInvitation(w *World) {
	const callers = 24
	count := func(what string, run func(k int) error, refusals ...invite.Kind) {
		w.Helper()
		var wg sync.WaitGroup
		errs := make([]error, callers)
		for k := range callers {
			wg.Go(func() { errs[k] = run(k) })
		}
		wg.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else if !slices.ContainsFunc(refusals, func(k invite.Kind) bool { return errors.Is(err, invite.Err(k)) }) {
				w.Errorf("%s: got error %v", what, err)
			}
		}
		if done != 1 {
			w.Errorf("%s succeeded %d times, want once", what, done)
		}
	}
	count("inviting one address", func(int) error {
		_, err := w.DB.CreateApplicationInvitation(w.Context(), w.Instance, asked("a@example.com"))
		return err
	}, invite.DuplicateInBulk)
	i := w.inviteToApp("b@example.com")
	count("ending one invitation", func(k int) error {
		switch k % 3 {
		case 0:
			return w.acceptToApp(i)
		case 1:
			return w.revokeToApp(i)
		}
		return w.decline(i)
	}, invite.ApplicationInvitationAccepted, invite.ApplicationInvitationRevoked, invite.ApplicationInvitationEnded)
}
