package mail

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"usher/internal/invite"
	"usher/internal/store"
)

// Courier turns a queued message into a mail and gets it on its way: to an SMTP
// server, or into the inbox when there is none.
type Courier struct {
	DB        *store.DB
	Keys      *invite.Keyring
	Templates *Templates
	PublicURL string // without a slash at its end
	// From is the sender of every mail.
	From Address
	// ReplyToInviter makes the inviter the one who gets answers.
	ReplyToInviter bool
	// SMTP is nil when mails are to be kept in the inbox.
	SMTP *SMTP
}

// draft is a mail in the making: all of it but its secret, which is a ticket or a code.
type draft struct {
	to       invite.Email
	envelope Envelope
	content  func(secret string) Content
	secret   string
	hidden   string // stands for the secret where the mail is told of
}

// Deliver sends or keeps the mail of one queued message and returns what may be
// told of it; nil when nothing was left to say: the invitation is not pending any
// more, or the code is good for nothing.
func (c *Courier) Deliver(ctx context.Context, m store.Message) (*invite.SentMail, error) {
	d, err := c.draft(ctx, m)
	if err != nil || d == nil {
		return nil, err
	}
	sent, err := c.told(m, d)
	if err != nil {
		return nil, err
	}
	if c.SMTP == nil {
		return sent, c.keep(ctx, m, d)
	}
	mail, err := c.Templates.Render(d.content(d.secret), d.envelope)
	if err != nil {
		return nil, err
	}
	if err := c.SMTP.Send(ctx, mail); err != nil {
		return nil, withoutSecret{err, d.secret}
	}
	return sent, nil
}

// draft reads what a message is about; nil when nothing is left to say.
func (c *Courier) draft(ctx context.Context, m store.Message) (*draft, error) {
	if m.CodeNumber > 0 {
		about, ok, err := c.DB.CodeMail(ctx, m)
		if err != nil || !ok {
			return nil, err
		}
		return c.codeDraft(m, about), nil
	}
	about, ok, err := c.DB.InvitationMail(ctx, m)
	if err != nil || !ok {
		return nil, err
	}
	return c.invitationDraft(m, about), nil
}

func (c *Courier) codeDraft(m store.Message, about store.CodeMail) *draft {
	code := Code{
		Template: about.Template, EmailAddress: about.To.Address, AppName: about.Instance.Name, Lifetime: invite.CodeLifetime,
	}
	return &draft{
		to: about.To, envelope: c.envelope(m), secret: c.Keys.Code(about.Code), hidden: "******",
		content: func(secret string) Content {
			code.Code = secret
			return code
		},
	}
}

// invitationDraft gathers what the mail of an invitation has to say.
func (c *Courier) invitationDraft(m store.Message, about store.InvitationMail) *draft {
	i := about.Invitation
	inv := Invitation{
		Template: i.Template, AppName: about.Instance.Name,
		RoleName: i.RoleName, EmailAddress: i.Email.Address, ExpiresAt: i.ExpiresAt.Time(),
		ExpiresInDays:  int((i.ExpiresAt.Time().Sub(i.CreatedAt.Time()) + 12*time.Hour) / (24 * time.Hour)),
		PublicMetadata: i.PublicMetadata,
	}
	if about.Organization != nil {
		inv.OrganizationName = about.Organization.Name
		if logo := about.Organization.LogoPath(); logo != "" {
			inv.OrganizationLogoURL = c.PublicURL + logo
		}
	}
	env := c.envelope(m)
	if p := i.Inviter; p != nil {
		inv.InviterName = p.Name()
		if strings.Contains(p.Identifier, "@") {
			inv.InviterEmail = p.Identifier
		}
		if c.ReplyToInviter && inv.InviterEmail != "" {
			env.ReplyTo = Address{Name: p.Name(), Address: inv.InviterEmail}
		}
	}
	return &draft{
		to: i.Email, envelope: env, secret: invite.TicketFor(i, invite.ByMail).Sign(c.Keys),
		content: func(secret string) Content {
			inv.ActionURL = c.PublicURL + invite.AcceptPath
			if secret != "" {
				inv.ActionURL += "?ticket=" + secret
			}
			return inv
		},
	}
}

func (c *Courier) envelope(m store.Message) Envelope {
	_, domain, _ := strings.Cut(c.From.Address, "@")
	return Envelope{ID: m.ID + "@" + domain, Date: m.CreatedAt.Time(), From: c.From}
}

// told renders the mail once more without its secret: whoever is told of a mail must
// not be able to use it.
func (c *Courier) told(m store.Message, d *draft) (*invite.SentMail, error) {
	content := d.content(d.hidden)
	mail, err := c.Templates.Render(content, d.envelope)
	if err != nil {
		return nil, err
	}
	variables, err := content.told()
	if err != nil {
		return nil, fmt.Errorf("encoding a mail's variables: %w", err)
	}
	from, _, _ := strings.Cut(mail.From.Address, "@")
	replyTo, _, _ := strings.Cut(mail.ReplyTo.Address, "@")
	return &invite.SentMail{
		ID: m.ID, Slug: content.slug(), From: from, ReplyTo: replyTo, To: mail.To, Subject: mail.Subject, Variables: variables,
	}, nil
}

// withoutSecret is a mail server's answer that is fit to be kept: what it quotes
// of the mail may hold the link or the code.
type withoutSecret struct {
	error
	secret string
}

// Error describes the failure with the secret left out.
func (e withoutSecret) Error() string {
	text := strings.ReplaceAll(e.error.Error(), e.secret, leftOut)
	if _, payload, ok := strings.Cut(e.secret, "."); ok { // folded or cut, but still the signed part
		text = strings.ReplaceAll(text, payload, leftOut)
	}
	return text
}

// Unwrap returns the failure itself, which knows whether it is permanent.
func (e withoutSecret) Unwrap() error { return e.error }

// leftOut stands in kept mail where the ticket or the code was. The database must
// hold neither; reading the mail puts it back.
const leftOut = "secret-is-put-in-when-read"

func (c *Courier) keep(ctx context.Context, m store.Message, d *draft) error {
	mail, err := c.Templates.Render(d.content(leftOut), d.envelope)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(mail)
	if err != nil {
		return fmt.Errorf("encoding a mail: %w", err)
	}
	return c.DB.KeepMail(ctx, m, d.to, raw)
}

// Letters returns a page of the mails kept for an instance, or for one address of
// it when to is not empty, the newest first.
func (c *Courier) Letters(ctx context.Context, instance, to string, page invite.Page) ([]invite.Letter, error) {
	kept, err := c.DB.Inbox(ctx, instance, to, page)
	if err != nil {
		return nil, err
	}
	letters := make([]invite.Letter, len(kept))
	for k, m := range kept {
		if letters[k], err = c.open(m); err != nil {
			return nil, err
		}
	}
	return letters, nil
}

// Letter returns one kept mail; ok is false when there is none.
func (c *Courier) Letter(ctx context.Context, instance, id string) (l invite.Letter, ok bool, err error) {
	m, ok, err := c.DB.InboxMessage(ctx, instance, id)
	if err != nil || !ok {
		return invite.Letter{}, false, err
	}
	l, err = c.open(m)
	return l, err == nil, err
}

// open puts the ticket or the code back into a kept mail.
func (c *Courier) open(m store.Mail) (invite.Letter, error) {
	var mail Message
	if err := json.Unmarshal(m.Message, &mail); err != nil {
		return invite.Letter{}, fmt.Errorf("reading kept mail %s: %w", m.ID, err)
	}
	code := ""
	secret := m.Invitation.Sign(c.Keys)
	if m.Code.Number > 0 {
		code = c.Keys.Code(m.Code)
		secret = code
	}
	for _, part := range []*string{&mail.Subject, &mail.HTML, &mail.Text, &mail.ActionURL} {
		*part = strings.ReplaceAll(*part, leftOut, secret)
	}
	source, err := mail.Source()
	if err != nil {
		return invite.Letter{}, fmt.Errorf("encoding kept mail %s: %w", m.ID, err)
	}
	l := invite.Letter{
		ID: m.ID, From: mail.From.Address, To: mail.To, Subject: mail.Subject, ReplyTo: mail.ReplyTo.Address,
		HTML: mail.HTML, Text: mail.Text, Link: mail.ActionURL, Code: code, Source: source, CreatedAt: m.CreatedAt,
	}
	return l, nil
}
