package store

import (
	"context"
	"strings"

	"usher/internal/invite"
)

// InvitationMail is what a mail about an invitation has to say.
type InvitationMail struct {
	Ticketed
	Inviter *invite.User // nil without an inviter
}

// InvitationMail reads what the mail m about an invitation has to say. ok is false
// when nothing is left to say: the invitation is not pending any more, or gone.
func (db *DB) InvitationMail(ctx context.Context, m Message) (mail InvitationMail, ok bool, err error) {
	err = db.read(ctx, func(t *tx) error {
		i, err := t.eitherInvitation(m.InstanceID, m.OrganizationID, m.SubjectID)
		if err != nil {
			return err
		}
		found, err := t.ticketed(invite.TicketFor(i, invite.ByMail))
		if err != nil {
			return err
		}
		mail.Ticketed, ok = *found, i.StatusAt(t.now) == invite.Pending
		if i.Inviter != nil {
			mail.Inviter, err = t.user(m.InstanceID, i.InviterID)
		}
		return err
	})
	if isRefusal(err) {
		return InvitationMail{}, false, nil
	}
	return mail, ok, err
}

// CodeMail is what a mail about a code has to say.
type CodeMail struct {
	Instance *invite.Instance
	Code     invite.CodeSubject
	Template string // the mail
	To       invite.Email
}

// CodeMail reads what the mail m about a code has to say. ok is false when the code is
// good for nothing any more: what it was for is over, or another has replaced it.
func (db *DB) CodeMail(ctx context.Context, m Message) (mail CodeMail, ok bool, err error) {
	err = db.read(ctx, func(t *tx) error {
		mail = CodeMail{Code: invite.CodeSubject{InstanceID: m.InstanceID, ID: m.SubjectID, Number: m.CodeNumber}}
		if mail.Instance, err = t.instance(m.InstanceID); err != nil {
			return err
		}
		code, err := t.mailedCode(m, &mail)
		ok = err == nil && mail.To.Key != "" && code.Number == m.CodeNumber && code.Usable(t.now) == nil
		return err
	})
	return mail, ok, err
}

// mailedCode returns the newest code of what m is about, and notes for whom it is; the
// zero Code when that is over.
func (t *tx) mailedCode(m Message, mail *CodeMail) (invite.Code, error) {
	mail.Template = invite.VerificationCodeTemplate
	if strings.HasPrefix(m.SubjectID, signUpID) {
		s, err := t.signUpByID(m.InstanceID, m.SubjectID)
		if err != nil || s == nil {
			return invite.Code{}, err
		}
		mail.To = s.Email
		return s.Code, nil
	}
	if strings.HasPrefix(m.SubjectID, emailAddressID) {
		a, err := t.address(m.InstanceID, m.SubjectID)
		mail.To = a.Email
		return a.Code, err
	}
	if strings.HasPrefix(m.SubjectID, domainID) {
		d, err := t.domain(m.InstanceID, m.OrganizationID, m.SubjectID)
		if err != nil {
			return invite.Code{}, err
		}
		mail.To = d.Affiliation
		return d.Code, nil
	}
	s, err := t.signInByID(m.InstanceID, m.SubjectID)
	if err != nil || s == nil {
		return invite.Code{}, err
	}
	if s.Strategy == invite.ByReset {
		mail.Template = invite.ResetCodeTemplate
	}
	mail.To = s.Mailbox()
	return s.Code, nil
}

// sendCode queues the mail with a code. An address that tests use gets none.
func (t *tx) sendCode(in *invite.Instance, to invite.Email, s Subject) error {
	if in.Pretends(to) {
		return nil
	}
	return t.enqueue(in.ID, s)
}

// codeOf returns the code that was sent to the address.
func (t *tx) codeOf(in *invite.Instance, to invite.Email, subject string, c invite.Code) string {
	if in.Pretends(to) {
		return invite.TestCode
	}
	return t.db.opts.Keys.Code(invite.CodeSubject{InstanceID: in.ID, ID: subject, Number: c.Number})
}
