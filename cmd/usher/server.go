package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"usher/internal/bapi"
	"usher/internal/browser"
	"usher/internal/clerk"
	"usher/internal/config"
	"usher/internal/edge"
	"usher/internal/fapi"
	"usher/internal/invite"
	"usher/internal/limit"
	"usher/internal/mail"
	"usher/internal/outbox"
	"usher/internal/password"
	"usher/internal/store"
	"usher/internal/web"
	"usher/internal/webhook"
)

// Limits of one connection. Nobody may hold one open for nothing.
const (
	headerTimeout  = 10 * time.Second
	readTimeout    = 30 * time.Second
	requestTimeout = 70 * time.Second // longer than the longest wait for mail
	idleTimeout    = 2 * time.Minute
	maxHeader      = 32 << 10
)

// server is one running usher.
type server struct {
	log      *slog.Logger
	db       *store.DB
	keys     *invite.Keyring
	courier  *mail.Courier // nil: mails wait in the outbox
	inbox    bool          // mails are kept, and can be read
	registry *prometheus.Registry
	delivery config.Delivery
	limits   *limit.Limiter
	proxies  []netip.Prefix // that are believed

	main      net.Listener
	metrics   net.Listener // nil when main serves them
	debug     net.Listener // nil without profiles
	publicURL string
	stopping  chan struct{} // closed when the server is told to stop
}

// databaseFile is the database inside a data folder.
const databaseFile = "usher.db"

// openStore opens the database, in a data folder, which is made when missing, or at a
// URL, where standby may name another to read from; it may be nil. The encoder renders
// events; their form does not depend on the keys.
func openStore(ctx context.Context, d *config.Data, standby *config.Standby, publicURL string, keys *invite.Keyring) (*store.DB, error) {
	var read string
	if standby != nil {
		read = standby.DatabaseRead.Reveal()
	}
	if read != "" && d.Database.Reveal() == "" {
		return nil, mistake("database-read", errors.New("is for PostgreSQL: it needs --database, too"))
	}
	if d.Database.Reveal() == "" {
		if err := os.MkdirAll(d.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("making the data folder: %w", err)
		}
	}
	encoder := &clerk.Encoder{PublicURL: publicURL, Keys: keys}
	db, err := store.Open(ctx, store.Options{
		Path: filepath.Join(d.Dir, databaseFile), Database: d.Database.Reveal(), DatabaseRead: read, Now: time.Now, Keys: keys, Event: encoder.EventData,
	})
	if errors.Is(err, store.ErrOtherDatabase) {
		err = mistake("database-read", err)
	}
	return db, err
}

// listen binds the addresses, so that what is announced is true.
func (s *server) listen(ctx context.Context, l *config.Listener) (err error) {
	var lc net.ListenConfig
	if s.main, err = lc.Listen(ctx, "tcp", l.Addr); err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	if l.MetricsAddr != "" {
		if s.metrics, err = lc.Listen(ctx, "tcp", l.MetricsAddr); err != nil {
			return errors.Join(fmt.Errorf("--metrics-addr: %w", err), s.main.Close())
		}
	}
	if l.DebugAddr != "" {
		if s.debug, err = lc.Listen(ctx, "tcp", l.DebugAddr); err != nil {
			return fmt.Errorf("--debug-addr: %w", err)
		}
	}
	s.publicURL = baseURL(s.main.Addr())
	if l.PublicURL != nil {
		s.publicURL = strings.TrimSuffix(l.PublicURL.String(), "/")
	}
	return nil
}

// baseURL returns the URL of an address bound on this machine.
func baseURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// newLimits returns what bounds the requests, or nil.
func newLimits(t *config.Traffic) (*limit.Limiter, error) {
	rules, err := limit.Parse(t.Limits, bapi.Routes())
	if err != nil {
		return nil, mistake("limits", err)
	}
	return limit.New(rules, time.Now), nil
}

// newCourier returns what delivers mails by SMTP, or nil without a server.
func (s *server) newCourier(m *config.Mail) (*mail.Courier, error) {
	c := &mail.Courier{DB: s.db, Keys: s.keys, PublicURL: s.publicURL, ReplyToInviter: m.MailReplyToInviter}
	var err error
	if c.Templates, err = parseTemplates(m.MailTemplates); err != nil {
		return nil, err
	}
	c.From = mail.Address{Name: "usher", Address: "invitations@usher.localhost"}
	if m.MailFrom != nil {
		c.From = mail.Address{Name: m.MailFrom.Name, Address: m.MailFrom.Address}
	}
	if raw := m.SMTPURL.Reveal(); raw != "" {
		if c.SMTP, err = mail.ParseSMTPURL(raw); err != nil {
			return nil, mistake("smtp-url", err)
		}
	}
	return c, nil
}

func parseTemplates(dir string) (*mail.Templates, error) {
	if dir == "" {
		return mail.ParseTemplates(nil)
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a folder")
	}
	if err != nil {
		return nil, mistake("mail-templates", err)
	}
	t, err := mail.ParseTemplates(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("--mail-templates %s: %w", dir, err)
	}
	return t, nil
}

func mistake(flag string, err error) error {
	env := "USHER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	return &config.UsageError{Mistakes: []string{fmt.Sprintf("--%s (or %s): %v", flag, env, err)}}
}

// run serves until ctx ends, then stops in order: readiness fails, requests are
// drained, deliveries finish or hand back their lease.
func (s *server) run(ctx context.Context) error {
	if err := s.db.ReleaseLeases(ctx); err != nil {
		return fmt.Errorf("taking over deliveries: %w", err)
	}
	s.stopping = make(chan struct{})
	s.log.InfoContext(ctx, "serving", slog.String("addr", s.main.Addr().String()), slog.String("public_url", s.publicURL),
		slog.String("publishable_key", s.publishableKey(ctx)))
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.registry.MustRegister(newOutboxCollector(s.db))
	s.registry.MustRegister(standbyReads(s.db)...)
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	tasks, failed := errgroup.WithContext(work)
	servers := []*http.Server{s.httpServer(s.handler())}
	listeners := []net.Listener{edge.Listener{Listener: s.main}}
	if s.metrics != nil {
		servers = append(servers, s.httpServer(s.metricsHandler()))
		listeners = append(listeners, s.metrics)
	}
	if s.debug != nil {
		servers = append(servers, s.httpServer(profiles()))
		listeners = append(listeners, s.debug)
	}
	for i, srv := range servers {
		tasks.Go(func() error {
			if err := srv.Serve(listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving %s: %w", listeners[i].Addr(), err)
			}
			return nil
		})
	}
	deliveries, stopDeliveries := context.WithCancel(work)
	defer stopDeliveries()
	outcomes := s.outcomes()
	if s.courier != nil {
		tasks.Go(func() error { return s.mailer(outcomes).Run(deliveries) })
	}
	tasks.Go(func() error { return s.posters(outcomes).Run(deliveries) })
	tasks.Go(func() error { return s.sweep(deliveries) })
	tasks.Go(func() error { return s.notice(deliveries) })

	select {
	case <-ctx.Done():
	case <-failed.Done():
	}
	s.log.InfoContext(ctx, "stopping", slog.Duration("drain_timeout", s.delivery.DrainTimeout))
	close(s.stopping)
	drain, cancel := context.WithTimeout(work, s.delivery.DrainTimeout)
	defer cancel()
	var err error
	for _, srv := range servers {
		err = errors.Join(err, srv.Shutdown(drain))
	}
	stopDeliveries()
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.WarnContext(ctx, "requests were cut off", slog.Duration("after", s.delivery.DrainTimeout))
		err = nil
	}
	return errors.Join(err, tasks.Wait())
}

// publishableKey returns the key of the Frontend API at the server's own host; empty
// while there is no instance that has it.
func (s *server) publishableKey(ctx context.Context) string {
	in, err := s.db.Frontend(ctx, "")
	if err != nil {
		return ""
	}
	return clerk.PublishableKey(in, s.publicURL)
}

func (s *server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: requestTimeout + readTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ConnContext: edge.ConnContext,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // noise of the network
	}
}

// handler is the main listener: the probes, then every surface behind the edge.
func (s *server) handler() http.Handler {
	encoder := &clerk.Encoder{PublicURL: s.publicURL, Keys: s.keys}
	passwords := password.NewHasher(max(1, runtime.GOMAXPROCS(0)/2)) // the others serve on
	s.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "usher_passwords_total", Help: "Passwords that were compared or digested; each takes tens of milliseconds of a processor.",
	}, func() float64 { return float64(passwords.Worked()) }))
	back := &bapi.Server{
		DB: s.db, Encoder: encoder, Keys: s.keys, PrivateWebhooks: s.delivery.WebhookPrivateAddresses, Stopping: s.stopping, Limits: s.limits,
		Passwords: passwords,
	}
	browsers := &browser.Keeper{DB: s.db, Passwords: passwords, PublicURL: s.publicURL, Proxies: s.proxies}
	front := &fapi.Server{DB: s.db, Encoder: encoder, Keys: s.keys, Browsers: browsers, Passwords: passwords, PublicURL: s.publicURL}
	pages := &web.Server{DB: s.db, Keys: s.keys, Browsers: browsers, PublicURL: s.publicURL}
	if s.inbox {
		back.Letters, pages.Letters, pages.Letter = s.courier.Letters, s.courier.Letters, s.courier.Letter
	}
	surfaces := http.NewServeMux()
	surfaces.Handle("/", pages.Handler())
	api, frontend := back.Handler(), front.Handler()
	surfaces.Handle(fapi.Prefix+"/", http.StripPrefix(fapi.Prefix, frontend))
	surfaces.Handle("/.well-known/jwks.json", frontend)
	surfaces.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		if fapi.Serves(r) {
			frontend.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
	// The last three are what @clerk/backend asks for without a version: not served,
	// but refused as the API refuses. Without the path itself the mux would redirect.
	for _, path := range []string{"/usher/v1", "/api_keys", "/m2m_tokens", "/oauth_applications"} {
		surfaces.Handle(path, api)
		surfaces.Handle(path+"/", api)
	}
	surfaces.Handle("/v1", api)
	surfaces.Handle(fapi.Prefix, frontend)

	behind := edge.New(s.log, time.Now, requestTimeout, s.registry).Wrap(surfaces)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/healthz":
			alive(w, r)
		case r.URL.Path == "/readyz":
			s.ready(w, r)
		case r.URL.Path == "/metrics" && s.metrics == nil:
			s.promHandler().ServeHTTP(w, r)
		default:
			behind.ServeHTTP(w, r)
		}
	})
}

// metricsHandler is the operator's own listener. It closes last, so that its
// probes tell of a stop while the other one, which accepts no connection any
// more, is drained.
func (s *server) metricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", s.promHandler())
	mux.HandleFunc("/healthz", alive)
	mux.HandleFunc("/readyz", s.ready)
	return mux
}

// profiles serves what go tool pprof reads, but for the command line, which may hold
// secrets.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func (s *server) promHandler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelError)})
}

// alive says that the process runs.
func alive(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") }

// ready says whether requests should be sent here: the database answers, and
// the server is not about to stop.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	select {
	case <-s.stopping:
		plain(w, http.StatusServiceUnavailable, "stopping")
		return
	default:
	}
	if s.db.Ping(ctx) != nil {
		plain(w, http.StatusServiceUnavailable, "the database does not answer")
		return
	}
	plain(w, http.StatusOK, "ok")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// outcomes counts what came of each attempt to deliver.
func (s *server) outcomes() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_deliveries_total", Help: "Attempts to deliver a message, by kind and outcome.",
	}, []string{"kind", "outcome"})
	s.registry.MustRegister(c)
	return c
}

// mailer delivers mail.
func (s *server) mailer(outcomes *prometheus.CounterVec) *outbox.Worker {
	return &outbox.Worker{
		DB: s.db, Claim: s.db.Claim, Queued: s.db.Queued, Batch: 64, Parallel: 8,
		Attempts: s.delivery.MailAttempts, Pause: outbox.Backoff, Random: rand.Float64,
		Grace: s.delivery.DrainTimeout, Log: s.log, Deliveries: outcomes,
		Deliver: func(ctx context.Context, m store.Message) (store.Receipt, error) {
			sent, err := s.courier.Deliver(ctx, m)
			if err == nil && sent == nil {
				err = outbox.ErrPointless
			}
			return store.Receipt{Mail: sent}, err
		},
	}
}

// posters post events, a worker for each endpoint.
func (s *server) posters(outcomes *prometheus.CounterVec) *outbox.Fleet {
	sender := &webhook.Sender{DB: s.db, Client: webhook.NewClient(s.delivery.WebhookPrivateAddresses)}
	deliver := func(ctx context.Context, m store.Message) (store.Receipt, error) {
		r, sent, err := sender.Deliver(ctx, m)
		if err == nil && !sent {
			err = outbox.ErrPointless
		}
		return r, err
	}
	return &outbox.Fleet{DB: s.db, Log: s.log, Worker: func(key store.EndpointKey) *outbox.Worker {
		return &outbox.Worker{
			DB: s.db, Claim: s.db.Line(key).Claim, Queued: func() <-chan struct{} { return s.db.Happened(key.InstanceID) },
			Batch: 16, Parallel: 4, // so that a batch is posted within its lease, however slow the endpoint
			Attempts: s.delivery.WebhookAttempts, Pause: outbox.Schedule, Random: rand.Float64,
			Grace: s.delivery.DrainTimeout, Log: s.log, Deliveries: outcomes, Deliver: deliver,
		}
	}}
}

// Housekeeping: how often, and how much in one transaction.
const (
	sweepEvery = 10 * time.Second
	sweepBatch = 500
)

// notice has the commands of an operator show within a second.
func (s *server) notice(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := s.db.Notice(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "looking for what others have written", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sweep writes down expiries and forgets old events, addresses, sign-in tokens,
// browsers, sessions and idempotency keys until ctx ends.
func (s *server) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.sweepOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "sweeping", slog.String("error", err.Error()))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *server) sweepOnce(ctx context.Context) error {
	forgetEvents := func(ctx context.Context, limit int) (int, error) {
		return s.db.ForgetEvents(ctx, s.delivery.EventRetention, limit)
	}
	forgetAddresses := func(ctx context.Context, limit int) (int, error) {
		if s.delivery.AddressRetention == 0 {
			return 0, nil
		}
		return s.db.ForgetAddresses(ctx, s.delivery.AddressRetention, limit)
	}
	forgetMails := func(ctx context.Context, limit int) (int, error) {
		return s.db.ForgetMails(ctx, s.delivery.MailRetention(), limit)
	}
	for _, sweep := range []func(context.Context, int) (int, error){
		s.db.SweepExpired, forgetEvents, forgetAddresses, forgetMails, s.db.ForgetSignInTokens, s.db.ForgetClients, s.db.SweepIdempotencyKeys,
	} {
		for n := sweepBatch; n >= sweepBatch; {
			var err error
			if n, err = sweep(ctx, sweepBatch); err != nil {
				return err
			}
		}
	}
	for _, sweep := range []func(context.Context, int) (bool, error){s.db.SweepDeleted, s.db.SweepEnrollments} {
		for more := true; more; {
			var err error
			if more, err = sweep(ctx, sweepBatch); err != nil {
				return err
			}
		}
	}
	return nil
}
