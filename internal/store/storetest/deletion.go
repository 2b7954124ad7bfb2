package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
	"usher/internal/store"
)

// testDeletionOfMany deletes an organization that is too large for one transaction.
func testDeletionOfMany(w *World) {
	other := must(w.DB.CreateOrganization(w.Context(), w.Instance, invite.NewOrganization{Name: "Other", CreatedBy: w.Admin.ID}))(w.T)
	must(w.DB.CreateInvitation(w.Context(), w.Instance, other.ID, asking("m0x0@example.com")))(w.T)
	guard := w.role("org:guard", invite.MembershipsRead)
	bob := w.member("bob@example.com", guard.Key)
	cy := w.user("cy@example.com")
	session := w.openSession(w.Admin.ID)
	w.limit(0)
	for batch := range 101 {
		var news []invite.NewInvitation
		for k := range 10 {
			n := asking(fmt.Sprintf("m%dx%d@example.com", batch, k))
			n.Role, n.Notify, n.ExpiresInDays = guard.Key, false, 1+k
			news = append(news, n)
		}
		must(w.DB.CreateInvitations(w.Context(), w.Instance, w.Org.ID, news))(w.T)
	}
	own := w.invite("cy@example.com") // the newest, which goes last
	w.Clock.Add(36 * time.Hour)       // some are overdue
	must(w.DB.DeleteOrganization(w.Context(), w.Instance, w.Org.ID))(w.T)
	if left := Rows(w.T, w.Raw, `SELECT id FROM deleted_organizations`); len(left) != 1 {
		w.Fatalf("%d organizations have rows left, want the one that was deleted", len(left))
	}
	seen := w.everything(cy.ID, session.ID)
	for _, hint := range []string{w.Org.ID, bob.ID} {
		if strings.Contains(seen["memberships"]+seen["invitations"]+seen["session"], hint) {
			w.Errorf("%s of a deleted organization is seen: %v", hint, seen)
		}
	}
	_, err := w.DB.Invitations(w.Context(), w.Instance, w.Org.ID, store.InvitationFilter{Page: tenPerPage})
	w.refused("listing the invitations of a deleted organization", err, invite.OrganizationNotFound)
	_, _, err = w.DB.AcceptOwnInvitation(w.Context(), w.Instance, cy.ID, own.ID)
	w.refused("accepting an invitation to a deleted organization", err, invite.OwnInvitationNotFound)
	w.refused("accepting by ticket", w.accept(own), invite.OrganizationDeleted)
	if n := must(w.DB.SweepExpired(w.Context(), 100))(w.T); n != 0 {
		w.Errorf("%d invitations of a deleted organization expired, want none", n)
	}
	must(w.DB.DeleteRole(w.Context(), w.Instance, guard.ID))(w.T)
	must(w.DB.DeleteUser(w.Context(), w.Instance, bob.ID))(w.T)

	before := w.everything(cy.ID, session.ID)
	for sweeps := 0; must(w.DB.SweepDeleted(w.Context(), 3))(w.T); sweeps++ {
		if sweeps > 100 {
			w.Fatal("sweeping what is left of an organization does not end")
		}
	}
	if diff := cmp.Diff(before, w.everything(cy.ID, session.ID)); diff != "" {
		w.Errorf("what was left of a deleted organization was seen (-before +after):\n%s", diff)
	}
	for _, table := range []string{"invitations", "membership_requests", "memberships", "role_members", "outbox"} {
		if left := Rows(w.T, w.Raw, `SELECT * FROM `+table+` WHERE organization_id = '`+w.Org.ID+`'`); len(left) > 0 {
			w.Errorf("%d rows of %s are left", len(left), table)
		}
	}
	if left := Rows(w.T, w.Raw, `SELECT id FROM deleted_organizations`); len(left) > 0 {
		w.Errorf("%v are still to be deleted", left)
	}
}

// everything returns what can be read without naming the organization.
func (w *World) everything(user, session string) map[string]string {
	w.Helper()
	page := invite.Page{Limit: 100}
	seen := make(map[string]string)
	see := func(what string, v any, total int, err error) {
		w.Helper()
		w.ok("reading "+what, err)
		text, err := json.Marshal(v)
		w.ok("encoding "+what, err)
		seen[what] += fmt.Sprintf("%d %s\n", total, text)
	}
	for _, by := range []string{"created_at", "email_address"} {
		list, total, err := w.DB.InstanceMemberships(w.Context(), w.Instance, store.MembershipFilter{OrderBy: by, Page: page})
		see("memberships", list, total, err)
		for _, statuses := range [][]invite.Status{nil, {invite.Pending}, {invite.Expired}} {
			for _, query := range []string{"", "m0x", "cy"} {
				found, err := w.DB.InstanceInvitations(w.Context(), w.Instance, store.InvitationSearch{Statuses: statuses, Query: query, OrderBy: by, Page: page})
				see("invitations", found, found.Total, err)
			}
		}
	}
	for _, u := range []string{user, w.Admin.ID} {
		list, total, err := w.DB.UserMemberships(w.Context(), w.Instance, u, page)
		see("memberships", list, total, err)
		found, err := w.DB.UserInvitations(w.Context(), w.Instance, u, nil, page)
		see("invitations", found, found.Total, err)
	}
	for _, of := range []invite.Choice{{Only: []string{w.Org.ID}}, {Except: []string{w.Org.ID}}} {
		for _, ids := range []invite.Choice{{}, {Only: []string{w.Admin.ID, user}}} {
			f := store.UserFilter{OrganizationIDs: of, IDs: ids, OrderBy: "created_at", Page: page}
			users, err := w.DB.Users(w.Context(), w.Instance, f)
			see("users", users, must(w.DB.CountUsers(w.Context(), w.Instance, f))(w.T), err)
		}
	}
	list, total, err := w.DB.Organizations(w.Context(), w.Instance, store.OrganizationFilter{Members: invite.Choice{Only: []string{w.Admin.ID}}, OrderBy: "name", Page: page})
	see("organizations", list, total, err)
	s, err := w.DB.Session(w.Context(), w.Instance, session)
	see("session", s, 1, err)
	return seen
}
