package web

import (
	"net/http"
	"strings"

	"usher/api"
)

type docsView struct {
	*api.Document
	PublicURL string
}

// serveDocs shows the reference of the API: openapi.yaml for readers.
func (s *Server) serveDocs(w http.ResponseWriter, _ *http.Request) error {
	d, err := api.Parse()
	if err != nil {
		return err
	}
	return docsPage.write(w, http.StatusOK, docsView{d, s.PublicURL})
}

// serveOpenAPI serves the description itself, to any origin: it is no secret.
func (s *Server) serveOpenAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml") // RFC 9512
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(api.OpenAPI) // a client that went away is not our error
	return nil
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
