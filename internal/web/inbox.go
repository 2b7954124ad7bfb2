package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// maxListed is how many mails the inbox lists.
const maxListed = 100

type inboxView struct {
	To      string
	Letters []letterLine
}

type letterLine struct {
	Path, Subject, To string
	App               string // empty while there is only one
	When, WhenISO     string
	at                invite.Instant
}

// listInbox serves GET /inbox: the newest mail of all instances, or with to the
// mail for one address.
func (s *Server) listInbox(w http.ResponseWriter, r *http.Request) error {
	instances, err := s.DB.Instances(r.Context())
	if err != nil {
		return err
	}
	view := inboxView{To: oneLine(r.URL.Query().Get("to"))}
	for _, in := range instances {
		letters, err := s.Letters(r.Context(), in.ID, view.To, invite.Page{Limit: maxListed})
		if err != nil {
			return err
		}
		for _, l := range letters {
			line := letterLine{
				Path: letterPath(in.ID, l.ID), Subject: display(l.Subject), To: display(l.To),
				When: instant(l.CreatedAt), WhenISO: iso(l.CreatedAt), at: l.CreatedAt,
			}
			if len(instances) > 1 {
				line.App = display(in.Name)
			}
			view.Letters = append(view.Letters, line)
		}
	}
	slices.SortFunc(view.Letters, func(a, b letterLine) int {
		return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.Path, a.Path))
	})
	view.Letters = view.Letters[:min(maxListed, len(view.Letters))]
	return inboxPage.write(w, http.StatusOK, view)
}

func letterPath(instance, id string) string {
	return "/inbox/" + url.PathEscape(instance) + "/" + url.PathEscape(id)
}

type letterView struct {
	Subject, From, ReplyTo, To string
	When, WhenISO              string
	Link, Text                 string
	HTMLPath, SourcePath       string
}

// letter reads the mail that a request names.
func (s *Server) letter(r *http.Request) (invite.Letter, error) {
	l, ok, err := s.Letter(r.Context(), r.PathValue("instance"), r.PathValue("id"))
	if err == nil && !ok {
		err = invite.Err(clerk.RouteNotFound)
	}
	return l, err
}

// showLetter serves GET /inbox/{instance}/{id}.
func (s *Server) showLetter(w http.ResponseWriter, r *http.Request) error {
	l, err := s.letter(r)
	if err != nil {
		return err
	}
	path := letterPath(r.PathValue("instance"), r.PathValue("id"))
	w.Header().Set("Content-Security-Policy", policy+"; frame-src 'self'")
	return letterPage.write(w, http.StatusOK, letterView{
		Subject: display(l.Subject), From: display(l.From), ReplyTo: display(l.ReplyTo), To: display(l.To),
		When: instant(l.CreatedAt), WhenISO: iso(l.CreatedAt), Link: l.Link, Text: l.Text,
		HTMLPath: path + "/html", SourcePath: path + "/source",
	})
}

// letterPolicy shows a mail as a mail program would: no script, no form, styles
// inside it. A click on a link opens a page of its own, as from a mailbox.
const letterPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; " +
	"img-src https: data:; form-action 'none'; frame-ancestors 'self'; base-uri 'none'"

func (s *Server) serveLetterHTML(w http.ResponseWriter, r *http.Request) error {
	l, err := s.letter(r)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", letterPolicy)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	_, _ = w.Write([]byte(l.HTML)) // a client that went away is not our error
	return nil
}

func (s *Server) serveLetterSource(w http.ResponseWriter, r *http.Request) error {
	l, err := s.letter(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(l.Source)
	return nil
}
