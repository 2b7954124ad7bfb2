package storetest

import (
	"errors"
	"slices"
	"sync/atomic"

	"usher/internal/invite"
	"usher/internal/store"
)

func (w *World) join(user string) error {
	_, err := w.DB.CreateMembership(w.Context(), w.Instance, w.Org.ID, invite.NewMembership{UserID: user, Role: invite.RoleMember})
	return err
}

// testOneSeat lets people in who hold a seat by invitation already.
func testOneSeat(w *World) {
	bob := must(w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{EmailAddresses: []string{"bob@example.com", "rob@example.com"}}))(w.T)
	first, second := w.invite("bob@example.com"), w.invite("rob@example.com")
	overdue := asking("late@example.com")
	overdue.ExpiresInDays = 1
	must(w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, overdue))(w.T)
	w.wantSeats(1, 3)
	w.limit(3)
	w.Clock.Add(day)
	w.ok("joining with both seats held", w.join(bob.ID))
	w.wantSeats(2, 0)
	for _, i := range []*invite.Invitation{first, second} {
		if got := must(w.DB.Invitation(w.Context(), w.Instance, w.Org.ID, i.ID))(w.T); got.Status != invite.Revoked {
			w.Errorf("the invitation of %s is %v, want it revoked", i.Email.Address, got.Status)
		}
		w.refused("accepting it", w.accept(i), invite.InvitationRevoked)
	}

	must(w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{EmailAddresses: []string{"cy@example.com", "si@example.com"}}))(w.T)
	w.limit(4)
	first, second = w.invite("cy@example.com"), w.invite("si@example.com")
	w.ok("accepting one of two", w.accept(first))
	w.wantSeats(3, 0)
	w.refused("accepting the other", w.accept(second), invite.InvitationRevoked)

	dan := w.user("dan@example.com")
	w.invite("other@example.com")
	w.unchanged("joining where another holds the last seat", func() {
		w.refused("joining", w.join(dan.ID), invite.QuotaExceeded)
	})
	must(w.DB.BanUsers(w.Context(), w.Instance, []string{dan.ID}, true))(w.T)
	w.unchanged("adding who is banned", func() {
		w.refused("joining", w.join(dan.ID), invite.UserBanned)
	})
}

// testManagersMeet lets every manager demote or remove the next one at once.
func testManagersMeet(w *World) {
	admins := []*invite.User{w.Admin}
	for _, name := range []string{"b", "c", "d", "e", "f"} {
		admins = append(admins, w.member(name+"@example.com", invite.RoleAdmin))
	}
	var refused atomic.Int32
	together(len(admins), func(k int) {
		var err error
		if k%2 == 0 {
			_, err = w.DB.UpdateMembership(w.Context(), w.Instance, w.Org.ID, admins[k].ID, invite.RoleMember)
		} else {
			_, err = w.DB.DeleteMembership(w.Context(), w.Instance, w.Org.ID, admins[k].ID)
		}
		if errors.Is(err, invite.Err(invite.LastAdmin)) {
			refused.Add(1)
		} else if err != nil {
			w.Errorf("got %v, want success or %s", err, invite.LastAdmin)
		}
	})
	if refused.Load() != 1 {
		w.Errorf("%d were refused, want the last one", refused.Load())
	}
	if o := must(w.DB.Organization(w.Context(), w.Instance, w.Org.ID))(w.T); o.Unmanaged {
		w.Error("nobody can manage the members")
	}
}

// testOrganizationLists compares the filters with what was made.
func testOrganizationLists(w *World) {
	bob := w.user("bob@example.com")
	made := map[string]*invite.Organization{"Acme": w.Org}
	for _, row := range []struct{ name, slug, creator string }{{"ÉCLAIR", "eclair", bob.ID}, {"acme labs", "labs", w.Admin.ID}, {"100%", "all", ""}} {
		made[row.name] = must(w.DB.CreateOrganization(w.Context(), w.Instance, invite.NewOrganization{Name: row.name, Slug: row.slug, CreatedBy: row.creator}))(w.T)
	}
	w.ok("joining", w.join(bob.ID))
	only := func(ids ...string) invite.Choice { return invite.Choice{Only: ids} }
	except := func(ids ...string) invite.Choice { return invite.Choice{Except: ids} }
	for what, row := range map[string]struct {
		f    store.OrganizationFilter
		want []string
	}{
		"all, by name":           {store.OrganizationFilter{}, []string{"100%", "Acme", "acme labs", "ÉCLAIR"}},
		"part of a name":         {store.OrganizationFilter{Query: "éclair"}, []string{"ÉCLAIR"}},
		"part of a slug":         {store.OrganizationFilter{Query: "LAB"}, []string{"acme labs"}},
		"a pattern's character":  {store.OrganizationFilter{Query: "%"}, []string{"100%"}},
		"an id":                  {store.OrganizationFilter{Query: w.Org.ID}, []string{"Acme"}},
		"part of an id":          {store.OrganizationFilter{Query: w.Org.ID[:12]}, nil},
		"ids":                    {store.OrganizationFilter{IDs: only(w.Org.ID, "org_x", made["100%"].ID)}, []string{"100%", "Acme"}},
		"without ids":            {store.OrganizationFilter{IDs: except(w.Org.ID)}, []string{"100%", "acme labs", "ÉCLAIR"}},
		"of a member":            {store.OrganizationFilter{Members: only(bob.ID)}, []string{"Acme", "ÉCLAIR"}},
		"of either of two":       {store.OrganizationFilter{Members: only(bob.ID, w.Admin.ID)}, []string{"Acme", "acme labs", "ÉCLAIR"}},
		"not of a member":        {store.OrganizationFilter{Members: except(bob.ID)}, []string{"100%", "acme labs"}},
		"of one and not another": {store.OrganizationFilter{Members: invite.Choice{Only: []string{w.Admin.ID}, Except: []string{bob.ID}}}, []string{"acme labs"}},
		"of nobody":              {store.OrganizationFilter{Members: only("user_x")}, nil},
	} {
		var got []string
		f := row.f
		for f.OrderBy, f.Limit, f.Managed = "name", 1, true; ; f.Offset++ {
			list, total := must2(w.DB.Organizations(w.Context(), w.Instance, f))(w.T)
			if total != len(row.want) {
				w.Errorf("%s: got total %d, want %d", what, total, len(row.want))
			}
			if len(list) == 0 {
				break
			}
			got = append(got, list[0].Name)
			if list[0].Unmanaged != (list[0].Name == "100%") {
				w.Errorf("%s: %s is unmanaged: %v", what, list[0].Name, list[0].Unmanaged)
			}
		}
		if !slices.Equal(got, row.want) {
			w.Errorf("%s: got %v, want %v", what, got, row.want)
		}
	}
	name := "Umlaut Ö"
	must(w.DB.UpdateOrganization(w.Context(), w.Instance, w.Org.ID, invite.OrganizationChange{Name: &name}))(w.T)
	if _, total := must2(w.DB.Organizations(w.Context(), w.Instance, store.OrganizationFilter{Query: "ö", OrderBy: "name", Page: invite.Page{Limit: 1}}))(w.T); total != 1 {
		w.Errorf("the new name is found %d times, want once", total)
	}
}
