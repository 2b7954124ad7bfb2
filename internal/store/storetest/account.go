package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"usher/internal/invite"
	"usher/internal/store"
)

// testOwnPassword changes passwords as their owners do.
func testOwnPassword(w *World) {
	ctx, bob := w.Context(), w.member("bob@example.com", invite.RoleMember)
	change := func(current, digest string, keep *invite.Session) error {
		_, err := w.DB.ChangePassword(ctx, w.Instance, bob.ID, keep.ID, current, digest, true)
		return err
	}
	here, there := w.openSession(bob.ID), w.openSession(bob.ID)
	w.refused("a password that was never there", change("argon2id:x", "argon2id:y", here), invite.CurrentPasswordWrong)
	w.ok("a first password", change("", "argon2id:a", here))
	w.refused("a second first one", change("", "argon2id:b", here), invite.CurrentPasswordWrong)
	_, err := w.DB.Grant(ctx, w.Instance, here.ID)
	w.ok("the session in which it was changed", err)
	_, err = w.DB.Grant(ctx, w.Instance, there.ID)
	w.refused("another session", err, invite.SessionOver)

	var changed atomic.Int32
	var wg sync.WaitGroup
	for _, digest := range []string{"argon2id:b", "argon2id:c", "argon2id:d"} {
		wg.Go(func() {
			if change("argon2id:a", digest, here) == nil {
				changed.Add(1)
			}
		})
	}
	wg.Wait()
	if n := changed.Load(); n != 1 {
		w.Errorf("%d changed the same password at once, want 1", n)
	}

	for what, u := range map[string]invite.NewUser{
		"of a user with a username alone": {Username: "una_l", PasswordDigest: digest},
		"of a user with an address":       {EmailAddresses: []string{"vera@example.com"}, PasswordDigest: digest},
	} {
		_, err := w.DB.ChangePassword(ctx, w.Instance, must(w.DB.CreateUser(ctx, w.Instance, u))(w.T).ID, "", digest, "", false)
		if u.Username != "" {
			w.refused("taking away the password "+what, err, invite.PasswordNeeded)
		} else {
			w.ok("taking away the password "+what, err)
		}
	}
}

// testOwnAddresses proves addresses as their owners do.
func testOwnAddresses(w *World) {
	ctx, bob, eve := w.Context(), w.user("bob@example.com"), w.user("eve@example.com")
	add := func(u *invite.User, address string) *invite.EmailAddress {
		return must(w.DB.CreateEmailAddress(store.As(ctx, u.ID), w.Instance, invite.NewEmailAddress{UserID: u.ID, EmailAddress: address}))(w.T)
	}
	const shared = "shared+clerk_test@example.com"
	own, others := add(bob, shared), add(eve, shared)
	send := func(a *invite.EmailAddress) error {
		_, err := w.DB.SendAddressCode(store.As(ctx, a.UserID), w.Instance, a.ID)
		return err
	}
	answer := func(a *invite.EmailAddress, code string) error {
		_, err := w.DB.VerifyEmailAddress(store.As(ctx, a.UserID), w.Instance, a.ID, code)
		return err
	}
	w.refused("an answer before a code", answer(own, invite.TestCode), invite.CodeMissing)
	w.ok("a code", send(own))
	w.ok("the other's code", send(others))
	for range invite.MaxCodeAttempts {
		w.refused("a wrong answer", answer(own, "000000"), invite.CodeIncorrect)
	}
	w.refused("the right one after too many", answer(own, invite.TestCode), invite.CodeFailed)
	w.ok("another code", send(own))
	w.Clock.Add(invite.CodeLifetime)
	w.refused("an answer too late", answer(own, invite.TestCode), invite.CodeExpired)
	_, err := w.DB.VerifyEmailAddress(store.As(ctx, eve.ID), w.Instance, own.ID, invite.TestCode)
	w.refused("another's address", err, invite.AddressNotFound)

	w.ok("a third code", send(own))
	w.ok("the other's second", send(others))
	var taken atomic.Int32
	var wg sync.WaitGroup
	for _, a := range []*invite.EmailAddress{own, others} {
		wg.Go(func() {
			if errors.Is(answer(a, invite.TestCode), invite.Err(invite.IdentifierExists)) {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 1 {
		w.Errorf("of two who prove the same address %d were refused, want 1", n)
	}
	for n := 2; n < invite.MaxOwnAddresses; n++ {
		add(bob, fmt.Sprintf("bob%d@example.com", n))
	}
	_, err = w.DB.CreateEmailAddress(store.As(ctx, bob.ID), w.Instance, invite.NewEmailAddress{UserID: bob.ID, EmailAddress: "more@example.com"})
	w.refused("one address more", err, invite.ParamTooMany)
}

// testOwnSessions revokes sessions as their owners do.
func testOwnSessions(w *World) {
	bob, eve := w.member("bob@example.com", invite.RoleMember), w.user("eve@example.com")
	s := w.openSession(bob.ID)
	_, err := w.DB.RevokeSession(store.As(w.Context(), eve.ID), w.Instance, s.ID)
	w.refused("another's session", err, invite.SessionNotFound)
	_, err = w.DB.RevokeSession(store.As(w.Context(), bob.ID), w.Instance, s.ID)
	w.ok("the own session", err)
	_, err = w.DB.Grant(w.Context(), w.Instance, s.ID)
	w.refused("a grant of it", err, invite.SessionOver)
}

// testOwnDeletion deletes accounts as their owners do.
func testOwnDeletion(w *World) {
	ctx := w.Context()
	deleted := func(u *invite.User) error {
		_, err := w.DB.DeleteUser(store.As(ctx, u.ID), w.Instance, u.ID)
		return err
	}
	kept, alone := w.user("kept@example.com"), w.user("alone@example.com")
	must(w.DB.UpdateUser(ctx, w.Instance, kept.ID, invite.UserChange{Settings: invite.UserSettingsChange{DeleteSelf: new(bool)}}))(w.T)
	w.refused("whom the application keeps", deleted(kept), invite.SelfDeleteDisabled)
	must(w.DB.CreateOrganization(ctx, w.Instance, invite.NewOrganization{Name: "Alone", CreatedBy: alone.ID}))(w.T)
	w.ok("who is alone in an organization", deleted(alone))

	second := w.member("second@example.com", invite.RoleAdmin)
	w.member("bob@example.com", invite.RoleMember)
	var refused atomic.Int32
	var wg sync.WaitGroup
	for _, u := range []*invite.User{w.Admin, second} {
		wg.Go(func() {
			if errors.Is(deleted(u), invite.Err(invite.LastAdmin)) {
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if n := refused.Load(); n != 1 {
		w.Errorf("of both who manage the members %d were refused, want 1", n)
	}
}
