// Atlas is a small product that has usher for its sign-in, its organizations and
// its invitations: a page with Clerk's React components, and this back end with
// Clerk's SDK for Go. Neither knows that usher answers instead of Clerk.
//
//	go run ./examples/atlas
//
// starts everything on this machine, usher included (demo.go). In team.go is what a
// product does with invitations, in webhooks.go how it hears of what became of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/clerk/clerk-sdk-go/v2"
	clerkhttp "github.com/clerk/clerk-sdk-go/v2/http"
)

// config is what a product has to know of its server. Each field has the name that
// Clerk's own SDKs give its variable.
type config struct {
	apiURL         string // CLERK_API_URL
	secretKey      string // CLERK_SECRET_KEY
	publishableKey string // CLERK_PUBLISHABLE_KEY
	signingSecret  string // CLERK_WEBHOOK_SIGNING_SECRET
}

func main() {
	addr := flag.String("addr", "127.0.0.1:3000", "where Atlas listens")
	setup := flag.Bool("setup", false, "only install what the page is made of")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *setup, os.Stdout); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "atlas:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string, setup bool, stdout io.Writer) error {
	source, err := sourceFolder(ctx)
	if err != nil {
		return err
	}
	web := filepath.Join(source, "web")
	if err := install(ctx, web); err != nil || setup {
		return err
	}
	work, err := os.MkdirTemp("", "atlas")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	origin := "http://" + l.Addr().String()
	c := config{
		apiURL: os.Getenv("CLERK_API_URL"), secretKey: os.Getenv("CLERK_SECRET_KEY"),
		publishableKey: os.Getenv("CLERK_PUBLISHABLE_KEY"), signingSecret: os.Getenv("CLERK_WEBHOOK_SIGNING_SECRET"),
	}
	if c.secretKey == "" {
		usher, err := startUsher(ctx, source, work, origin)
		if err != nil {
			return err
		}
		defer usher.stop()
		usher.announce(stdout)
		c = usher.config
	}
	page := filepath.Join(work, "page")
	if err := build(ctx, web, page, c.publishableKey); err != nil {
		return err
	}
	handler, err := product(c, origin, page, web)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "atlas  %s\n", origin)
	return serve(ctx, l, handler)
}

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(last)
}

// product is the whole of Atlas: its page, its API, and the way to usher.
func product(c config, origin, page, web string) (http.Handler, error) {
	clerk.SetBackend(clerk.NewBackend(&clerk.BackendConfig{
		URL: new(c.apiURL + "/v1"), Key: &c.secretKey, HTTPClient: &http.Client{Timeout: 10 * time.Second},
	}))
	events, err := newEventLog(c.signingSecret)
	if err != nil {
		return nil, err
	}
	frontend, err := frontendAPI(c, origin)
	if err != nil {
		return nil, err
	}
	team := &team{origin: origin}
	api := http.NewServeMux()
	api.HandleFunc("GET /api/team", team.list)
	api.HandleFunc("POST /api/invitations", team.invite)
	api.HandleFunc("GET /api/events", events.list)

	// The SDK fetches the keys from usher and verifies the session token. usher's
	// tokens name usher as their issuer.
	signedIn := clerkhttp.RequireHeaderAuthorization(clerkhttp.ProxyURL(c.apiURL), clerkhttp.AuthorizedPartyMatches(origin))

	mux := http.NewServeMux()
	mux.Handle("/api/", signedIn(api))
	mux.Handle("POST /webhooks", events)
	mux.Handle("/__clerk/", frontend)
	mux.Handle("/__clerk/npm/@clerk/{package}/dist/{file}", serveScript(web))
	mux.Handle("/assets/", http.FileServerFS(os.DirFS(page)))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(page, "index.html")) // the page looks at the path itself
	})
	return mux, nil
}

// frontendAPI passes on what Clerk's components ask, as Clerk's guide to proxying
// its Frontend API has it. So the browser talks to one origin, and usher's cookie
// is this origin's own.
func frontendAPI(c config, origin string) (http.Handler, error) {
	target, err := url.Parse(c.apiURL)
	if err != nil || target.Host == "" {
		return nil, errors.Join(fmt.Errorf("CLERK_API_URL %q is no URL", c.apiURL), err)
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
		r.Out.Header.Set("Clerk-Proxy-Url", origin+"/__clerk")
		r.Out.Header.Set("Clerk-Secret-Key", c.secretKey)
	}}, nil
}
