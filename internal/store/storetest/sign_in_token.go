package storetest

import (
	"errors"
	"sync"
	"time"

	"usher/internal/invite"
	"usher/internal/store"
)

func (w *World) signIn(user, organization string) *invite.SignInToken {
	w.Helper()
	return must(w.DB.CreateSignInToken(w.Context(), w.Instance, invite.NewSignInToken{
		UserID: user, OrganizationID: organization, ExpiresInSeconds: 60,
	}))(w.T)
}

func (w *World) redeem(s *invite.SignInToken) error {
	_, err := w.DB.RedeemSignInToken(w.Context(), s.Ticket())
	return err
}

func testSignInTokens(w *World) {
	ctx := w.Context()
	eve := w.user("eve@example.com")
	other, _ := must2(w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	s := w.signIn(w.Admin.ID, w.Org.ID)
	w.unchanged("what is refused", func() {
		create := func(in *invite.Instance, user, organization string) error {
			_, err := w.DB.CreateSignInToken(ctx, in, invite.NewSignInToken{UserID: user, OrganizationID: organization, ExpiresInSeconds: 60})
			return err
		}
		w.refused("nobody", create(w.Instance, "user_x", ""), invite.UserNotFound)
		w.refused("another tenant's user", create(other, w.Admin.ID, ""), invite.UserNotFound)
		w.refused("no organization", create(w.Instance, eve.ID, "org_x"), invite.OrganizationNotFound)
		w.refused("an organization that is not theirs", create(w.Instance, eve.ID, w.Org.ID), invite.NotAMember)
		_, err := w.DB.RevokeSignInToken(ctx, other, s.ID)
		w.refused("revoking another tenant's", err, invite.SignInTokenNotFound)
		_, err = w.DB.InvitationByTicket(ctx, s.Ticket())
		w.refused("opening an invitation with it", err, invite.SignInTokenMisplaced)
		_, err = w.DB.AcceptInvitation(ctx, s.Ticket(), invite.Joiner{})
		w.refused("joining with it", err, invite.SignInTokenMisplaced)
		_, err = w.DB.AcceptApplicationInvitation(ctx, s.Ticket(), invite.Joiner{})
		w.refused("getting an account with it", err, invite.SignInTokenMisplaced)
		w.refused("declining it", w.DB.DeclineInvitation(ctx, s.Ticket()), invite.SignInTokenMisplaced)
		borrowed := s.Ticket()
		borrowed.InstanceID = other.ID
		_, err = w.DB.RedeemSignInToken(ctx, borrowed)
		w.refused("another tenant", err, invite.TicketInvalid)
	})
	joining := invite.TicketFor(w.invite("x@example.com"), invite.ByMail)
	joining.ExpiresAt = 0
	_, err := w.DB.RedeemSignInToken(ctx, joining)
	w.refused("signing in with an invitation", err, invite.TicketInvalid)

	if found := must(w.DB.SignInTokenByTicket(ctx, s.Ticket()))(w.T); found.ID != s.ID {
		w.Errorf("the ticket stands for %+v, want %s", found, s.ID)
	}
	used := must(w.DB.RedeemSignInToken(ctx, s.Ticket()))(w.T)
	if used.UserID != w.Admin.ID || used.OrganizationID != w.Org.ID || used.Status != invite.Accepted {
		w.Errorf("got %+v, want the admin with the organization", used)
	}
	w.refused("signing in twice", w.redeem(s), invite.SignInTokenUsed)
	_, err = w.DB.SignInTokenByTicket(ctx, s.Ticket())
	w.refused("reading what was used", err, invite.SignInTokenUsed)
	_, err = w.DB.RevokeSignInToken(ctx, w.Instance, s.ID)
	w.refused("revoking what was used", err, invite.SignInTokenEnded)

	s = w.signIn(w.Admin.ID, "")
	must(w.DB.RevokeSignInToken(ctx, w.Instance, s.ID))(w.T)
	w.refused("using what was revoked", w.redeem(s), invite.SignInTokenRevoked)

	bob := w.member("robert@example.com", invite.RoleMember)
	s = w.signIn(bob.ID, w.Org.ID)
	must(w.DB.DeleteMembership(ctx, w.Instance, w.Org.ID, bob.ID))(w.T)
	if used = must(w.DB.RedeemSignInToken(ctx, s.Ticket()))(w.T); used.UserID != bob.ID || used.OrganizationID != "" {
		w.Errorf("got %+v, want the user without the organization that was left", used)
	}
	s = w.signIn(bob.ID, "")
	must(w.DB.DeleteUser(ctx, w.Instance, bob.ID))(w.T)
	w.refused("signing in who was deleted", w.redeem(s), invite.TicketInvalid)
}

func testSignInExpiry(w *World) {
	s, kept := w.signIn(w.Admin.ID, ""), w.signIn(w.Admin.ID, "")
	w.Clock.Add(time.Minute)
	w.refused("a token that has expired", w.redeem(s), invite.TicketExpired)
	if n := must(w.DB.ForgetSignInTokens(w.Context(), 10))(w.T); n != 0 {
		w.Errorf("forgot %d tokens at their end, want none", n)
	}
	must(w.DB.RevokeSignInToken(w.Context(), w.Instance, kept.ID))(w.T)
	w.Clock.Add(store.SignInTokenTTL)
	fresh := w.signIn(w.Admin.ID, "")
	for _, want := range []int{1, 1, 0} {
		if n := must(w.DB.ForgetSignInTokens(w.Context(), 1))(w.T); n != want {
			w.Errorf("forgot %d tokens, want %d", n, want)
		}
	}
	w.refused("a token that was forgotten", w.redeem(s), invite.TicketExpired)
	w.ok("a fresh one", w.redeem(fresh))
}

func testOneSignIn(w *World) {
	s := w.signIn(w.Admin.ID, "")
	const callers = 24
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for k := range callers {
		wg.Go(func() {
			if k%2 == 0 {
				errs[k] = w.redeem(s)
			} else {
				_, errs[k] = w.DB.RevokeSignInToken(w.Context(), w.Instance, s.ID)
			}
		})
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		switch {
		case err == nil:
			done++
		case errors.Is(err, invite.Err(invite.SignInTokenUsed)), errors.Is(err, invite.Err(invite.SignInTokenRevoked)),
			errors.Is(err, invite.Err(invite.SignInTokenEnded)):
		default:
			w.Errorf("got error %v", err)
		}
	}
	if done != 1 {
		w.Errorf("the token ended %d times, want once", done)
	}
}
