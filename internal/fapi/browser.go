package fapi

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
)

// clientCookie holds the token that a browser is known by.
const clientCookie = "__client"

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

// allowed reports whether pages of an origin are the instance's: those served here,
// those that the instance names and, in development, all of this machine.
func (s *Server) allowed(in *invite.Instance, r *http.Request, origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	switch {
	case u.Host == r.Host, origin == s.PublicURL, originOf(in.HomeURL) == origin, in.Settings.DevelopmentOrigin == origin:
		return true
	case slices.Contains(in.Settings.AllowedOrigins, origin):
		return true
	case r.Header.Get("Clerk-Secret-Key") != "" && originOf(r.Header.Get("Clerk-Proxy-Url")) == origin:
		return true
	}
	return in.Environment == invite.Test && loopback(u.Hostname())
}

// originOf returns the origin of a URL, empty for what is none.
func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
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

// clientToken returns what a browser is known by: its cookie or, for an app that has
// none, the Authorization header (contract §5.2).
func clientToken(r *http.Request) string {
	if token := r.Header.Get("Authorization"); token != "" {
		return token
	}
	cookie, err := r.Cookie(clientCookie)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// remember gives the browser its new token, if it has one.
func (s *Server) remember(w http.ResponseWriter, r *request) {
	if r.visit == nil || r.visit.Token == "" {
		return
	}
	if r.query.Get("_is_native") != "" {
		w.Header().Set("Authorization", r.visit.Token)
		return
	}
	http.SetCookie(w, s.cookie(r.instance, r.visit.Token))
}

// cookie returns the cookie with a token. It is sent along from the instance's
// other sites only where it has any, and never in plain but on this machine.
func (s *Server) cookie(in *invite.Instance, token string) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // Secure wherever there is TLS
		Name: clientCookie, Value: token, Path: "/", MaxAge: int(clerk.CookieLifetime.Seconds()),
		HttpOnly: true, Secure: strings.HasPrefix(s.PublicURL, "https:"), SameSite: http.SameSiteLaxMode,
	}
	if c.Secure && s.crossSite(in) {
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

// crossSite reports whether the instance has pages on another site than its
// Frontend API, in the sense of RFC 6265bis §5.2.
func (s *Server) crossSite(in *invite.Instance) bool {
	here := site(s.PublicURL)
	if in.FrontendHost != "" {
		here = site("https://" + in.FrontendHost)
	}
	return slices.ContainsFunc(in.Settings.AllowedOrigins, func(origin string) bool { return site(origin) != here })
}

// site returns the scheme and the registrable domain of a URL.
func site(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(u.Hostname())
	if err != nil {
		domain = u.Hostname()
	}
	return u.Scheme + "://" + domain
}
