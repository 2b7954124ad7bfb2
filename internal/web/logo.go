package web

import (
	"net/http"
	"runtime"
	"strconv"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// serveLogo serves GET /logos/{instance}/{organization}/{name}: the picture that
// somebody uploaded, as exactly what it was recognized as. Its name follows from
// its content, so it never changes.
func (s *Server) serveLogo(w http.ResponseWriter, r *http.Request) error {
	logo, ok, err := s.DB.Logo(r.Context(), r.PathValue("instance"), r.PathValue("organization"), r.PathValue("name"))
	if err != nil {
		return err
	}
	if !ok {
		return invite.Err(clerk.RouteNotFound)
	}
	sharePicture(w.Header(), logo.Type)
	w.Header().Set("Content-Length", strconv.Itoa(len(logo.Content)))
	_, _ = w.Write(logo.Content) // a client that went away is not our error
	runtime.KeepAlive(logo)      // so long it is shared with who else asks for it
	return nil
}
