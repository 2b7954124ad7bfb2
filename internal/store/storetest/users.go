package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
	"usher/internal/store"
)

func testUserLife(w *World) {
	limit := 3
	made := must(w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{
		EmailAddresses: []string{"Grace@Example.com", "hopper@example.com"}, AddressStatuses: []string{"verified", "reserved"},
		Username: "Amazing_Grace", FirstName: "Grace", LastName: "Hopper", ExternalID: "g-1", Locale: "en-US", PasswordDigest: "argon2id:x",
		Banned: true, Locked: true, LegalAcceptedAt: 5, CreatedAt: 7,
		Settings: invite.UserSettingsChange{DeleteSelf: new(bool), OrganizationsLimit: new(&limit), BypassClientTrust: new(true)},
		Metadata: invite.MetadataChange{Unsafe: []byte(`{"a":1}`)},
	}))(w.T)
	now := invite.At(w.Clock.Now())
	want := &invite.User{
		ID: made.ID, ExternalID: "g-1", Username: "Amazing_Grace", FirstName: "Grace", LastName: "Hopper", Locale: "en-US",
		PrimaryEmailAddressID: made.EmailAddresses[0].ID, EmailAddresses: []invite.EmailAddress{
			{ID: made.EmailAddresses[0].ID, UserID: made.ID, Email: mail("grace@example.com"), Verified: invite.VerifiedByAdmin, CreatedAt: now, UpdatedAt: now},
			{ID: made.EmailAddresses[1].ID, UserID: made.ID, Email: mail("hopper@example.com"), Reserved: true, CreatedAt: now, UpdatedAt: now},
		},
		PublicMetadata: []byte("{}"), PrivateMetadata: []byte("{}"), UnsafeMetadata: []byte(`{"a":1}`),
		HasPassword: true, PasswordChangedAt: now, Banned: true, Lockout: invite.Lockout{Locked: true}, LegalAcceptedAt: 5, CreatedAt: 7, UpdatedAt: now,
		UserSettings: invite.UserSettings{CreateOrganizations: true, OrganizationsLimit: &limit, BypassClientTrust: true},
	}
	if diff := cmp.Diff(want, made); diff != "" {
		w.Errorf("created (-want +got):\n%s", diff)
	}
	read := must(w.DB.User(w.Context(), w.Instance, made.ID))(w.T)
	if diff := cmp.Diff(made, read); diff != "" {
		w.Errorf("read again (-created +read):\n%s", diff)
	}

	_, err := w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{Username: "amazing_grace"})
	w.refused("a username in another case", err, invite.IdentifierExists)
	_, err = w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{EmailAddresses: []string{"hopper@example.com"}})
	w.refused("a reserved address", err, invite.IdentifierExists)

	w.Clock.Add(time.Minute)
	var none *int
	changed := must(w.DB.UpdateUser(w.Context(), w.Instance, made.ID, invite.UserChange{
		Locale: new(""), LegalAcceptedAt: new(invite.Instant(0)), PasswordDigest: new("argon2id:y"),
		Settings: invite.UserSettingsChange{DeleteSelf: new(true), CreateOrganizations: new(bool), OrganizationsLimit: &none, BypassClientTrust: new(bool)},
	}))(w.T)
	want.Locale, want.LegalAcceptedAt = "", 0
	want.PasswordChangedAt, want.UpdatedAt = invite.At(w.Clock.Now()), invite.At(w.Clock.Now())
	want.UserSettings = invite.UserSettings{DeleteSelf: true}
	if diff := cmp.Diff(want, changed); diff != "" {
		w.Errorf("changed (-want +got):\n%s", diff)
	}
	read = must(w.DB.User(w.Context(), w.Instance, made.ID))(w.T)
	if diff := cmp.Diff(changed, read); diff != "" {
		w.Errorf("read again (-changed +read):\n%s", diff)
	}
	_, err = w.DB.UpdateUser(w.Context(), w.Instance, w.Admin.ID, invite.UserChange{Username: new("AMAZING_GRACE")})
	w.refused("taking a username in another case", err, invite.IdentifierExists)
}

func mail(address string) invite.Email {
	e, _ := invite.ParseEmail(address)
	return e
}

func testPasswords(w *World) {
	digest := func(user string) (string, error) { return w.DB.PasswordDigest(w.Context(), w.Instance, user) }
	_, err := digest("user_x")
	w.refused("an unknown user", err, invite.UserNotFound)
	_, err = digest(w.Admin.ID)
	w.refused("a user without a password", err, invite.NoPassword)

	w.unchanged("removing no password", func() {
		must(w.DB.RemovePassword(w.Context(), w.Instance, w.Admin.ID, false))(w.T)
	})
	must(w.DB.UpdateUser(w.Context(), w.Instance, w.Admin.ID, invite.UserChange{PasswordDigest: new("md5:old")}))(w.T)
	w.ok("refreshing what was changed meanwhile", w.DB.RefreshPassword(w.Context(), w.Instance, w.Admin.ID, "md5:older", "argon2id:wrong"))
	if got := must(digest(w.Admin.ID))(w.T); got != "md5:old" {
		w.Errorf("got digest %q, want the one that was set", got)
	}
	before := must(w.DB.User(w.Context(), w.Instance, w.Admin.ID))(w.T)
	w.Clock.Add(time.Minute)
	w.ok("refreshing", w.DB.RefreshPassword(w.Context(), w.Instance, w.Admin.ID, "md5:old", "argon2id:new"))
	if got := must(digest(w.Admin.ID))(w.T); got != "argon2id:new" {
		w.Errorf("got digest %q, want the fresh one", got)
	}
	if diff := cmp.Diff(before, must(w.DB.User(w.Context(), w.Instance, w.Admin.ID))(w.T)); diff != "" {
		w.Errorf("refreshing changed the user (-before +after):\n%s", diff)
	}
	gone := must(w.DB.RemovePassword(w.Context(), w.Instance, w.Admin.ID, false))(w.T)
	if gone.HasPassword || gone.PasswordChangedAt != invite.At(w.Clock.Now()) {
		w.Errorf("got password %v, changed at %d, want none, removed now", gone.HasPassword, gone.PasswordChangedAt)
	}
	_, err = digest(w.Admin.ID)
	w.refused("a user whose password was removed", err, invite.NoPassword)
	for _, event := range Rows(w.T, w.Raw, `SELECT data FROM events`) {
		if strings.Contains(event, "argon2id") || strings.Contains(event, "md5:") {
			w.Errorf("an event has a digest: %s", event)
		}
	}
}

func testBans(w *World) {
	bob, eve := w.user("bob@example.com"), w.user("eve@example.com")
	w.unchanged("banning with an unknown user among them", func() {
		_, err := w.DB.BanUsers(w.Context(), w.Instance, []string{bob.ID, "user_x"}, true)
		w.refused("banning", err, invite.UserNotFound)
	})
	list := must(w.DB.BanUsers(w.Context(), w.Instance, []string{eve.ID, bob.ID}, true))(w.T)
	if len(list) != 2 || list[0].ID != eve.ID || !list[0].Banned || !list[1].Banned {
		w.Errorf("got %+v, want Eve and Bob, banned", list)
	}
	w.unchanged("banning again", func() { must(w.DB.BanUsers(w.Context(), w.Instance, []string{eve.ID, bob.ID}, true))(w.T) })

	i := w.invite("bob@example.com")
	w.unchanged("joining while banned", func() { w.refused("joining", w.accept(i), invite.UserBanned) })
	must(w.DB.BanUsers(w.Context(), w.Instance, []string{bob.ID}, false))(w.T)
	if u := must(w.DB.LockUser(w.Context(), w.Instance, bob.ID, true))(w.T); !u.Locked {
		w.Error("the user is not locked")
	}
	w.unchanged("locking again", func() { must(w.DB.LockUser(w.Context(), w.Instance, bob.ID, true))(w.T) })
	w.refused("joining while locked", w.accept(i), invite.UserLocked)
	must(w.DB.LockUser(w.Context(), w.Instance, bob.ID, false))(w.T)
	w.ok("joining", w.accept(i))

	// A ban is seen at once where the person is shown.
	n := asking("new@example.com")
	n.InviterID = w.Admin.ID
	sent := must(w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, n))(w.T)
	must(w.DB.BanUsers(w.Context(), w.Instance, []string{w.Admin.ID}, true))(w.T)
	if read := must(w.DB.Invitation(w.Context(), w.Instance, w.Org.ID, sent.ID))(w.T); !read.Inviter.Banned {
		w.Error("the invitation shows its banned inviter as not banned")
	}
}

func testAddresses(w *World) {
	create := func(address string, verified, primary bool) (*invite.EmailAddress, error) {
		return w.DB.CreateEmailAddress(w.Context(), w.Instance, invite.NewEmailAddress{
			UserID: w.Admin.ID, EmailAddress: address, Verified: verified, Primary: primary,
		})
	}
	first := w.Admin.EmailAddresses[0].ID
	primary := func() string { return must(w.DB.User(w.Context(), w.Instance, w.Admin.ID))(w.T).PrimaryEmailAddressID }
	w.user("taken@example.com")
	_, err := create("taken@example.com", false, false)
	w.refused("somebody else's address", err, invite.IdentifierExists)
	_, err = create("ada@example.com", true, false)
	w.refused("the same address again", err, invite.IdentifierExists)
	_, err = create("loose@example.com", false, true)
	w.refused("an unverified primary one", err, invite.AddressUnverified)

	loose := must(create("loose@example.com", false, false))(w.T)
	if loose.Claimed() || primary() != first {
		w.Errorf("got %+v, primary %s; want an unverified address beside the primary %s", loose, primary(), first)
	}
	_, err = w.DB.DeleteEmailAddress(store.As(w.Context(), w.Admin.ID), w.Instance, first)
	w.refused("deleting the own last verified address", err, invite.LastIdentifier)
	_, err = create("loose@example.com", false, false)
	w.refused("the same unverified address again", err, invite.IdentifierExists)
	other := w.user("other@example.com")
	must(w.DB.CreateEmailAddress(w.Context(), w.Instance, invite.NewEmailAddress{UserID: other.ID, EmailAddress: "loose@example.com"}))(w.T)

	change := func(id string, verified, primary *bool) (*invite.EmailAddress, error) {
		return w.DB.UpdateEmailAddress(w.Context(), w.Instance, id, invite.EmailAddressChange{Verified: verified, Primary: primary})
	}
	_, err = change(loose.ID, nil, new(true))
	w.refused("making an unverified address primary", err, invite.AddressUnverified)
	got := must(change(loose.ID, new(true), new(true)))(w.T)
	if got.Verified != invite.VerifiedByAdmin || primary() != loose.ID {
		w.Errorf("got %+v, primary %s, want it verified and primary", got, primary())
	}
	theirs := must(w.DB.User(w.Context(), w.Instance, other.ID))(w.T).EmailAddresses[1]
	_, err = change(theirs.ID, new(true), nil)
	w.refused("verifying what another user has verified", err, invite.IdentifierExists)
	if diff := cmp.Diff(got, must(w.DB.EmailAddress(w.Context(), w.Instance, loose.ID))(w.T)); diff != "" {
		w.Errorf("read again (-changed +read):\n%s", diff)
	}
	_, err = change("idn_x", nil, nil)
	w.refused("an unknown address", err, invite.AddressNotFound)

	must(w.DB.DeleteEmailAddress(w.Context(), w.Instance, loose.ID))(w.T)
	if primary() != first {
		w.Errorf("got primary %s after the primary one was deleted, want %s", primary(), first)
	}
	_, err = w.DB.DeleteEmailAddress(w.Context(), w.Instance, first)
	w.refused("deleting the last identifier", err, invite.LastIdentifier)
	must(change(theirs.ID, new(true), nil))(w.T) // it is free again

	replaced := must(w.DB.ReplaceEmailAddress(w.Context(), w.Instance, w.Admin.ID, invite.EmailAddressReplacement{EmailAddress: "new@example.com", Status: "reserved"}))(w.T)
	u := must(w.DB.User(w.Context(), w.Instance, w.Admin.ID))(w.T)
	if diff := cmp.Diff([]invite.EmailAddress{*replaced}, u.EmailAddresses); diff != "" || !replaced.Reserved || u.PrimaryEmailAddressID != replaced.ID {
		w.Errorf("got user %+v, want the reserved primary address only:\n%s", u, diff)
	}
	w.unchanged("replacing by somebody else's", func() {
		_, err := w.DB.ReplaceEmailAddress(w.Context(), w.Instance, w.Admin.ID, invite.EmailAddressReplacement{EmailAddress: "taken@example.com"})
		w.refused("replacing", err, invite.IdentifierExists)
	})
}

// testReservedJoins redeems a ticket to an address that is reserved for a user:
// the ticket proves it.
func testReservedJoins(w *World) {
	u := must(w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{EmailAddresses: []string{"bob@example.com"}, AddressStatuses: []string{"reserved"}}))(w.T)
	must(w.DB.CreateEmailAddress(w.Context(), w.Instance, invite.NewEmailAddress{UserID: w.Admin.ID, EmailAddress: "loose@example.com"}))(w.T)
	i := w.invite("bob@example.com")
	if found := must(w.DB.InvitationByTicket(w.Context(), invite.TicketFor(i, invite.ByMail)))(w.T); !found.Known {
		w.Error("want the invitee to be sent to sign in, since nobody can sign up with the address")
	}
	w.ok("joining", w.accept(i))
	got := must(w.DB.User(w.Context(), w.Instance, u.ID))(w.T).EmailAddresses[0]
	if got.Verified != invite.VerifiedByTicket || got.Reserved {
		w.Errorf("got %+v, want the address verified by the ticket", got)
	}
	w.wantSeats(2, 0)
	w.ok("joining with an address that somebody else only claims", w.accept(w.invite("loose@example.com")))
	if n := must(w.DB.CountUsers(w.Context(), w.Instance, store.UserFilter{EmailAddresses: []string{"loose@example.com"}}))(w.T); n != 2 {
		w.Errorf("%d users have the address, want the newcomer and who claims it", n)
	}
}

// testAddressesEnroll moves the address by which a domain knows a user.
func testAddressesEnroll(w *World) {
	w.domains(invite.OrganizationSettingsChange{})
	acme := w.domain("acme.example", invite.AutomaticInvitation)
	bob := w.user("bob@other.example")
	add := func(address string, verified bool) *invite.EmailAddress {
		w.Helper()
		return must(w.DB.CreateEmailAddress(w.Context(), w.Instance, invite.NewEmailAddress{UserID: bob.ID, EmailAddress: address, Verified: verified}))(w.T)
	}
	a := add("bob@acme.example", false)
	w.pending(acme, 0, 0)
	verify := func(id string, verified bool) {
		w.Helper()
		must(w.DB.UpdateEmailAddress(w.Context(), w.Instance, id, invite.EmailAddressChange{Verified: &verified}))(w.T)
	}
	verify(a.ID, true)
	w.pending(acme, 1, 0)
	verify(a.ID, false)
	w.pending(acme, 0, 0)
	verify(a.ID, true)
	b := add("robert@acme.example", true)
	w.pending(acme, 1, 0)
	must(w.DB.DeleteEmailAddress(w.Context(), w.Instance, a.ID))(w.T)
	w.pending(acme, 1, 0) // by the other one
	must(w.DB.DeleteEmailAddress(w.Context(), w.Instance, b.ID))(w.T)
	w.pending(acme, 0, 0)
	must(w.DB.ReplaceEmailAddress(w.Context(), w.Instance, bob.ID, invite.EmailAddressReplacement{EmailAddress: "bob@acme.example"}))(w.T)
	w.pending(acme, 1, 0)
	must(w.DB.ReplaceEmailAddress(w.Context(), w.Instance, bob.ID, invite.EmailAddressReplacement{EmailAddress: "bob@acme.example", Status: "reserved"}))(w.T)
	w.pending(acme, 0, 0)
}

func testUserLists(w *World) {
	add := func(n invite.NewUser) *invite.User {
		w.Helper()
		w.Clock.Add(time.Second)
		return must(w.DB.CreateUser(w.Context(), w.Instance, n))(w.T)
	}
	zoe := add(invite.NewUser{Username: "zoe_z", FirstName: "Zoë", LastName: "Ümit", ExternalID: "z"})
	same := invite.At(w.Clock.Now().Add(time.Hour))
	carl := add(invite.NewUser{EmailAddresses: []string{"carl@example.com"}, FirstName: "carl", CreatedAt: same})
	bert := add(invite.NewUser{EmailAddresses: []string{"Bert@Example.com", "second@example.com"}, FirstName: "Bert", ExternalID: "b", CreatedAt: same, Banned: true})
	must(w.DB.CreateMembership(w.Context(), w.Instance, w.Org.ID, invite.NewMembership{UserID: carl.ID, Role: invite.RoleMember}))(w.T)
	names := map[string]string{w.Admin.ID: "ada", zoe.ID: "zoe", carl.ID: "carl", bert.ID: "bert"}
	list := func(f store.UserFilter) string {
		w.Helper()
		if f.OrderBy == "" {
			f.OrderBy = "created_at"
		}
		if f.Limit == 0 {
			f.Limit = 10
		}
		var got []string
		for _, u := range must(w.DB.Users(w.Context(), w.Instance, f))(w.T) {
			got = append(got, names[u.ID])
		}
		if f.StartingAfter == "" && f.Offset == 0 && f.Limit == 10 {
			if n := must(w.DB.CountUsers(w.Context(), w.Instance, f))(w.T); n != len(got) {
				w.Errorf("%+v: counted %d of %v", f, n, got)
			}
		}
		return strings.Join(got, " ")
	}
	start := w.Admin.CreatedAt
	for _, row := range []struct {
		what string
		f    store.UserFilter
		want string
	}{
		{"all, oldest first", store.UserFilter{}, "ada zoe carl bert"},
		{"all, newest first", store.UserFilter{Descending: true}, "bert carl zoe ada"},
		{"by first name", store.UserFilter{OrderBy: "first_name"}, "ada bert zoe carl"},
		{"by username", store.UserFilter{OrderBy: "username", Descending: true}, "zoe bert carl ada"},
		{"by address", store.UserFilter{OrderBy: "email_address"}, "zoe ada bert carl"},
		{"by what nobody has", store.UserFilter{OrderBy: "id", Descending: true}, "bert carl zoe ada"},
		{"by the last sign-in", store.UserFilter{OrderBy: "last_sign_in_at"}, "ada zoe carl bert"},
		{"after the first", store.UserFilter{StartingAfter: w.Admin.ID}, "zoe carl bert"},
		{"after one of the same instant", store.UserFilter{StartingAfter: carl.ID}, "bert"},
		{"after it, backwards", store.UserFilter{StartingAfter: bert.ID, Descending: true}, "carl zoe ada"},
		{"after the last", store.UserFilter{StartingAfter: bert.ID}, ""},
		{"ids", store.UserFilter{IDs: invite.Choice{Only: []string{zoe.ID, bert.ID, "user_x"}}}, "zoe bert"},
		{"not ids", store.UserFilter{IDs: invite.Choice{Except: []string{zoe.ID}}}, "ada carl bert"},
		{"ids and not", store.UserFilter{IDs: invite.Choice{Only: []string{zoe.ID, carl.ID}, Except: []string{zoe.ID}}}, "carl"},
		{"external ids", store.UserFilter{ExternalIDs: invite.Choice{Only: []string{"z"}}}, "zoe"},
		{"not external ids", store.UserFilter{ExternalIDs: invite.Choice{Except: []string{"z"}}}, "ada carl bert"},
		{"members", store.UserFilter{OrganizationIDs: invite.Choice{Only: []string{w.Org.ID}}}, "ada carl"},
		{"members of nothing", store.UserFilter{OrganizationIDs: invite.Choice{Only: []string{"org_x"}}}, ""},
		{"not members", store.UserFilter{OrganizationIDs: invite.Choice{Except: []string{w.Org.ID}}}, "zoe bert"},
		{"addresses", store.UserFilter{EmailAddresses: []string{"SECOND@example.com", "none@example.com"}}, "bert"},
		{"usernames", store.UserFilter{Usernames: []string{"ZOE_Z"}}, "zoe"},
		{"searching a name in another case", store.UserFilter{Query: "ZOË ÜM"}, "zoe"},
		{"searching an address", store.UserFilter{Query: "SECOND@"}, "bert"},
		{"searching an id", store.UserFilter{Query: strings.ToUpper(zoe.ID[10:])}, "zoe"},
		{"searching what LIKE would take for anything", store.UserFilter{Query: "%"}, ""},
		{"searching an underscore", store.UserFilter{UsernameQuery: "E_"}, "zoe"},
		{"searching addresses only", store.UserFilter{AddressQuery: "zo"}, ""},
		{"searching names only", store.UserFilter{NameQuery: "z_z"}, ""},
		{"banned", store.UserFilter{Banned: new(true)}, "bert"},
		{"not banned", store.UserFilter{Banned: new(false)}, "ada zoe carl"},
		{"created after", store.UserFilter{CreatedAt: store.Between{From: start + 1}}, "zoe carl bert"},
		{"created before", store.UserFilter{CreatedAt: store.Between{Until: same}}, "ada zoe"},
		{"active some time", store.UserFilter{LastActiveAt: store.Between{From: 1}}, ""},
		{"never active", store.UserFilter{LastActiveAt: store.Between{Until: same}}, ""},
		{"nobody", store.UserFilter{Nobody: true}, ""},
		{"one page", store.UserFilter{Page: invite.Page{Limit: 2, Offset: 1}}, "zoe carl"},
	} {
		if got := list(row.f); got != row.want {
			w.Errorf("%s: got %q, want %q", row.what, got, row.want)
		}
	}
	_, err := w.DB.Users(w.Context(), w.Instance, store.UserFilter{OrderBy: "created_at", StartingAfter: "user_x", Page: invite.Page{Limit: 1}})
	w.refused("after an unknown user", err, invite.ParamValue)
}

// testOneOwner lets many callers at once claim one username and one address in
// every way there is: one of them gets each.
func testOneOwner(w *World) {
	const callers = 8
	users := make([]*invite.User, callers)
	for i := range users {
		users[i] = w.user(fmt.Sprintf("user%d@example.com", i))
	}
	addresses := make([]*invite.EmailAddress, callers)
	for i, u := range users {
		addresses[i] = must(w.DB.CreateEmailAddress(w.Context(), w.Instance, invite.NewEmailAddress{UserID: u.ID, EmailAddress: "wanted@example.com"}))(w.T)
	}
	var named, verified atomic.Int32
	var group sync.WaitGroup
	for i, u := range users {
		group.Go(func() {
			if _, err := w.DB.UpdateUser(w.Context(), w.Instance, u.ID, invite.UserChange{Username: new([]string{"wanted", "WANTED"}[i%2])}); err == nil {
				named.Add(1)
			} else {
				w.refused("taking the name", err, invite.IdentifierExists)
			}
		})
		group.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = w.DB.UpdateEmailAddress(w.Context(), w.Instance, addresses[i].ID, invite.EmailAddressChange{Verified: new(true)})
			} else {
				_, err = w.DB.ReplaceEmailAddress(w.Context(), w.Instance, u.ID, invite.EmailAddressReplacement{EmailAddress: "wanted@example.com", Status: "reserved"})
			}
			if err == nil {
				verified.Add(1)
			} else {
				w.refused("claiming the address", err, invite.IdentifierExists)
			}
		})
	}
	group.Wait()
	if named.Load() != 1 || verified.Load() != 1 {
		w.Errorf("%d got the name and %d the address, want one each", named.Load(), verified.Load())
	}
}

// testUserTenants tries the key of one instance on the users of another.
func testUserTenants(w *World) {
	other, _ := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	address := w.Admin.EmailAddresses[0].ID
	w.unchanged("another tenant", func() {
		for what, err := range map[string]error{
			"ban":      second(w.DB.BanUsers(w.Context(), other, []string{w.Admin.ID}, true)),
			"lock":     second(w.DB.LockUser(w.Context(), other, w.Admin.ID, true)),
			"digest":   second(w.DB.PasswordDigest(w.Context(), other, w.Admin.ID)),
			"password": second(w.DB.RemovePassword(w.Context(), other, w.Admin.ID, false)),
			"add":      second(w.DB.CreateEmailAddress(w.Context(), other, invite.NewEmailAddress{UserID: w.Admin.ID, EmailAddress: "x@example.com"})),
			"replace":  second(w.DB.ReplaceEmailAddress(w.Context(), other, w.Admin.ID, invite.EmailAddressReplacement{EmailAddress: "x@example.com"})),
		} {
			w.refused(what, err, invite.UserNotFound)
		}
		for what, err := range map[string]error{
			"read":   second(w.DB.EmailAddress(w.Context(), other, address)),
			"change": second(w.DB.UpdateEmailAddress(w.Context(), other, address, invite.EmailAddressChange{})),
			"delete": second(w.DB.DeleteEmailAddress(w.Context(), other, address)),
		} {
			w.refused(what, err, invite.AddressNotFound)
		}
		w.ok("refreshing nothing", w.DB.RefreshPassword(w.Context(), other, w.Admin.ID, "", "argon2id:x"))
	})
	if users := must(w.DB.Users(w.Context(), other, store.UserFilter{Query: "ada", OrderBy: "created_at", Page: invite.Page{Limit: 1}}))(w.T); !slices.Equal(users, nil) {
		w.Errorf("the other tenant finds %v", users)
	}
	must(w.DB.CreateUser(w.Context(), other, invite.NewUser{EmailAddresses: []string{"ada@example.com"}}))(w.T)
}

func second[T any](_ T, err error) error { return err }
