package storetest

import (
	"slices"
	"strings"
	"time"

	"usher/internal/invite"
	"usher/internal/store"
)

// across is one invitation as a model of the lists knows it.
type across struct {
	address string
	status  invite.Status
}

// testAcross compares the lists over all organizations with a model.
func testAcross(w *World) {
	other := must(w.DB.CreateOrganization(w.Context(), w.Instance, invite.NewOrganization{Name: "Other", CreatedBy: w.Admin.ID}))(w.T)
	var made []across
	add := func(organization, address string, status invite.Status) {
		n := asking(address)
		if status == invite.Expired {
			n.ExpiresInDays = 1
		}
		i := must(w.DB.CreateInvitation(w.Context(), w.Instance, organization, n))(w.T)
		switch status {
		case invite.Accepted:
			w.ok("accepting", w.accept(i))
		case invite.Declined:
			w.ok("declining", w.decline(i))
		case invite.Revoked:
			_, err := w.DB.RevokeInvitation(w.Context(), w.Instance, organization, i.ID, "")
			w.ok("revoking", err)
		case invite.Pending, invite.Expired:
		}
		made = append(made, across{i.Email.Address, status})
		w.Clock.Add(time.Duration(len(made)%2) * time.Millisecond)
	}
	for k, address := range []string{"m@x.test", "c@y.test", "x@bücher.test", "a@x.test", "t@y.test", "f@x.test", "q@BÜCHER.test", "b@x.test", "z@y.test", "d@x.test"} {
		add([]string{w.Org.ID, other.ID}[k%2], address, invite.Status(k%5))
	}
	add(other.ID, "m@x.test", invite.Pending) // the same address elsewhere
	w.Clock.Add(day)                          // two are overdue and not swept
	for round := range 2 {
		for set := range 1 << 5 {
			var f store.InvitationSearch
			for s := invite.Pending; s <= invite.Declined; s++ {
				if set&(1<<s) != 0 {
					f.Statuses = append(f.Statuses, s)
				}
			}
			for _, f.Query = range []string{"", "@X.", "ÜCH", "cher", "xn--", "_", "nobody"} {
				for _, f.OrderBy = range []string{"created_at", "email_address"} {
					for _, f.Descending = range []bool{false, true} {
						w.wantAcross(f, expected(made, f))
					}
				}
			}
		}
		if round == 0 {
			must(w.DB.SweepExpired(w.Context(), 1))(w.T) // one is written down, one is not
		}
	}
	stranger, _ := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Test}, ""))(w.T)
	if page := must(w.DB.InstanceInvitations(w.Context(), stranger, store.InvitationSearch{OrderBy: "created_at", Page: invite.Page{Limit: 10}}))(w.T); page.Total != 0 || len(page.Invitations) != 0 {
		w.Errorf("another tenant sees %d invitations, want none", page.Total)
	}
}

// expected is what the model says a search finds.
func expected(made []across, f store.InvitationSearch) []string {
	var found []across
	for _, i := range made {
		key, _ := invite.ParseEmail(i.address)
		part := strings.ToLower(f.Query)
		if len(f.Statuses) > 0 && !slices.Contains(f.Statuses, i.status) ||
			!strings.Contains(i.address, part) && !strings.Contains(key.Key, part) {
			continue
		}
		found = append(found, i)
	}
	if f.OrderBy == "email_address" {
		slices.SortStableFunc(found, func(a, b across) int {
			x, _ := invite.ParseEmail(a.address)
			y, _ := invite.ParseEmail(b.address)
			return strings.Compare(x.Key, y.Key)
		})
	}
	if f.Descending {
		slices.Reverse(found)
	}
	var names []string
	for _, i := range found {
		names = append(names, i.address)
	}
	return names
}

// wantAcross reads the list in pages of three.
func (w *World) wantAcross(f store.InvitationSearch, want []string) {
	w.Helper()
	var got []string
	for f.Limit, f.Offset = 3, 0; ; f.Offset += 3 {
		page := must(w.DB.InstanceInvitations(w.Context(), w.Instance, f))(w.T)
		if page.Total != len(want) {
			w.Errorf("search %+v: got total %d, want %d", f, page.Total, len(want))
		}
		if len(page.Invitations) == 0 {
			break
		}
		for _, i := range page.Invitations {
			got = append(got, i.Email.Address)
			if page.Organizations[i.OrganizationID] == nil || i.RoleName == "" {
				w.Errorf("search %+v: %s lacks its organization or its role", f, i.ID)
			}
		}
	}
	if !slices.Equal(got, want) {
		w.Errorf("search %+v: got %v, want %v", f, got, want)
	}
}

// testUserInvitations invites two addresses of one user, and one of another.
func testUserInvitations(w *World) {
	u := must(w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{EmailAddresses: []string{"one@example.com", "two@example.com"}}))(w.T)
	list := func(p invite.Page, statuses ...invite.Status) []string {
		w.Helper()
		page := must(w.DB.UserInvitations(w.Context(), w.Instance, u.ID, statuses, p))(w.T)
		var names []string
		for _, i := range page.Invitations {
			names = append(names, i.Email.Address)
		}
		if want := len(names); p.Offset == 0 && want < p.Limit && page.Total != want {
			w.Errorf("statuses %v: got total %d, want %d", statuses, page.Total, want)
		}
		return names
	}
	all := invite.Page{Limit: 10}
	if got := list(all); got != nil {
		w.Errorf("before any: got %v, want none", got)
	}
	first := w.invite("one@example.com")
	w.Clock.Add(time.Millisecond)
	w.invite("two@example.com")
	w.invite("else@example.com")
	if got := list(all); !slices.Equal(got, []string{"two@example.com", "one@example.com"}) {
		w.Errorf("got %v, want both addresses, newest first", got)
	}
	if got := list(invite.Page{Limit: 1, Offset: 1}); !slices.Equal(got, []string{"one@example.com"}) {
		w.Errorf("the second page: got %v", got)
	}
	w.ok("revoking", w.revoke(first))
	if got := list(all, invite.Revoked, invite.Declined); !slices.Equal(got, []string{"one@example.com"}) {
		w.Errorf("revoked: got %v", got)
	}
	w.Clock.Add(30 * day)
	if got := list(all, invite.Pending); got != nil {
		w.Errorf("pending after the expiry: got %v", got)
	}
	if got := list(all, invite.Expired); !slices.Equal(got, []string{"two@example.com"}) {
		w.Errorf("expired and not swept: got %v", got)
	}
	_, err := w.DB.UserInvitations(w.Context(), w.Instance, "user_x", nil, all)
	w.refused("the invitations of nobody", err, invite.UserNotFound)
}

// testInvitedByDomain is about invitations that a domain makes for its addresses.
func testInvitedByDomain(w *World) {
	ctx, all := w.Context(), invite.Page{Limit: 10}
	w.domains(invite.OrganizationSettingsChange{})
	dan, eve := w.user("dan@acme.example"), w.user("eve@acme.example")
	other := must(w.DB.CreateOrganization(ctx, w.Instance, invite.NewOrganization{Name: "Other", CreatedBy: w.Admin.ID}))(w.T)
	first := must(w.DB.CreateInvitation(ctx, w.Instance, other.ID, invite.NewInvitation{EmailAddress: "dan@acme.example", Role: invite.RoleAdmin, ExpiresInDays: 30}))(w.T)
	w.Clock.Add(time.Millisecond)
	acme := w.domain("acme.example", invite.AutomaticInvitation)
	w.Clock.Add(time.Millisecond)
	third := must(w.DB.CreateOrganization(ctx, w.Instance, invite.NewOrganization{Name: "Third", CreatedBy: w.Admin.ID}))(w.T)
	last := must(w.DB.CreateInvitation(ctx, w.Instance, third.ID, invite.NewInvitation{EmailAddress: "dan@acme.example", Role: invite.RoleMember, ExpiresInDays: 30}))(w.T)

	list := func(in *invite.Instance, user string, p invite.Page, total int, statuses ...invite.Status) []*invite.Invitation {
		w.Helper()
		page := must(w.DB.UserInvitations(ctx, in, user, statuses, p))(w.T)
		if page.Total != total {
			w.Errorf("statuses %v: got total %d, want %d", statuses, page.Total, total)
		}
		return page.Invitations
	}
	ids := func(list []*invite.Invitation) (ids []string) {
		for _, i := range list {
			ids = append(ids, i.ID)
		}
		return ids
	}
	found := list(w.Instance, dan.ID, all, 3)
	if len(found) != 3 {
		w.Fatalf("got %d invitations, want 3", len(found))
	}
	own := found[1]
	if got, want := ids(found), []string{last.ID, own.ID, first.ID}; !slices.Equal(got, want) {
		w.Errorf("got %v, want the newest first, %v", got, want)
	}
	if own.OrganizationID != w.Org.ID || own.DomainID != acme.ID || own.Email.Address != "dan@acme.example" || own.Role != invite.RoleMember ||
		own.RoleName != "Member" || own.StatusAt(w.DB.Now()) != invite.Pending || own.InviterID != "" || string(own.PublicMetadata) != "{}" {
		w.Errorf("got %+v", own)
	}
	for offset, want := range ids(found) {
		if got := ids(list(w.Instance, dan.ID, invite.Page{Limit: 1, Offset: offset}, 3)); !slices.Equal(got, []string{want}) {
			w.Errorf("page %d: got %v, want %v", offset, got, want)
		}
	}
	list(w.Instance, dan.ID, all, 3, invite.Pending)
	list(w.Instance, dan.ID, all, 0, invite.Accepted, invite.Revoked, invite.Declined, invite.Expired)
	list(w.Instance, eve.ID, all, 1)
	w.unchanged("what is not the user's", func() {
		for _, user := range []string{eve.ID, w.Admin.ID} {
			_, _, err := w.DB.AcceptOwnInvitation(ctx, w.Instance, user, own.ID)
			w.refused("accepting another's", err, invite.OwnInvitationNotFound)
		}
	})
	w.wantSeats(1, 0)
	w.limit(1)
	w.unchanged("a seat that is not there", func() {
		_, _, err := w.DB.AcceptOwnInvitation(ctx, w.Instance, dan.ID, own.ID)
		w.refused("accepting", err, invite.QuotaExceeded)
	})
	w.limit(2)
	off := false
	w.domains(invite.OrganizationSettingsChange{DomainsEnabled: &off})
	list(w.Instance, dan.ID, all, 2)
	_, _, err := w.DB.AcceptOwnInvitation(ctx, w.Instance, dan.ID, own.ID)
	w.refused("accepting while domains are off", err, invite.OwnInvitationNotFound)
	w.domains(invite.OrganizationSettingsChange{})

	i, o, err := w.DB.AcceptOwnInvitation(ctx, w.Instance, dan.ID, own.ID)
	w.ok("accepting", err)
	if i.Status != invite.Accepted || i.UserID != dan.ID || o.ID != w.Org.ID || o.Members != 2 {
		w.Errorf("got %+v of %+v", i, o)
	}
	w.wantSeats(2, 0)
	w.pending(acme, 1, 0) // Eve
	list(w.Instance, dan.ID, all, 2)
	_, _, err = w.DB.AcceptOwnInvitation(ctx, w.Instance, dan.ID, own.ID)
	w.refused("accepting again", err, invite.OwnInvitationNotFound)
	w.limit(0)
	must(w.DB.DeleteOrganization(ctx, w.Instance, w.Org.ID))(w.T)
	list(w.Instance, eve.ID, all, 0)
}

// testMembershipLists orders memberships of several organizations.
func testMembershipLists(w *World) {
	other := must(w.DB.CreateOrganization(w.Context(), w.Instance, invite.NewOrganization{Name: "Other", CreatedBy: w.Admin.ID}))(w.T)
	person := func(address, first, last, username string) *invite.User {
		u := must(w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{EmailAddresses: []string{address}, FirstName: first, LastName: last, Username: username}))(w.T)
		must(w.DB.CreateMembership(w.Context(), w.Instance, w.Org.ID, invite.NewMembership{UserID: u.ID, Role: invite.RoleMember}))(w.T)
		return u
	}
	cleo := person("z@example.com", "Cleo", "B", "mmmm")
	dora := person("y@example.com", "Dora", "A", "kkkk")
	names := map[string]string{w.Admin.ID: "ada", cleo.ID: "cleo", dora.ID: "dora"}
	for _, row := range []struct {
		order      string
		descending bool
		want       []string
	}{
		{"created_at", false, []string{"ada", "ada", "cleo", "dora"}},
		{"created_at", true, []string{"dora", "cleo", "ada", "ada"}},
		{"phone_number", false, []string{"ada", "ada", "cleo", "dora"}},
		{"email_address", false, []string{"ada", "ada", "dora", "cleo"}},
		{"first_name", true, []string{"dora", "cleo", "ada", "ada"}},
		{"last_name", false, []string{"ada", "ada", "dora", "cleo"}},
		{"username", true, []string{"cleo", "dora", "ada", "ada"}},
	} {
		var got, ids []string
		for offset := 0; ; offset++ {
			list, total, err := w.DB.InstanceMemberships(w.Context(), w.Instance, store.MembershipFilter{
				OrderBy: row.order, Descending: row.descending, Page: invite.Page{Limit: 1, Offset: offset},
			})
			if w.ok("listing", err); total != 4 {
				w.Errorf("by %s: got total %d, want 4", row.order, total)
			}
			if len(list) == 0 {
				break
			}
			got, ids = append(got, names[list[0].User.UserID]), append(ids, list[0].ID)
		}
		slices.Sort(ids)
		if !slices.Equal(got, row.want) || len(slices.Compact(ids)) != 4 {
			w.Errorf("by %s, descending %v: got %v, want %v, each membership once", row.order, row.descending, got, row.want)
		}
	}
	list, total, err := w.DB.UserMemberships(w.Context(), w.Instance, w.Admin.ID, invite.Page{Limit: 10})
	if w.ok("listing a user's", err); total != 2 || len(list) != 2 || list[0].Organization.ID != other.ID || list[1].Organization.Members != 3 {
		w.Errorf("got %d memberships of Ada, %+v; want Other, then Acme with 3 members", total, list)
	}
	_, _, err = w.DB.UserMemberships(w.Context(), w.Instance, "user_x", invite.Page{Limit: 10})
	w.refused("the memberships of nobody", err, invite.UserNotFound)
}
