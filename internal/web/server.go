// Package web serves the pages people see: the invitation and what became of
// it, the drawn avatars, and in development the inbox. Templates and the style
// are embedded; there is no JavaScript.
package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"usher/api"
	"usher/internal/browser"
	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/store"
)

// Server serves the pages.
type Server struct {
	DB        *store.DB
	Keys      *invite.Keyring
	Browsers  *browser.Keeper
	PublicURL string // the origin people see; forms are taken from it and from nowhere else
	// Letters and Letter read the inbox; nil where mail is not kept in one, and
	// the inbox's pages do not exist.
	Letters func(ctx context.Context, instanceID, to string, page invite.Page) ([]invite.Letter, error)
	Letter  func(ctx context.Context, instanceID, id string) (letter invite.Letter, ok bool, err error)

	origins *http.CrossOriginProtection
}

// Handler returns the surface, to be served behind the edge.
func (s *Server) Handler() http.Handler {
	s.origins = http.NewCrossOriginProtection()
	if u, err := url.Parse(s.PublicURL); err == nil && u.Host != "" {
		// A proxy may have put another name into Host. What came from url.Parse is
		// an origin, so this cannot fail.
		_ = s.origins.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	mux := http.NewServeMux()
	for pattern, methods := range s.routes() {
		edge.Handle(mux, pattern, methods, s.refuse)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, invite.Err(clerk.RouteNotFound))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protect(w.Header())
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) routes() map[string]edge.Methods {
	get := func(h edge.Handler) edge.Methods { return edge.Methods{http.MethodGet: h} }
	form := func(h func(http.ResponseWriter, *http.Request, *guest) error) edge.Methods {
		return edge.Methods{http.MethodPost: s.forGuests(h)}
	}
	routes := map[string]edge.Methods{
		"/{$}":                       get(s.home),
		"/accept":                    {http.MethodGet: s.showInvitation, http.MethodPost: s.answerInvitation},
		"/sign-in":                   {http.MethodGet: s.showSignIn, http.MethodPost: s.signIn},
		"/sign-up":                   {http.MethodGet: s.showSignUp, http.MethodPost: s.signUp},
		signInProof.path:             {http.MethodGet: s.showCode(&signInProof), http.MethodPost: s.answerCode(&signInProof)},
		signUpProof.path:             {http.MethodGet: s.showCode(&signUpProof), http.MethodPost: s.answerCode(&signUpProof)},
		"/sign-out":                  {http.MethodPost: s.signOut},
		organizationPath:             get(s.forGuests(s.showOrganization)),
		organizationPath + "/invite": form(s.inOrganization("invited", (*Server).invite)),
		organizationPath + "/revoke": form(s.inOrganization("revoked", (*Server).revoke)),
		organizationPath + "/role":   form(s.inOrganization("role", (*Server).changeRole)),
		organizationPath + "/remove": form(s.inOrganization("removed", (*Server).remove)),
		organizationPath + "/leave":  form(s.inOrganization("left", (*Server).leave)),
		userPath:                     get(s.forGuests(s.showUser)),
		userPath + "/organization":   form(s.entering("", (*Server).choose)),
		userPath + "/create":         form(s.entering("?done=created", (*Server).found)),
		userPath + "/accept":         form(s.entering("?done=joined", (*Server).join)),
		"/accept/joined":             get(s.showJoined),
		"/accept/declined":           get(s.showDeclined),
		"/img/{id}/{initials}":       get(s.drawAvatar),
		"/logos/{instance}/{organization}/{name}": get(s.serveLogo),
		stylePath:        get(s.serveStyle),
		"/docs":          get(s.serveDocs),
		"/docs/frontend": get(s.serveFrontendDocs),
		"/openapi.yaml":  get(serveDescription(api.Backend)),
		"/frontend.yaml": get(serveDescription(api.Frontend)),
	}
	if s.Letters != nil {
		routes["/inbox"] = get(s.here(s.listInbox))
		routes["/inbox/{instance}/{id}"] = get(s.here(s.showLetter))
		routes["/inbox/{instance}/{id}/html"] = get(s.here(s.serveLetterHTML))
		routes["/inbox/{instance}/{id}/source"] = get(s.here(s.serveLetterSource))
	}
	return routes
}

// here serves only requests that were made to a name of this server: an address,
// localhost, or the public URL's host. Another site's name that was pointed at
// this machine (DNS rebinding) would otherwise let that site read the inbox,
// which has no key.
func (s *Server) here(h edge.Handler) edge.Handler {
	public, err := url.Parse(s.PublicURL)
	return func(w http.ResponseWriter, r *http.Request) error {
		host := (&url.URL{Host: r.Host}).Hostname()
		_, notAddress := netip.ParseAddr(host)
		if notAddress != nil && host != "localhost" && !strings.HasSuffix(host, ".localhost") && (err != nil || host != public.Hostname()) {
			return invite.Err(clerk.RouteNotFound)
		}
		return h(w, r)
	}
}

// policy lets a page load our style and the avatars, and nothing run.
const policy = "default-src 'none'; style-src 'self'; img-src 'self' data:; " + formAction + "; frame-ancestors 'none'; base-uri 'none'"

// formAction says that forms are sent here and lead nowhere else.
const formAction = "form-action 'self'"

// protect sets what every page is sent with; a handler that needs another rule
// replaces it.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

type homeView struct {
	Inbox   bool
	App     string // empty where nobody can sign in
	Account *badge // who is signed in; nil for nobody
}

// home says that this is usher, to whoever opens its address, and leads to the pages
// of the application that is served there.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	v := homeView{Inbox: s.Letters != nil}
	in, err := s.instance(r)
	if errors.Is(err, invite.Err(invite.HostInvalid)) {
		return homePage.write(w, http.StatusOK, v)
	}
	if err != nil {
		return err
	}
	u, err := s.present(r, in)
	if err != nil {
		return err
	}
	if v.App = display(cmp.Or(in.Name, "the application")); u != nil {
		v.Account = badgeOf(u.Person())
	}
	return homePage.writeForm(w, http.StatusOK, v, "")
}

// refuse answers with the page of err's kind and notes it in the event.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.explain(w, r, err, about{})
}

// explain is refuse for when it is known which invitation it is about.
func (s *Server) explain(w http.ResponseWriter, r *http.Request, err error, a about) {
	edge.EventOf(r.Context()).Err = err
	p := problemOf(err)
	if p.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if e, ok := errors.AsType[*invite.Error](err); ok && e.Kind == invite.TooManyRequests {
		w.Header().Set("Retry-After", strconv.Itoa(e.Limit)) // seconds
	}
	if failed := problemPage.write(w, p.status, p.view(a)); failed != nil {
		edge.EventOf(r.Context()).Err = errors.Join(err, failed)
		http.Error(w, "Something went wrong.", http.StatusInternalServerError)
	}
}
