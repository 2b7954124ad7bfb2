package storetest

import (
	"context"

	"usher/internal/invite"
	"usher/internal/store"
)

// testSnapshot reads one moment in several calls while others write.
func testSnapshot(w *World) {
	other := must(w.DB.CreateOrganization(w.Context(), w.Instance, invite.NewOrganization{Name: "Other", CreatedBy: w.Admin.ID}))(w.T)
	w.invite("before@example.com")
	count := func(ctx context.Context) (invitations, events int) {
		w.Helper()
		page := must(w.DB.Invitations(ctx, w.Instance, w.Org.ID, store.InvitationFilter{OrderBy: "created_at", Page: tenPerPage}))(w.T)
		list, _ := must2(w.DB.Events(ctx, w.Instance, store.EventFilter{Organization: w.Org.ID, Limit: 100}))(w.T)
		return page.Total, len(list)
	}
	w.ok("reading a snapshot", w.DB.Snapshot(w.Context(), func(ctx context.Context) error {
		_, before := count(ctx)
		w.invite("meanwhile@example.com")
		must(w.DB.CreateInvitation(w.Context(), w.Instance, other.ID, asking("elsewhere@example.com")))(w.T)
		if invitations, events := count(ctx); invitations != 1 || events != before {
			w.Errorf("the snapshot has %d invitations and %d events, want 1 and %d", invitations, events, before)
		}
		if _, events := count(w.Context()); events != before+1 {
			w.Errorf("the organization has %d events beside the snapshot, want %d", events, before+1)
		}
		if _, err := w.DB.CreateInvitation(ctx, w.Instance, w.Org.ID, asking("within@example.com")); err == nil {
			w.Error("a snapshot was written to")
		}
		return nil
	}))
	if invitations, _ := count(w.Context()); invitations != 2 {
		w.Errorf("got %d invitations afterwards, want 2", invitations)
	}
}
