package storetest

import (
	"sync"
	"sync/atomic"

	"usher/internal/invite"
)

// restrict switches restrictions of the world's instance.
func (w *World) restrict(c invite.RestrictionsChange) {
	w.Helper()
	now := must(w.DB.UpdateRestrictions(w.Context(), w.Instance, c))(w.T)
	in := *w.Instance
	in.Settings.Restrictions = *now
	w.Instance = &in
}

// testAccessAtSignIn lets a user in whose address newcomers could not have, and keeps
// out one on the block-list, unless that is for newcomers alone.
func (w *World) testAccessAtSignIn() {
	w.Helper()
	on, off := true, false
	signIn := func(u *invite.User) error {
		token := must(w.DB.CreateSignInToken(w.Context(), w.Instance, invite.NewSignInToken{UserID: u.ID, ExpiresInSeconds: 60}))(w.T)
		_, err := w.DB.SignInWithTicket(w.Context(), w.Instance, "", token.Ticket())
		return err
	}
	odd, thrown, blocked := w.user("ada+odd@example.com"), w.user("ada@mailinator.com"), w.user("later@late.example")
	must(w.DB.CreateListIdentifier(w.Context(), w.Instance, invite.NewListIdentifier{List: invite.Blocklist, Identifier: "*@late.example"}))(w.T)
	w.restrict(invite.RestrictionsChange{BlockSubaddresses: &on, BlockDisposableDomains: &on, Blocklist: &on})
	w.ok("signing in with a sub-address", signIn(odd))
	w.ok("signing in with an address to throw away", signIn(thrown))
	w.refused("signing in with a blocked address", signIn(blocked), invite.NotAllowed)
	w.restrict(invite.RestrictionsChange{ListsDisabledOnSignIn: &on})
	w.ok("signing in while the lists are for newcomers", signIn(blocked))
	w.restrict(invite.RestrictionsChange{BlockSubaddresses: &off, BlockDisposableDomains: &off, Blocklist: &off, ListsDisabledOnSignIn: &off})
}

func testAccess(w *World) {
	on, off := true, false
	kept := w.invite("kept@blocked.example")
	list := func(l invite.List, identifier string) *invite.ListIdentifier {
		w.Helper()
		return must(w.DB.CreateListIdentifier(w.Context(), w.Instance, invite.NewListIdentifier{List: l, Identifier: identifier}))(w.T)
	}
	invited := func(address string) error {
		_, err := w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, asking(address))
		return err
	}
	created := func(addresses ...string) error {
		_, err := w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{EmailAddresses: addresses})
		return err
	}
	list(invite.Blocklist, "*@blocked.example")
	entry := list(invite.Allowlist, "bob@example.com")
	w.ok("inviting while both lists are off", invited("early@blocked.example"))

	w.restrict(invite.RestrictionsChange{Blocklist: &on})
	w.unchanged("keeping out", func() {
		w.refused("inviting a blocked domain", invited("new@blocked.example"), invite.NotAllowed)
		w.refused("creating a blocked user", created("fine@example.com", "new@blocked.example"), invite.NotAllowed)
		w.refused("joining from a blocked domain", w.accept(kept), invite.NotAllowed)
		_, err := w.DB.CreateInvitations(w.Context(), w.Instance, w.Org.ID, []invite.NewInvitation{asking("fine@example.com"), asking("x@blocked.example")})
		w.refused("inviting a blocked domain in bulk", err, invite.NotAllowed)
		_, err = w.DB.CreateEmailAddress(w.Context(), w.Instance, invite.NewEmailAddress{UserID: w.Admin.ID, EmailAddress: "ada@blocked.example"})
		w.refused("giving a user a blocked address", err, invite.NotAllowed)
	})
	w.ok("inviting anybody else", invited("new@example.com"))

	w.restrict(invite.RestrictionsChange{Allowlist: &on})
	w.refused("inviting who is not on the list", invited("carol@example.com"), invite.NotAllowed)
	w.ok("inviting who is on the list", invited("bob@example.com"))
	list(invite.Allowlist, "kept@blocked.example")
	w.ok("joining from a blocked domain by an exception", w.accept(kept))
	w.ok("creating a user without an address", func() error {
		_, err := w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{Username: "nobody"})
		return err
	}())
	must(w.DB.DeleteListIdentifier(w.Context(), w.Instance, invite.Allowlist, entry.ID))(w.T)
	w.refused("creating a user who was taken off the list", created("bob@example.com"), invite.NotAllowed)
	_, err := w.DB.DeleteListIdentifier(w.Context(), w.Instance, invite.Allowlist, entry.ID)
	w.refused("taking off twice", err, invite.IdentifierNotListed)

	w.restrict(invite.RestrictionsChange{Allowlist: &off, Blocklist: &off})
	w.ok("inviting a blocked domain while the list is off", invited("new@blocked.example"))

	w.restrict(invite.RestrictionsChange{Allowlist: &on})
	notify := func(identifier string) (*invite.ListIdentifier, error) {
		return w.DB.CreateListIdentifier(w.Context(), w.Instance, invite.NewListIdentifier{List: invite.Allowlist, Identifier: identifier, Notify: true})
	}
	if l := must(notify("told@example.com"))(w.T); l.InvitationID == "" {
		w.Error("an address on the list was not invited")
	}
	if l := must(notify("*@told.example"))(w.T); l.InvitationID != "" {
		w.Error("a domain was invited")
	}
	w.unchanged("a refused invitation", func() {
		_, err := notify("ada@example.com")
		w.refused("inviting a user to the application", err, invite.IdentifierExists)
	})
	w.restrict(invite.RestrictionsChange{Allowlist: &off})

	w.testAccessAtSignIn()

	other, _ := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	if _, n, err := w.DB.ListIdentifiers(w.Context(), other, invite.Blocklist, invite.Page{Limit: 10}); n != 0 || err != nil {
		w.Errorf("another instance's list has %d identifiers (%v), want none", n, err)
	}
	var same sync.WaitGroup
	var made atomic.Int32
	for range 8 {
		same.Go(func() {
			_, err := w.DB.CreateListIdentifier(w.Context(), w.Instance, invite.NewListIdentifier{List: invite.Blocklist, Identifier: "one@example.com"})
			if err == nil {
				made.Add(1)
				return
			}
			w.refused("putting an address on a list twice", err, invite.IdentifierListed)
		})
	}
	same.Wait()
	if n := made.Load(); n != 1 {
		w.Errorf("%d callers put the same address on a list, want 1", n)
	}
}
