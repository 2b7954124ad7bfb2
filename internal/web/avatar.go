package web

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"strings"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// avatarPath returns where the picture of a user or organization is drawn. It is
// the path in the API's image URLs.
func avatarPath(id, initials string) string {
	return "/img/" + url.PathEscape(id) + "/" + url.PathEscape(initials) + ".svg"
}

// imageOf returns where the picture of an organization is: its logo, or a drawn one.
func imageOf(o *invite.Organization) string {
	return cmp.Or(o.LogoPath(), avatarPath(o.ID, initials(o.Name)))
}

// hues are backgrounds on which white letters have a contrast of at least 4.5.
var hues = [...]string{
	"#3346c8", "#6d3fc0", "#98308a", "#b02a50", "#b3372a", "#96500a", "#5f6a00", "#1f7138", "#0a6c70", "#20639b",
}

func hue(id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return hues[h.Sum32()%uint32(len(hues))]
}

// drawAvatar serves GET /img/{id}/{initials}.svg: up to two letters on a colour
// that the id decides, to its corners, which whoever shows it rounds as it likes. Nothing is looked up, so the picture of anything may be
// asked for and never changes.
func (s *Server) drawAvatar(w http.ResponseWriter, r *http.Request) error {
	letters, ok := strings.CutSuffix(r.PathValue("initials"), ".svg")
	if !ok {
		return invite.Err(clerk.RouteNotFound)
	}
	runes := []rune(oneLine(letters))
	var escaped bytes.Buffer
	if err := xml.EscapeText(&escaped, []byte(string(runes[:min(2, len(runes))]))); err != nil {
		return fmt.Errorf("drawing an avatar: %w", err)
	}
	sharePicture(w.Header(), "image/svg+xml")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	_, _ = fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96">`+
		`<rect width="96" height="96" fill="%s"/>`+
		`<text x="48" y="49" dy=".35em" text-anchor="middle" fill="#fff" font-size="38" font-weight="600"`+
		` font-family="system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif">%s</text></svg>`,
		hue(r.PathValue("id")), escaped.Bytes())
	return nil
}

// sharePicture describes a picture that never changes and that every site may show. Clerk's
// components load theirs with CORS.
func sharePicture(h http.Header, typ string) {
	h.Set("Content-Type", typ)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", forever)
}
