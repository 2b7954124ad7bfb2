// Package browser is what the Frontend API and the pages share of the people before
// them: the cookie that a browser is known by, and the password that signs in.
package browser

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/publicsuffix"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/password"
	"usher/internal/store"
)

// Keeper knows the browsers of a server.
type Keeper struct {
	DB        *store.DB
	Passwords *password.Hasher
	PublicURL string // without a slash at its end
	// Proxies are the networks of the proxies that may say whose request it is.
	Proxies []netip.Prefix

	accounts  brake // by user
	strangers brake // by instance and identifier that nobody has
	addresses brake // that are to be proven, by instance and address
	networks  brake // by Network
}

// cookieName is the name of the cookie with the token that a browser is known by.
const cookieName = "__client"

// ownCookie is its other name, the instance's alone: browsers do not tell the ports of a
// host apart, so a server at another one has overwritten the first.
func ownCookie(in *invite.Instance) string { return cookieName + "_" + in.ID }

// Marked reports whether a request comes from a browser that has a cookie of ours.
func Marked(r *http.Request) bool {
	_, err := r.Cookie(cookieName)
	return err == nil
}

// Token returns the token in the instance's cookie, else that in the one which all
// instances share; empty without both.
func Token(r *http.Request, in *invite.Instance) string {
	for _, name := range []string{ownCookie(in), cookieName} {
		if cookie, err := r.Cookie(name); err == nil {
			return cookie.Value
		}
	}
	return ""
}

// Find returns the browser of a request by its cookie; nil for one that nobody knows.
func (k *Keeper) Find(r *http.Request, in *invite.Instance) (*invite.Client, error) {
	token := Token(r, in)
	if token == "" {
		return nil, nil
	}
	return k.DB.Client(r.Context(), in, token)
}

// Remember gives a browser its new token, if a visit has one. The cookies are sent
// along from the instance's other sites only where it has any, and never in plain but
// on this machine.
func (k *Keeper) Remember(w http.ResponseWriter, in *invite.Instance, v *store.Visit) {
	if v == nil || v.Token == "" {
		return
	}
	c := &http.Cookie{ //nolint:gosec // Secure wherever there is TLS
		Value: v.Token, Path: "/", MaxAge: int(clerk.CookieLifetime.Seconds()),
		HttpOnly: true, Secure: k.encrypted(), SameSite: http.SameSiteLaxMode,
	}
	if c.Secure && k.crossSite(in) {
		c.SameSite = http.SameSiteNoneMode
	}
	for _, c.Name = range []string{cookieName, ownCookie(in)} {
		http.SetCookie(w, c)
	}
}

// Allowed reports whether pages of an origin are the instance's: those served at the
// same host, in plain only where we are, those that the instance names and, in
// development, all of this machine.
func (k *Keeper) Allowed(in *invite.Instance, host, origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	// Whoever is on the way can put a page in plain at any host.
	same := u.Host == host && (u.Scheme == "https" || !k.encrypted())
	return same || origin == k.PublicURL || origin == Origin(in.HomeURL) || origin == in.Settings.DevelopmentOrigin ||
		slices.Contains(in.Settings.AllowedOrigins, origin) || in.Environment == invite.Test && loopback(u.Hostname())
}

// encrypted reports whether browsers reach us with TLS.
func (k *Keeper) encrypted() bool { return strings.HasPrefix(k.PublicURL, "https:") }

// Origin returns the origin of a URL, empty for what is none.
func Origin(raw string) string {
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

// Destination returns where people go after signing in: where they wanted to go, if
// that is a page of ours or the instance's, else home.
func (k *Keeper) Destination(in *invite.Instance, host, wanted string) string {
	u, err := url.Parse(wanted)
	switch {
	case err != nil || wanted == "" || strings.ContainsFunc(wanted, misread):
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(wanted, "/") && !strings.HasPrefix(wanted, "//"):
		return wanted
	case u.User == nil && (u.Scheme == "https" || u.Scheme == "http") && k.Allowed(in, host, Origin(wanted)):
		return wanted
	}
	return cmp.Or(in.HomeURL, "/")
}

// misread reports whether browsers or proxies may read r as another one in a URL, or
// leave it out.
func misread(r rune) bool { return r == '\\' || unicode.IsControl(r) }

// crossSite reports whether the instance has pages on another site than its
// Frontend API, in the sense of RFC 6265bis §5.2.
func (k *Keeper) crossSite(in *invite.Instance) bool {
	here := site(k.PublicURL)
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

// SignIn signs a user in whose password plain is, and completes the client's attempt
// with that id, or one of its own without. It refuses with PasswordWrong, UserLocked,
// StrategyInvalid for a user without a password, TooManyRequests when it was guessed
// at too fast, and as the store's SignInWithPassword does.
func (k *Keeper) SignIn(ctx context.Context, in *invite.Instance, client, attempt, identifier string, u *invite.User, plain string) (*store.Visit, error) {
	digest, err := k.compare(ctx, in, u, plain)
	if err != nil {
		return nil, err
	}
	return k.DB.SignInWithPassword(ctx, in, client, attempt, identifier, u.ID, digest)
}

// SignInAs is SignIn for whom the identifier names. Where it names nobody, it refuses
// with AccountNotFound, and with all else as for somebody: as late and as often.
func (k *Keeper) SignInAs(ctx context.Context, in *invite.Instance, client, identifier, plain string) (*store.Visit, error) {
	u, err := k.DB.UserByIdentifier(ctx, in, identifier)
	if errors.Is(err, invite.Err(invite.AccountNotFound)) && plain != "" && len(plain) <= invite.MaxPassword {
		return nil, k.pretend(ctx, in, identifier, plain, err)
	}
	if err != nil {
		return nil, err
	}
	return k.SignIn(ctx, in, client, "", identifier, u, plain)
}

// pretend compares the password with one that nobody has, and returns the refusal.
func (k *Keeper) pretend(ctx context.Context, in *invite.Instance, identifier, plain string, refusal error) error {
	if err := k.strangers.take(in.ID+" "+invite.Fold(identifier), guesses, k.DB.Now().Time()); err != nil {
		return err
	}
	if _, err := k.Passwords.Verify(ctx, password.Nobodys, plain); !errors.Is(err, invite.Err(invite.PasswordIncorrect)) {
		return err
	}
	return refusal
}

// SignInWithCode answers the code of a sign-in as the store's does. Guesses are counted
// with those at the account's password, whatever attempt and browser they are made in,
// and refused with TooManyRequests.
func (k *Keeper) SignInWithCode(ctx context.Context, in *invite.Instance, client string, s *invite.SignIn, strategy invite.Strategy, code string) (*store.Visit, error) {
	return guess(k, &k.accounts, s.UserID, func() (*store.Visit, error) {
		return k.DB.SignInWithCode(ctx, in, client, s.ID, strategy, code)
	})
}

// VerifySignUp answers the code of a sign-up as the store's does. Guesses are counted
// for each address, and refused with TooManyRequests.
func (k *Keeper) VerifySignUp(ctx context.Context, in *invite.Instance, client string, s *invite.SignUp, code string) (*store.Visit, error) {
	return guess(k, &k.addresses, in.ID+" "+s.Email.Key, func() (*store.Visit, error) {
		return k.DB.VerifySignUp(ctx, in, client, s.ID, code)
	})
}

// VerifyEmailAddress answers the code of one of the user's addresses as the store's
// does. Guesses are counted for each address and not for who asks, who could begin anew
// with their own password, and refused with TooManyRequests.
func (k *Keeper) VerifyEmailAddress(ctx context.Context, in *invite.Instance, user, id, code string) (*invite.EmailAddress, error) {
	ctx = store.As(ctx, user)
	a, err := k.DB.EmailAddress(ctx, in, id)
	if err != nil {
		return nil, err
	}
	return guess(k, &k.addresses, in.ID+" "+a.Email.Key, func() (*invite.EmailAddress, error) {
		return k.DB.VerifyEmailAddress(ctx, in, id, code)
	})
}

// VerifyAffiliation answers the code that proves a domain as the store's does for the
// user. Guesses are counted as those of VerifyEmailAddress are, whatever organization the
// domain is of.
func (k *Keeper) VerifyAffiliation(ctx context.Context, in *invite.Instance, user, organization, id, code string) (*invite.Domain, error) {
	verify := func() (*invite.Domain, error) {
		return k.DB.VerifyAffiliation(store.As(ctx, user), in, organization, id, code)
	}
	d, err := k.DB.Domain(ctx, in, organization, id)
	if err != nil {
		return verify() // whether there is one is for members to know
	}
	return guess(k, &k.addresses, in.ID+" "+d.Affiliation.Key, verify)
}

// guess tries what may be a guess, if there were not too many of them.
func guess[T any](k *Keeper, b *brake, key string, try func() (T, error)) (v T, err error) {
	if err := b.take(key, guesses, k.DB.Now().Time()); err != nil {
		return v, err
	}
	v, err = try()
	if err == nil {
		b.release(key)
	}
	return v, err
}

// ChangePassword gives the user another password, once the current one is known; a user
// without one needs none. It refuses as compare does but with CurrentPasswordWrong, and
// as invite.CheckPassword does.
func (k *Keeper) ChangePassword(ctx context.Context, in *invite.Instance, u *invite.User, session, current, plain string, signOut bool) error {
	var known string
	if u.HasPassword {
		var err error
		if known, err = k.compare(ctx, in, u, current); err != nil {
			return changing(err)
		}
	}
	digest, err := k.Passwords.Digest(ctx, plain)
	if err != nil {
		return err
	}
	_, err = k.DB.ChangePassword(ctx, in, u.ID, session, known, digest, signOut)
	return err
}

// RemovePassword takes the user's password away, once it is known. It refuses as
// ChangePassword does, and with NoPassword or PasswordNeeded.
func (k *Keeper) RemovePassword(ctx context.Context, in *invite.Instance, u *invite.User, session, current string) error {
	if !u.HasPassword {
		return invite.Err(invite.NoPassword)
	}
	known, err := k.compare(ctx, in, u, current)
	if err != nil {
		return changing(err)
	}
	_, err = k.DB.ChangePassword(ctx, in, u.ID, session, known, "", false)
	return err
}

// changing says of a refused password that it is the current one.
func changing(err error) error {
	e, ok := errors.AsType[*invite.Error](err)
	switch {
	case !ok || e.Param == "":
		return err
	case e.Kind == invite.PasswordWrong:
		return invite.ParamErr(invite.CurrentPasswordWrong, "current_password")
	}
	return invite.ParamErr(e.Kind, "current_password")
}

// compare returns the digest that the password belongs to, made anew when it was
// outdated. A wrong one is counted for the user, and locks the user when there were
// too many.
func (k *Keeper) compare(ctx context.Context, in *invite.Instance, u *invite.User, plain string) (string, error) {
	switch {
	case plain == "":
		return "", invite.ParamErr(invite.ParamMissing, "password")
	case len(plain) > invite.MaxPassword:
		return "", invite.ParamErr(invite.PasswordWrong, "password")
	case !u.HasPassword:
		return "", invite.Err(invite.StrategyInvalid)
	}
	if err := u.CheckLock(k.DB.Now()); err != nil {
		return "", err
	}
	if err := k.accounts.take(u.ID, guesses, k.DB.Now().Time()); err != nil {
		return "", err
	}
	digest, err := k.DB.PasswordDigest(ctx, in, u.ID)
	if err != nil {
		return "", err
	}
	fresh, err := k.Passwords.Verify(ctx, digest, plain)
	if errors.Is(err, invite.Err(invite.PasswordIncorrect)) {
		if err := k.DB.CountGuess(ctx, in, u.ID); err != nil {
			return "", err
		}
		err = invite.ParamErr(invite.PasswordWrong, "password")
	}
	if err != nil {
		return "", err
	}
	k.accounts.release(u.ID)
	if fresh != digest {
		err = k.DB.RefreshPassword(ctx, in, u.ID, digest, fresh)
	}
	return fresh, err
}
