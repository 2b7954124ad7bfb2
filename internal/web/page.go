package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

//go:embed templates
var files embed.FS

//go:embed style.css
var style []byte

// stylePath names the style by its content, so that it can be cached for ever.
var stylePath = func() string {
	sum := sha256.Sum256(style)
	return "/assets/" + hex.EncodeToString(sum[:8]) + "/style.css"
}()

// The pages, each with the view it shows.
var (
	homePage         = parse[homeView]("home.html")
	acceptPage       = parse[acceptView]("accept.html")
	joinedPage       = parse[joinedView]("joined.html")
	otherPage        = parse[otherView]("other.html")
	signInLinkPage   = parse[signInLinkView]("signinlink.html")
	signInPage       = parse[signInView]("signin.html")
	codePage         = parse[codeView]("code.html")
	signUpPage       = parse[signUpView]("signup.html")
	organizationPage = parse[organizationView]("organization.html")
	userPage         = parse[userView]("user.html")
	declinedPage     = parse[about]("declined.html")
	problemPage      = parse[problemView]("problem.html")
	inboxPage        = parse[inboxView]("inbox.html")
	docsPage         = parse[docsView]("docs.html")
	letterPage       = parse[letterView]("letter.html")
)

// page is a template that shows a V.
type page[V any] struct{ template *template.Template }

func parse[V any](name string) page[V] {
	t := template.New("layout.html").Option("missingkey=error").Funcs(template.FuncMap{
		"style": func() string { return stylePath },
		"icon":  func() string { return avatarPath("usher", "u") },

		"anchor": anchor, "paragraphs": paragraphs,
	})
	return page[V]{template.Must(t.ParseFS(files, "templates/layout.html", "templates/frame.html", "templates/"+name))}
}

// write answers with the page. When it returns an error nothing was written.
func (p page[V]) write(w http.ResponseWriter, status int, view V) error {
	var buf bytes.Buffer
	if err := p.template.Execute(&buf, view); err != nil {
		return fmt.Errorf("rendering a page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = buf.WriteTo(w) // a client that went away is not our error
	return nil
}

// writeForm is write for a page with a form, and names the URL, if any, to which the
// answer to the form leads: browsers hold redirects to the policy of the page too.
// Under no-referrer they call the origin of a form "null" (Fetch, "append a request
// Origin header"), and where they send no Sec-Fetch-Site either, which is everywhere
// but on https and loopback, nobody could send it.
func (p page[V]) writeForm(w http.ResponseWriter, status int, view V, leads string) error {
	w.Header().Set("Referrer-Policy", "same-origin")
	if source := sourceOf(leads); source != "" {
		w.Header().Set("Content-Security-Policy", strings.Replace(policy, formAction, formAction+" "+source, 1))
	}
	return p.write(w, status, view)
}

// sourceOf returns a URL's origin, or the scheme of an app's, as a source of a
// Content-Security-Policy (CSP 3, §2.3.1); empty for our own pages.
func sourceOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || strings.ContainsAny(u.Host, " ;,'\"") {
		return ""
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

const forever = "public, max-age=31536000, immutable"

func (s *Server) serveStyle(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", forever)
	_, _ = w.Write(style)
	return nil
}
