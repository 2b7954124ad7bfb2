package mail

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"

	"usher/internal/invite"
)

// organizationTemplate is the mail of an invitation to an organization.
const organizationTemplate = "organization_invitation"

// slugs name the mails, in the contract's words.
var slugs = []string{
	organizationTemplate, invite.InvitationTemplate, invite.WaitlistTemplate,
	invite.VerificationCodeTemplate, invite.ResetCodeTemplate,
}

// The files of a mail, by what follows its slug.
const (
	htmlFile    = ".html"
	textFile    = ".txt"
	subjectFile = ".subject.txt"
)

// templateFiles returns the files of all mails.
func templateFiles() []string {
	var names []string
	for _, slug := range slugs {
		names = append(names, slug+htmlFile, slug+textFile, slug+subjectFile)
	}
	return names
}

//go:embed templates
var embedded embed.FS

// Templates renders the mails. It is safe for concurrent use.
type Templates struct{ mails map[string]*template }

// template is one mail.
type template struct {
	slug          string
	html          *htmltemplate.Template
	text, subject *texttemplate.Template
	metadata      [][]string // the paths below public_metadata that they show
}

// Content is what a mail has to say: an [Invitation] or a [Code].
type Content interface {
	slug() string    // of its template
	address() string // of the mailbox
	link() string    // empty without one
	check() error    // refuses what cannot be mailed
	// variables returns the data of its template. Every name exists, if with an empty value; of metadata there
	// is exactly what paths name.
	variables(paths [][]string) map[string]any
	// told returns the data as JSON, metadata whole.
	told() (json.RawMessage, error)
}

// Envelope is what a mail says about itself and its sender.
type Envelope struct {
	ID      string // Message-ID without angle brackets, see [Message]
	Date    time.Time
	From    Address
	ReplyTo Address // the inviter, or zero
}

// ParseTemplates returns the built-in templates, with those found in overrides in their place:
// organization_invitation.html, organization_invitation.txt and organization_invitation.subject.txt, in the
// syntax of [html/template] and [text/template], and those of the mails invitation and waitlist_invitation,
// which invite to the application, and verification_code and reset_password_code, which carry a code. A nil
// overrides has none.
//
// The variables are those of the contract, §6.7, and a few of usher's own:
//
//	.action_url                          the link
//	.app.name .app.domain_name .app.logo_image_url
//	.org.name .org.logo_image_url
//	.inviter.name .inviter.email_address both empty without an inviter; the name is the address if there is no other
//	.role.name
//	.invitation.email_address            the invited mailbox
//	.invitation.expires_in_days          a number
//	.invitation.expires_at               as in "22 December 2026, 14:05 UTC"
//	.invitation.public_metadata.KEY…     text, whatever it was in JSON; empty if it is missing. A key that is
//	                                     no Go name: index .invitation.public_metadata "team-name"
//
// Without an organization there is no .org, .inviter and .role. A mail with a code has, besides .app,
//
//	.otp_code                            the six digits
//	.email_address                       the mailbox
//	.expires_in_minutes                  a number
//
// Every template is checked and executed with samples, so that what can go wrong goes wrong now. The error
// names file and line.
func ParseTemplates(overrides fs.FS) (*Templates, error) {
	files, err := chooseFiles(overrides)
	if err != nil {
		return nil, fmt.Errorf("reading mail templates: %w", err)
	}
	t := &Templates{mails: make(map[string]*template)}
	var errs []error
	for _, slug := range slugs {
		mail, err := parseTemplate(slug, files)
		t.mails[slug] = mail
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return t, nil
}

// parseTemplate checks one mail, given the sources of all files by name.
func parseTemplate(slug string, files map[string]string) (*template, error) {
	html, text, subject := slug+htmlFile, slug+textFile, slug+subjectFile
	check := checker{known: samplesOf(slug)[0].variables(nil)}
	for _, name := range []string{html, text, subject} {
		check.file(name, files[name])
	}
	if check.errs != nil {
		return nil, inOperatorsWords(check.errs...)
	}
	t := &template{slug: slug, metadata: check.metadata}
	var htmlErr, textErr, subjectErr error
	t.html, htmlErr = htmltemplate.New(html).Option("missingkey=error").Parse(files[html])
	t.text, textErr = texttemplate.New(text).Option("missingkey=error").Parse(files[text])
	t.subject, subjectErr = texttemplate.New(subject).Option("missingkey=error").Parse(files[subject])
	if htmlErr != nil || textErr != nil || subjectErr != nil {
		return nil, inOperatorsWords(htmlErr, textErr, subjectErr)
	}
	if err := t.try(); err != nil {
		return nil, inOperatorsWords(err)
	}
	return t, nil
}

// chooseFiles returns the source of each template by file name.
func chooseFiles(overrides fs.FS) (map[string]string, error) {
	files := make(map[string]string)
	for _, name := range templateFiles() {
		source, err := fs.ReadFile(embedded, path.Join("templates", name))
		if err != nil {
			return nil, err
		}
		files[name] = string(source)
	}
	if overrides == nil {
		return files, nil
	}
	entries, err := fs.ReadDir(overrides, ".")
	if err != nil {
		return nil, err
	}
	found := false
	for _, entry := range entries {
		name := entry.Name()
		if ext := path.Ext(name); ext != ".html" && ext != ".txt" {
			continue
		}
		if !slices.Contains(templateFiles(), name) {
			return nil, fmt.Errorf("%s is none of %s", name, strings.Join(templateFiles(), ", "))
		}
		source, err := fs.ReadFile(overrides, name)
		if err != nil {
			return nil, err
		}
		files[name], found = string(source), true
	}
	if !found {
		return nil, fmt.Errorf("the folder has none of %s", strings.Join(templateFiles(), ", "))
	}
	return files, nil
}

// inOperatorsWords joins errors about templates, without the names of Go packages. Nil errors are left out.
func inOperatorsWords(errs ...error) error {
	var plain []error
	for _, err := range errs {
		if err == nil {
			continue
		}
		text := strings.TrimPrefix(err.Error(), "template: ")
		text = strings.TrimPrefix(text, "html/template:")
		plain = append(plain, errors.New("mail template "+text))
	}
	return errors.Join(plain...)
}

// Render makes a mail. Reply-To is left out if its address is none. It fails without a code, or if the
// action URL of an invitation is not an absolute http or https URL.
func (t *Templates) Render(c Content, env Envelope) (Message, error) {
	if err := c.check(); err != nil {
		return Message{}, fmt.Errorf("rendering a mail: %w", err)
	}
	msg := Message{
		ID:        env.ID,
		Date:      env.Date,
		From:      Address{Name: DisplayName(env.From.Name), Address: env.From.Address},
		ReplyTo:   Address{Name: DisplayName(env.ReplyTo.Name), Address: env.ReplyTo.Address},
		To:        c.address(),
		ActionURL: c.link(),
	}
	if _, err := msg.ReplyTo.wire(); err != nil {
		msg.ReplyTo = Address{}
	}
	mail := t.mails[c.slug()]
	if mail == nil {
		return Message{}, fmt.Errorf("rendering a mail: there is no template %q", c.slug())
	}
	if err := mail.execute(&msg, c.variables(mail.metadata)); err != nil {
		return Message{}, fmt.Errorf("rendering a mail: %w", err)
	}
	return msg, nil
}

// execute fills in what comes from the templates.
func (t *template) execute(msg *Message, variables map[string]any) error {
	for _, part := range []struct {
		part interface{ Execute(io.Writer, any) error }
		into *string
	}{{t.html, &msg.HTML}, {t.text, &msg.Text}, {t.subject, &msg.Subject}} {
		var b strings.Builder
		if err := part.part.Execute(&b, variables); err != nil {
			return err
		}
		*part.into = b.String()
	}
	msg.Subject = strings.Join(strings.Fields(msg.Subject), " ")
	return nil
}

const sampleTicket = "eyJzYW1wbGU"

// samples take between them every branch of a sensible template.
var samples = []Invitation{
	{
		ActionURL:           "https://app.example/v1/tickets/accept?ticket=" + sampleTicket,
		AppName:             "MyApp",
		AppDomain:           "app.example",
		AppLogoURL:          "https://app.example/logo.png",
		OrganizationName:    "Acme & Daughters",
		OrganizationLogoURL: "https://app.example/acme.png?a=1&b=2",
		InviterName:         "Ada Lovelace",
		InviterEmail:        "ada@acme.example",
		RoleName:            "Member",
		EmailAddress:        "grace@acme.example",
		ExpiresAt:           time.Date(2026, 12, 22, 14, 5, 0, 0, time.UTC),
		ExpiresInDays:       30,
	},
	{
		ActionURL:        "http://127.0.0.1:8080/v1/tickets/accept?ticket=" + sampleTicket,
		OrganizationName: `"><b>`,
		InviterEmail:     "ada@acme.example",
		ExpiresInDays:    1,
	},
	{ActionURL: "http://127.0.0.1:8080/v1/tickets/accept?ticket=" + sampleTicket},
}

const sampleCode = "073915"

// codeSamples do the same for mails with a code.
var codeSamples = []Code{
	{
		AppName: "MyApp", AppDomain: "app.example", AppLogoURL: "https://app.example/logo.png",
		Code: sampleCode, EmailAddress: "grace@acme.example", Lifetime: 10 * time.Minute,
	},
	{Code: sampleCode},
}

// samplesOf returns the samples of a mail.
func samplesOf(slug string) []Content {
	var list []Content
	if carriesCode(slug) {
		for _, c := range codeSamples {
			c.Template = slug
			list = append(list, c)
		}
		return list
	}
	for _, inv := range samples {
		inv.Template = slug
		list = append(list, inv)
	}
	return list
}

func carriesCode(slug string) bool {
	return slug == invite.VerificationCodeTemplate || slug == invite.ResetCodeTemplate
}

// try renders the samples and reports the first thing wrong with them.
func (t *template) try() error {
	essential, missing := sampleTicket, "the link, {{.action_url}}, is not in it"
	if carriesCode(t.slug) {
		essential, missing = sampleCode, "the code, {{.otp_code}}, is not in it"
	}
	for _, c := range samplesOf(t.slug) {
		for _, value := range []string{"", "text", `{"a":[1,"<b>"]}`} {
			variables := c.variables(nil)
			if invitation, ok := variables["invitation"].(map[string]any); ok {
				invitation["public_metadata"] = metadataText(t.metadata, func([]string) string { return value })
			}
			var msg Message
			err := t.execute(&msg, variables)
			switch {
			case err != nil:
				return err
			case !strings.Contains(msg.HTML, essential):
				return errors.New(t.slug + htmlFile + ": " + missing)
			case !strings.Contains(msg.Text, essential):
				return errors.New(t.slug + textFile + ": " + missing)
			case msg.Subject == "":
				return errors.New(t.slug + subjectFile + ": the subject is empty")
			}
		}
	}
	return nil
}
