package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"usher/internal/browser"
	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/store"
)

// proof is a page on which somebody types the code in a mail.
type proof struct {
	path, start string // where it is, and where to begin anew
	button      string
	// waits returns the id of what the browser has begun and that waits for a code, and
	// where that went; an empty id when nothing does.
	waits  func(*invite.ClientState) (id, address string)
	again  func(db *store.DB, ctx context.Context, in *invite.Instance, client, id string) (*store.Visit, error)
	answer func(k *browser.Keeper, ctx context.Context, in *invite.Instance, c *invite.ClientState, code string) (*store.Visit, error)
}

var signInProof = proof{
	path: "/sign-in/code", start: "/sign-in", button: "Sign in",
	waits: func(c *invite.ClientState) (id, address string) {
		if c.SignIn == nil || c.SignIn.SessionID != "" || c.SignIn.Strategy != invite.ByEmailCode {
			return "", ""
		}
		to := c.SignIn.Mailbox()
		if typed, ok := invite.ParseEmail(c.SignIn.Identifier); ok && typed.Key == to.Key {
			return c.SignIn.ID, to.Address
		}
		return c.SignIn.ID, masked(to.Address)
	},
	again: func(db *store.DB, ctx context.Context, in *invite.Instance, client, id string) (*store.Visit, error) {
		return db.SendSignInCode(ctx, in, client, id, invite.ByEmailCode, "")
	},
	answer: func(k *browser.Keeper, ctx context.Context, in *invite.Instance, c *invite.ClientState, code string) (*store.Visit, error) {
		return k.SignInWithCode(ctx, in, c.ID, c.SignIn, invite.ByEmailCode, code)
	},
}

var signUpProof = proof{
	path: "/sign-up/code", start: "/sign-up", button: "Create account",
	waits: func(c *invite.ClientState) (id, address string) {
		if c.SignUp == nil || c.SignUp.SessionID != "" || len(c.SignUp.Unproven()) == 0 {
			return "", ""
		}
		return c.SignUp.ID, c.SignUp.Email.Address
	},
	again: (*store.DB).SendSignUpCode,
	answer: func(k *browser.Keeper, ctx context.Context, in *invite.Instance, c *invite.ClientState, code string) (*store.Visit, error) {
		return k.VerifySignUp(ctx, in, c.ID, c.SignUp, code)
	},
}

type codeView struct {
	entryView
	Action, Start, Button string
	Address               string // where the code went
}

// begun is what a browser has begun that waits for a code.
type begun struct {
	instance        *invite.Instance
	state           *invite.ClientState
	id, address     string
	next, leadsThen string
}

// begun returns what the browser has begun, or nil when nothing waits for a code.
func (s *Server) begun(r *http.Request, p *proof) (*begun, error) {
	in, err := s.instance(r)
	if err != nil {
		return nil, err
	}
	client, err := s.Browsers.Find(r, in)
	if err != nil || client == nil {
		return nil, err
	}
	state, err := s.DB.ClientState(r.Context(), in, client.ID)
	if err != nil {
		return nil, err
	}
	b := &begun{instance: in, state: state, next: cmp.Or(r.PostForm.Get("redirect_url"), r.URL.Query().Get("redirect_url"))}
	if b.id, b.address = p.waits(state); b.id == "" {
		return nil, nil
	}
	b.leadsThen = s.Browsers.Destination(in, r.Host, b.next)
	return b, nil
}

// showCode serves GET of a proof's path.
func (s *Server) showCode(p *proof) edge.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		b, err := s.begun(r, p)
		if err != nil {
			return err
		}
		if b == nil {
			http.Redirect(w, r, p.start, http.StatusSeeOther)
			return nil
		}
		return s.writeCode(w, http.StatusOK, p, b, fault{})
	}
}

func (s *Server) writeCode(w http.ResponseWriter, status int, p *proof, b *begun, f fault) error {
	return codePage.writeForm(w, status, codeView{
		entryView: entryView{App: display(b.instance.Name), Next: b.next, fault: f},
		Action:    p.path, Start: p.start, Button: p.button, Address: display(b.address),
	}, b.leadsThen)
}

// answerCode serves POST of a proof's path: the code, or the wish for another.
func (s *Server) answerCode(p *proof) edge.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.ownForm(r); err != nil {
			return err
		}
		b, err := s.begun(r, p)
		if err != nil {
			return err
		}
		if b == nil {
			http.Redirect(w, r, p.start, http.StatusSeeOther)
			return nil
		}
		again := r.PostForm.Get("action") == "again"
		v, err := browser.Attempt(s.Browsers, s.Browsers.Network(r, false), again, func() (*store.Visit, error) {
			if again {
				return p.again(s.DB, r.Context(), b.instance, b.state.ID, b.id)
			}
			return s.prove(r, p, b)
		})
		if f, ok := blame(err, "code"); ok {
			return s.writeCode(w, told(w, r, err), p, b, f)
		}
		switch {
		case errors.Is(err, invite.Err(invite.SignInNotFound)), errors.Is(err, invite.Err(invite.SignUpNotFound)):
			http.Redirect(w, r, p.start, http.StatusSeeOther)
		case err != nil:
			return err
		case again:
			http.Redirect(w, r, onwards(p.path, b.next), http.StatusSeeOther)
		case v.Session == nil: // something else is missing
			http.Redirect(w, r, p.start, http.StatusSeeOther)
		default:
			s.Browsers.Remember(w, b.instance, v)
			http.Redirect(w, r, b.leadsThen, http.StatusSeeOther)
		}
		return nil
	}
}

func (s *Server) prove(r *http.Request, p *proof, b *begun) (*store.Visit, error) {
	code := strings.TrimSpace(r.PostForm.Get("code"))
	if code == "" {
		return nil, invite.ParamErr(invite.ParamMissing, "code")
	}
	return p.answer(s.Browsers, r.Context(), b.instance, b.state, code)
}

// onwards returns the path of a page that knows where its reader wants to go.
func onwards(path, next string) string {
	if next == "" {
		return path
	}
	return path + "?redirect_url=" + url.QueryEscape(next)
}
