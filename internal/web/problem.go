package web

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// What only the pages refuse.
const (
	ticketMissing invite.Kind = "ticket missing"
	declined      invite.Kind = "invitation declined" // the API calls it revoked
	signInExpired invite.Kind = "sign-in token expired"
	crossOrigin   invite.Kind = "form from another origin"
)

// problem is how a refusal reads: what happened, and what to do next. In the
// texts {organization}, {inviter}, {until} and {app} stand for what is known of
// the invitation.
//
// The status is 410 for an invitation that was good and is over, since it stays
// so; 400 for a link that never was one; 409 and 403 for what may still become
// possible.
type problem struct {
	status            int
	title, text, next string
	again             bool // the invitation can still be answered
	home              bool // the product's own page is where to go
}

var problems = map[invite.Kind]problem{
	invite.TicketExpired: {
		status: http.StatusGone, title: "This invitation has expired",
		text: "It could be accepted until {until}.",
		next: "Ask {inviter} for a new one.",
	},
	invite.InvitationRevoked: {
		status: http.StatusGone, title: "This invitation was withdrawn",
		text: "{organization} took it back before it was accepted, so the link no longer works.",
		next: "If you did not expect this, ask {inviter}.",
	},
	declined: {
		status: http.StatusGone, title: "This invitation was declined",
		text: "Nobody joined {organization} with it, and no account was created.",
		next: "Changed your mind? Ask {inviter} for a new invitation.",
	},
	invite.InvitationAccepted: {
		status: http.StatusGone, title: "This invitation has been used",
		text: "Somebody accepted it and joined {organization}. An invitation works once.",
		next: "If that was you, sign in to {app} with the address that was invited. If not, tell {inviter}.",
		home: true,
	},
	invite.ApplicationInvitationRevoked: {
		status: http.StatusGone, title: "This invitation was withdrawn",
		text: "{app} took it back before it was accepted, so the link no longer works.",
		next: "If you did not expect this, ask {inviter}.",
	},
	invite.ApplicationInvitationAccepted: {
		status: http.StatusGone, title: "This invitation has been used",
		text: "Somebody accepted it and has an account of {app}. An invitation works once.",
		next: "If that was you, sign in to {app} with the address that was invited. If not, tell {inviter}.",
		home: true,
	},
	invite.OrganizationDeleted: {
		status: http.StatusGone, title: "This organization no longer exists",
		text: "It was deleted after the invitation was sent, so there is nothing left to join.",
		next: "If you did not expect this, ask the person who invited you.",
	},
	invite.SignInTokenUsed: {
		status: http.StatusGone, title: "This link has been used",
		text: "Somebody signed in with it. Such a link works once.",
		next: "If that was not you, tell the people behind {app}. Otherwise ask for a new link.",
	},
	invite.SignInTokenRevoked: {
		status: http.StatusGone, title: "This link was withdrawn",
		text: "It was taken back before it was used, so nobody can sign in with it.",
		next: "Sign in to {app} in the way you usually do, or ask for a new link.",
	},
	signInExpired: {
		status: http.StatusGone, title: "This link has expired",
		text: "It was made to sign you in, and its time is over.",
		next: "Sign in to {app} in the way you usually do, or ask for a new link.",
	},
	invite.TicketInvalid: {
		status: http.StatusBadRequest, title: "This link does not work",
		text: "A part of it may be missing, a newer invitation may have replaced it, or another server may have made it.",
		next: "Open the link in the newest invitation mail again, or copy it whole. If that does not help, ask the person who invited you for a new one.",
	},
	ticketMissing: {
		status: http.StatusBadRequest, title: "This link is incomplete",
		text: "The part that says which invitation it belongs to is missing.",
		next: "Open the link in the invitation mail again, or copy it whole: it is longer than one line.",
	},
	invite.QuotaExceeded: {
		status: http.StatusConflict, title: "There is no room left",
		text: "{organization} has as many members as it may have. You were not added, and your invitation is kept.",
		next: "Ask {inviter} to make room, then accept again. You have until {until}.", again: true,
	},
	invite.MailboxUnproven: {
		status: http.StatusForbidden, title: "Please use the link in the mail",
		text: "This link reached you in another way, so it cannot show that the invited mailbox is yours. Nothing has changed.",
		next: "Open the invitation mail and accept from there. If you have no such mail, ask {inviter} to send one.", again: true,
	},
	invite.AlreadyMember: {
		status: http.StatusConflict, title: "You are a member already",
		text: "The invited person joined {organization} in another way. There is nothing left to accept.",
		next: "Sign in to {app} with the address that was invited.", home: true,
	},
	invite.NotAllowed: {
		status: http.StatusForbidden, title: "This address may not be used here",
		text: "{app} does not let people in with the invited address. You were not added.",
		next: "Ask {inviter} to invite you with another address.",
	},
	invite.OrganizationsDisabled: {
		status: http.StatusForbidden, title: "Nobody can join at the moment",
		text: "{app} has switched its organizations off. You were not added, and your invitation is kept.",
		next: "Ask {inviter} when this will work again. You have until {until}.", again: true,
	},
	invite.UserBanned: {
		status: http.StatusForbidden, title: "This account may not be used",
		text: "{app} has closed it, so it cannot join {organization}. Nothing has changed.",
		next: "If you think that is a mistake, ask the people who run {app}.",
	},
	invite.UserLocked: {
		status: http.StatusForbidden, title: "This account is locked",
		text: "Too many wrong passwords or codes were given for it, or {app} has locked it. Your invitation is kept.",
		next: "Accept again in an hour, or ask the people who run {app}. You have until {until}.", again: true,
	},
	invite.TooManyRequests: {
		status: http.StatusTooManyRequests, title: "That was tried too often",
		text: "Too many attempts that failed came from the network you are in. Nothing has changed.",
		next: "Wait a little, then try again.", again: true,
	},
	invite.ParamTooLong: {
		status: http.StatusUnprocessableEntity, title: "That name is too long",
		text: "A first or last name has room for 256 characters. Nothing has changed.",
		next: "Go back to the invitation and shorten it.", again: true,
	},
	crossOrigin: {
		status: http.StatusForbidden, title: "That came from another site",
		text: "To protect you, an invitation can only be answered on its own page. Nothing has changed.",
		next: "Open the link in the invitation mail, and answer there.",
	},
	clerk.BodyInvalid: {
		status: http.StatusBadRequest, title: "The answer did not arrive whole",
		text: "Something on the way changed the form. Nothing has changed here.",
		next: "Open the link in the invitation mail again, and answer there.",
	},
	clerk.BodyTooLarge: {
		status: http.StatusRequestEntityTooLarge, title: "That was too much",
		text: "The form is larger than this page accepts. Nothing has changed.",
		next: "Go back and shorten it.",
	},
	clerk.MethodNotAllowed: {
		status: http.StatusMethodNotAllowed, title: "This page cannot do that",
		text: "The request was of a kind that has no meaning here.",
		next: "Open the address in a browser.",
	},
	clerk.RouteNotFound: {
		status: http.StatusNotFound, title: "There is no page here",
		text: "The address may be mistyped, or only a part of it was copied.",
		next: "If a mail brought you here, open its link again, or copy it whole.",
	},
	invite.Unavailable: {
		status: http.StatusServiceUnavailable, title: "Please try again in a moment",
		text: "The server cannot reach its data right now. Nothing has changed, and no invitation is lost.",
		next: "Wait a few seconds, then reload the page.",
	},
	clerk.Internal: {
		status: http.StatusInternalServerError, title: "Something went wrong",
		text: "The fault is ours, and it is in the server's log.",
		next: "Try again in a moment. If it happens again, ask the people who run this server.",
	},
}

// problemOf returns what a person is told about err. The text of err itself is
// for the log.
func problemOf(err error) problem {
	kind := clerk.Internal
	if e, ok := errors.AsType[*invite.Error](err); ok {
		kind = e.Kind
	}
	if p, ok := problems[kind]; ok {
		return p
	}
	return problems[clerk.Internal]
}

type problemView struct {
	about
	Title, Text, Next string
	Again, Home       bool
}

func (p problem) view(a about) problemView {
	inviter := isolate(cmp.Or(a.Inviter, "the person who invited you"))
	if a.InviterIdentifier != "" {
		inviter += " (" + isolate(a.InviterIdentifier) + ")"
	}
	fill := strings.NewReplacer(
		"{organization}", isolate(cmp.Or(a.Organization, "The organization")),
		"{inviter}", inviter,
		"{app}", isolate(cmp.Or(a.App, "the application")),
		"{until}", cmp.Or(a.Until, "its end"),
	).Replace
	return problemView{
		about: a, Title: p.title, Text: fill(p.text), Next: fill(p.next),
		Again: p.again && a.Ticket != "", Home: p.home && a.HomeURL != "",
	}
}

// isolate keeps a name written from right to left from reordering the sentence
// around it (Unicode UAX #9, FSI and PDI).
func isolate(s string) string { return "\u2068" + s + "\u2069" }
