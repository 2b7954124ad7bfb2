package storetest

import (
	"errors"
	"sync"

	"usher/internal/invite"
)

// testSettings changes every setting at once from as many callers: none may
// write down what another has changed meanwhile.
func testSettings(w *World) {
	yes := true
	limit := 7
	changes := []func() error{
		func() error {
			return w.DB.UpdateInstance(w.Context(), w.Instance, invite.InstanceChange{TestMode: &yes})
		},
		func() error {
			return w.DB.UpdateInstance(w.Context(), w.Instance, invite.InstanceChange{URLBasedSessionSyncing: &yes})
		},
		func() error {
			_, err := w.DB.UpdateRestrictions(w.Context(), w.Instance, invite.RestrictionsChange{Allowlist: &yes})
			return err
		},
		func() error {
			_, err := w.DB.UpdateRestrictions(w.Context(), w.Instance, invite.RestrictionsChange{BlockSubaddresses: &yes})
			return err
		},
		func() error {
			_, err := w.DB.UpdateOrganizationSettings(w.Context(), w.Instance, invite.OrganizationSettingsChange{SlugsDisabled: &yes})
			return err
		},
		func() error {
			_, err := w.DB.UpdateOrganizationSettings(w.Context(), w.Instance, invite.OrganizationSettingsChange{MaxAllowedMemberships: &limit})
			return err
		},
	}
	errs := make([]error, len(changes))
	var all sync.WaitGroup
	for i, change := range changes {
		all.Go(func() { errs[i] = change() })
	}
	all.Wait()
	w.ok("changing settings", errors.Join(errs...))

	now := must(w.DB.Instances(w.Context()))(w.T)[0]
	s := now.Settings
	if s.TestMode == nil || !*s.TestMode || !s.URLBasedSessionSyncing || !s.Restrictions.Allowlist || !s.Restrictions.BlockSubaddresses ||
		!s.SlugsDisabled || now.MaxAllowedMemberships != limit {
		w.Errorf("got %+v with at most %d memberships, want every change", s, now.MaxAllowedMemberships)
	}
}

// testSettingsAtOnce changes a setting between two requests of the same moment.
func testSettingsAtOnce(w *World) {
	_, key := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	in := must(w.DB.Authenticate(w.Context(), key))(w.T)
	no := false
	must(w.DB.UpdateOrganizationSettings(w.Context(), in, invite.OrganizationSettingsChange{Enabled: &no}))(w.T)
	if now := must(w.DB.Authenticate(w.Context(), key))(w.T); !now.Settings.OrganizationsDisabled {
		w.Error("the next request does not see that organizations were switched off")
	}
	if w.Instance = must(w.DB.Instances(w.Context()))(w.T)[0]; w.Instance.Settings.OrganizationsDisabled {
		w.Error("another instance was changed")
	}
}
