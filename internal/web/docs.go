package web

import (
	"net/http"
	"strings"

	"usher/api"
	"usher/internal/edge"
)

type docsView struct {
	*api.Document
	PublicURL string
	Frontend  bool // for browsers, not for back ends
}

// serveDocs shows the reference of the Backend API: openapi.yaml for readers.
func (s *Server) serveDocs(w http.ResponseWriter, _ *http.Request) error {
	d, err := api.Parse(api.Backend)
	if err != nil {
		return err
	}
	return docsPage.write(w, http.StatusOK, docsView{d, s.PublicURL, false})
}

// serveFrontendDocs shows the reference of the Frontend API: frontend.yaml for readers.
func (s *Server) serveFrontendDocs(w http.ResponseWriter, _ *http.Request) error {
	d, err := api.Parse(api.Frontend)
	if err != nil {
		return err
	}
	return docsPage.write(w, http.StatusOK, docsView{d, s.PublicURL, true})
}

// serveDescription serves a description itself, to any origin: it is no secret.
func serveDescription(description []byte) edge.Handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/yaml") // RFC 9512
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(description) // a client that went away is not our error
		return nil
	}
}

// anchor turns a name into the fragment of a URL.
func anchor(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

// paragraphs splits a text at its blank lines.
func paragraphs(text string) []string {
	var list []string
	for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if p != "" {
			list = append(list, p)
		}
	}
	return list
}
