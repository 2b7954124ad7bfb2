package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// worker is one of the clients of a closed loop: it asks for the next thing
// when it has the answer to the last.
type worker struct {
	*client
	random  *rand.Rand
	payload []byte // of the request under way
}

// operation is one request that a load consists of.
type operation func(w *worker) error

// errDry is returned by an operation that has used up what there was to use.
// The load ends early and counts what was done until then.
var errDry = errors.New("nothing left")

// target is a server under load, or several with one database, over which the
// connections are spread evenly.
type target struct {
	servers []*process
	workers []*worker
}

func serverOf(p *process) *target { return &target{servers: []*process{p}} }

// cpu returns what all servers have used so far.
func (t *target) cpu() (sum time.Duration, err error) {
	for _, s := range t.servers {
		used, err := s.cpu()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// rss returns the resident bytes of the largest server.
func (t *target) rss() (most int64, err error) {
	for _, s := range t.servers {
		size, err := s.rss()
		if err != nil {
			return 0, err
		}
		most = max(most, size)
	}
	return most, nil
}

// result is what one load measured.
type result struct {
	latency histogram
	took    time.Duration
	cpu     time.Duration // the server's, in user and kernel
	rss     int64         // the server's resident bytes afterwards; 0 = there is no server
}

func (r *result) rate() float64 { return float64(r.latency.total) / r.took.Seconds() }

func (r *result) cpuPerOperation() time.Duration {
	return r.cpu / time.Duration(max(r.latency.total, 1))
}

// add makes r the sum of itself and another load.
func (r *result) add(other *result) {
	r.latency.add(&other.latency)
	r.took += other.took
	r.cpu += other.cpu
	r.rss = max(r.rss, other.rss)
}

// slack is how much longer than its load a single answer may take.
const slack = 30 * time.Second

// load repeats an operation for a while from as many connections at once. It
// stops at the first error.
func (t *target) load(ctx context.Context, connections int, duration time.Duration, op operation) (*result, error) {
	if err := t.connect(ctx, connections); err != nil {
		return nil, err
	}
	before, err := t.cpu()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	latencies := make([]histogram, connections)
	start := time.Now()
	for i, w := range t.workers[:connections] {
		if err := w.conn.SetDeadline(start.Add(duration + slack)); err != nil {
			return nil, err
		}
		all.Go(func() {
			if err := w.repeat(ctx, start.Add(duration), op, &latencies[i]); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	r := &result{took: time.Since(start)}
	if err := context.Cause(ctx); err != nil && !errors.Is(err, errDry) {
		return nil, err
	}
	after, err := t.cpu()
	if err != nil {
		return nil, err
	}
	if r.rss, err = t.rss(); err != nil {
		return nil, err
	}
	r.cpu = after - before
	for i := range latencies {
		r.latency.add(&latencies[i])
	}
	return r, nil
}

func (w *worker) repeat(ctx context.Context, end time.Time, op operation, latency *histogram) error {
	for at := time.Now(); at.Before(end) && ctx.Err() == nil; {
		if err := op(w); err != nil {
			return err
		}
		done := time.Now()
		latency.record(done.Sub(at))
		at = done
	}
	return nil
}

// connect opens what connections are missing.
func (t *target) connect(ctx context.Context, connections int) error {
	for len(t.workers) < connections {
		s := t.servers[len(t.workers)%len(t.servers)]
		c, err := dial(ctx, s.addr, s.key)
		if err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
		// A fixed seed for each worker: every run asks for the same things.
		random := rand.New(rand.NewPCG(1, uint64(len(t.workers))))
		t.workers = append(t.workers, &worker{client: c, random: random})
	}
	return nil
}

func (t *target) disconnect() {
	for _, w := range t.workers {
		w.conn.Close()
	}
	t.workers = nil
}
