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

// Deliver sends or keeps the mail of one queued message and returns what may be
// told of it; nil when nothing was left to say: the invitation is not pending any
// more.
func (c *Courier) Deliver(ctx context.Context, m store.Message) (*invite.SentMail, error) {
	about, ok, err := c.DB.MailSubject(ctx, m)
	if err != nil || !ok {
		return nil, err
	}
	sent, err := c.told(m, about)
	if err != nil {
		return nil, err
	}
	if c.SMTP == nil {
		return sent, c.keep(ctx, m, about)
	}
	link := invite.TicketFor(about.Invitation, invite.ByMail).Link(c.PublicURL, c.Keys)
	mail, err := c.render(m, about, link)
	if err != nil {
		return nil, err
	}
	if err := c.SMTP.Send(ctx, mail); err != nil {
		return nil, withoutTicket{err, link}
	}
	return sent, nil
}

// told renders the mail once more without its ticket: whoever is told of a mail must
// not be able to use its link.
func (c *Courier) told(m store.Message, about store.MailSubject) (*invite.SentMail, error) {
	inv, env := c.compose(m, about, c.PublicURL+invite.AcceptPath)
	mail, err := c.Templates.Render(inv, env)
	if err != nil {
		return nil, err
	}
	variables, err := inv.told()
	if err != nil {
		return nil, fmt.Errorf("encoding a mail's variables: %w", err)
	}
	from, _, _ := strings.Cut(mail.From.Address, "@")
	replyTo, _, _ := strings.Cut(mail.ReplyTo.Address, "@")
	return &invite.SentMail{
		ID: m.ID, Slug: inv.slug(), From: from, ReplyTo: replyTo, To: mail.To, Subject: mail.Subject, Variables: variables,
	}, nil
}

// withoutTicket is a mail server's answer that is fit to be kept: what it quotes
// of the mail may hold the link.
type withoutTicket struct {
	error
	link string
}

// Error describes the failure with the ticket left out.
func (e withoutTicket) Error() string {
	_, ticket, _ := strings.Cut(e.link, "?ticket=")
	text := strings.ReplaceAll(e.error.Error(), ticket, leftOut)
	if _, payload, ok := strings.Cut(ticket, "."); ok { // folded or cut, but still the signed part
		text = strings.ReplaceAll(text, payload, leftOut)
	}
	return text
}

// Unwrap returns the failure itself, which knows whether it is permanent.
func (e withoutTicket) Unwrap() error { return e.error }

func (c *Courier) render(m store.Message, about store.MailSubject, link string) (Message, error) {
	return c.Templates.Render(c.compose(m, about, link))
}

// compose gathers what the mail has to say.
func (c *Courier) compose(m store.Message, about store.MailSubject, link string) (Invitation, Envelope) {
	i := about.Invitation
	inv := Invitation{
		Template: i.Template, ActionURL: link, AppName: about.Instance.Name,
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
	_, domain, _ := strings.Cut(c.From.Address, "@")
	env := Envelope{ID: m.ID + "@" + domain, Date: m.CreatedAt.Time(), From: c.From}
	if p := i.Inviter; p != nil {
		inv.InviterName = p.Name()
		if strings.Contains(p.Identifier, "@") {
			inv.InviterEmail = p.Identifier
		}
		if c.ReplyToInviter && inv.InviterEmail != "" {
			env.ReplyTo = Address{Name: p.Name(), Address: inv.InviterEmail}
		}
	}
	return inv, env
}

// leftOut stands in kept mail where the ticket was. The database must hold no
// ticket; reading the mail puts it back.
const leftOut = "ticket-is-put-in-when-read"

func (c *Courier) keep(ctx context.Context, m store.Message, about store.MailSubject) error {
	mail, err := c.render(m, about, c.PublicURL+invite.AcceptPath+"?ticket="+leftOut)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(mail)
	if err != nil {
		return fmt.Errorf("encoding a mail: %w", err)
	}
	return c.DB.KeepMail(ctx, m, about.Invitation.Email, raw)
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

// open puts the ticket back into a kept mail.
func (c *Courier) open(m store.Mail) (invite.Letter, error) {
	var mail Message
	if err := json.Unmarshal(m.Message, &mail); err != nil {
		return invite.Letter{}, fmt.Errorf("reading kept mail %s: %w", m.ID, err)
	}
	ticket := m.Invitation.Sign(c.Keys)
	for _, part := range []*string{&mail.HTML, &mail.Text, &mail.ActionURL} {
		*part = strings.ReplaceAll(*part, leftOut, ticket)
	}
	source, err := mail.Source()
	if err != nil {
		return invite.Letter{}, fmt.Errorf("encoding kept mail %s: %w", m.ID, err)
	}
	l := invite.Letter{
		ID: m.ID, From: mail.From.Address, To: mail.To, Subject: mail.Subject, ReplyTo: mail.ReplyTo.Address,
		HTML: mail.HTML, Text: mail.Text, Link: mail.ActionURL, Source: source, CreatedAt: m.CreatedAt,
	}
	return l, nil
}
