package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
	"usher/internal/store"
)

// all selects a whole list, oldest first.
var all = store.CatalogFilter{OrderBy: "created_at", Page: invite.Page{Limit: 100}}

// role makes a role in the initial role set; permissions are keys.
func (w *World) role(key string, permissions ...string) invite.Role {
	w.Helper()
	return must(w.DB.CreateRole(w.Context(), w.Instance, invite.NewRole{Key: key, Name: key, Permissions: permissions}))(w.T)
}

// roleSet makes a role set whose creators are admins; the first role is the default.
func (w *World) roleSet(name string, roles ...string) *invite.RoleSet {
	w.Helper()
	return must(w.DB.CreateRoleSet(w.Context(), w.Instance, invite.NewRoleSet{
		Name: name, DefaultRoleKey: roles[0], CreatorRoleKey: invite.RoleAdmin, Roles: roles,
	}))(w.T)
}

// happened returns how many events of each type the instance has had.
func (w *World) happened() map[string]int {
	w.Helper()
	counts := make(map[string]int)
	for _, row := range Rows(w.T, w.Raw, `SELECT type FROM events WHERE instance_id = '`+w.Instance.ID+`'`) {
		counts[strings.Trim(row, "[]")]++
	}
	return counts
}

func testRoles(w *World) {
	begin := must2(w.DB.Permissions(w.Context(), w.Instance, all))
	system, _ := begin(w.T)
	if got := (invite.Role{Permissions: system}).PermissionKeys(); !slices.Equal(got, (invite.Role{Permissions: invite.SystemPermissions()}).PermissionKeys()) {
		w.Errorf("an instance begins with %v, want the system permissions in the contract's order", got)
	}
	p := must(w.DB.CreatePermission(w.Context(), w.Instance, invite.NewPermission{Key: "org:bills:pay", Name: "Pay"}))(w.T)
	made := must(w.DB.CreateRole(w.Context(), w.Instance, invite.NewRole{
		Key: "org:payer", Name: "Payer", Description: "Pays", Permissions: []string{p.ID, invite.MembershipsRead},
	}))(w.T)
	if got := made.PermissionKeys(); !slices.Equal(got, []string{invite.MembershipsRead, p.Key}) || !strings.HasPrefix(made.ID, "role_") {
		w.Errorf("made %+v, want a role with both permissions, oldest first", made)
	}
	if diff := cmp.Diff(made, must(w.DB.Role(w.Context(), w.Instance, made.ID))(w.T)); diff != "" {
		w.Errorf("read again (-made +read):\n%s", diff)
	}
	n := asking("a@example.com")
	n.Role = made.Key
	i := must(w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, n))(w.T)
	_, err := w.DB.DeleteRole(w.Context(), w.Instance, made.ID)
	w.refused("deleting a promised role", err, invite.RoleIsInvited)
	w.ok("accepting", w.accept(i))
	_, err = w.DB.DeleteRole(w.Context(), w.Instance, made.ID)
	w.refused("deleting a member's role", err, invite.RoleHasMembers)

	m := must(w.DB.UpdateMembership(w.Context(), w.Instance, w.Org.ID, w.newest("a@example.com").UserID, invite.RoleMember))(w.T)
	if m.Role.Key != invite.RoleMember {
		w.Errorf("got role %q, want the new one", m.Role.Key)
	}
	n.EmailAddress, n.ExpiresInDays = "late@example.com", 1
	late := must(w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, n))(w.T)
	w.Clock.Add(day)
	must(w.DB.DeleteRole(w.Context(), w.Instance, made.ID))(w.T) // an overdue invitation promises nothing
	for _, id := range []string{i.ID, late.ID} {
		if ended := must(w.DB.Invitation(w.Context(), w.Instance, w.Org.ID, id))(w.T); ended.Role != made.Key || ended.RoleName != made.Name {
			w.Errorf("got role %q, %q of an ended invitation, want the deleted one", ended.Role, ended.RoleName)
		}
	}
	must(w.DB.SweepExpired(w.Context(), 10))(w.T)
	_, err = w.DB.Role(w.Context(), w.Instance, made.ID)
	w.refused("reading a deleted role", err, invite.RoleNotFound)
	n.EmailAddress = "b@example.com"
	_, err = w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, n)
	w.refused("inviting with a deleted role", err, invite.RoleNotFound)

	again := w.role("org:payer", p.Key)
	must(w.DB.DeletePermission(w.Context(), w.Instance, p.ID))(w.T)
	if left := must(w.DB.Role(w.Context(), w.Instance, again.ID))(w.T); len(left.Permissions) != 0 {
		w.Errorf("got %v, want the deleted permission gone", left.Permissions)
	}
	want := map[string]int{"permission.created": 1, "permission.deleted": 1, "role.created": 2, "role.deleted": 1, "role.updated": 1}
	for typ, n := range want {
		if got := w.happened()[typ]; got != n {
			w.Errorf("%d events %s, want %d", got, typ, n)
		}
	}
}

// testRoleRefusals refuses each operation and sees that nothing has changed.
func testRoleRefusals(w *World) {
	ctx, in := w.Context(), w.Instance
	other, _ := must2(w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	r, p := w.role("org:guest", invite.MembershipsRead), must(w.DB.CreatePermission(ctx, in, invite.NewPermission{Key: "org:a:b", Name: "A"}))(w.T)
	s := w.roleSet("Few", invite.RoleAdmin, "org:guest")
	c := must(w.DB.RoleSet(ctx, in, invite.DefaultRoleSet))(w.T)
	system := must(w.DB.Role(ctx, in, c.CreatorRoleID))(w.T).Permissions[0]
	none, admin, taken := []string{}, invite.RoleAdmin, "role_set:default"
	w.unchanged("a refused operation", func() {
		for _, row := range []struct {
			what string
			do   func(*invite.Instance) error
			want invite.Kind
			in   *invite.Instance
		}{
			{"a known key", func(in *invite.Instance) error {
				_, err := w.DB.CreateRole(ctx, in, invite.NewRole{Key: r.Key, Name: "x"})
				return err
			}, invite.ValueExists, in},
			{"another tenant's permission", func(in *invite.Instance) error {
				_, err := w.DB.CreateRole(ctx, in, invite.NewRole{Key: "org:x", Name: "x", Permissions: []string{p.ID}})
				return err
			}, invite.PermissionNotFound, other},
			{"taking from the creators", func(in *invite.Instance) error {
				_, err := w.DB.UpdateRole(ctx, in, c.CreatorRoleID, invite.RoleChange{Permissions: &none})
				return err
			}, invite.CreatorRoleTooWeak, in},
			{"a key that another role has", func(in *invite.Instance) error {
				_, err := w.DB.UpdateRole(ctx, in, r.ID, invite.RoleChange{Key: &admin})
				return err
			}, invite.ValueExists, in},
			{"changing another tenant's role", func(in *invite.Instance) error {
				_, err := w.DB.UpdateRole(ctx, in, r.ID, invite.RoleChange{})
				return err
			}, invite.RoleNotFound, other},
			{"assigning to another tenant's role", func(in *invite.Instance) error {
				_, err := w.DB.AssignPermission(ctx, in, r.ID, p.ID)
				return err
			}, invite.RoleNotFound, other},
			{"removing what is not there", func(in *invite.Instance) error {
				_, err := w.DB.RemovePermission(ctx, in, r.ID, p.ID)
				return err
			}, invite.PermissionNotGranted, in},
			{"deleting the newcomers' role", func(in *invite.Instance) error {
				_, err := w.DB.DeleteRole(ctx, in, c.DefaultRoleID)
				return err
			}, invite.RoleIsDefault, in},
			{"deleting another tenant's role", func(in *invite.Instance) error {
				_, err := w.DB.DeleteRole(ctx, in, r.ID)
				return err
			}, invite.RoleNotFound, other},
			{"deleting another tenant's permission", func(in *invite.Instance) error {
				_, err := w.DB.DeletePermission(ctx, in, p.ID)
				return err
			}, invite.PermissionNotFound, other},
			{"deleting the system's permission", func(in *invite.Instance) error {
				_, err := w.DB.DeletePermission(ctx, in, system.ID)
				return err
			}, invite.PermissionFixed, in},
			{"another tenant's role set", func(in *invite.Instance) error {
				_, err := w.DB.RoleSet(ctx, in, s.ID)
				return err
			}, invite.RoleSetNotFound, other},
			{"changing another tenant's role set", func(in *invite.Instance) error {
				_, err := w.DB.UpdateRoleSet(ctx, in, s.ID, invite.RoleSetChange{})
				return err
			}, invite.RoleSetNotFound, other},
			{"a key that another set has", func(in *invite.Instance) error {
				_, err := w.DB.UpdateRoleSet(ctx, in, s.ID, invite.RoleSetChange{Key: &taken})
				return err
			}, invite.ValueExists, in},
			{"adding to another tenant's role set", func(in *invite.Instance) error {
				_, err := w.DB.AddRoles(ctx, in, s.ID, invite.RoleSetAddition{Roles: []string{"member"}})
				return err
			}, invite.RoleSetNotFound, other},
			{"replacing the creators' role by a weak one", func(in *invite.Instance) error {
				_, err := w.DB.ReplaceRole(ctx, in, s.ID, "admin", "org:guest")
				return err
			}, invite.CreatorRoleTooWeak, in},
			{"replacing by another tenant's role set", func(in *invite.Instance) error {
				_, err := w.DB.ReplaceRoleSet(ctx, in, invite.DefaultRoleSet, s.Key, nil)
				return err
			}, invite.RoleSetNotFound, other},
			{"an organization with another tenant's role set", func(in *invite.Instance) error {
				_, err := w.DB.CreateOrganization(ctx, in, invite.NewOrganization{Name: "X", RoleSetKey: s.Key})
				return err
			}, invite.ParamValue, other},
		} {
			w.refused(row.what, row.do(row.in), row.want)
		}
	})
}

// testRoleSets exchanges two roles, then loses one, of everybody at once.
func testRoleSets(w *World) {
	ctx, in := w.Context(), w.Instance
	w.role("org:red", invite.MembershipsManage, invite.MembershipsRead)
	w.role("org:blue")
	from := w.roleSet("日本", "org:red", "org:blue", invite.RoleAdmin)
	to := w.roleSet("日本", "org:red", "org:blue", invite.RoleAdmin)
	if from.Key == to.Key || !strings.HasPrefix(from.Key, "role_set:") || len(from.Key) <= len("role_set:") {
		w.Errorf("got keys %q and %q, want two that were made up", from.Key, to.Key)
	}
	o := must(w.DB.CreateOrganization(ctx, in, invite.NewOrganization{Name: "Atlas", CreatedBy: w.Admin.ID, RoleSetKey: from.Key}))(w.T)
	bystander := w.member("bystander@example.com", "org:red") // in an organization of another set
	roles := func() []string {
		var list []string
		members, _ := must2(w.DB.Memberships(ctx, in, o.ID, store.MembershipFilter{OrderBy: "created_at", Page: invite.Page{Limit: 10}}))(w.T)
		for _, m := range members {
			list = append(list, m.Role.Key)
		}
		page := must(w.DB.Invitations(ctx, in, o.ID, store.InvitationFilter{OrderBy: "email_address", Page: invite.Page{Limit: 10}}))(w.T)
		for _, i := range page.Invitations {
			if i.Status == invite.Pending {
				list = append(list, i.Role+" promised")
			} else {
				list = append(list, i.Role+" ended")
			}
		}
		return list
	}
	for k, role := range []string{"org:red", "org:blue"} {
		u := w.user(fmt.Sprintf("m%d@example.com", k))
		must(w.DB.CreateMembership(ctx, in, o.ID, invite.NewMembership{UserID: u.ID, Role: role}))(w.T)
		n := asking(fmt.Sprintf("p%d@example.com", k))
		n.Role = role
		must(w.DB.CreateInvitation(ctx, in, o.ID, n))(w.T)
		n.EmailAddress = fmt.Sprintf("q%d@example.com", k)
		gone := must(w.DB.CreateInvitation(ctx, in, o.ID, n))(w.T)
		must(w.DB.RevokeInvitation(ctx, in, o.ID, gone.ID, ""))(w.T)
	}
	n := asking("x@example.com")
	_, err := w.DB.CreateInvitation(ctx, in, o.ID, n)
	w.refused("inviting with a role of another set", err, invite.RoleNotFound)
	want := func(what string, list ...string) {
		w.Helper()
		if diff := cmp.Diff(list, roles()); diff != "" {
			w.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	want("before", "org:admin", "org:red", "org:blue", "org:red promised", "org:blue promised", "org:red ended", "org:blue ended")

	updated := w.happened()["organizationMembership.updated"]
	must(w.DB.ReplaceRoleSet(ctx, in, from.Key, to.Key, map[string]string{"org:red": "org:blue", "org:blue": "org:red"}))(w.T)
	want("after the exchange", "org:admin", "org:blue", "org:red", "org:blue promised", "org:red promised", "org:red ended", "org:blue ended")
	if n := w.happened()["organizationMembership.updated"] - updated; n != 2 {
		w.Errorf("%d events of changed members, want ended", n)
	}
	if moved := must(w.DB.Organization(ctx, in, o.ID))(w.T); moved.RoleSetKey != to.Key {
		w.Errorf("got role set %q, want %q", moved.RoleSetKey, to.Key)
	}
	_, err = w.DB.RoleSet(ctx, in, from.ID)
	w.refused("reading a replaced set", err, invite.RoleSetNotFound)

	s := must(w.DB.ReplaceRole(ctx, in, to.Key, "org:red", "org:blue"))(w.T)
	want("after a role is gone", "org:admin", "org:blue", "org:blue", "org:blue promised", "org:blue promised", "org:red ended", "org:blue ended")
	if s.Default().Key != "org:blue" || s.Members[s.DefaultRoleID] != 2 || len(s.Roles) != 2 {
		w.Errorf("got %+v, want two roles, the default one with two members", s)
	}
	members, _ := must2(w.DB.Memberships(ctx, in, w.Org.ID, store.MembershipFilter{Users: store.UserFilter{IDs: invite.Choice{Only: []string{bystander.ID}}}, Page: invite.Page{Limit: 1}}))(w.T)
	if len(members) != 1 || members[0].Role.Key != "org:red" {
		w.Errorf("got %+v, want the member of another set's organization untouched", members)
	}

	_, err = w.DB.UpdateOrganization(ctx, in, o.ID, invite.OrganizationChange{RoleSetKey: &to.Key})
	w.ok("the role set it has", err)
	strange := w.roleSet("Strange", invite.RoleAdmin)
	w.unchanged("what would leave somebody without a role, or nobody who can manage", func() {
		_, err := w.DB.UpdateOrganization(ctx, in, o.ID, invite.OrganizationChange{RoleSetKey: &strange.Key})
		w.refused("a set without a member's role", err, invite.RolesUnassigned)
		_, err = w.DB.ReplaceRoleSet(ctx, in, to.Key, strange.Key, nil)
		w.refused("replacing by a set without a member's role", err, invite.RolesUnassigned)
		_, err = w.DB.ReplaceRoleSet(ctx, in, to.Key, invite.DefaultRoleSet, map[string]string{"admin": "org:blue"})
		w.refused("replacing the last manager's role", err, invite.LastAdmin)
	})
	must(w.DB.ReplaceRoleSet(ctx, in, invite.DefaultRoleSet, to.Key, map[string]string{"org:red": "org:blue", "member": "org:blue"}))(w.T)
	if initial := must(w.DB.RoleSet(ctx, in, to.Key))(w.T); initial.Type != invite.InitialRoleSet {
		w.Errorf("got %+v, want the successor of the initial set to be it", initial)
	}
}

// testRoleQuota makes more roles at once than an instance may have.
func testRoleQuota(w *World) {
	var made atomic.Int32
	together(40, func(k int) {
		_, err := w.DB.CreateRole(w.Context(), w.Instance, invite.NewRole{Key: fmt.Sprint("org:r", k), Name: "R"})
		switch {
		case err == nil:
			made.Add(1)
		case !errors.Is(err, invite.Err(invite.RoleQuota)):
			w.Errorf("got %v, want success or %s", err, invite.RoleQuota)
		}
	})
	list, total := must2(w.DB.Roles(w.Context(), w.Instance, all))(w.T)
	if made.Load() != invite.MaxRoles-2 || total != invite.MaxRoles || len(list) != total {
		w.Errorf("made %d roles, the instance has %d; want %d and %d", made.Load(), total, invite.MaxRoles-2, invite.MaxRoles)
	}
}

// testRoleRaces deletes and replaces a role while people are given it and
// invited with it. Whoever comes first, nobody is left with a role that is gone;
// Invariants looks for them.
func testRoleRaces(w *World) {
	for round := range 5 {
		r := w.role(fmt.Sprint("org:r", round))
		users := make([]*invite.User, 20)
		for k := range users {
			users[k] = w.user(fmt.Sprintf("u%d.%d@example.com", round, k))
		}
		together(60, func(k int) {
			var err error
			switch k % 3 {
			case 0:
				n := asking(fmt.Sprintf("a%d.%d@example.com", round, k))
				n.Role = r.Key
				_, err = w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, n)
			case 1:
				_, err = w.DB.CreateMembership(w.Context(), w.Instance, w.Org.ID, invite.NewMembership{UserID: users[k/3].ID, Role: r.Key})
			case 2:
				if _, err = w.DB.DeleteRole(w.Context(), w.Instance, r.ID); err != nil && k%2 == 0 {
					_, err = w.DB.ReplaceRole(w.Context(), w.Instance, invite.DefaultRoleSet, r.Key, invite.RoleMember)
				}
			}
			for _, kind := range []invite.Kind{invite.RoleNotFound, invite.RoleHasMembers, invite.RoleIsInvited, invite.CreatorRoleTooWeak} {
				if errors.Is(err, invite.Err(kind)) {
					return
				}
			}
			w.ok("racing for a role", err)
		})
		if _, err := w.DB.Role(w.Context(), w.Instance, r.ID); err == nil {
			must(w.DB.DeleteRole(w.Context(), w.Instance, r.ID))(w.T)
		}
		if _, total := must2(w.DB.Memberships(w.Context(), w.Instance, w.Org.ID, store.MembershipFilter{Roles: []string{r.Key}, Page: invite.Page{Limit: 1}}))(w.T); total != 0 {
			w.Errorf("%d members have the deleted role", total)
		}
	}
}
