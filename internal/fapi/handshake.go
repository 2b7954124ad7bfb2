package fapi

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // names a cookie; nothing depends on it
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"golang.org/x/net/publicsuffix"

	"usher/internal/browser"
	"usher/internal/clerk"
	"usher/internal/invite"
)

// handshake serves GET /v1/client/handshake: a server-rendered application that
// does not know who is signed in sends the browser here, and it comes back with the
// cookies that the application is to set, signed. In production it brings them in a
// cookie, since addresses are kept in many places. It changes nothing.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request) error {
	req, err := s.read(r)
	if err != nil {
		return err
	}
	target, err := s.returnTo(req)
	if err != nil {
		return err
	}
	token, err := s.handshakeToken(req, target)
	if err != nil {
		return err
	}
	if req.instance.Environment == invite.Live {
		domain, ok := s.shared(req, target)
		if !ok {
			return invite.ParamErr(invite.URLNotListed, "redirect_url") // no cookie of ours would be sent there
		}
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever there is TLS
			Name: handshakeCookie, Value: token, Path: "/", Domain: domain, MaxAge: int(clerk.HandshakeLifetime.Seconds()),
			HttpOnly: true, Secure: target.Scheme == "https", SameSite: http.SameSiteLaxMode,
		})
	} else {
		q := target.Query()
		q.Set(handshakeCookie, token)
		target.RawQuery = q.Encode()
	}
	http.Redirect(w, r, target.String(), http.StatusTemporaryRedirect) //nolint:gosec // an allowed origin
	return nil
}

// The cookies of an application, as Clerk's SDKs name them, and the parameter of the
// handshake.
const (
	handshakeCookie  = "__clerk_handshake"
	sessionCookie    = "__session"
	clientUATCookie  = "__client_uat"
	devBrowserCookie = "__clerk_db_jwt"
)

// returnTo returns where the browser came from, which must be a page of the
// instance's: it will be told who is signed in.
func (s *Server) returnTo(r *request) (*url.URL, error) {
	raw := r.query.Get("redirect_url")
	if raw == "" {
		return nil, invite.ParamErr(clerk.QueryMissing, "redirect_url")
	}
	target, err := url.Parse(raw)
	if err != nil || target.User != nil || target.Scheme != "http" && target.Scheme != "https" || !s.allowed(r.instance, r.Request, browser.Origin(raw)) {
		return nil, invite.ParamErr(invite.URLNotListed, "redirect_url")
	}
	return target, nil
}

// shared returns the domain of a cookie that both this host and the application's
// are sent; empty where they are the same host.
func (s *Server) shared(r *request, target *url.URL) (domain string, ok bool) {
	here := (&url.URL{Host: r.Host}).Hostname()
	if there := target.Hostname(); here == there {
		return "", true
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(here)
	other, err2 := publicsuffix.EffectiveTLDPlusOne(target.Hostname())
	return domain, err == nil && err2 == nil && domain == other
}

// handshakeToken signs the cookies that tell the application who is signed in, or
// that nobody is. For an organization that the path of a page names the token is
// for that one; the session's own stays.
func (s *Server) handshakeToken(r *request, target *url.URL) (string, error) {
	keys, err := s.DB.SigningKeys(r.Context(), r.instance)
	if err != nil {
		return "", err
	}
	session, changed := "", invite.Instant(0)
	if r.session != nil {
		var organization *string
		if r.query.Has("organization_id") {
			organization = new(r.query.Get("organization_id"))
		}
		grant, err := s.DB.GrantFor(r.Context(), r.instance, r.session.ID, organization)
		if errors.Is(err, invite.Err(invite.OrganizationNotFound)) {
			grant, err = s.DB.Grant(r.Context(), r.instance, r.session.ID)
		}
		if err != nil {
			return "", err
		}
		session, err = s.Encoder.SessionToken(r.instance, grant, keys[0], r.version, target.Scheme+"://"+target.Host, s.DB.Now(), invite.TokenLifetime)
		if err != nil {
			return "", err
		}
		changed = r.browser.UpdatedAt
	}
	return clerk.HandshakeToken(s.directives(r, target, session, changed), keys[0], s.DB.Now())
}

// directives returns what the application is to send as Set-Cookie, under the plain
// names and under those that belong to the instance's publishable key.
func (s *Server) directives(r *request, target *url.URL, session string, changed invite.Instant) []string {
	year, secure := int(clerk.CookieLifetime.Seconds()), target.Scheme == "https"
	suffix := "_" + cookieSuffix(s.publishableKey(r.instance))
	var list []string
	set := func(name, value string, seconds int) {
		for _, name := range []string{name, name + suffix} {
			c := http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, Secure: secure, SameSite: http.SameSiteLaxMode} //nolint:gosec // page scripts read it
			list = append(list, c.String())
		}
	}
	if session == "" {
		set(sessionCookie, "", -1)
		set(clientUATCookie, "0", year)
	} else {
		set(sessionCookie, session, year) // the token in it ends after a minute
		set(clientUATCookie, strconv.FormatInt(int64(changed)/1000, 10), year)
	}
	if r.instance.Environment == invite.Test {
		marker := r.query.Get(devBrowserCookie)
		if marker == "" {
			marker = newDevBrowser()
		}
		set(devBrowserCookie, url.QueryEscape(marker), year)
	}
	if domain, ok := s.shared(r, target); ok {
		c := http.Cookie{Name: handshakeCookie, Path: "/", Domain: domain, MaxAge: -1, HttpOnly: true, Secure: secure} //nolint:gosec // it goes
		list = append(list, c.String())
	}
	return list
}

// publishableKey returns the key of the instance's Frontend API.
func (s *Server) publishableKey(in *invite.Instance) string {
	return clerk.PublishableKey(in, s.PublicURL)
}

// cookieSuffix returns what Clerk's SDKs put behind the names of cookies, so that
// several instances can be used at one host.
func cookieSuffix(publishableKey string) string {
	sum := sha1.Sum([]byte(publishableKey)) //nolint:gosec // see the import
	return base64.URLEncoding.EncodeToString(sum[:])[:8]
}

// createDevBrowser serves POST /v1/dev_browser. SDKs do not go on without a dev
// browser in development. Here it is a mark and opens nothing: the browser is known
// by its cookie.
func (s *Server) createDevBrowser(r *request) (any, error) {
	if r.instance.Environment != invite.Test {
		return nil, invite.Err(clerk.RouteNotFound)
	}
	id := newDevBrowser()
	return bare{map[string]string{"id": id, "token": id}}, nil
}

func newDevBrowser() string { return "dvb_" + rand.Text() }
