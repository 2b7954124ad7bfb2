package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/internal/invite"
	"usher/internal/store"
)

// furnished is a world with something for every operation to act on.
type furnished struct {
	*World
	tables []string
	again  func() *store.DB // opens the same database once more

	bob, carol, dan, eve  *invite.User // a member, nobody, suggested to, who asks
	signed                *invite.User // has a password and is signed in
	pending, toCarol      *invite.Invitation
	toApp                 *invite.Invitation
	domain, manual        *invite.Domain
	news                  *invite.Domain // to be verified by the code of tests
	suggestion            string
	request               *invite.MembershipRequest
	permission            invite.Permission
	role, spare           invite.Role
	roleSet               *invite.RoleSet
	endpoint              *invite.Endpoint
	failed, sent          store.Message // to the endpoint: one that failed, one that is claimed
	mail                  store.Message // claimed
	address               invite.EmailAddress
	claimed               *invite.EmailAddress // has a code
	identifier            *invite.ListIdentifier
	redirect              *invite.RedirectURL
	other, quiet          *invite.Organization // no operation concerns the quiet one
	token                 *invite.SignInToken
	session               *invite.Session // of no browser
	visit                 *store.Visit    // of the signed-in browser
	signIn, mailed, reset *store.Visit    // attempts under way: of tests, with a mail, proven
	signUp, unproven      *store.Visit
	key                   string  // the id of a second secret key
	kept                  string  // the id of a mail in the inbox
	adminRole             string  // the role's id, the role set's key
	once                  *string // what a reading has said
}

const digest = "argon2id:x"

// Furnish puts rows into nearly every table of a world.
func Furnish(w *World) { furnish(w) }

// furnish puts something for every operation into a world.
func furnish(w *World) *furnished {
	ctx, f := w.Context(), &furnished{World: w}
	db := w.DB
	w.domains(invite.OrganizationSettingsChange{})
	w.ok("naming a host", db.UpdateInstance(ctx, w.Instance, invite.InstanceChange{FrontendHost: new("app.example")}))
	w.Instance = must(db.Instance(ctx, w.Instance.ID))(w.T)
	must(db.CreateKey(ctx, w.Instance))(w.T)
	f.key = must(db.Keys(ctx, w.Instance))(w.T)[1].ID

	f.bob = w.member("bob@example.com", invite.RoleMember)
	f.carol = w.user("carol@example.com")
	f.dan, f.eve = w.user("dan@acme.example"), w.user("eve@acme.example")
	f.domain = w.domain("acme.example", invite.AutomaticSuggestion)
	f.manual = must(db.CreateDomain(ctx, w.Instance, w.Org.ID, invite.NewDomain{Name: "manual.example"}))(w.T)
	f.news = must(db.CreateDomain(ctx, w.Instance, w.Org.ID, invite.NewDomain{Name: "news.example", Mode: string(invite.AutomaticInvitation)}))(w.T)
	must(db.SendAffiliationCode(ctx, w.Instance, w.Org.ID, f.news.ID, "ada+clerk_test@news.example"))(w.T)
	w.sweep(100)
	list, _, err := db.Suggestions(ctx, w.Instance, f.eve.ID, nil, tenPerPage)
	w.ok("reading suggestions", err)
	must(db.AcceptSuggestion(ctx, w.Instance, f.eve.ID, list[0].ID))(w.T)
	f.request = w.requests(invite.Pending)[0]
	list, _, err = db.Suggestions(ctx, w.Instance, f.dan.ID, nil, tenPerPage)
	w.ok("reading suggestions", err)
	f.suggestion = list[0].ID

	f.permission = must(db.CreatePermission(ctx, w.Instance, invite.NewPermission{Key: "org:bills:pay", Name: "Pay"}))(w.T)
	known, _ := must2(db.Roles(ctx, w.Instance, all))(w.T)
	f.adminRole = known[slices.IndexFunc(known, func(r invite.Role) bool { return r.Key == invite.RoleAdmin })].ID
	f.role, f.spare = w.role("org:guard", invite.MembershipsRead), w.role("org:spare")
	f.roleSet = w.roleSet("Special", invite.RoleMember, invite.RoleAdmin)
	f.other = must(db.CreateOrganization(ctx, w.Instance, invite.NewOrganization{Name: "Other", CreatedBy: w.Admin.ID, RoleSetKey: f.roleSet.Key}))(w.T)
	f.quiet = must(db.CreateOrganization(ctx, w.Instance, invite.NewOrganization{Name: "Quiet"}))(w.T)

	f.endpoint = must(db.CreateEndpoint(ctx, w.Instance, invite.NewEndpoint{URL: "https://example.com/hook"}))(w.T)
	must(db.CreateInvitation(ctx, w.Instance, w.Org.ID, invite.NewInvitation{EmailAddress: "soon@example.com", Role: invite.RoleMember, ExpiresInDays: 1}))(w.T)
	f.pending, f.toCarol = w.invite("new@example.com"), w.invite("carol@example.com")
	f.toApp = w.inviteToApp("app@example.com")
	mails, _ := must2(db.Claim(ctx, 100, time.Minute))(w.T)
	f.mail = mails[0]
	w.ok("keeping a mail", db.KeepMail(ctx, mails[1], f.pending.Email, json.RawMessage(`{}`)))
	w.ok("delivering", db.Delivered(ctx, mails[1], store.Receipt{}))
	f.kept = mails[1].ID
	line := db.Line(store.EndpointKey{InstanceID: w.Instance.ID, ID: f.endpoint.ID})
	posts := w.take(line, 2)
	f.failed, f.sent = posts[0], posts[1]
	w.ok("parking", db.Park(ctx, f.failed, "refused", store.Receipt{StatusCode: 500}))

	f.address = *must(db.CreateEmailAddress(ctx, w.Instance, invite.NewEmailAddress{UserID: f.bob.ID, EmailAddress: "bob2@example.com"}))(w.T)
	f.identifier = must(db.CreateListIdentifier(ctx, w.Instance, invite.NewListIdentifier{List: invite.Allowlist, Identifier: "*@listed.example"}))(w.T)
	f.redirect = must(db.CreateRedirectURL(ctx, w.Instance, "https://app.example/welcome"))(w.T)
	must(db.SetLogo(ctx, w.Instance, w.Org.ID, picture(1)))(w.T)
	f.token = w.signIn(f.bob.ID, w.Org.ID)
	f.session = w.openSession(w.Admin.ID)

	f.signed = must(db.CreateUser(ctx, w.Instance, invite.NewUser{EmailAddresses: []string{"frank+clerk_test@example.com"}, PasswordDigest: digest}))(w.T)
	f.visit = must(db.SignInWithPassword(ctx, w.Instance, "", "", "frank", f.signed.ID, digest))(w.T)
	f.claimed = must(db.CreateEmailAddress(ctx, w.Instance, invite.NewEmailAddress{UserID: f.signed.ID, EmailAddress: "frank2+clerk_test@example.com"}))(w.T)
	must(db.SendAddressCode(ctx, w.Instance, f.claimed.ID))(w.T)
	f.signIn = must(db.BeginSignIn(ctx, w.Instance, "", "frank+clerk_test@example.com", invite.ByEmailCode))(w.T)
	f.mailed = must(db.BeginSignIn(ctx, w.Instance, "", "bob@example.com", ""))(w.T)
	f.reset = must(db.BeginSignIn(ctx, w.Instance, "", "frank+clerk_test@example.com", invite.ByReset))(w.T)
	f.reset = must(db.SignInWithCode(ctx, w.Instance, f.reset.ClientID, f.reset.SignIn.ID, invite.ByReset, invite.TestCode))(w.T)
	f.signUp = must(db.SaveSignUp(ctx, w.Instance, "", "", invite.SignUpChange{EmailAddress: new("gina@example.com")}))(w.T)
	f.unproven = must(db.SaveSignUp(ctx, w.Instance, "", "", invite.SignUpChange{EmailAddress: new("hal+clerk_test@example.com"), PasswordDigest: digest}))(w.T)
	f.unproven = must(db.SendSignUpCode(ctx, w.Instance, f.unproven.ClientID, f.unproven.SignUp.ID))(w.T)
	_, _, err = db.Once(ctx, w.Instance, "old", "x", func(context.Context) ([]byte, error) { return []byte("{}"), nil })
	w.ok("keeping a key", err)
	return f
}

// just forgets what an operation returned besides its error.
func just[T any](_ T, err error) error { return err }

func just2[A, B any](_ A, _ B, err error) error { return err }

// aloneOnly are operations that no request carries out, in more than one transaction
// or before there is an instance.
var aloneOnly = []string{"Once", "SweepIdempotencyKeys"}

// harmless are methods that call no database, and Reserve, without which a server
// does not begin; Notice and Compact leave everything that is stored as it was.
var harmless = []string{"Close", "Compact", "EndpointsChanged", "Happened", "Line", "Notice", "Now", "Queued", "Received", "Reserve", "SchemaVersion", "StandbyReads", "Track"}

// operations are all operations, those that change something first.
var operations = slices.Concat([]operation{
	{name: "CreateInstance", run: func(ctx context.Context, f *furnished) error {
		return just2(f.DB.CreateInstance(ctx, invite.Instance{Environment: invite.Test, Name: "Another"}, ""))
	}},
	{name: "UpdateInstance", run: func(ctx context.Context, f *furnished) error {
		return f.DB.UpdateInstance(ctx, f.Instance, invite.InstanceChange{AllowedOrigins: &[]string{"https://app.example"}, SupportEmail: new("help@example.com")})
	}},
	{name: "Rekey", rekeys: true, run: func(ctx context.Context, f *furnished) error {
		keys, err := invite.NewKeyring(bytes.Repeat([]byte{2}, invite.MinMasterKey))
		if err != nil {
			return err
		}
		return f.DB.Rekey(ctx, keys)
	}},
	{name: "CreateKey", run: func(ctx context.Context, f *furnished) error { return just(f.DB.CreateKey(ctx, f.Instance)) }},
	{name: "AddKey", run: func(ctx context.Context, f *furnished) error { return f.DB.AddKey(ctx, f.Instance, "sk_test_another") }},
	{name: "RevokeKey", run: func(ctx context.Context, f *furnished) error { return just(f.DB.RevokeKey(ctx, f.Instance, f.key)) }},
	{name: "RotateSigningKey", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.RotateSigningKey(ctx, f.Instance, time.Hour))
	}},
	{name: "UpdateRestrictions", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.UpdateRestrictions(ctx, f.Instance, invite.RestrictionsChange{Blocklist: new(true)}))
	}},
	{name: "UpdateOrganizationSettings", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.UpdateOrganizationSettings(ctx, f.Instance, invite.OrganizationSettingsChange{CreatorRoleID: &f.adminRole, MaxAllowedMemberships: new(7)}))
	}},
	{name: "CreateListIdentifier", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateListIdentifier(ctx, f.Instance, invite.NewListIdentifier{List: invite.Allowlist, Identifier: "x@example.com", Notify: true}))
	}},
	{name: "DeleteListIdentifier", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.DeleteListIdentifier(ctx, f.Instance, invite.Allowlist, f.identifier.ID))
	}},
	{name: "CreateRedirectURL", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateRedirectURL(ctx, f.Instance, "https://app.example/other"))
	}},
	{name: "DeleteRedirectURL", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.DeleteRedirectURL(ctx, f.Instance, f.redirect.ID))
	}},

	{name: "CreatePermission", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreatePermission(ctx, f.Instance, invite.NewPermission{Key: "org:bills:read", Name: "Read"}))
	}},
	{name: "UpdatePermission", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.UpdatePermission(ctx, f.Instance, f.permission.ID, invite.PermissionChange{Name: new("Pay all")}))
	}},
	{name: "DeletePermission", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.DeletePermission(ctx, f.Instance, f.permission.ID))
	}},
	{name: "AssignPermission", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.AssignPermission(ctx, f.Instance, f.role.ID, f.permission.ID))
	}},
	{name: "RemovePermission", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.RemovePermission(ctx, f.Instance, f.role.ID, f.role.Permissions[0].ID))
	}},
	{name: "CreateRole", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateRole(ctx, f.Instance, invite.NewRole{Key: "org:new", Name: "New", Permissions: []string{f.permission.ID}}))
	}},
	{name: "UpdateRole", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.UpdateRole(ctx, f.Instance, f.role.ID, invite.RoleChange{Name: new("Other"), Permissions: &[]string{f.permission.ID}}))
	}},
	{name: "DeleteRole", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.DeleteRole(ctx, f.Instance, f.spare.ID))
	}},
	{name: "CreateRoleSet", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateRoleSet(ctx, f.Instance, invite.NewRoleSet{
			Name: "New", DefaultRoleKey: f.role.Key, CreatorRoleKey: invite.RoleAdmin, Roles: []string{f.role.Key, invite.RoleAdmin},
		}))
	}},
	{name: "UpdateRoleSet", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.UpdateRoleSet(ctx, f.Instance, f.roleSet.ID, invite.RoleSetChange{Name: new("Other"), DefaultRoleKey: new(invite.RoleAdmin)}))
	}},
	{name: "AddRoles", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.AddRoles(ctx, f.Instance, f.roleSet.ID, invite.RoleSetAddition{Roles: []string{f.role.Key}, DefaultRoleKey: &f.role.Key}))
	}},
	{name: "ReplaceRole", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ReplaceRole(ctx, f.Instance, f.roleSet.ID, invite.RoleMember, invite.RoleAdmin))
	}},
	{name: "ReplaceRoleSet", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ReplaceRoleSet(ctx, f.Instance, f.roleSet.ID, invite.DefaultRoleSet, nil))
	}},

	{name: "CreateOrganization", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateOrganization(ctx, f.Instance, invite.NewOrganization{Name: "New", CreatedBy: f.bob.ID}))
	}},
	{name: "UpdateOrganization", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.UpdateOrganization(ctx, f.Instance, f.Org.ID, invite.OrganizationChange{Name: new("Other"), MaxAllowedMemberships: new(50)}))
	}},
	{name: "DeleteOrganization", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.DeleteOrganization(ctx, f.Instance, f.Org.ID))
	}},
	{name: "SweepDeleted", first: (*furnished).deleteMany, run: func(ctx context.Context, f *furnished) error { return just(f.DB.SweepDeleted(ctx, 100)) }},
	{name: "SetLogo", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SetLogo(ctx, f.Instance, f.Org.ID, picture(2)))
	}},
	{name: "DeleteLogo", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.DeleteLogo(ctx, f.Instance, f.Org.ID))
	}},
	{name: "CreateDomain", run: func(ctx context.Context, f *furnished) error {
		n := invite.NewDomain{Name: "example.com", Mode: string(invite.AutomaticInvitation), Verified: true}
		return just(f.DB.CreateDomain(ctx, f.Instance, f.Org.ID, n))
	}},
	{name: "UpdateDomain", run: func(ctx context.Context, f *furnished) error {
		c := invite.DomainChange{Mode: new(string(invite.AutomaticInvitation)), DeletePending: true}
		return just(f.DB.UpdateDomain(ctx, f.Instance, f.Org.ID, f.domain.ID, c))
	}},
	{name: "ConfirmDomainOwnership", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ConfirmDomainOwnership(ctx, f.Instance, f.Org.ID, f.manual.ID))
	}},
	{name: "SendAffiliationCode", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SendAffiliationCode(ctx, f.Instance, f.Org.ID, f.manual.ID, "ada@manual.example"))
	}},
	{name: "VerifyAffiliation", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.VerifyAffiliation(ctx, f.Instance, f.Org.ID, f.news.ID, invite.TestCode))
	}},
	{name: "DeleteDomain", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.DeleteDomain(ctx, f.Instance, f.Org.ID, f.domain.ID))
	}},
	{name: "SweepEnrollments", first: (*furnished).enrollAgain, run: func(ctx context.Context, f *furnished) error { return just(f.DB.SweepEnrollments(ctx, 100)) }},
	{name: "AcceptSuggestion", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.AcceptSuggestion(ctx, f.Instance, f.dan.ID, f.suggestion))
	}},
	{name: "AcceptMembershipRequest", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.AcceptMembershipRequest(ctx, f.Instance, f.Org.ID, f.request.ID))
	}},
	{name: "RejectMembershipRequest", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.RejectMembershipRequest(ctx, f.Instance, f.Org.ID, f.request.ID))
	}},

	{name: "CreateUser", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateUser(ctx, f.Instance, invite.NewUser{EmailAddresses: []string{"x@acme.example", "y@example.com"}, Username: "x_and_y"}))
	}},
	{name: "UpdateUser", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.UpdateUser(ctx, f.Instance, f.signed.ID, invite.UserChange{FirstName: new("Frank"), PasswordDigest: new("argon2id:y"), SignOut: true}))
	}},
	{name: "DeleteUser", run: func(ctx context.Context, f *furnished) error { return just(f.DB.DeleteUser(ctx, f.Instance, f.bob.ID)) }},
	{name: "DeleteUser who asks", run: func(ctx context.Context, f *furnished) error { return just(f.DB.DeleteUser(ctx, f.Instance, f.eve.ID)) }},
	{name: "BanUsers", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.BanUsers(ctx, f.Instance, []string{f.bob.ID, f.signed.ID}, true))
	}},
	{name: "LockUser", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.LockUser(ctx, f.Instance, f.signed.ID, true))
	}},
	{name: "RefreshPassword", run: func(ctx context.Context, f *furnished) error {
		return f.DB.RefreshPassword(ctx, f.Instance, f.signed.ID, digest, "argon2id:z")
	}},
	{name: "RemovePassword", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.RemovePassword(ctx, f.Instance, f.signed.ID, true))
	}},
	{name: "ChangePassword", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ChangePassword(ctx, f.Instance, f.signed.ID, "", digest, "argon2id:y", true))
	}},
	{name: "CreateEmailAddress", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateEmailAddress(ctx, f.Instance, invite.NewEmailAddress{UserID: f.carol.ID, EmailAddress: "carol@acme.example", Verified: true, Primary: true}))
	}},
	{name: "UpdateEmailAddress", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.UpdateEmailAddress(ctx, f.Instance, f.address.ID, invite.EmailAddressChange{Verified: new(true), Primary: new(true)}))
	}},
	{name: "ReplaceEmailAddress", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ReplaceEmailAddress(ctx, f.Instance, f.bob.ID, invite.EmailAddressReplacement{EmailAddress: "bob3@example.com"}))
	}},
	{name: "SendAddressCode", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SendAddressCode(ctx, f.Instance, f.address.ID))
	}},
	{name: "VerifyEmailAddress", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.VerifyEmailAddress(ctx, f.Instance, f.claimed.ID, invite.TestCode))
	}},
	{name: "DeleteEmailAddress", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.DeleteEmailAddress(ctx, f.Instance, f.address.ID))
	}},

	{name: "CreateMembership", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateMembership(ctx, f.Instance, f.Org.ID, invite.NewMembership{UserID: f.carol.ID, Role: invite.RoleMember}))
	}},
	{name: "UpdateMembership", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.UpdateMembership(ctx, f.Instance, f.Org.ID, f.bob.ID, invite.RoleAdmin))
	}},
	{name: "UpdateMembershipMetadata", run: func(ctx context.Context, f *furnished) error {
		c := invite.MetadataChange{Public: json.RawMessage(`{"a":1}`)}
		return just(f.DB.UpdateMembershipMetadata(ctx, f.Instance, f.Org.ID, f.bob.ID, c))
	}},
	{name: "DeleteMembership", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.DeleteMembership(ctx, f.Instance, f.Org.ID, f.bob.ID))
	}},

	{name: "CreateInvitation", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateInvitation(ctx, f.Instance, f.Org.ID, asking("x@example.com")))
	}},
	{name: "CreateInvitations", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateInvitations(ctx, f.Instance, f.Org.ID, []invite.NewInvitation{asking("x@example.com"), asking("y@example.com")}))
	}},
	{name: "RevokeInvitation", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.RevokeInvitation(ctx, f.Instance, f.Org.ID, f.pending.ID, f.Admin.ID))
	}},
	{name: "AcceptInvitation", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.AcceptInvitation(ctx, invite.TicketFor(f.pending, invite.ByMail), invite.Joiner{FirstName: "New"}))
	}},
	{name: "AcceptInvitation of a user", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.AcceptInvitation(ctx, invite.TicketFor(f.toCarol, invite.ByMail), invite.Joiner{}))
	}},
	{name: "AcceptOwnInvitation", run: func(ctx context.Context, f *furnished) error {
		return just2(f.DB.AcceptOwnInvitation(ctx, f.Instance, f.carol.ID, f.toCarol.ID))
	}},
	{name: "DeclineInvitation", run: func(ctx context.Context, f *furnished) error {
		return f.DB.DeclineInvitation(ctx, invite.TicketFor(f.pending, invite.ByMail))
	}},
	{name: "SweepExpired", later: 2 * 24 * time.Hour, run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SweepExpired(ctx, 100))
	}},
	{name: "CreateApplicationInvitation", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateApplicationInvitation(ctx, f.Instance, asked("x@example.com")))
	}},
	{name: "CreateApplicationInvitations", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateApplicationInvitations(ctx, f.Instance, []invite.NewApplicationInvitation{asked("x@example.com"), asked("y@example.com")}))
	}},
	{name: "RevokeApplicationInvitation", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.RevokeApplicationInvitation(ctx, f.Instance, f.toApp.ID))
	}},
	{name: "AcceptApplicationInvitation", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.AcceptApplicationInvitation(ctx, invite.TicketFor(f.toApp, invite.ByMail), invite.Joiner{}))
	}},

	{name: "CreateSession", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateSession(ctx, f.Instance, f.bob.ID, f.Org.ID))
	}},
	{name: "RevokeSession", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.RevokeSession(ctx, f.Instance, f.session.ID))
	}},
	{name: "CreateSignInToken", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateSignInToken(ctx, f.Instance, invite.NewSignInToken{UserID: f.carol.ID, ExpiresInSeconds: 60}))
	}},
	{name: "RevokeSignInToken", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.RevokeSignInToken(ctx, f.Instance, f.token.ID))
	}},
	{name: "RedeemSignInToken", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.RedeemSignInToken(ctx, f.token.Ticket()))
	}},
	{name: "ForgetSignInTokens", later: 3 * 24 * time.Hour, run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ForgetSignInTokens(ctx, 100))
	}},

	{name: "CreateClient", run: func(ctx context.Context, f *furnished) error { return just(f.DB.CreateClient(ctx, f.Instance, "")) }},
	{name: "CloseClient", run: func(ctx context.Context, f *furnished) error {
		return f.DB.CloseClient(ctx, f.Instance, f.visit.ClientID, true)
	}},
	{name: "ForgetClients", later: invite.SessionLifetime + invite.SessionRetention, run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ForgetClients(ctx, 100))
	}},
	{name: "TouchSession", later: time.Hour, run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.TouchSession(ctx, f.Instance, f.visit.ClientID, f.visit.Session.ID, nil))
	}},
	{name: "CloseSession", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CloseSession(ctx, f.Instance, f.visit.ClientID, f.visit.Session.ID, invite.SessionRemoved))
	}},
	{name: "CountGuess", run: func(ctx context.Context, f *furnished) error { return f.DB.CountGuess(ctx, f.Instance, f.bob.ID) }},
	{name: "BeginSignIn", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.BeginSignIn(ctx, f.Instance, "", "bob@example.com", invite.ByEmailCode))
	}},
	{name: "SendSignInCode", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SendSignInCode(ctx, f.Instance, f.mailed.ClientID, f.mailed.SignIn.ID, invite.ByEmailCode, ""))
	}},
	{name: "SignInWithCode", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SignInWithCode(ctx, f.Instance, f.signIn.ClientID, f.signIn.SignIn.ID, invite.ByEmailCode, invite.TestCode))
	}},
	{name: "SignInWithPassword", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SignInWithPassword(ctx, f.Instance, "", "", "frank", f.signed.ID, digest))
	}},
	{name: "SignInWithTicket", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SignInWithTicket(ctx, f.Instance, "", invite.TicketFor(f.toCarol, invite.ByMail)))
	}},
	{name: "JoinWithTicket", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.JoinWithTicket(ctx, f.Instance, "", invite.TicketFor(f.pending, invite.ByMail), invite.Joiner{FirstName: "New"}))
	}},
	{name: "ResetPassword", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ResetPassword(ctx, f.Instance, f.reset.ClientID, f.reset.SignIn.ID, "argon2id:y", true))
	}},
	{name: "SaveSignUp", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SaveSignUp(ctx, f.Instance, "", "", invite.SignUpChange{EmailAddress: new("x@example.com")}))
	}},
	{name: "SaveSignUp with a ticket", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SaveSignUp(ctx, f.Instance, "", "", invite.SignUpChange{Ticket: new(invite.TicketFor(f.pending, invite.ByMail)), PasswordDigest: digest}))
	}},
	{name: "SendSignUpCode", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SendSignUpCode(ctx, f.Instance, f.signUp.ClientID, f.signUp.SignUp.ID))
	}},
	{name: "VerifySignUp", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.VerifySignUp(ctx, f.Instance, f.unproven.ClientID, f.unproven.SignUp.ID, invite.TestCode))
	}},

	{name: "Claim", run: func(ctx context.Context, f *furnished) error { return just2(f.DB.Claim(ctx, 100, time.Minute)) }, later: time.Hour},
	{name: "KeepMail", run: func(ctx context.Context, f *furnished) error {
		return f.DB.KeepMail(ctx, f.mail, f.pending.Email, json.RawMessage(`{}`))
	}},
	{name: "Delivered", run: func(ctx context.Context, f *furnished) error {
		return f.DB.Delivered(ctx, f.mail, store.Receipt{Mail: &invite.SentMail{ID: f.mail.ID, To: "x@example.com"}})
	}},
	{name: "Delivered to an endpoint", run: func(ctx context.Context, f *furnished) error {
		return f.DB.Delivered(ctx, f.sent, store.Receipt{StatusCode: 200})
	}},
	{name: "Drop", run: func(ctx context.Context, f *furnished) error { return f.DB.Drop(ctx, f.mail) }},
	{name: "Retry", run: func(ctx context.Context, f *furnished) error {
		return f.DB.Retry(ctx, f.sent, f.DB.Now().Add(time.Hour), "refused", store.Receipt{StatusCode: 500})
	}},
	{name: "Park", run: func(ctx context.Context, f *furnished) error {
		return f.DB.Park(ctx, f.mail, "refused", store.Receipt{})
	}},
	{name: "Park an event", run: func(ctx context.Context, f *furnished) error {
		return f.DB.Park(ctx, f.sent, "refused", store.Receipt{StatusCode: 500})
	}},
	{name: "Release", run: func(ctx context.Context, f *furnished) error { return f.DB.Release(ctx, f.mail) }},
	{name: "ReleaseLeases", run: func(ctx context.Context, f *furnished) error { return f.DB.ReleaseLeases(ctx) }},
	{name: "CreateEndpoint", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.CreateEndpoint(ctx, f.Instance, invite.NewEndpoint{URL: "https://example.com/other"}))
	}},
	{name: "UpdateEndpoint", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.UpdateEndpoint(ctx, f.Instance, f.endpoint.ID, invite.EndpointChange{Enabled: new(false)}))
	}},
	{name: "RotateSecret", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.RotateSecret(ctx, f.Instance, f.endpoint.ID, "", time.Hour))
	}},
	{name: "DeleteEndpoint", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.DeleteEndpoint(ctx, f.Instance, f.endpoint.ID))
	}},
	{name: "TestEndpoint", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.TestEndpoint(ctx, f.Instance, f.endpoint.ID))
	}},
	{name: "ReplayEvent", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ReplayEvent(ctx, f.Instance, f.endpoint.ID, f.failed.ID))
	}},
	{name: "ReplayFailed", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ReplayFailed(ctx, f.Instance, f.endpoint.ID))
	}},
	{name: "ReplaySince", run: func(ctx context.Context, f *furnished) error {
		return f.DB.ReplaySince(ctx, f.Instance, f.endpoint.ID, 0)
	}},
	{name: "Line.Claim", later: time.Hour, run: func(ctx context.Context, f *furnished) error {
		return just2(f.line().Claim(ctx, 10, time.Minute))
	}},
	{name: "Line.Claim of new events", run: func(ctx context.Context, f *furnished) error {
		return just2(f.line().Claim(ctx, 10, time.Minute))
	}},
	{name: "ForgetEvents", later: 24 * time.Hour, run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ForgetEvents(ctx, time.Hour, 1000))
	}},
	{name: "ForgetMails", later: 24 * time.Hour, run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ForgetMails(ctx, time.Hour, 1000))
	}},
	{name: "ForgetAddresses", later: 24 * time.Hour, run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.ForgetAddresses(ctx, time.Hour, 1000))
	}},
	{name: "Erase", run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.Erase(ctx, f.Instance, f.bob.EmailAddresses[0].Email, false))
	}},

	{name: "Once", run: func(ctx context.Context, f *furnished) error {
		return just2(f.DB.Once(ctx, f.Instance, "once", "request", func(ctx context.Context) ([]byte, error) {
			return []byte("{}"), just(f.DB.CreateInvitation(ctx, f.Instance, f.Org.ID, asking("x@example.com")))
		}))
	}},
	{name: "SweepIdempotencyKeys", later: 25 * time.Hour, run: func(ctx context.Context, f *furnished) error {
		return just(f.DB.SweepIdempotencyKeys(ctx, 100))
	}},
}, readings())

// deleteMany deletes an organization that is too large for one transaction.
func (f *furnished) deleteMany() {
	f.limit(0)
	for batch := range 101 {
		var news []invite.NewInvitation
		for k := range 10 {
			n := asking(fmt.Sprintf("m%dx%d@example.com", batch, k))
			n.Notify = false
			news = append(news, n)
		}
		must(f.DB.CreateInvitations(f.Context(), f.Instance, f.Org.ID, news))(f.T)
	}
	must(f.DB.DeleteOrganization(f.Context(), f.Instance, f.Org.ID))(f.T)
}

// enrollAgain switches domains off and on, so that each is looked at again.
func (f *furnished) enrollAgain() {
	f.domains(invite.OrganizationSettingsChange{DomainsEnabled: new(false)})
	f.domains(invite.OrganizationSettingsChange{})
}

// line returns the endpoint's line from where it is stored.
func (f *furnished) line() *store.Line {
	return f.DB.Line(store.EndpointKey{InstanceID: f.Instance.ID, ID: f.endpoint.ID})
}

// reading is an operation that changes nothing.
type reading struct {
	name string
	read func(context.Context, *furnished) (any, error)
}

// remembered are the readings that may be answered from memory, and what depends on
// it: what they say is compared after each fault.
var remembered = []reading{
	{"Authenticate", func(ctx context.Context, f *furnished) (any, error) { return f.DB.Authenticate(ctx, f.Key) }},
	{"Frontend", func(ctx context.Context, f *furnished) (any, error) { return f.DB.Frontend(ctx, "app.example") }},
	{"SigningKeys", func(ctx context.Context, f *furnished) (any, error) { return f.DB.SigningKeys(ctx, f.Instance) }},
	{"Roles", func(ctx context.Context, f *furnished) (any, error) { return pair(f.DB.Roles(ctx, f.Instance, all)) }},
	{"OrganizationRoles", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.OrganizationRoles(ctx, f.Instance, f.Org.ID, tenPerPage))
	}},
	{"Organization", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Organization(ctx, f.Instance, f.Org.ID)
	}},
	{"Page", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Page(f.Instance, f.Org.ID, "page", func() ([]byte, invite.Instant, error) {
			page, err := f.DB.Invitations(ctx, f.Instance, f.Org.ID, store.InvitationFilter{Page: tenPerPage})
			return fmt.Appendf(nil, "%d %s", page.Total, spelled(page.Invitations)), page.Until, err
		})
	}},
	{"Invitations", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Invitations(ctx, f.Instance, f.Org.ID, store.InvitationFilter{Page: tenPerPage})
	}},
	{"InstanceInvitations", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.InstanceInvitations(ctx, f.Instance, store.InvitationSearch{Page: tenPerPage})
	}},
	{"UserInvitations", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.UserInvitations(ctx, f.Instance, f.carol.ID, nil, tenPerPage)
	}},
	{"Memberships", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.Memberships(ctx, f.Instance, f.Org.ID, store.MembershipFilter{Page: tenPerPage}))
	}},
	{"Logo", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.Logo(ctx, f.Instance.ID, f.Org.ID, picture(1).Name))
	}},
}

// stored are the other readings.
var stored = []reading{
	{"Account", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Account(ctx, f.Instance, f.session.ID)
	}},
	{"ApplicationInvitations", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.ApplicationInvitations(ctx, f.Instance, store.ApplicationInvitationFilter{Page: tenPerPage})
	}},
	{"Client", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Client(ctx, f.Instance, f.visit.Token)
	}},
	{"ClientState", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.ClientState(ctx, f.Instance, f.visit.ClientID)
	}},
	{"CodeMail", func(ctx context.Context, f *furnished) (any, error) { return pair(f.DB.CodeMail(ctx, f.mail)) }},
	{"CountUsers", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.CountUsers(ctx, f.Instance, store.UserFilter{})
	}},
	{"Deliveries", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.Deliveries(ctx, f.Instance, f.endpoint.ID, store.DeliveryFilter{Limit: 10}))
	}},
	{"Delivery", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Delivery(ctx, f.Instance, f.endpoint.ID, f.failed.ID)
	}},
	{"Domain", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Domain(ctx, f.Instance, f.Org.ID, f.domain.ID)
	}},
	{"Domains", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.Domains(ctx, f.Instance, store.DomainFilter{OrderBy: "name", Page: tenPerPage}))
	}},
	{"EmailAddress", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.EmailAddress(ctx, f.Instance, f.address.ID)
	}},
	{"EnabledEndpoints", func(ctx context.Context, f *furnished) (any, error) { return f.DB.EnabledEndpoints(ctx) }},
	{"Endpoint", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Endpoint(ctx, f.Instance, f.endpoint.ID)
	}},
	{"Endpoints", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.Endpoints(ctx, f.Instance, tenPerPage))
	}},
	{"Snapshot", func(ctx context.Context, f *furnished) (any, error) {
		var events []invite.Event
		var members []*invite.Membership
		err := f.DB.Snapshot(ctx, func(ctx context.Context) (err error) {
			if events, _, err = f.DB.Events(ctx, f.Instance, store.EventFilter{Organization: f.Org.ID, Limit: 10}); err != nil {
				return err
			}
			members, _, err = f.DB.Memberships(ctx, f.Instance, f.Org.ID, store.MembershipFilter{Page: tenPerPage})
			return err
		})
		return []any{events, members}, err
	}},
	{"Events", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.Events(ctx, f.Instance, store.EventFilter{Limit: 10}))
	}},
	{"Grant", func(ctx context.Context, f *furnished) (any, error) { return f.DB.Grant(ctx, f.Instance, f.session.ID) }},
	{"GrantFor", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.GrantFor(ctx, f.Instance, f.session.ID, &f.Org.ID)
	}},
	{"Inbox", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Inbox(ctx, f.Instance.ID, "", tenPerPage)
	}},
	{"InboxMessage", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.InboxMessage(ctx, f.Instance.ID, f.kept))
	}},
	{"Instance", func(ctx context.Context, f *furnished) (any, error) { return f.DB.Instance(ctx, f.Instance.ID) }},
	{"InstanceMemberships", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.InstanceMemberships(ctx, f.Instance, store.MembershipFilter{Page: tenPerPage}))
	}},
	{"Instances", func(ctx context.Context, f *furnished) (any, error) { return f.DB.Instances(ctx) }},
	{"Invitation", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Invitation(ctx, f.Instance, f.Org.ID, f.pending.ID)
	}},
	{"InvitationByTicket", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.InvitationByTicket(ctx, invite.TicketFor(f.pending, invite.ByMail))
	}},
	{"InvitationMail", func(ctx context.Context, f *furnished) (any, error) { return pair(f.DB.InvitationMail(ctx, f.mail)) }},
	{"Keys", func(ctx context.Context, f *furnished) (any, error) { return f.DB.Keys(ctx, f.Instance) }},
	{"ListIdentifiers", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.ListIdentifiers(ctx, f.Instance, invite.Allowlist, tenPerPage))
	}},
	{"MembershipRequests", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.MembershipRequests(ctx, f.Instance, f.Org.ID, store.RequestFilter{Page: tenPerPage}))
	}},
	{"OrganizationDomains", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.OrganizationDomains(ctx, f.Instance, f.Org.ID, store.DomainFilter{OrderBy: "name", Page: tenPerPage}))
	}},
	{"OrganizationSettings", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.OrganizationSettings(ctx, f.Instance)
	}},
	{"Organizations", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.Organizations(ctx, f.Instance, store.OrganizationFilter{OrderBy: "name", Page: tenPerPage}))
	}},
	{"OutboxStats", func(ctx context.Context, f *furnished) (any, error) { return f.DB.OutboxStats(ctx) }},
	{"Parked", func(ctx context.Context, f *furnished) (any, error) { return f.DB.Parked(ctx, 10) }},
	{"PasswordDigest", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.PasswordDigest(ctx, f.Instance, f.signed.ID)
	}},
	{"Permission", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Permission(ctx, f.Instance, f.permission.ID)
	}},
	{"Permissions", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.Permissions(ctx, f.Instance, all))
	}},
	{"Ping", func(ctx context.Context, f *furnished) (any, error) { return nil, f.DB.Ping(ctx) }},
	{"Posting", func(ctx context.Context, f *furnished) (any, error) { return pair(f.DB.Posting(ctx, f.sent)) }},
	{"RedirectURL", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.RedirectURL(ctx, f.Instance, f.redirect.ID)
	}},
	{"RedirectURLs", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.RedirectURLs(ctx, f.Instance, tenPerPage))
	}},
	{"Role", func(ctx context.Context, f *furnished) (any, error) { return f.DB.Role(ctx, f.Instance, f.role.ID) }},
	{"RoleSet", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.RoleSet(ctx, f.Instance, f.roleSet.ID)
	}},
	{"RoleSets", func(ctx context.Context, f *furnished) (any, error) { return pair(f.DB.RoleSets(ctx, f.Instance, all)) }},
	{"Session", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Session(ctx, f.Instance, f.session.ID)
	}},
	{"Sessions", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.Sessions(ctx, f.Instance, store.SessionFilter{UserID: f.Admin.ID, Page: tenPerPage}))
	}},
	{"SignIn", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.SignIn(ctx, f.Instance, f.signIn.ClientID, f.signIn.SignIn.ID)
	}},
	{"SignInTokenByTicket", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.SignInTokenByTicket(ctx, f.token.Ticket())
	}},
	{"SignUp", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.SignUp(ctx, f.Instance, f.signUp.ClientID, f.signUp.SignUp.ID)
	}},
	{"Suggestions", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.Suggestions(ctx, f.Instance, f.dan.ID, nil, tenPerPage))
	}},
	{"User", func(ctx context.Context, f *furnished) (any, error) { return f.DB.User(ctx, f.Instance, f.bob.ID) }},
	{"UserByIdentifier", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.UserByIdentifier(ctx, f.Instance, "bob@example.com")
	}},
	{"UserMemberships", func(ctx context.Context, f *furnished) (any, error) {
		return pair(f.DB.UserMemberships(ctx, f.Instance, f.bob.ID, tenPerPage))
	}},
	{"Users", func(ctx context.Context, f *furnished) (any, error) {
		return f.DB.Users(ctx, f.Instance, store.UserFilter{OrderBy: "created_at", Page: tenPerPage})
	}},
}

func pair[A, B any](a A, b B, err error) (any, error) { return []any{a, b}, err }

// spelled returns a value as text that is the same for equal values.
func spelled(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// readings are operations that must read the same whenever they are not told of an
// error.
func readings() []operation {
	var list []operation
	for _, r := range slices.Concat(remembered, stored) {
		list = append(list, operation{name: r.name, reads: true, run: func(ctx context.Context, f *furnished) error {
			value, err := r.read(ctx, f)
			if err != nil {
				return err
			}
			if f.once == nil {
				f.once = new(spelled(value))
			} else if got := spelled(value); got != *f.once {
				return fmt.Errorf("read %s, and before %s", got, *f.once)
			}
			return nil
		}})
	}
	return list
}

// view returns what db says of all that may be remembered.
func (f *furnished) view(db *store.DB) string {
	f.Helper()
	g := *f
	w := *f.World
	w.DB = db
	g.World = &w
	var text strings.Builder
	for _, r := range remembered {
		value, err := r.read(f.Context(), &g)
		if err != nil && !errors.As(err, new(*invite.Error)) {
			f.Errorf("reading %s: %v", r.name, err)
		}
		if err != nil {
			value = err.Error()
		}
		fmt.Fprintf(&text, "%s: %s\n", r.name, spelled(value))
	}
	return text.String()
}
