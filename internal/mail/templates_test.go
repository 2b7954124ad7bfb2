package mail_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/mail"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

var now = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

var envelope = mail.Envelope{
	ID:      "msg_2abc@invites.example",
	Date:    now,
	From:    mail.Address{Name: "MyApp", Address: "invitations@myapp.example"},
	ReplyTo: mail.Address{Name: "Ada Lovelace", Address: "ada@acme.example"},
}

// invitation is one with everything in it.
func invitation() mail.Invitation {
	return mail.Invitation{
		ActionURL:           "https://invites.example/v1/tickets/accept?ticket=eyJhbGciOiJIUzI1NiJ9.e30.c2ln-_",
		AppName:             "MyApp",
		AppDomain:           "myapp.example",
		AppLogoURL:          "https://myapp.example/logo.png",
		OrganizationName:    "Acme & Daughters",
		OrganizationLogoURL: "https://myapp.example/acme.png",
		InviterName:         "Ada Lovelace",
		InviterEmail:        "ada@acme.example",
		RoleName:            "Member",
		EmailAddress:        "grace@hopper.example",
		ExpiresAt:           time.Date(2026, 12, 22, 15, 5, 59, 0, time.FixedZone("CET", 3600)),
		ExpiresInDays:       30,
		PublicMetadata:      json.RawMessage(`{"team":"Compilers"}`),
	}
}

func TestBuiltInTemplates(t *testing.T) {
	full := invitation()

	plain := invitation()
	plain.AppLogoURL, plain.OrganizationLogoURL = "", ""

	nobody := plain
	nobody.InviterName, nobody.InviterEmail = "", ""
	nobody.ExpiresInDays = 1

	nameless := plain
	nameless.InviterName = ""

	hostile := plain
	hostile.InviterName = "Ada</h1>\r\nBcc: all@evil.example\u202e https://evil.example/login"
	hostile.InviterEmail = `"go to https://evil.example"@acme.example`
	hostile.OrganizationName = `<a href="https://evil.example">Acme</a> www.evil.example evil.example/x`
	hostile.AppName = "{{.action_url}}" + strings.Repeat("very ", 40) + "long"
	hostile.AppDomain = "myapp.example/../evil"
	hostile.AppLogoURL = "javascript:alert(1)"
	hostile.RoleName = "<script>alert(1)</script>"
	hostile.EmailAddress = `"see evil.example/x"@hopper.example`

	bare := mail.Invitation{ActionURL: full.ActionURL, EmailAddress: "grace@hopper.example"}

	application, waitlist, bareApplication := full, plain, bare
	application.Template, waitlist.Template, bareApplication.Template = "invitation", "waitlist_invitation", "invitation"

	for name, inv := range map[string]mail.Invitation{
		"to the application": application, "from the waitlist": waitlist, "to the application, a link": bareApplication,
		"full": full, "without logos": plain, "without inviter": nobody, "inviter without name": nameless,
		"hostile names": hostile, "nothing but a link": bare,
	} {
		t.Run(name, func(t *testing.T) {
			msg := render(t, nil, inv)
			for part, text := range map[string]string{"HTML": msg.HTML, "text": msg.Text} {
				if got := strings.Count(text, inv.ActionURL); got != 1 {
					t.Errorf("the %s part carries the link %d times, want once", part, got)
				}
				if !strings.Contains(text, "nothing happens until you accept") {
					t.Errorf("the %s part does not calm somebody who did not expect it", part)
				}
			}
			file := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-"))
			golden(t, file+".html", msg.HTML)
			golden(t, file+".txt", "Subject: "+msg.Subject+"\n\n"+msg.Text)
		})
	}
}

func TestHostileNamesBringNoLink(t *testing.T) {
	inv := invitation()
	inv.AppLogoURL, inv.OrganizationLogoURL = "", ""
	inv.InviterName = "Click https://evil.example/a now"
	inv.InviterEmail = `"https://evil.example"@acme.example`
	inv.OrganizationName = "evil.example/b www.evil.example <a href=//evil.example>"
	inv.RoleName = "mailto:me@evil.example"
	inv.AppName = "ftp://evil.example"
	msg := render(t, nil, inv)
	for part, text := range map[string]string{"subject": msg.Subject, "HTML": msg.HTML, "text": msg.Text} {
		if strings.Contains(text, "evil.example") {
			t.Errorf("the %s part names evil.example:\n%s", part, text)
		}
	}
	if got := strings.Count(msg.HTML, "<a "); got != 1 {
		t.Errorf("the HTML part has %d links, want 1", got)
	}
}

func TestRenderAddressesTheMail(t *testing.T) {
	env := envelope
	env.ReplyTo.Name = "Ada\r\nBcc: x@evil.example"
	templates, err := mail.ParseTemplates(nil)
	if err != nil {
		t.Fatal(err)
	}
	inv := invitation()
	msg, err := templates.Render(inv, env)
	if err != nil {
		t.Fatal(err)
	}
	msg.HTML, msg.Text = "", ""
	want := mail.Message{
		ID: env.ID, Date: env.Date,
		From:      mail.Address{Name: "MyApp", Address: "invitations@myapp.example"},
		ReplyTo:   mail.Address{Name: "Ada Bcc:", Address: "ada@acme.example"},
		To:        "grace@hopper.example",
		Subject:   "Ada Lovelace invited you to Acme & Daughters on MyApp",
		ActionURL: inv.ActionURL,
	}
	if diff := cmp.Diff(want, msg); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}

	env.ReplyTo.Address = "nobody"
	if msg, err = templates.Render(inv, env); err != nil || msg.ReplyTo != (mail.Address{}) {
		t.Errorf("Render with a broken Reply-To gave %v, %v, want none", msg.ReplyTo, err)
	}
}

func TestRenderNeedsALink(t *testing.T) {
	templates, err := mail.ParseTemplates(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"", "/v1/tickets/accept?ticket=s3cret", "javascript:s3cret", "https:s3cret", "ftp://x/s3cret", "https://x/%s3cret"} {
		inv := invitation()
		inv.ActionURL = link
		_, err := templates.Render(inv, envelope)
		if err == nil {
			t.Errorf("Render with link %q succeeded", link)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Render with link %q repeats it: %v", link, err)
		}
	}
}

func TestMessageAsJSON(t *testing.T) {
	msg := render(t, nil, invitation())
	encoded, err := json.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	var got mail.Message
	if err := json.Unmarshal(encoded, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(msg, got); diff != "" {
		t.Errorf("message after JSON (-want +got):\n%s", diff)
	}
	if want := `{"id":"msg_2abc@invites.example","date":"2026-01-02T03:04:05.678Z","from":{"name":"MyApp","address":"invitations@myapp.example"},"reply_to":{`; !strings.HasPrefix(string(encoded), want) {
		t.Errorf("JSON begins\n%.200s\nwant\n%s", encoded, want)
	}
}

func TestOverriddenTemplates(t *testing.T) {
	folder := fstest.MapFS{
		"organization_invitation.html": file(`<a href="{{.action_url}}">{{.org.name}} {{.app.name}} {{.app.domain_name}}</a>` +
			`<img src="{{.app.logo_image_url}}"><img src="{{.org.logo_image_url}}">` +
			`{{with .invitation}}{{.expires_in_days}} {{.expires_at}} {{.public_metadata.team}}{{end}} {{$.invitation.public_metadata.a.b}}`),
		"organization_invitation.subject.txt": file("{{.inviter.name}}\n  as {{.role.name}}\n"),
		"README.md":                           file("{{"),
	}
	inv := invitation()
	inv.OrganizationName = "<Acme>"
	msg := render(t, folder, inv)
	want := `<a href="https://invites.example/v1/tickets/accept?ticket=eyJhbGciOiJIUzI1NiJ9.e30.c2ln-_">&lt;Acme&gt; MyApp myapp.example</a>` +
		`<img src="https://myapp.example/logo.png"><img src="https://myapp.example/acme.png">` +
		`30 22 December 2026, 14:05 UTC Compilers `
	if diff := cmp.Diff(want, msg.HTML); diff != "" {
		t.Errorf("HTML (-want +got):\n%s", diff)
	}
	if want := "Ada Lovelace as Member"; msg.Subject != want {
		t.Errorf("subject is %q, want %q", msg.Subject, want)
	}
	if !strings.HasPrefix(msg.Text, "Ada Lovelace (ada@acme.example) invited you to join <Acme> on MyApp.\n") {
		t.Errorf("the text part is not the built-in one:\n%s", msg.Text)
	}
}

// Whatever an API caller puts into the metadata, a template that was accepted at start renders.
func TestMetadataIsText(t *testing.T) {
	folder := fstest.MapFS{"organization_invitation.txt": file(`{{.action_url}}` +
		`{{with .invitation}}{{if eq .public_metadata.plan "pro"}} pro{{end}}{{end}} ` +
		`[{{.invitation.public_metadata.team.name}}] [{{index $.invitation.public_metadata "cost-centre"}}]`)}
	for _, row := range []struct{ name, metadata, want string }{
		{"text", `{"plan":"pro","team":{"name":"Compilers"},"cost-centre":"4711"}`, " pro [Compilers] [4711]"},
		{"numbers as written", `{"plan":1,"team":{"name":12345678901234567890},"cost-centre":1e3}`, " [12345678901234567890] [1e3]"},
		{"booleans and null", `{"plan":null,"team":{"name":true},"cost-centre":null}`, " [true] []"},
		{"lists and objects", `{"plan":["pro"],"team":{"name":{"a":1}},"cost-centre":[1, 2]}`, ` [{"a":1}] [[1, 2]]`},
		{"text where an object is expected", `{"team":"Compilers"}`, " [] []"},
		{"nothing", ``, " [] []"},
		{"null", `null`, " [] []"},
		{"no object", `[1]`, " [] []"},
		{"a link in it", `{"team":{"name":"see https://evil.example/x and evil.example"},"cost-centre":"a\nb"}`, " [see and evil example] [a b]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inv := invitation()
			inv.PublicMetadata = json.RawMessage(row.metadata)
			got := strings.TrimPrefix(render(t, folder, inv).Text, inv.ActionURL)
			if got != row.want {
				t.Errorf("metadata %s shows as %q, want %q", row.metadata, got, row.want)
			}
		})
	}
}

func TestEachMailHasItsOwnTemplates(t *testing.T) {
	folder := fstest.MapFS{"invitation.subject.txt": file("Welcome to {{.app.name}}")}
	for slug, want := range map[string]string{
		"": "Ada Lovelace invited you to Acme & Daughters on MyApp", "invitation": "Welcome to MyApp", "waitlist_invitation": "You can join MyApp now",
	} {
		inv := invitation()
		inv.Template = slug
		if got := render(t, folder, inv).Subject; got != want {
			t.Errorf("template %q: got subject %q, want %q", slug, got, want)
		}
	}
}

func TestMistakesInTemplatesAreFoundAtStart(t *testing.T) {
	const html, text, subject = "organization_invitation.html", "organization_invitation.txt", "organization_invitation.subject.txt"
	for _, row := range []struct {
		name, file, source string
		want               string
	}{
		{"unknown variable", text, "{{.action_url}}\n{{.organisation.name}}", text + ":2:15: usher has no variable {{.organisation.name}}"},
		{"unknown field", html, "{{.action_url}}\n\n<p>{{.org.title}}", html + ":3:9: usher has no variable {{.org.title}}"},
		{"unknown variable in a branch no sample takes", text, `{{.action_url}}{{if eq .role.name "Owner"}}{{.org.id}}{{end}}`, text + ":1:49: usher has no variable {{.org.id}}"},
		{"unknown variable by $", text, "{{.action_url}}{{with .app}}{{$.nmae}}{{end}}", text + ":1:31: usher has no variable {{.nmae}}"},
		{"unknown variable in an argument", text, `{{.action_url}}{{printf "%s" (len .nmae)}}`, text + ":1:34: usher has no variable {{.nmae}}"},
		{"unknown variable within with", text, "{{.action_url}}{{with .app}}{{.nmae}}{{end}}", text + `:1:30: executing "` + text + `" at <.nmae>: map has no entry for key "nmae"`},
		{"unknown variable in a define", text, `{{.action_url}}{{define "x"}}{{.nmae}}{{end}}{{template "x" .}}`, text + `:1:31: executing "x" at <.nmae>: map has no entry for key "nmae"`},
		{"unknown function", text, "{{.action_url}}\n{{upper .org.name}}", text + `:2: function "upper" not defined`},
		{"an organization where there is none", "invitation.txt", "{{.action_url}} {{.org.name}}", "invitation.txt:1:22: usher has no variable {{.org.name}}"},
		{"no link from the waitlist", "waitlist_invitation.html", "Welcome", "waitlist_invitation.html: the link, {{.action_url}}, is not in it"},
		{"syntax", html, "{{.action_url}}\n{{if .org.name}}", html + ":2: unexpected EOF"},
		{"handlebars", html, "{{action_url}}", html + `:1: function "action_url" not defined`},
		{"broken HTML", html, "{{.action_url}}\n<a href='{{.org.name}}>", html + ": ends in a non-text context"},
		{"no link in the text", text, "Welcome", text + ": the link, {{.action_url}}, is not in it"},
		{"no link in the HTML without an inviter", html, "{{if .inviter.name}}{{.action_url}}{{end}}", html + ": the link, {{.action_url}}, is not in it"},
		{"empty subject", subject, "{{.inviter.name}}\n", subject + ": the subject is empty"},
		{"all metadata", text, "{{.action_url}}{{.invitation.public_metadata}}", text + ":1:28: name a key of public_metadata, as in {{.invitation.public_metadata.team}}"},
		{"keys below text", text, "{{.action_url}}{{with .invitation.public_metadata.a}}{{$.invitation.public_metadata.a.b}}{{end}}", text + ":1:56: public_metadata.a is shown as text and has keys below it: name the keys only"},
		{"an unknown file", "organisation_invitation.html", "", "organisation_invitation.html is none of organization_invitation.html, "},
		{"no file", "index.md", "", "the folder has none of organization_invitation.html, "},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := mail.ParseTemplates(fstest.MapFS{row.file: file(row.source)})
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("ParseTemplates said\n%v\nwant\n%s", err, row.want)
			}
		})
	}
}

func TestAllMistakesAreReportedTogether(t *testing.T) {
	_, err := mail.ParseTemplates(fstest.MapFS{
		"organization_invitation.html": file("{{.action_url}}{{.one}}\n{{.two}}"),
		"organization_invitation.txt":  file("{{"),
		"organization_invitation.subject.txt": file(`{{define "d"}}{{.invitation.public_metadata}}{{end}}{{define "c"}}{{.public_metadata}}{{end}}` +
			`{{define "b"}}{{$.public_metadata}}{{end}}{{define "a"}}{{.public_metadata}}{{end}}{{.org.name}}`),
	})
	want := `mail template organization_invitation.html:1:17: usher has no variable {{.one}}
mail template organization_invitation.html:2:2: usher has no variable {{.two}}
mail template organization_invitation.txt:1: unclosed action
mail template organization_invitation.subject.txt:1:27: name a key of public_metadata, as in {{.invitation.public_metadata.team}}
mail template organization_invitation.subject.txt:1:68: name a key of public_metadata, as in {{.invitation.public_metadata.team}}
mail template organization_invitation.subject.txt:1:110: name a key of public_metadata, as in {{.invitation.public_metadata.team}}
mail template organization_invitation.subject.txt:1:151: name a key of public_metadata, as in {{.invitation.public_metadata.team}}`
	if fmt.Sprint(err) != want {
		t.Errorf("ParseTemplates said\n%v\nwant\n%s", err, want)
	}
}

func file(source string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(source)} }

func render(t *testing.T, folder fs.FS, inv mail.Invitation) mail.Message {
	t.Helper()
	templates, err := mail.ParseTemplates(folder)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := templates.Render(inv, envelope)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got, go test -update accepts it):\n%s", file, diff)
	}
}
