package storetest

import (
	"errors"
	"sync"
	"time"

	"usher/internal/invite"
	"usher/internal/store"
)

// browse begins to sign the user in, or only visits without an address.
func (w *World) browse(in *invite.Instance, address string) (client, token string) {
	w.Helper()
	v := must(w.DB.CreateClient(w.Context(), in, ""))(w.T)
	if address != "" {
		must(w.DB.BeginSignIn(w.Context(), in, v.ClientID, address, ""))(w.T)
	}
	return v.ClientID, v.Token
}

func testForgottenBrowsers(w *World) {
	ctx := w.Context()
	other, _ := must2(w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	bob := w.member("bob@example.com", invite.RoleMember)
	_, idle := w.browse(w.Instance, "bob@example.com")
	used, kept := w.browse(w.Instance, "bob@example.com")
	_, theirs := w.browse(other, "")
	s := w.openSession(bob.ID)
	forget := func(limit, want int) {
		w.Helper()
		if n := must(w.DB.ForgetClients(ctx, limit))(w.T); n != want {
			w.Errorf("forgot %d, want %d", n, want)
		}
	}
	known := func(what string, in *invite.Instance, token string, want bool) {
		w.Helper()
		if got := must(w.DB.Client(ctx, in, token))(w.T) != nil; got != want {
			w.Errorf("%s: known is %t, want %t", what, got, want)
		}
	}

	w.Clock.Add(invite.SessionLifetime - time.Millisecond)
	forget(10, 0)
	must(w.DB.CreateClient(ctx, w.Instance, used))(w.T)
	w.Clock.Add(time.Millisecond)
	for _, want := range []int{1, 1, 0} { // the idle one, and that of the session
		forget(1, want)
	}
	known("idle", w.Instance, idle, false)
	known("used a moment ago", w.Instance, kept, true)
	known("another tenant's", other, theirs, false)

	w.Clock.Add(invite.SessionRetention - time.Millisecond)
	forget(10, 1) // the one that was used
	known("used long ago", w.Instance, kept, false)
	must(w.DB.Session(ctx, w.Instance, s.ID))(w.T)
	w.Clock.Add(time.Millisecond)
	forget(10, 1)
	_, err := w.DB.Session(ctx, w.Instance, s.ID)
	w.refused("a session that was forgotten", err, invite.SessionNotFound)

	w.limitSessions(invite.SessionLimits{Lifetime: 3 * invite.ClientTTL, Idle: 2 * invite.ClientTTL})
	v, _ := w.enter()
	w.Clock.Add(2*invite.ClientTTL - time.Millisecond)
	forget(10, 0)
	known("signed in", w.Instance, v.Token, true)
	w.Clock.Add(time.Millisecond)
	forget(10, 1)
	known("not signed in any more", w.Instance, v.Token, false)
}

// testTicketOfManyBrowsers has several browsers use one ticket, each several times.
func testTicketOfManyBrowsers(w *World) {
	bob, i := w.user("bob@example.com"), w.invite("bob@example.com")
	clients := make([]string, 5)
	for k := range clients {
		clients[k], _ = w.browse(w.Instance, "")
	}
	var mu sync.Mutex
	entered := make(map[string]string) // the session, by browser
	together(8*len(clients), func(k int) {
		client := clients[k%len(clients)]
		v, err := w.DB.SignInWithTicket(w.Context(), w.Instance, client, invite.TicketFor(i, invite.ByMail))
		if errors.Is(err, invite.Err(invite.InvitationAccepted)) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			w.Errorf("got %v, want success or %s", err, invite.InvitationAccepted)
		case entered[client] == "":
			entered[client] = v.Session.ID
		case entered[client] != v.Session.ID:
			w.Errorf("one browser got the sessions %s and %s", entered[client], v.Session.ID)
		}
	})
	if len(entered) != 1 {
		w.Errorf("%d browsers used the ticket, want 1", len(entered))
	}
	w.wantSeats(2, 0)
	w.wantSessions("after it", bob.ID, map[invite.SessionStatus]int{invite.SessionActive: 1})
	if n := w.happened()["organizationMembership.created"]; n != 2 {
		w.Errorf("told of %d memberships, want the admin's and one", n)
	}
}

// enter signs Frank in with a password in a browser of his own, whose former token
// it returns as well.
func (w *World) enter() (v *store.Visit, before string) {
	w.Helper()
	return w.enterAs("frank")
}

func (w *World) enterAs(name string) (v *store.Visit, before string) {
	w.Helper()
	u := must(w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{EmailAddresses: []string{name + "@example.com"}, PasswordDigest: digest}))(w.T)
	client, before := w.browse(w.Instance, "")
	return must(w.DB.SignInWithPassword(w.Context(), w.Instance, client, "", name, u.ID, digest))(w.T), before
}

func testBrowserTokens(w *World) {
	v, before := w.enter()
	if c := must(w.DB.Client(w.Context(), w.Instance, before))(w.T); c != nil {
		w.Errorf("the token of before opens %+v", c)
	}
	c := must(w.DB.Client(w.Context(), w.Instance, v.Token))(w.T)
	if c == nil || c.SignedIn() == nil || c.SignedIn().ID != v.Session.ID {
		w.Errorf("the new token opens %+v, want the browser with the session %s", c, v.Session.ID)
	}
	w.ok("signing out", w.DB.CloseClient(w.Context(), w.Instance, v.ClientID, true))
	if c := must(w.DB.Client(w.Context(), w.Instance, v.Token))(w.T); c != nil {
		w.Errorf("the token of a browser that asked to be forgotten opens %+v", c)
	}
}

func testBrowserLifetime(w *World) {
	v, _ := w.enter()
	signedIn := func(when string, want bool) {
		w.Helper()
		c := must(w.DB.Client(w.Context(), w.Instance, v.Token))(w.T)
		if got := c.SignedIn() != nil; got != want {
			w.Errorf("%s: signed in is %t, want %t", when, got, want)
		}
	}
	touch := func() error {
		_, err := w.DB.TouchSession(w.Context(), w.Instance, v.ClientID, v.Session.ID, nil)
		return err
	}
	w.Clock.Add(invite.SessionIdle - time.Millisecond)
	w.ok("using it before it is idle for too long", touch())
	w.Clock.Add(invite.SessionLifetime - invite.SessionIdle)
	signedIn("a moment before the end", true)
	w.ok("using it", touch())
	w.Clock.Add(time.Millisecond)
	signedIn("at the end", false)
	w.refused("using it", touch(), invite.SessionNotFound)

	v, _ = w.enterAs("grace")
	w.Clock.Add(invite.SessionIdle - time.Millisecond)
	signedIn("a moment before it is idle for too long", true)
	w.Clock.Add(time.Millisecond)
	signedIn("idle", false)
	w.refused("using it", touch(), invite.SessionNotFound)
	w.wantSessions("idle", v.Session.UserID, map[invite.SessionStatus]int{invite.SessionAbandoned: 1})
}

func testBrowserTenants(w *World) {
	ctx := w.Context()
	v, _ := w.enter()
	client, _ := w.browse(w.Instance, "")
	begun := must(w.DB.BeginSignIn(ctx, w.Instance, client, "ada@example.com", ""))(w.T)
	other, _ := must2(w.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	if c := must(w.DB.Client(ctx, other, v.Token))(w.T); c != nil {
		w.Errorf("another tenant's token opens %+v", c)
	}
	w.unchanged("another tenant", func() {
		_, err := w.DB.CreateClient(ctx, other, v.ClientID)
		w.refused("visiting", err, invite.SessionOver)
		_, err = w.DB.TouchSession(ctx, other, v.ClientID, v.Session.ID, nil)
		w.refused("using a session", err, invite.SessionNotFound)
		_, err = w.DB.CloseSession(ctx, other, v.ClientID, v.Session.ID, invite.SessionRemoved)
		w.refused("ending a session", err, invite.SessionNotFound)
		_, err = w.DB.SendSignInCode(ctx, other, client, begun.SignIn.ID, invite.ByEmailCode, "")
		w.refused("going on with a sign-in", err, invite.SignInNotFound)
		_, err = w.DB.SignInWithPassword(ctx, other, "", "", "frank", v.Session.UserID, digest)
		w.refused("signing in", err, invite.UserNotFound)
	})
}

func testRefusedBrowsers(w *World) {
	ctx := w.Context()
	client, _ := w.browse(w.Instance, "ada@example.com")
	w.user("bob@example.com")
	toBob, toNew := w.invite("bob@example.com"), w.invite("new@example.com")
	w.limit(1)
	w.unchanged("a refused browser", func() {
		_, err := w.DB.SignInWithPassword(ctx, w.Instance, "", "", "ada", w.Admin.ID, digest)
		w.refused("a password that was changed meanwhile", err, invite.PasswordWrong)
		_, err = w.DB.SignInWithTicket(ctx, w.Instance, client, invite.TicketFor(toBob, invite.ByMail))
		w.refused("a ticket without a seat", err, invite.QuotaExceeded)
		ticket := invite.TicketFor(toNew, invite.ByMail)
		_, err = w.DB.SaveSignUp(ctx, w.Instance, "", "", invite.SignUpChange{Ticket: &ticket, PasswordDigest: digest})
		w.refused("signing up without a seat", err, invite.QuotaExceeded)
	})
}

// testLockout guesses at a password and at codes until the user is locked.
func testLockout(w *World) {
	ctx, in := w.Context(), w.Instance
	bob := must(w.DB.CreateUser(ctx, in, invite.NewUser{EmailAddresses: []string{"bob+clerk_test@example.com"}, PasswordDigest: digest}))(w.T)
	guess := func(n int) {
		for range n {
			w.ok("a guess", w.DB.CountGuess(ctx, in, bob.ID))
		}
	}
	left := func(when string, want int) {
		w.Helper()
		if u := must(w.DB.User(ctx, in, bob.ID))(w.T); u.GuessesLeft(w.DB.Now()) != want {
			w.Errorf("%s: %d guesses are left, want %d", when, u.GuessesLeft(w.DB.Now()), want)
		}
	}
	enter := func() error {
		_, err := w.DB.SignInWithPassword(ctx, in, "", "", "bob", bob.ID, digest)
		return err
	}
	answer := func(strategy invite.Strategy, code string) error {
		v := must(w.DB.BeginSignIn(ctx, in, "", "bob+clerk_test@example.com", strategy))(w.T)
		_, err := w.DB.SignInWithCode(ctx, in, v.ClientID, v.SignIn.ID, strategy, code)
		return err
	}
	told := w.happened()["user.updated"]
	guess(50)
	left("after guesses", invite.MaxGuesses-50)
	w.ok("the right password", enter())
	left("after the right password", invite.MaxGuesses)

	guess(invite.MaxGuesses - 2)
	w.refused("a wrong code", answer(invite.ByEmailCode, "000000"), invite.CodeIncorrect)
	left("after all but one", 1)
	late := must(w.DB.BeginSignIn(ctx, in, "", "bob+clerk_test@example.com", invite.ByEmailCode))(w.T)
	w.refused("a wrong code to reset the password", answer(invite.ByReset, "000000"), invite.CodeIncorrect)
	left("after all", 0)
	if n := w.happened()["user.updated"] - told; n != 1 {
		w.Errorf("told of %d changes of the user, want the lock alone", n)
	}
	w.unchanged("who is locked", func() {
		w.refused("the right password", enter(), invite.UserLocked)
		_, err := w.DB.SignInWithCode(ctx, in, late.ClientID, late.SignIn.ID, invite.ByEmailCode, invite.TestCode)
		w.refused("the right code", err, invite.UserLocked)
		_, err = w.DB.BeginSignIn(ctx, in, "", "bob+clerk_test@example.com", invite.ByEmailCode)
		w.refused("another code", err, invite.UserLocked)
	})
	w.Clock.Add(invite.LockoutTime - time.Millisecond)
	w.refused("a moment before the end", enter(), invite.UserLocked)
	w.Clock.Add(time.Millisecond)
	left("at the end", invite.MaxGuesses)
	w.ok("at the end", enter())

	guess(invite.MaxGuesses)
	must(w.DB.LockUser(ctx, in, bob.ID, true))(w.T)
	w.Clock.Add(invite.LockoutTime)
	w.refused("what the application has locked, an hour later", enter(), invite.UserLocked)
	must(w.DB.LockUser(ctx, in, bob.ID, false))(w.T)
	w.ok("unlocked", enter())
	guess(invite.MaxGuesses)
	must(w.DB.LockUser(ctx, in, bob.ID, false))(w.T)
	left("unlocked before the end", invite.MaxGuesses)
}

func testGuessesAtOnce(w *World) {
	bob := w.user("bob@example.com")
	together(invite.MaxGuesses-1, func(int) {
		if err := w.DB.CountGuess(w.Context(), w.Instance, bob.ID); err != nil {
			w.Error(err)
		}
	})
	if u := must(w.DB.User(w.Context(), w.Instance, bob.ID))(w.T); u.GuessesLeft(w.DB.Now()) != 1 {
		w.Errorf("%d guesses are left, want 1", u.GuessesLeft(w.DB.Now()))
	}
	other, _ := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	w.refused("another tenant's guess", w.DB.CountGuess(w.Context(), other, bob.ID), invite.UserNotFound)
}
