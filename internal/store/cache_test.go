package store_test

import (
	"testing"

	"usher/internal/invite"
	"usher/internal/store/storetest"
)

// TestAnAnswerIsKeptWhileOthersChange holds what changes one organization's members
// to that organization's answers.
func TestAnAnswerIsKeptWhileOthersChange(t *testing.T) {
	db, _ := openTemp(t, storetest.NewClock())
	if err := db.Reserve(t.Context()); err != nil {
		t.Fatal(err)
	}
	in, _, err := db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "Acme"}, "")
	if err != nil {
		t.Fatal(err)
	}
	u, err := db.CreateUser(t.Context(), in, invite.NewUser{EmailAddresses: []string{"ada@example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := db.CreateOrganization(t.Context(), in, invite.NewOrganization{Name: "Acme", CreatedBy: u.ID})
	if err != nil {
		t.Fatal(err)
	}
	rendered := 0
	page := func() {
		t.Helper()
		if _, err := db.Page(in, "org_other", "a page", func() ([]byte, invite.Instant, error) {
			rendered++
			return []byte("[]"), invite.Never, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for what, change := range map[string]func() error{
		"metadata of a member": func() error {
			_, err := db.UpdateMembershipMetadata(t.Context(), in, o.ID, u.ID, invite.MetadataChange{Public: []byte(`{"a":1}`)})
			return err
		},
		"a role": func() error {
			_, err := db.UpdateMembership(t.Context(), in, o.ID, u.ID, invite.RoleAdmin)
			return err
		},
		"a logo that is not there": func() error {
			_, err := db.DeleteLogo(t.Context(), in, o.ID)
			return err
		},
	} {
		page()
		page()
		before := rendered
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if page(); rendered != before {
			t.Errorf("%s: another organization's answer was made again", what)
		}
	}
}
