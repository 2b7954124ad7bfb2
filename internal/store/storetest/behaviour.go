package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
	"usher/internal/store"
)

const day = 24 * time.Hour

func testInvitationLife(w *World) {
	n := asking(" Bob@Example.COM ")
	n.InviterID, n.RedirectURL = w.Admin.ID, "https://app.example/"
	n.PublicMetadata, n.PrivateMetadata = json.RawMessage(`{"b": 1, "a": 1.0}`), json.RawMessage(`{"p":true}`)
	made := must(w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, n))(w.T)
	now := invite.At(w.Clock.Now())
	if !strings.HasPrefix(made.ID, "orginv_") || len(made.ID) != len("orginv_")+27 {
		w.Errorf("got id %q, want orginv_ and 27 characters", made.ID)
	}
	want := &invite.Invitation{
		ID: made.ID, InstanceID: w.Instance.ID, OrganizationID: w.Org.ID,
		Email: invite.Email{Address: "bob@example.com", Key: "bob@example.com"}, Role: invite.RoleMember, RoleName: "Member",
		InviterID: w.Admin.ID, Inviter: made.Inviter, RedirectURL: n.RedirectURL,
		PublicMetadata: json.RawMessage(`{"b":1,"a":1.0}`), PrivateMetadata: json.RawMessage(`{"p":true}`),
		ExpiresAt: now.Add(30 * day), CreatedAt: now, UpdatedAt: now,
	}
	if diff := cmp.Diff(want, made); diff != "" {
		w.Errorf("created (-want +got):\n%s", diff)
	}
	if made.Inviter == nil || made.Inviter.UserID != w.Admin.ID || made.Inviter.Identifier != "ada@example.com" {
		w.Errorf("got inviter %+v, want Ada", made.Inviter)
	}
	read := must(w.DB.Invitation(w.Context(), w.Instance, w.Org.ID, made.ID))(w.T)
	if diff := cmp.Diff(made, read); diff != "" {
		w.Errorf("read again (-created +read):\n%s", diff)
	}
	w.wantSeats(1, 1)

	w.Clock.Add(time.Minute)
	gone := must(w.DB.RevokeInvitation(w.Context(), w.Instance, w.Org.ID, made.ID, w.Admin.ID))(w.T)
	if gone.Status != invite.Revoked || gone.UpdatedAt != invite.At(w.Clock.Now()) || gone.CreatedAt != now {
		w.Errorf("revoked: got %+v", gone)
	}
	w.wantSeats(1, 0)
	w.refused("revoking twice", w.revoke(made), invite.NotPending)
	w.invite("bob@example.com") // a revoked invitation does not block a new one

	_, err := w.DB.Invitation(w.Context(), w.Instance, w.Org.ID, "orginv_x")
	w.refused("reading an unknown invitation", err, invite.InvitationNotFound)
	_, err = w.DB.Invitation(w.Context(), w.Instance, "org_x", made.ID)
	w.refused("reading from an unknown organization", err, invite.OrganizationNotFound)
}

// testCreationOrder breaks every rule at once and mends them one by one: each
// time the next rule of contract §2.3 must refuse.
func testCreationOrder(w *World) {
	plain := w.member("bob@example.com", invite.RoleMember)
	stranger := w.user("eve@example.com")
	w.invite("twice@example.com")
	w.limit(3)

	n := invite.NewInvitation{ExpiresInDays: 0, InviterID: "user_x"}
	organization := "org_x"
	for _, step := range []struct {
		refusal invite.Kind
		mend    func()
	}{
		{invite.ParamMissing, func() { n.EmailAddress, n.Role = "bob", "org:x" }},
		{invite.ParamEmailFormat, func() { n.EmailAddress = "bob@example.com" }},
		{invite.ParamValue, func() { n.ExpiresInDays = 1 }},
		{invite.OrganizationNotFound, func() { organization = w.Org.ID }},
		{invite.RoleNotFound, func() { n.Role = invite.RoleMember }},
		{invite.UserNotFound, func() { n.InviterID = stranger.ID }},
		{invite.NotAMember, func() { n.InviterID = plain.ID }},
		{invite.MissingPermission, func() { n.InviterID = w.Admin.ID }},
		{invite.AlreadyMember, func() { n.EmailAddress = "twice@example.com" }},
		{invite.DuplicateInvitation, func() { n.EmailAddress = "new@example.com" }},
		{invite.QuotaExceeded, func() { w.limit(4) }},
	} {
		_, err := w.DB.CreateInvitation(w.Context(), w.Instance, organization, n)
		w.refused("breaking this rule and all after it", err, step.refusal)
		step.mend()
	}
	must(w.DB.CreateInvitation(w.Context(), w.Instance, organization, n))(w.T)

	i := w.newest("new@example.com")
	for _, row := range []struct {
		who  string
		want invite.Kind
	}{{"user_x", invite.UserNotFound}, {stranger.ID, invite.NotAMember}, {plain.ID, invite.MissingPermission}} {
		_, err := w.DB.RevokeInvitation(w.Context(), w.Instance, w.Org.ID, i.ID, row.who)
		w.refused("revoking as "+row.who, err, row.want)
	}
	_, err := w.DB.RevokeInvitation(w.Context(), w.Instance, w.Org.ID, "orginv_x", "")
	w.refused("revoking an unknown one", err, invite.InvitationNotFound)
	_, err = w.DB.RevokeInvitation(w.Context(), w.Instance, "org_x", i.ID, "user_x")
	w.refused("revoking in an unknown organization", err, invite.OrganizationNotFound)
}

// newest returns the newest invitation of an address.
func (w *World) newest(address string) *invite.Invitation {
	w.Helper()
	page := must(w.DB.Invitations(w.Context(), w.Instance, w.Org.ID, store.InvitationFilter{EmailAddress: address, Descending: true, Page: invite.Page{Limit: 1}}))(w.T)
	if len(page.Invitations) == 0 {
		w.Fatalf("no invitation of %s", address)
	}
	return page.Invitations[0]
}

func testBulk(w *World) {
	bulk := func(addresses ...string) ([]*invite.Invitation, error) {
		var news []invite.NewInvitation
		for _, a := range addresses {
			news = append(news, asking(a))
		}
		return w.DB.CreateInvitations(w.Context(), w.Instance, w.Org.ID, news)
	}
	made, err := bulk("c@example.com", "a@example.com", "b@example.com")
	w.ok("three at once", err)
	if names, _ := w.list(store.InvitationFilter{OrderBy: "created_at"}); len(made) != 3 || !slices.Equal(names, []string{"c", "a", "b"}) {
		w.Errorf("got %v, want the order given", names)
	}
	w.unchanged("a bulk of duplicates", func() {
		_, err = bulk("new@example.com", "B@example.com", "x@example.com", "x@example.com", "a@example.com")
	})
	if e, ok := errors.AsType[*invite.Error](err); !ok || e.Kind != invite.DuplicateInBulk || !slices.Equal(e.Values, []string{"B@example.com", "x@example.com", "a@example.com"}) {
		w.Errorf("duplicates: got %v", err)
	}
	var eleven []string
	for k := range 11 {
		eleven = append(eleven, fmt.Sprintf("u%d@example.com", k))
	}
	_, err = bulk(eleven...)
	w.refused("eleven", err, invite.BulkTooLarge)
	_, err = bulk()
	w.refused("none", err, invite.ParamMissing)
	w.limit(6)
	w.unchanged("a bulk half too large", func() { _, err = bulk("d@example.com", "e@example.com", "f@example.com") })
	w.refused("a bulk half too large", err, invite.QuotaExceeded)
	_, err = bulk("d@example.com", "e@example.com")
	w.ok("a bulk that fits", err)
}

func testSeats(w *World) {
	w.limit(3) // Ada has one
	a, b := w.invite("a@example.com"), w.invite("b@example.com")
	full := func(what string) {
		w.Helper()
		_, err := w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, asking("late@example.com"))
		w.refused(what, err, invite.QuotaExceeded)
	}
	full("inviting into a full organization")
	late := w.user("late@example.com")
	_, err := w.DB.CreateMembership(w.Context(), w.Instance, w.Org.ID, invite.NewMembership{UserID: late.ID, Role: invite.RoleMember})
	w.refused("joining a full organization", err, invite.QuotaExceeded)
	w.ok("accepting with a seat held", w.accept(a))
	w.wantSeats(2, 1)
	full("inviting while the accepted one holds its seat")
	w.ok("declining", w.decline(b))
	w.wantSeats(2, 0)
	c := w.invite("c@example.com")
	w.limit(2)
	w.refused("accepting beyond a lowered limit", w.accept(c), invite.QuotaExceeded)
	w.limit(3)
	w.Clock.Add(30 * day)
	w.invite("d@example.com") // the overdue one gave its seat back
	w.wantSeats(2, 1)
}

func testOverdue(w *World) {
	i := w.invite("a@example.com")
	w.invite("later@example.com")
	w.Clock.Add(30*day - time.Millisecond)
	pending, expired := store.InvitationFilter{Statuses: []invite.Status{invite.Pending}}, store.InvitationFilter{Statuses: []invite.Status{invite.Expired}}
	if names, total := w.list(pending); total != 2 || len(names) != 2 {
		w.Errorf("a moment before: got %v of %d pending, want 2", names, total)
	}
	w.Clock.Add(time.Millisecond)
	for what, f := range map[string]func(){"before the sweep": func() {}, "after the sweep": func() {
		if n := must(w.DB.SweepExpired(w.Context(), 1))(w.T); n != 1 {
			w.Errorf("the first sweep found %d, want 1", n)
		}
		if n := must(w.DB.SweepExpired(w.Context(), 10))(w.T); n != 1 {
			w.Errorf("the second sweep found %d, want 1", n)
		}
	}} {
		f()
		if names, total := w.list(pending); total != 0 || len(names) != 0 {
			w.Errorf("%s: got %v of %d pending, want none", what, names, total)
		}
		if names, total := w.list(expired); total != 2 || len(names) != 2 {
			w.Errorf("%s: got %v of %d expired, want 2", what, names, total)
		}
		w.wantSeats(1, 0)
		w.refused(what+" revoking", w.revoke(i), invite.NotPending)
		w.refused(what+" accepting", w.accept(i), invite.TicketExpired)
		w.refused(what+" declining", w.decline(i), invite.TicketExpired)
	}
	w.invite("a@example.com") // an expired one does not block
}

// testManyOverdue has more invitations expire at once than one operation writes
// down.
func testManyOverdue(w *World) {
	const many = 350
	w.limit(many + 1)
	for k := range many / 10 {
		var news []invite.NewInvitation
		for j := range 10 {
			news = append(news, asking(fmt.Sprintf("u%d@example.com", 10*k+j)))
		}
		must(w.DB.CreateInvitations(w.Context(), w.Instance, w.Org.ID, news))(w.T)
	}
	_, err := w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, asking("one@example.com"))
	w.refused("inviting one more than fit", err, invite.QuotaExceeded)
	w.Clock.Add(30 * day)
	w.invite(fmt.Sprintf("u%d@example.com", many-1)) // the last to be written down
	w.wantSeats(1, 1)
	var stored int
	if err := w.Raw.QueryRow(`SELECT pending FROM organizations WHERE id = $1`, w.Org.ID).Scan(&stored); err != nil || stored < many/2 {
		w.Errorf("one operation left %d pending, %v; want it to leave the most to the sweeper", stored, err)
	}
	w.invite("one@example.com")
	w.wantSeats(1, 2)
	w.limit(4)
	w.member("member@example.com", invite.RoleMember)
	must(w.DB.SweepExpired(w.Context(), many))(w.T)
	w.wantSeats(2, 2)
}

// testEarlierExpiry has an invitation expire before all that were there when a
// list was read.
func testEarlierExpiry(w *World) {
	pending := store.InvitationFilter{Statuses: []invite.Status{invite.Pending}}
	w.invite("later@example.com")
	w.list(pending)
	for _, name := range []string{"a", "b"} {
		n := asking(name + "@example.com")
		n.ExpiresInDays = 1
		must(w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, n))(w.T)
		if names, total := w.list(pending); total != 2 || len(names) != 2 {
			w.Errorf("before %s expires: got %v of %d pending, want 2", name, names, total)
		}
		w.Clock.Add(day)
		if names, total := w.list(pending); total != 1 || len(names) != 1 {
			w.Errorf("after %s expired: got %v of %d pending, want 1", name, names, total)
		}
		must(w.DB.SweepExpired(w.Context(), 10))(w.T)
		w.list(pending)
	}
}

// testLists compares every filter with a model of the list.
func testLists(w *World) {
	statuses := []invite.Status{invite.Pending, invite.Accepted, invite.Revoked, invite.Expired, invite.Declined}
	byStatus := make(map[invite.Status][]string)
	for k, name := range []string{"m", "c", "x", "a", "t", "f", "q", "b", "z", "d"} {
		n, status := asking(name+"@example.com"), statuses[k%len(statuses)]
		if status == invite.Expired {
			n.ExpiresInDays = 1
		}
		i := must(w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, n))(w.T)
		switch status {
		case invite.Accepted:
			w.ok("accepting", w.accept(i))
		case invite.Revoked:
			w.ok("revoking", w.revoke(i))
		case invite.Declined:
			w.ok("declining", w.decline(i))
		case invite.Pending, invite.Expired:
		}
		byStatus[status] = append(byStatus[status], name)
		w.Clock.Add(time.Duration(k%2) * time.Millisecond) // some share their instant
	}
	created := []string{"m", "c", "x", "a", "t", "f", "q", "b", "z", "d"}
	w.Clock.Add(day) // two are overdue and not swept
	for round := range 2 {
		for set := range 1 << len(statuses) {
			var f store.InvitationFilter
			var match []string
			for k, s := range statuses {
				if set&(1<<k) != 0 {
					f.Statuses = append(f.Statuses, s)
					match = append(match, byStatus[s]...)
				}
			}
			if set == 0 {
				match = created
			}
			for _, f.OrderBy = range []string{"created_at", "email_address"} {
				for _, f.Descending = range []bool{false, true} {
					want := slices.Clone(match)
					slices.SortFunc(want, func(a, b string) int {
						if f.OrderBy == "created_at" {
							return slices.Index(created, a) - slices.Index(created, b)
						}
						return strings.Compare(a, b)
					})
					if f.Descending {
						slices.Reverse(want)
					}
					w.wantPages(f, want)
				}
			}
		}
		if round == 0 {
			must(w.DB.SweepExpired(w.Context(), 1))(w.T) // one is written down, one is not
		}
	}
	for _, f := range []store.InvitationFilter{
		{EmailAddress: " A@Example.com"},
		{EmailAddress: "a@example.com", Statuses: []invite.Status{invite.Expired, invite.Pending}},
	} {
		w.wantPages(f, []string{"a"})
	}
	w.wantPages(store.InvitationFilter{EmailAddress: "a@example.com", Statuses: []invite.Status{invite.Pending}}, nil)
	w.wantPages(store.InvitationFilter{EmailAddress: "nobody"}, nil)
	_, err := w.DB.Invitations(w.Context(), w.Instance, "org_x", store.InvitationFilter{Page: invite.Page{Limit: 1}})
	w.refused("listing an unknown organization", err, invite.OrganizationNotFound)
}

// wantPages reads the list in pages of three.
func (w *World) wantPages(f store.InvitationFilter, want []string) {
	w.Helper()
	var got []string
	for f.Limit, f.Offset = 3, 0; ; f.Offset += 3 {
		names, total := w.list(f)
		if total != len(want) {
			w.Errorf("filter %+v: got total %d, want %d", f, total, len(want))
		}
		if len(names) == 0 {
			break
		}
		got = append(got, names...)
	}
	if !slices.Equal(got, want) {
		w.Errorf("filter %+v: got %v, want %v", f, got, want)
	}
}

func testAccept(w *World) {
	n := asking("new@example.com")
	n.PublicMetadata, n.PrivateMetadata = json.RawMessage(`{"a":1}`), json.RawMessage(`{"b":2}`)
	i := must(w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, n))(w.T)
	ticket := invite.TicketFor(i, invite.ByMail)
	if found := must(w.DB.InvitationByTicket(w.Context(), ticket))(w.T); found.Known || found.Organization.ID != w.Org.ID || found.Invitation.ID != i.ID {
		w.Errorf("the ticket opens %+v", found)
	}
	m := must(w.DB.AcceptInvitation(w.Context(), ticket, invite.Joiner{FirstName: "New"}))(w.T)
	if m.Role.Key != invite.RoleMember || string(m.PublicMetadata) != `{"a":1}` || string(m.PrivateMetadata) != `{"b":2}` {
		w.Errorf("got membership %+v, want role and both metadata of the invitation", m)
	}
	u := must(w.DB.User(w.Context(), w.Instance, m.User.UserID))(w.T)
	if !u.Owns("new@example.com") || u.FirstName != "New" || u.EmailAddresses[0].Verified != invite.VerifiedByTicket {
		w.Errorf("got user %+v, want the new one with the address verified by the ticket", u)
	}
	if i = w.newest("new@example.com"); i.Status != invite.Accepted || i.UserID != u.ID {
		w.Errorf("got invitation %+v, want it accepted by the user", i)
	}
	w.wantSeats(2, 0)

	known := w.user("known@example.com")
	i = w.invite("known@example.com")
	if found := must(w.DB.InvitationByTicket(w.Context(), invite.TicketFor(i, invite.ByMail)))(w.T); !found.Known {
		w.Error("the owner of the address is not known")
	}
	m = must(w.DB.AcceptInvitation(w.Context(), invite.TicketFor(i, invite.ByMail), invite.Joiner{}))(w.T)
	if m.User.UserID != known.ID {
		w.Errorf("got member %s, want the owner of the address %s", m.User.UserID, known.ID)
	}
}

func testTicketRefusals(w *World) {
	i := w.invite("a@example.com")
	ticket := invite.TicketFor(i, invite.ByMail)
	other := w.user("b@example.com")
	w.unchanged("a click from the wrong account", func() {
		_, err := w.DB.AcceptInvitation(w.Context(), ticket, invite.Joiner{UserID: other.ID})
		w.refused("accepting for somebody else", err, invite.AddressNotOwned)
	})
	stale := ticket
	stale.Generation++
	_, err := w.DB.InvitationByTicket(w.Context(), stale)
	w.refused("a ticket of another generation", err, invite.TicketInvalid)
	stale = ticket
	stale.SourceID = "orginv_x"
	_, err = w.DB.InvitationByTicket(w.Context(), stale)
	w.refused("a ticket to nothing", err, invite.TicketInvalid)
	stale = ticket
	stale.InstanceID = "ins_x"
	_, err = w.DB.InvitationByTicket(w.Context(), stale)
	w.refused("a ticket of no instance", err, invite.TicketInvalid)

	w.ok("accepting", w.accept(i))
	w.refused("accepting twice", w.accept(i), invite.InvitationAccepted)
	w.refused("declining what was accepted", w.decline(i), invite.InvitationAccepted)
	w.refused("revoking what was accepted", w.revoke(i), invite.NotPending)
	i = w.invite("c@example.com")
	w.ok("declining", w.decline(i))
	w.refused("accepting what was declined", w.accept(i), invite.InvitationRevoked)

	i = w.invite("d@example.com")
	must(w.DB.DeleteOrganization(w.Context(), w.Instance, w.Org.ID))(w.T)
	w.refused("accepting into a deleted organization", w.accept(i), invite.OrganizationDeleted)

	strict, _ := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Test, Name: "Strict", MailProofOnly: true}, ""))(w.T)
	o := must(w.DB.CreateOrganization(w.Context(), strict, invite.NewOrganization{Name: "Strict"}))(w.T)
	i = must(w.DB.CreateInvitation(w.Context(), strict, o.ID, asking("e@example.com")))(w.T)
	_, err = w.DB.AcceptInvitation(w.Context(), invite.TicketFor(i, invite.ByAPI), invite.Joiner{})
	w.refused("a ticket that did not leave by mail", err, invite.MailboxUnproven)
	w.ok("a ticket that left by mail", w.accept(i))
}

func testLastAdmin(w *World) {
	_, err := w.DB.UpdateMembership(w.Context(), w.Instance, w.Org.ID, w.Admin.ID, invite.RoleMember)
	w.refused("demoting the last admin", err, invite.LastAdmin)
	_, err = w.DB.DeleteMembership(w.Context(), w.Instance, w.Org.ID, w.Admin.ID)
	w.refused("removing the last admin", err, invite.LastAdmin)
	second := w.member("bob@example.com", "admin")
	must(w.DB.UpdateMembership(w.Context(), w.Instance, w.Org.ID, w.Admin.ID, "basic_member"))(w.T)
	_, err = w.DB.DeleteMembership(w.Context(), w.Instance, w.Org.ID, second.ID)
	w.refused("removing the new last admin", err, invite.LastAdmin)
	gone := must(w.DB.DeleteMembership(w.Context(), w.Instance, w.Org.ID, w.Admin.ID))(w.T)
	if gone.Organization.Members != 1 {
		w.Errorf("got %d members after removing one of two, want 1", gone.Organization.Members)
	}
	_, err = w.DB.DeleteMembership(w.Context(), w.Instance, w.Org.ID, w.Admin.ID)
	w.refused("removing twice", err, invite.MembershipNotFound)
	_, err = w.DB.CreateMembership(w.Context(), w.Instance, w.Org.ID, invite.NewMembership{UserID: second.ID, Role: invite.RoleMember})
	w.refused("joining twice", err, invite.AlreadyMember)
	_, err = w.DB.CreateMembership(w.Context(), w.Instance, w.Org.ID, invite.NewMembership{UserID: "user_x", Role: "org:x"})
	w.refused("an unknown role before an unknown user", err, invite.RoleNotFound)
}

func testDeletion(w *World) {
	sender := w.member("bob@example.com", "admin")
	n := asking("a@example.com")
	n.InviterID = sender.ID
	i := must(w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, n))(w.T)
	must(w.DB.DeleteUser(w.Context(), w.Instance, sender.ID))(w.T)
	if left := must(w.DB.Invitation(w.Context(), w.Instance, w.Org.ID, i.ID))(w.T); left.Inviter != nil || left.InviterID != sender.ID || left.Status != invite.Pending {
		w.Errorf("got %+v, want the invitation pending without its inviter", left)
	}
	w.wantSeats(1, 1)
	w.user("bob@example.com") // the address is free again
	w.ok("accepting what a deleted user sent", w.accept(i))

	w.invite("b@example.com")
	must(w.DB.DeleteOrganization(w.Context(), w.Instance, w.Org.ID))(w.T)
	_, err := w.DB.Organization(w.Context(), w.Instance, w.Org.Slug)
	w.refused("reading a deleted organization", err, invite.OrganizationNotFound)
	if stats := must(w.DB.OutboxStats(w.Context()))(w.T); stats.Queued != 0 {
		w.Errorf("%d messages of the deleted organization are queued, want none", stats.Queued)
	}
	again := must(w.DB.CreateOrganization(w.Context(), w.Instance, invite.NewOrganization{Name: "Acme", Slug: w.Org.Slug}))(w.T)
	if again.ID == w.Org.ID {
		w.Error("the new organization has the id of the deleted one")
	}
}

func testTenants(w *World) {
	i := w.invite("a@example.com")
	other, key := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Live, Name: "Other"}, ""))(w.T)
	if in := must(w.DB.Authenticate(w.Context(), key))(w.T); in.ID != other.ID {
		w.Errorf("the key selects %s, want %s", in.ID, other.ID)
	}
	ctx := w.Context()
	_, err := w.DB.Organization(ctx, other, w.Org.ID)
	w.refused("the other tenant's organization", err, invite.OrganizationNotFound)
	_, err = w.DB.Invitation(ctx, other, w.Org.ID, i.ID)
	w.refused("the other tenant's invitation", err, invite.OrganizationNotFound)
	_, err = w.DB.User(ctx, other, w.Admin.ID)
	w.refused("the other tenant's user", err, invite.UserNotFound)
	w.unchanged("another tenant", func() {
		_, err := w.DB.RevokeInvitation(ctx, other, w.Org.ID, i.ID, "")
		w.refused("revoking", err, invite.OrganizationNotFound)
		_, err = w.DB.DeleteOrganization(ctx, other, w.Org.ID)
		w.refused("deleting the organization", err, invite.OrganizationNotFound)
		_, err = w.DB.DeleteUser(ctx, other, w.Admin.ID)
		w.refused("deleting the user", err, invite.UserNotFound)
		_, err = w.DB.CreateOrganization(ctx, other, invite.NewOrganization{Name: "X", CreatedBy: w.Admin.ID})
		w.refused("creating for the user", err, invite.CreatorNotFound)
	})
	if n := must(w.DB.CountUsers(ctx, other, store.UserFilter{}))(w.T); n != 0 {
		w.Errorf("the other tenant counts %d users, want 0", n)
	}
	o := must(w.DB.CreateOrganization(ctx, other, invite.NewOrganization{Name: "Acme"}))(w.T)
	if o.Slug != w.Org.Slug {
		w.Errorf("got slug %q, want %q: slugs are unique in one tenant only", o.Slug, w.Org.Slug)
	}
}

func testOnce(w *World) {
	ran := 0
	once := func(key, fingerprint string, addresses ...string) (string, bool, error) {
		response, replayed, err := w.DB.Once(w.Context(), w.Instance, key, fingerprint, func(ctx context.Context) ([]byte, error) {
			ran++
			var news []invite.NewInvitation
			for _, a := range addresses {
				news = append(news, asking(a))
			}
			list, err := w.DB.CreateInvitations(ctx, w.Instance, w.Org.ID, news)
			if err != nil {
				return nil, err
			}
			return []byte(list[0].ID), nil
		})
		return string(response), replayed, err
	}
	first, replayed, err := once("k", "f", "a@example.com", "b@example.com")
	if err != nil || replayed || ran != 1 {
		w.Fatalf("the first time: replayed %v, error %v, ran %d times", replayed, err, ran)
	}
	w.unchanged("a replay", func() {
		again, replayed, err := once("k", "f", "a@example.com", "b@example.com")
		if again != first || !replayed || err != nil || ran != 1 {
			w.Errorf("a replay: got %q, replayed %v, error %v, ran %d times; want %q", again, replayed, err, ran, first)
		}
		_, _, err = once("k", "other", "c@example.com")
		w.refused("the same key for another request", err, invite.KeyReused)
		_, _, err = once("k2", "f", "c@example.com", "a@example.com")
		w.refused("a request that is refused", err, invite.DuplicateInBulk)
		broken := errors.New("broken")
		_, _, err = w.DB.Once(w.Context(), w.Instance, "k2", "f", func(ctx context.Context) ([]byte, error) {
			_, err := w.DB.CreateInvitation(ctx, w.Instance, w.Org.ID, asking("d@example.com"))
			return nil, errors.Join(err, broken)
		})
		if !errors.Is(err, broken) {
			w.Errorf("got %v, want the caller's own error", err)
		}
	})
	_, replayed, err = once("k2", "f", "c@example.com")
	if replayed || err != nil {
		w.Errorf("a corrected request: replayed %v, error %v", replayed, err)
	}
	w.Clock.Add(store.IdempotencyTTL)
	_, replayed, err = once("k", "other", "e@example.com")
	if replayed || err != nil {
		w.Errorf("a key of yesterday: replayed %v, error %v", replayed, err)
	}
	if n := must(w.DB.SweepIdempotencyKeys(w.Context(), 1))(w.T); n != 1 {
		w.Errorf("swept %d keys at once, want one", n)
	}
	must(w.DB.SweepIdempotencyKeys(w.Context(), 100))(w.T)
	if left := Rows(w.T, w.Raw, `SELECT idempotency_key FROM idempotency_keys`); !slices.Equal(left, []string{"[k]"}) {
		w.Errorf("the sweep left %v, want the key of today", left)
	}
}

func (w *World) claim(limit int) []store.Message {
	w.Helper()
	list, _ := must2(w.DB.Claim(w.Context(), limit, time.Minute))(w.T)
	return list
}

func testOutbox(w *World) {
	queued := w.DB.Queued()
	i := w.invite("a@example.com")
	select {
	case <-queued:
	default:
		w.Error("nobody was woken for the message")
	}
	quiet := asking("quiet@example.com")
	quiet.Notify = false
	must(w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, quiet))(w.T)

	first := w.claim(10)
	if len(first) != 1 || first[0].SubjectID != i.ID || first[0].Attempt != 1 || first[0].Kind != store.MailKind {
		w.Fatalf("claimed %+v, want the one mail", first)
	}
	if subject, ok, err := w.DB.InvitationMail(w.Context(), first[0]); err != nil || !ok || subject.Invitation.ID != i.ID {
		w.Errorf("the mail is about %+v, %v, %v", subject, ok, err)
	}
	if again := w.claim(10); len(again) != 0 {
		w.Errorf("claimed %+v during the lease, want nothing", again)
	}
	w.Clock.Add(time.Minute)
	second := w.claim(10)
	if len(second) != 1 || second[0].Attempt != 2 || second[0].ID != first[0].ID {
		w.Fatalf("claimed %+v after the lease, want the same with attempt 2", second)
	}
	w.unchanged("who lost the lease", func() {
		w.ok("delivering late", w.DB.Delivered(w.Context(), first[0], store.Receipt{}))
		w.ok("retrying late", w.DB.Retry(w.Context(), first[0], 0, "late", store.Receipt{}))
		w.ok("parking late", w.DB.Park(w.Context(), first[0], "late", store.Receipt{}))
		w.ok("releasing late", w.DB.Release(w.Context(), first[0]))
	})
	w.ok("releasing", w.DB.Release(w.Context(), second[0]))
	third := w.claim(10)
	if len(third) != 1 || third[0].Attempt != 2 {
		w.Fatalf("claimed %+v after a release, want it at once, the attempt not counted", third)
	}
	later := w.DB.Now().Add(time.Hour)
	w.ok("retrying", w.DB.Retry(w.Context(), third[0], later, "greylisted", store.Receipt{}))
	if list, next := must2(w.DB.Claim(w.Context(), 10, time.Minute))(w.T); len(list) != 0 || next != later {
		w.Errorf("claimed %+v, next at %d; want nothing before %d", list, next, later)
	}
	w.Clock.Add(time.Hour)
	fourth := w.claim(10)
	w.ok("parking", w.DB.Park(w.Context(), fourth[0], "refused", store.Receipt{}))
	w.Clock.Add(time.Hour)
	if list := w.claim(10); len(list) != 0 {
		w.Errorf("claimed the parked %+v", list)
	}
	stats := must(w.DB.OutboxStats(w.Context()))(w.T)
	if stats != (store.OutboxStats{Parked: 1}) {
		w.Errorf("got %+v, want one parked", stats)
	}
	if parked := must(w.DB.Parked(w.Context(), 10))(w.T); parked[first[0].ID] != "refused" {
		w.Errorf("got %v, want why it was parked", parked)
	}
	w.invite("b@example.com")
	fifth := w.claim(10)
	w.ok("delivering", w.DB.Delivered(w.Context(), fifth[0], store.Receipt{}))
	if stats := must(w.DB.OutboxStats(w.Context()))(w.T); stats.Queued != 0 {
		w.Errorf("got %+v, want the delivered message gone", stats)
	}
	w.ok("revoking", w.revoke(i))
	if _, ok, err := w.DB.InvitationMail(w.Context(), first[0]); ok || err != nil {
		w.Errorf("a mail about a revoked invitation: ok %v, %v; want nothing to say", ok, err)
	}
}

func testReleaseLeases(w *World) {
	failed, parked, under := w.invite("failed@example.com"), w.invite("parked@example.com"), w.invite("under@example.com")
	later := w.DB.Now().Add(time.Hour)
	for _, m := range w.claim(10) {
		switch m.SubjectID {
		case failed.ID:
			w.ok("retrying", w.DB.Retry(w.Context(), m, later, "greylisted", store.Receipt{}))
		case parked.ID:
			w.ok("parking", w.DB.Park(w.Context(), m, "refused", store.Receipt{}))
		}
	}
	w.ok("releasing leases", w.DB.ReleaseLeases(w.Context()))
	if !onSQLite(w.Raw) { // others may be delivering: their leases stay
		if list := w.claim(10); len(list) > 0 {
			w.Errorf("claimed %+v, want what is under way left alone", list)
		}
		return
	}
	list := w.claim(10)
	if len(list) != 1 || list[0].SubjectID != under.ID || list[0].Attempt != 2 {
		w.Fatalf("claimed %+v, want the message that was under way, and its second attempt", list)
	}
	w.ok("delivering", w.DB.Delivered(w.Context(), list[0], store.Receipt{}))
	if list, next := must2(w.DB.Claim(w.Context(), 10, time.Minute))(w.T); len(list) != 0 || next != later {
		w.Errorf("claimed %+v, next at %d; want the failed one's pause until %d kept", list, next, later)
	}
	w.Clock.Add(time.Hour)
	w.claim(10)
	w.ok("releasing leases", w.DB.ReleaseLeases(w.Context()))
	if list := w.claim(10); len(list) != 1 || list[0].SubjectID != failed.ID || list[0].Attempt != 3 {
		w.Errorf("claimed %+v, want what was under way for the second time", list)
	}
}

func testInbox(w *World) {
	i := w.invite("a@example.com")
	m := w.claim(1)[0]
	received := w.DB.Received()
	for range 2 { // the second time changes nothing
		w.ok("keeping", w.DB.KeepMail(w.Context(), m, i.Email, json.RawMessage(`{"subject":"x"}`)))
	}
	select {
	case <-received:
	default:
		w.Error("nobody was told of the mail")
	}
	for to, want := range map[string]int{"": 1, "A@example.com": 1, "b@example.com": 0} {
		list := must(w.DB.Inbox(w.Context(), w.Instance.ID, to, invite.Page{Limit: 10}))(w.T)
		if len(list) != want {
			w.Errorf("the inbox of %q has %d mails, want %d", to, len(list), want)
		}
		if want == 1 && len(list) == 1 && list[0].Invitation != invite.TicketFor(i, invite.ByMail) {
			w.Errorf("got ticket %+v, want the invitation's", list[0].Invitation)
		}
	}
	if _, ok, err := w.DB.InboxMessage(w.Context(), "ins_x", m.ID); ok || err != nil {
		w.Errorf("another tenant's mail: found %v, %v", ok, err)
	}
	must(w.DB.DeleteOrganization(w.Context(), w.Instance, w.Org.ID))(w.T)
	kept, ok, err := w.DB.InboxMessage(w.Context(), w.Instance.ID, m.ID)
	if !ok || err != nil || string(kept.Message) != `{"subject":"x"}` {
		w.Errorf("after deleting the organization: got %+v, %v, %v", kept, ok, err)
	}
	_, err = w.DB.InvitationByTicket(w.Context(), kept.Invitation)
	w.refused("its ticket", err, invite.OrganizationDeleted)
}

// testKeys replaces the instance's secret key.
func testKeys(w *World) {
	first := must(w.DB.Keys(w.Context(), w.Instance))(w.T)
	w.Clock.Add(time.Second)
	secret := must(w.DB.CreateKey(w.Context(), w.Instance))(w.T)
	if in := must(w.DB.Authenticate(w.Context(), secret))(w.T); in.ID != w.Instance.ID {
		w.Errorf("the new key selects %s, want %s", in.ID, w.Instance.ID)
	}
	list := must(w.DB.Keys(w.Context(), w.Instance))(w.T)
	if len(first) != 1 || len(list) != 2 || list[0] != first[0] {
		w.Fatalf("got keys %v, then %v; want one and then another behind it", first, list)
	}
	other, _ := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	if known := must(w.DB.RevokeKey(w.Context(), other, list[1].ID))(w.T); known {
		w.Error("another instance revoked the key")
	}
	if known := must(w.DB.RevokeKey(w.Context(), w.Instance, list[1].ID))(w.T); !known {
		w.Error("the key was not found")
	}
	w.Clock.Add(time.Second)
	_, err := w.DB.Authenticate(w.Context(), secret)
	w.refused("authenticating with a revoked key", err, invite.KeyInvalid)
}
