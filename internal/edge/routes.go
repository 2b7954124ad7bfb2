package edge

import (
	"net/http"
	"slices"
	"strings"

	"usher/internal/clerk"
	"usher/internal/invite"
)

// Handler serves one method of one path. A returned error is answered by Refuse.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Methods are the handlers of one path, by method. GET serves HEAD as well.
type Methods map[string]Handler

// Handle registers a path with its methods inside, so that a wrong method is
// refused in our own words, with the Allow header of RFC 9110 §10.2.1.
func Handle(mux *http.ServeMux, pattern string, methods Methods, refuse func(http.ResponseWriter, *http.Request, error)) {
	allow := allowed(methods)
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		EventOf(r.Context()).Pattern = pattern
		handle, ok := methods[r.Method]
		if !ok && r.Method == http.MethodHead {
			handle, ok = methods[http.MethodGet]
		}
		if !ok {
			w.Header().Set("Allow", allow)
			refuse(w, r, invite.Err(clerk.MethodNotAllowed))
			return
		}
		if err := handle(w, r); err != nil {
			refuse(w, r, err)
		}
	})
}

func allowed(methods Methods) string {
	var list []string
	for m := range methods {
		list = append(list, m)
		if m == http.MethodGet {
			list = append(list, http.MethodHead)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
