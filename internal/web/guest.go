package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/store"
)

// guest is somebody who is signed in, before one of our pages.
type guest struct {
	instance *invite.Instance
	client   *invite.Client
	session  *invite.Session
	user     *invite.User
}

// asking returns the context of an operation that the guest asks for.
func (g *guest) asking(r *http.Request) context.Context { return store.As(r.Context(), g.user.ID) }

// guest returns who is signed in in the browser; nil for nobody.
func (s *Server) guest(r *http.Request, in *invite.Instance) (*guest, error) {
	client, err := s.Browsers.Find(r, in)
	if err != nil || client.SignedIn() == nil {
		return nil, err
	}
	g := &guest{instance: in, client: client, session: client.SignedIn()}
	g.user, err = s.DB.User(r.Context(), in, g.session.UserID)
	return g, err
}

// forGuests adapts what only somebody who is signed in may see or do. Anybody else
// signs in first, and comes back to the page. A form must come from a page of ours.
func (s *Server) forGuests(h func(http.ResponseWriter, *http.Request, *guest) error) edge.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		back := r.URL.RequestURI()
		if r.Method == http.MethodPost {
			back = organizationPath
			if err := s.ownForm(r); err != nil {
				return err
			}
		}
		in, err := s.instance(r)
		if err != nil {
			return err
		}
		g, err := s.guest(r, in)
		if err != nil {
			return err
		}
		if g == nil {
			http.Redirect(w, r, "/sign-in?redirect_url="+url.QueryEscape(back), http.StatusSeeOther)
			return nil
		}
		return h(w, r, g)
	}
}

// frame is what the pages of a guest have in common.
type frame struct {
	App, HomeURL string
	Account      *badge
	Done         string // what the last form did; empty when there was none
	fault
}

func (s *Server) frame(r *http.Request, g *guest, f fault) frame {
	return frame{
		App: display(g.instance.Name), HomeURL: g.instance.HomeURL, Account: badgeOf(g.user.Person()),
		Done: notices[r.URL.Query().Get("done")], fault: f,
	}
}

// notices are what the pages say after a form, by the word in the address.
var notices = map[string]string{
	"invited": "The invitation is on its way.",
	"revoked": "The invitation was withdrawn.",
	"role":    "The role was changed.",
	"removed": "The member was removed.",
	"left":    "You have left the organization.",
	"created": "The organization is ready. Invite somebody.",
	"joined":  "You are a member now.",
}

// fault is what was wrong with what somebody gave; empty at first.
type fault struct {
	Problem string
	Field   string // of the form that it is about; empty for none of them
}

// Wrong reports whether the problem is about a field.
func (f fault) Wrong(field string) bool { return f.Problem != "" && f.Field == field }

// blame returns what a person who filled in a form with the given fields is told of
// a refusal, and reports false for one that no form can cause.
func blame(err error, fields ...string) (fault, bool) {
	e, ok := errors.AsType[*invite.Error](err)
	if !ok {
		return fault{}, false
	}
	b, ok := blames[e.Kind]
	for _, field := range append([]string{e.Param}, b.fields...) {
		if slices.Contains(fields, field) {
			return fault{b.text, field}, ok
		}
	}
	return fault{Problem: b.text}, ok
}

// perPage is how many lines a list shows.
const perPage = 50

// pager leads to the neighbours of a page of a list; empty where there is none.
type pager struct{ Previous, Next string }

// turn reads which page of a list the query asks for, by its number from 1.
func turn(r *http.Request, list string) (p invite.Page, turned func(total int) pager) {
	n, err := strconv.Atoi(r.URL.Query().Get(list))
	if err != nil || n < 1 || n > 1_000_000 {
		n = 1
	}
	p = invite.Page{Limit: perPage, Offset: (n - 1) * perPage}
	to := func(n int) string { return "?" + list + "=" + strconv.Itoa(n) }
	return p, func(total int) (out pager) {
		if n > 1 {
			out.Previous = to(n - 1)
		}
		if p.Offset+perPage < total {
			out.Next = to(n + 1)
		}
		return out
	}
}

// blames are the refusals that are told on the page of the form that caused them,
// each with the fields that it may be about.
var blames = map[invite.Kind]struct {
	text   string
	fields []string
}{
	invite.ParamMissing:     {text: "This is needed."},
	invite.ParamTooLong:     {text: "There is room for 256 characters."},
	invite.ParamEmailFormat: {text: "That is not an e-mail address."},
	invite.ParamValue:       {text: "That cannot be used: no web addresses, line breaks or angle brackets."},

	invite.AccountNotFound:    {"There is no account with this address or username.", []string{"identifier"}},
	invite.PasswordWrong:      {"That is not the password of this account.", []string{"password"}},
	invite.StrategyInvalid:    {"This account has no password. Use the link or the code in a mail instead.", []string{"password"}},
	invite.UserLocked:         {"This account is locked at the moment. Try again later.", []string{"identifier"}},
	invite.UserBanned:         {"This account may not be used.", []string{"identifier"}},
	invite.SessionExists:      {text: "Somebody is signed in here already. Sign out first."},
	invite.NotAllowed:         {"This address may not be used here.", []string{"identifier", "email_address"}},
	invite.TooManyRequests:    {text: "That was tried too often. Wait a little, then try again."},
	invite.PasswordTooShort:   {"A password needs at least 8 characters.", []string{"password"}},
	invite.PasswordTooLong:    {"That password is too long.", []string{"password"}},
	invite.IdentifierExists:   {"There is an account with this address already. Sign in instead.", []string{"email_address"}},
	invite.AccountInvited:     {"There is an account with the invited address already. Sign in instead.", []string{"email_address"}},
	invite.ApplicationAccount: {"There is an account with the invited address already. Sign in instead.", []string{"email_address"}},
	invite.CodeIncorrect:      {"That is not the code that was sent.", []string{"code"}},
	invite.CodeExpired:        {"This code is too old. Ask for another one.", []string{"code"}},
	invite.CodeFailed:         {"That was tried too often. Ask for another code.", []string{"code"}},
	invite.CodeMissing:        {"Ask for a code first.", []string{"code"}},

	invite.DuplicateInvitation:   {"This address has an invitation that is still open.", []string{"email_address"}},
	invite.AlreadyMember:         {"This person is a member already.", []string{"email_address"}},
	invite.QuotaExceeded:         {"There is no room for another member.", []string{"email_address"}},
	invite.RoleNotFound:          {text: "This role cannot be given here."},
	invite.MissingPermission:     {text: "You may not do that in this organization."},
	invite.LastAdmin:             {text: "Somebody has to be able to manage the members. Give another member such a role first."},
	invite.NotPending:            {text: "This invitation is over already."},
	invite.InvitationNotFound:    {text: "This invitation is gone."},
	invite.OwnInvitationNotFound: {text: "This invitation is gone."},
	invite.MembershipNotFound:    {text: "This person is no member any more."},
	invite.NotAMember:            {text: "You are no member of this organization any more."},
	invite.OrganizationNotFound:  {text: "You are no member of this organization any more."},
	invite.OrganizationsDisabled: {text: "Organizations are switched off at the moment."},
	invite.CreationDisabled:      {text: "You may not create organizations."},
	invite.CreationLimit:         {text: "You have created as many organizations as you may."},
}

// told returns the status with which a form is shown again.
func told(w http.ResponseWriter, r *http.Request, err error) int {
	edge.EventOf(r.Context()).Err = err
	e, _ := errors.AsType[*invite.Error](err)
	switch e.Kind {
	case invite.MissingPermission, invite.NotAMember:
		return http.StatusForbidden
	case invite.TooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(e.Limit)) // seconds
		return clerk.Status(clerk.ErrorsOf(err))
	default:
		return http.StatusUnprocessableEntity
	}
}
