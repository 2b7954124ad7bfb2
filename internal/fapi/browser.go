package fapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"usher/internal/browser"
	"usher/internal/edge"
	"usher/internal/invite"
)

type instanceKey struct{}

// enter finds the instance that a request is for and keeps out pages of origins
// that are not the instance's, before anything is done for them.
func (s *Server) enter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The address of a request may carry a ticket, and so do some answers.
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		in, err := s.instance(r)
		if err != nil {
			edge.Refuse(w, r, err)
			return
		}
		edge.EventOf(r.Context()).Instance = in.ID
		if err := s.admit(in, r); err != nil {
			edge.Refuse(w, r, err)
			return
		}
		if allowOrigin(w, r); r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if err := override(r); err != nil {
			edge.Refuse(w, r, err)
			return
		}
		trim(r.URL)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), instanceKey{}, in)))
	})
}

// instance returns whose Frontend API is asked: that of the secret key which a
// product's proxy may send along, else the host's.
func (s *Server) instance(r *http.Request) (*invite.Instance, error) {
	if key := r.Header.Get("Clerk-Secret-Key"); key != "" {
		return s.DB.Authenticate(r.Context(), key)
	}
	return s.DB.Frontend(r.Context(), r.Host)
}

// admit refuses with OriginInvalid what a page of a foreign origin sends. A browser
// that was led here by a link has no origin and reads only.
func (s *Server) admit(in *invite.Instance, r *http.Request) error {
	origin := r.Header.Get("Origin") // "null" has no host
	if origin == "" {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
			return invite.Err(invite.OriginInvalid)
		}
		return nil
	}
	if r.Header.Get("Authorization") != "" {
		return invite.Err(invite.OriginConflict)
	}
	if !s.allowed(in, r, origin) {
		return invite.Err(invite.OriginInvalid)
	}
	return nil
}

// allowed reports whether pages of an origin are the instance's, or those of the
// proxy that has its secret key.
func (s *Server) allowed(in *invite.Instance, r *http.Request, origin string) bool {
	proxy := r.Header.Get("Clerk-Secret-Key") != "" && browser.Origin(r.Header.Get("Clerk-Proxy-Url")) == origin
	return origin != "" && proxy || s.Browsers.Allowed(in, r.Host, origin)
}

// allowOrigin tells the browser that an admitted page may read the answer.
func allowOrigin(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "Authorization, Clerk-Trace-Id")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
		h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		h.Set("Access-Control-Max-Age", "600") // seconds
	}
}

// override makes a POST the request that its _method says (contract §5.2).
func override(r *http.Request) error {
	method := r.URL.Query().Get("_method")
	if r.Method != http.MethodPost || method == "" {
		return nil
	}
	if !slices.Contains([]string{http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodPost}, method) {
		return invite.ParamErr(invite.ParamValue, "_method", method)
	}
	r.Method = method
	return nil
}

// trim takes away the slash at the end of a path, with which clerk-js asks for some.
func trim(u *url.URL) {
	if u.RawPath == "" && len(u.Path) > 1 {
		u.Path = strings.TrimSuffix(u.Path, "/")
	}
}

// clientToken returns what a browser is known by: its cookie or, for an app that has
// none, the Authorization header (contract §5.2).
func clientToken(r *http.Request, in *invite.Instance) string {
	if token := r.Header.Get("Authorization"); token != "" {
		return token
	}
	return browser.Token(r, in)
}

// remember gives the browser, or the app, its new token if it has one.
func (s *Server) remember(w http.ResponseWriter, r *request) {
	if r.visit != nil && r.visit.Token != "" && r.query.Get("_is_native") != "" {
		w.Header().Set("Authorization", r.visit.Token)
		return
	}
	s.Browsers.Remember(w, r.instance, r.visit)
}
