// Command bench measures usher against what this machine can do at all: it
// builds and starts the real server, drives it in a closed loop, and in the same
// minutes measures a bare net/http server that sends the same bytes and a bare
// SQLite loop that writes the same rows. docs/performance.md says how to read
// the result. It needs Linux, and speaks to 127.0.0.1 only.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	duration      time.Duration
	rounds        int
	connections   []int
	organizations int
	listed        int
	many          int
	samples       int
	starts        int
	idle          time.Duration
	dir           string
	serverLog     string
	profile       string
	postgres      bool
	pooler        bool
}

// compared is the number of connections at which usher is compared with the ceilings.
const compared = 64

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{samples: 300, starts: 5, idle: 2 * time.Second}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&o.duration, "duration", 3*time.Second, "how long each phase lasts, in each round")
	flags.IntVar(&o.rounds, "rounds", 3, "how often everything is measured; medians are shown")
	list := flags.String("connections", "1,16,64,256", "numbers of connections; 64 is compared with the ceilings")
	flags.IntVar(&o.organizations, "organizations", 1000, "organizations that are written to")
	flags.IntVar(&o.listed, "listed", 20_000, "organizations that are listed in turn")
	flags.IntVar(&o.many, "many", 1_000_000, "invitations and members of the large organization, and users of its instance")
	flags.StringVar(&o.dir, "dir", "", "folder for the databases, on the disk to be measured (default the system's for temporary files)")
	flags.StringVar(&o.serverLog, "server-log", os.DevNull, "where the server's log goes")
	flags.StringVar(&o.profile, "profile", "", "file for a profile of the server's CPU in the first minute of load")
	flags.BoolVar(&o.postgres, "postgres", false, "measure on a PostgreSQL server, which is started from the installed programs")
	flags.BoolVar(&o.pooler, "pooler", false, "with -postgres: through PgBouncer in transaction mode")
	quick := flags.Bool("quick", false, "a short run that shows that everything works; its numbers mean nothing")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	for part := range strings.SplitSeq(*list, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-connections: %q is not a number of connections", part)
		}
		o.connections = append(o.connections, n)
	}
	if *quick {
		o.duration, o.rounds, o.organizations, o.listed, o.many = 200*time.Millisecond, 1, 100, 1000, 20_000
		o.samples, o.starts, o.idle = 20, 1, 100*time.Millisecond
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	if len(args) == 1 && args[0] == bareArgument {
		return serveBare(ctx, stdin, stdout)
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "usher-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log, err := os.OpenFile(o.serverLog, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	var master [32]byte
	_, _ = rand.Read(master[:]) // never fails
	b := &bench{options: o, dir: dir, out: stdout, progress: stderr, usher: usher{master: hex.EncodeToString(master[:]), log: log}}
	return b.all(ctx)
}

// bench is one run.
type bench struct {
	*options
	usher      usher
	dir        string
	out        io.Writer
	progress   io.Writer
	key, admin string
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.progress, format+"\n", args...) }

// data returns the path of a data folder of this run.
func (b *bench) data(name string) string { return filepath.Join(b.dir, name) }

// all measures the limits first, while the database is as it was seeded, and
// then the load.
func (b *bench) all(ctx context.Context) (err error) {
	b.say("building")
	binary, stripped, plain, err := build(ctx, b.dir)
	if err != nil {
		return err
	}
	b.usher.binary = binary
	if b.postgres {
		return b.onPostgres(ctx)
	}
	organizations := b.organizations + b.listed
	b.say("seeding %d organizations", organizations)
	if b.key, b.admin, err = b.usher.seed(ctx, b.data("served"), organizations); err != nil {
		return err
	}
	for _, name := range []string{"raw", "deep"} {
		if err := copyDatabase(b.data("served"), b.data(name)); err != nil {
			return err
		}
	}
	limits := sizes(stripped, plain)
	b.say("starting %d times", b.starts)
	found, err := b.usher.starts(ctx, b.data("served"), b.key, b.starts, b.idle)
	if err != nil {
		return err
	}
	limits = append(limits, found...)
	b.say("seeding %d invitations in one organization", b.many)
	if found, err = b.usher.depth(ctx, b.data("deep"), b.key, b.admin, organizations, b.many, b.samples); err != nil {
		return err
	}
	limits = append(limits, found...)
	b.say("seeding %d users, all members of that organization", b.many)
	if found, err = b.usher.wide(ctx, b.data("deep"), b.key, organizations+1, b.many, b.samples); err != nil {
		return err
	}
	limits = append(limits, found...)
	if err := os.RemoveAll(b.data("deep")); err != nil {
		return err
	}
	raw, err := openRawLoop(ctx, b.data("raw"), b.organizations)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.close()) }()
	m, err := b.measure(ctx, b.data("served"), rawName, func(ctx context.Context) (*result, error) { return raw.run(ctx, b.duration) })
	if err != nil {
		return err
	}
	return report(b.out, b.options, m, fileGoals, limits)
}

// phase is one kind of load.
type phase struct {
	name string
	// consumes is whether it uses up invitations that are still pending.
	consumes bool
	// ceiling is whether it is measured at 64 connections only, as a comparison.
	ceiling bool
	run     func(ctx context.Context, connections int) (*result, error)
}

// Names of phases that are compared.
const (
	rawName       = "raw SQLite loop"
	pgbenchName   = "pgbench, the same statements"
	bareCreate    = "bare net/http, POST"
	bareGet       = "bare net/http, one invitation"
	bareList      = "bare net/http, a page of 10"
	createName    = "create"
	getName       = "get"
	getColdName   = "get, cold"
	listName      = "list pending"
	listAgainName = "list pending again"
	ofBoth        = ", two servers"
)

// measure runs every phase with every number of connections, round after round, on
// what was seeded. The ceilings, of which top is that of the database, stand beside what is compared with them, so that a noisy minute
// hits both.
func (b *bench) measure(ctx context.Context, data, top string, create func(context.Context) (*result, error)) (m *measurements, err error) {
	debug, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	served, _, err := b.usher.serve(ctx, data, b.key, "--debug-addr", debug)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, served.stop()) }()
	people, err := newPopulation(b.admin, b.organizations, b.listed)
	if err != nil {
		return nil, err
	}
	usher := serverOf(served)
	defer usher.disconnect()
	same, err := usher.sample(ctx, people)
	if err != nil {
		return nil, err
	}
	bareProcess, err := startBare(ctx, same)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bareProcess.stop()) }()
	bare := serverOf(bareProcess)
	defer bare.disconnect()
	if b.profile != "" {
		var profiling errgroup.Group
		profiling.Go(func() error { return profile(ctx, debug, b.profile) })
		defer func() { err = errors.Join(err, profiling.Wait()) }()
	}
	highest := phase{name: top, ceiling: true, run: func(ctx context.Context, _ int) (*result, error) { return create(ctx) }}
	phases := append([]phase{highest}, b.phases(usher, bare, people)...)
	if b.postgres {
		var second *process
		if second, _, err = b.usher.serve(ctx, data, b.key); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, second.stop()) }()
		both := &target{servers: []*process{served, second}}
		defer both.disconnect()
		phases = append(phases, b.phasesOfBoth(both, people)...)
	}
	m = &measurements{phases: phases, results: make(map[string]map[int][]*result)}
	for round := range b.rounds {
		for _, n := range b.connections {
			b.say("round %d of %d: %d connections", round+1, b.rounds, n)
			if err := m.round(ctx, b.duration, n, usher, people); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// sample asks usher for the answers that the bare server is to send.
func (t *target) sample(ctx context.Context, p *population) (a answers, err error) {
	if err := t.connect(ctx, 1); err != nil {
		return a, err
	}
	w := t.workers[0]
	for _, answer := range []struct {
		into *[]byte
		op   operation
	}{{&a.Get, p.get}, {&a.List, p.listAgain}, {&a.Create, p.create}} {
		if err := answer.op(w); err != nil {
			return a, err
		}
		*answer.into = append([]byte(nil), w.answer...)
	}
	return a, nil
}

func (b *bench) phases(usher, bare *target, p *population) []phase {
	load := func(t *target, op operation) func(context.Context, int) (*result, error) {
		return func(ctx context.Context, connections int) (*result, error) {
			return t.load(ctx, connections, b.duration, op)
		}
	}
	return []phase{
		{name: createName, run: load(usher, p.create)},
		{name: bareCreate, ceiling: true, run: load(bare, func(w *worker) error {
			w.payload = p.appendBody(w.payload[:0])
			_, err := w.post(w.payload, "/create")
			return err
		})},
		{name: bareGet, ceiling: true, run: load(bare, func(w *worker) error { _, err := w.get("/get"); return err })},
		{name: getName, run: load(usher, p.get)},
		{name: getColdName, run: load(usher, p.getCold)},
		{name: listName, run: load(usher, p.list)},
		{name: bareList, ceiling: true, run: load(bare, func(w *worker) error { _, err := w.get("/list"); return err })},
		{name: listAgainName, run: load(usher, p.listAgain)},
		{name: "revoke", consumes: true, run: load(usher, p.revoke)},
		{name: "accept", consumes: true, run: load(usher, p.accept)},
		{name: "mixed 70/20/10", run: load(usher, p.mixed)},
	}
}

// phasesOfBoth ask two servers, each from as many connections as one is asked from.
func (b *bench) phasesOfBoth(both *target, p *population) []phase {
	load := func(op operation) func(context.Context, int) (*result, error) {
		return func(ctx context.Context, connections int) (*result, error) {
			return both.load(ctx, 2*connections, b.duration, op)
		}
	}
	return []phase{
		{name: createName + ofBoth, run: load(p.create)},
		{name: getName + ofBoth, run: load(p.get)},
		{name: listName + ofBoth, run: load(p.list)},
	}
}

// round runs every phase once with a number of connections.
func (m *measurements) round(ctx context.Context, duration time.Duration, connections int, usher *target, people *population) error {
	for _, ph := range m.phases {
		if ph.ceiling && connections != compared {
			continue
		}
		if ph.consumes {
			// Revoking and accepting are about as fast as creating.
			want := 2*m.last(createName, connections).rate()*duration.Seconds() + 100
			if err := people.fill(ctx, usher, int(want)); err != nil {
				return fmt.Errorf("filling up: %w", err)
			}
		}
		r, err := ph.run(ctx, connections)
		if err != nil {
			return fmt.Errorf("%s: %w", ph.name, err)
		}
		if m.results[ph.name] == nil {
			m.results[ph.name] = make(map[int][]*result)
		}
		m.results[ph.name][connections] = append(m.results[ph.name][connections], r)
	}
	return nil
}
