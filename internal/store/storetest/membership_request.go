package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"

	"usher/internal/invite"
	"usher/internal/store"
)

var tenPerPage = invite.Page{Limit: 10}

// suggestions returns what is suggested to a user, newest first.
func (w *World) suggestions(u *invite.User, statuses ...invite.SuggestionStatus) []*invite.Suggestion {
	w.Helper()
	list, total, err := w.DB.Suggestions(w.Context(), w.Instance, u.ID, statuses, tenPerPage)
	if err != nil || total != len(list) {
		w.Errorf("got %d of %d suggestions, %v", len(list), total, err)
	}
	return list
}

// requests returns who asks to become a member, newest first.
func (w *World) requests(statuses ...invite.Status) []*invite.MembershipRequest {
	w.Helper()
	list, total, err := w.DB.MembershipRequests(w.Context(), w.Instance, w.Org.ID, store.RequestFilter{Statuses: statuses, Page: tenPerPage})
	if err != nil || total != len(list) {
		w.Errorf("got %d of %d requests, %v", len(list), total, err)
	}
	return list
}

// ask makes a user accept the only suggestion there is, and returns the request.
func (w *World) ask(u *invite.User) *invite.MembershipRequest {
	w.Helper()
	list := w.suggestions(u, invite.SuggestionPending)
	if len(list) != 1 {
		w.Fatalf("%d organizations are suggested, want 1", len(list))
	}
	must(w.DB.AcceptSuggestion(w.Context(), w.Instance, u.ID, list[0].ID))(w.T)
	waiting := w.requests(invite.Pending)
	if len(waiting) == 0 || waiting[0].User.UserID != u.ID {
		w.Fatalf("got requests %v, want %s's first", waiting, u.ID)
	}
	return waiting[0]
}

func (w *World) answer(r *invite.MembershipRequest, yes bool) error {
	act := w.DB.RejectMembershipRequest
	if yes {
		act = w.DB.AcceptMembershipRequest
	}
	_, err := act(w.Context(), w.Instance, w.Org.ID, r.ID)
	return err
}

func testRequests(w *World) {
	ctx := w.Context()
	w.domains(invite.OrganizationSettingsChange{})
	dan, eve := w.user("dan@acme.example"), w.user("eve@acme.example")
	acme := w.domain("acme.example", invite.AutomaticSuggestion)
	w.pending(acme, 0, 2)

	list := w.suggestions(dan)
	if len(list) != 1 || list[0].Organization.ID != w.Org.ID || list[0].Organization.Name != "Acme" || list[0].Status != invite.SuggestionPending {
		w.Fatalf("got %+v, want Acme", list)
	}
	w.unchanged("who has nothing to do with it", func() {
		_, err := w.DB.AcceptSuggestion(ctx, w.Instance, eve.ID, list[0].ID)
		w.refused("accepting another's suggestion", err, invite.SuggestionNotFound)
	})
	w.Clock.Add(day)
	accepted := must(w.DB.AcceptSuggestion(ctx, w.Instance, dan.ID, list[0].ID))(w.T)
	if now := invite.At(w.Clock.Now()); accepted.Status != invite.SuggestionAccepted || accepted.UpdatedAt != now || accepted.CreatedAt == now || accepted.Organization.Requests != 0 {
		w.Errorf("accepted: got %+v", accepted)
	}
	w.unchanged("accepting twice", func() {
		_, err := w.DB.AcceptSuggestion(ctx, w.Instance, dan.ID, list[0].ID)
		w.refused("accepting twice", err, invite.SuggestionUsed)
	})
	w.pending(acme, 0, 1)
	if n := len(w.suggestions(dan, invite.SuggestionPending)); n != 0 {
		w.Errorf("%d suggestions wait for Dan, want none", n)
	}
	if n := len(w.suggestions(dan, invite.SuggestionAccepted, invite.SuggestionPending)); n != 1 {
		w.Errorf("Dan is shown %d suggestions, want 1", n)
	}

	waiting := w.requests(invite.Pending)
	if len(waiting) != 1 || waiting[0].User.Identifier != "dan@acme.example" || waiting[0].OrganizationID != w.Org.ID {
		w.Fatalf("got requests %+v, want Dan's", waiting)
	}
	w.wantSeats(1, 0)
	w.limit(1)
	w.unchanged("accepting without a seat", func() { w.refused("accepting without a seat", w.answer(waiting[0], true), invite.QuotaExceeded) })
	w.limit(0)
	w.ok("accepting", w.answer(waiting[0], true))
	w.wantSeats(2, 0)
	m, _, err := w.DB.UserMemberships(ctx, w.Instance, dan.ID, tenPerPage)
	if err != nil || len(m) != 1 || m[0].Role.Key != invite.RoleMember {
		w.Errorf("Dan has %+v, %v, want the role of newcomers in Acme", m, err)
	}
	w.unchanged("answering twice", func() {
		w.refused("accepting twice", w.answer(waiting[0], true), invite.RequestNotFound)
		w.refused("rejecting who was accepted", w.answer(waiting[0], false), invite.RequestNotFound)
	})
	if n := len(w.suggestions(dan)); n != 0 {
		w.Errorf("%d organizations are suggested to a member, want none", n)
	}

	w.ok("rejecting", w.answer(w.ask(eve), false))
	if n := len(w.suggestions(eve, invite.SuggestionPending, invite.SuggestionAccepted)); n != 0 {
		w.Errorf("%d suggestions are shown after a no, want none", n)
	}
	w.domains(invite.OrganizationSettingsChange{EnrollmentModes: &[]string{string(invite.AutomaticSuggestion)}})
	w.sweep(10)
	w.pending(acme, 0, 0) // it is not made again
	if got := w.requests(); len(got) != 2 || got[0].Status != invite.Revoked || got[1].Status != invite.Accepted {
		w.Errorf("got %+v, want Eve's and Dan's with their answers", got)
	}
	if got := w.requests(invite.Accepted, invite.Revoked); len(got) != 2 {
		w.Errorf("got %d answered requests, want 2", len(got))
	}
	w.ok("inviting who was rejected", w.accept(w.invite("eve@acme.example")))
}

// testRequestsEnd takes away, one by one, what a request depends on.
func testRequestsEnd(w *World) {
	ctx, off := w.Context(), false
	w.domains(invite.OrganizationSettingsChange{})
	acme := w.domain("acme.example", invite.AutomaticSuggestion)
	user := func(name string) *invite.User {
		w.Helper()
		u := w.user(name + "@acme.example")
		w.ask(u)
		return u
	}
	waiting := func(what string, want int) {
		w.Helper()
		if got := len(w.requests(invite.Pending)); got != want {
			w.Errorf("%s: %d wait for an answer, want %d", what, got, want)
		}
	}
	must(w.DB.DeleteUser(ctx, w.Instance, user("dan").ID))(w.T)
	waiting("a deleted user", 0)

	eve := user("eve")
	must(w.DB.CreateMembership(ctx, w.Instance, w.Org.ID, invite.NewMembership{UserID: eve.ID, Role: invite.RoleMember}))(w.T)
	waiting("who became a member otherwise", 0)

	fred := user("fred")
	must(w.DB.CreateEmailAddress(ctx, w.Instance, invite.NewEmailAddress{UserID: fred.ID, EmailAddress: "fred@home.example", Verified: true}))(w.T)
	must(w.DB.DeleteEmailAddress(ctx, w.Instance, fred.EmailAddresses[0].ID))(w.T)
	waiting("who lost the address", 0)

	gina := user("gina")
	_, err := w.DB.BanUsers(ctx, w.Instance, []string{gina.ID}, true)
	w.ok("banning", err)
	w.unchanged("accepting somebody banned", func() {
		w.refused("accepting somebody banned", w.answer(w.requests(invite.Pending)[0], true), invite.UserBanned)
	})

	hal := w.user("hal@acme.example")
	w.domains(invite.OrganizationSettingsChange{DomainsEnabled: &off})
	id := Rows(w.T, w.Raw, `SELECT id FROM enrollments WHERE user_id = '`+hal.ID+`'`)[0]
	if n := len(w.suggestions(hal)); n != 0 {
		w.Errorf("%d organizations are suggested while domains are off, want none", n)
	}
	_, err = w.DB.AcceptSuggestion(ctx, w.Instance, hal.ID, id[1:len(id)-1])
	w.refused("accepting while domains are off", err, invite.SuggestionNotFound)
	w.domains(invite.OrganizationSettingsChange{})
	w.sweep(10)
	must(w.DB.DeleteDomain(ctx, w.Instance, w.Org.ID, acme.ID))(w.T)
	w.sweep(10)
	w.empty("enrollments")
	waiting("who asked while there was the domain", 1)
	w.ok("rejecting without the domain", w.answer(w.requests(invite.Pending)[0], false))

	w.domain("acme.example", invite.AutomaticSuggestion)
	w.ask(hal)
	must(w.DB.DeleteOrganization(ctx, w.Instance, w.Org.ID))(w.T)
	w.sweep(10)
	w.empty("enrollments", "membership_requests")
}

func testRequestTenants(w *World) {
	ctx := w.Context()
	w.domains(invite.OrganizationSettingsChange{})
	w.domain("acme.example", invite.AutomaticSuggestion)
	dan := w.user("dan@acme.example")
	suggestion := w.suggestions(dan)[0]
	member, stranger := w.member("mia@example.com", invite.RoleMember), w.user("stan@example.com")
	eve := w.user("eve@acme.example")
	request := w.ask(eve)
	on := true
	other, _ := must2(w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Live, Name: "Other"}, ""))(w.T)
	other = must(w.DB.UpdateOrganizationSettings(ctx, other, invite.OrganizationSettingsChange{DomainsEnabled: &on}))(w.T).Instance
	w.unchanged("who may not", func() {
		_, err := w.DB.AcceptSuggestion(ctx, other, dan.ID, suggestion.ID)
		w.refused("accepting in another tenant", err, invite.SuggestionNotFound)
		if list, n, err := w.DB.Suggestions(ctx, other, dan.ID, nil, tenPerPage); len(list) != 0 || n != 0 || err != nil {
			w.Errorf("another tenant suggests %d of %d, %v, want nothing", len(list), n, err)
		}
		for _, row := range []struct {
			who  string
			by   *invite.User
			in   *invite.Instance
			want invite.Kind
		}{
			{"another tenant", nil, other, invite.OrganizationNotFound},
			{"a member", member, w.Instance, invite.MissingPermission},
			{"a stranger", stranger, w.Instance, invite.NotAMember},
			{"who asks", eve, w.Instance, invite.NotAMember},
		} {
			ctx := ctx
			if row.by != nil {
				ctx = store.As(ctx, row.by.ID)
			}
			_, _, err := w.DB.MembershipRequests(ctx, row.in, w.Org.ID, store.RequestFilter{Page: tenPerPage})
			w.refused("listing as "+row.who, err, row.want)
			_, err = w.DB.AcceptMembershipRequest(ctx, row.in, w.Org.ID, request.ID)
			w.refused("accepting as "+row.who, err, row.want)
			_, err = w.DB.RejectMembershipRequest(ctx, row.in, w.Org.ID, request.ID)
			w.refused("rejecting as "+row.who, err, row.want)
		}
	})
	_, err := w.DB.AcceptMembershipRequest(store.As(ctx, w.Admin.ID), w.Instance, w.Org.ID, request.ID)
	w.ok("accepting as an admin", err)
}

// testDomainsAsMembers asks for domains as those who may not.
func testDomainsAsMembers(w *World) {
	w.domains(invite.OrganizationSettingsChange{})
	acme := w.domain("acme.example", invite.ManualInvitation)
	member, stranger := w.member("mia@example.com", invite.RoleMember), w.user("stan@example.com")
	mode := string(invite.AutomaticInvitation)
	w.unchanged("who may not", func() {
		for _, row := range []struct {
			by           *invite.User
			read, manage invite.Kind
		}{{member, invite.MissingPermission, invite.MissingPermission}, {stranger, invite.NotAMember, invite.NotAMember}} {
			ctx := store.As(w.Context(), row.by.ID)
			_, err := w.DB.Domain(ctx, w.Instance, w.Org.ID, acme.ID)
			w.refused("reading", err, row.read)
			_, _, err = w.DB.OrganizationDomains(ctx, w.Instance, w.Org.ID, store.DomainFilter{OrderBy: "name", Page: tenPerPage})
			w.refused("listing", err, row.read)
			_, err = w.DB.CreateDomain(ctx, w.Instance, w.Org.ID, invite.NewDomain{Name: "other.example"})
			w.refused("adding", err, row.manage)
			_, err = w.DB.UpdateDomain(ctx, w.Instance, w.Org.ID, acme.ID, invite.DomainChange{Mode: &mode})
			w.refused("changing", err, row.manage)
			_, err = w.DB.DeleteDomain(ctx, w.Instance, w.Org.ID, acme.ID)
			w.refused("deleting", err, row.manage)
		}
	})
}

// testOneAnswer answers one request from many sides.
func testOneAnswer(w *World) {
	w.domains(invite.OrganizationSettingsChange{})
	w.domain("acme.example", invite.AutomaticSuggestion)
	for round := range 3 {
		u := w.user(fmt.Sprintf("u%d@acme.example", round))
		suggestion := w.suggestions(u)[0].ID
		var asked, yes, no atomic.Int32
		count := func(n *atomic.Int32, err error, lost invite.Kind) {
			switch {
			case err == nil:
				n.Add(1)
			case !errors.Is(err, invite.Err(lost)):
				w.Errorf("got %v, want success or %s", err, lost)
			}
		}
		together(50, func(int) {
			_, err := w.DB.AcceptSuggestion(w.Context(), w.Instance, u.ID, suggestion)
			count(&asked, err, invite.SuggestionUsed)
		})
		request := w.requests(invite.Pending)[0]
		before, _ := w.seats()
		together(200, func(k int) {
			if (k+round)%2 == 0 {
				count(&yes, w.answer(request, true), invite.RequestNotFound)
			} else {
				count(&no, w.answer(request, false), invite.RequestNotFound)
			}
		})
		if asked.Load() != 1 || yes.Load()+no.Load() != 1 {
			w.Errorf("%d asked, %d said yes and %d no, want one each", asked.Load(), yes.Load(), no.Load())
		}
		w.wantSeats(before+int(yes.Load()), 0)
	}
}
