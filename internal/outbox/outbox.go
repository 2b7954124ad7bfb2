// Package outbox delivers what the store has queued: a Worker claims messages,
// hands each to a function that delivers it, and removes it, makes it due again
// later, or parks it; a Fleet keeps one worker for each endpoint, so that none waits
// for another. It knows neither SMTP nor HTTP. Delivery is at least once: a
// message keeps its id over all attempts, so that a receiver can tell a repeat.
package outbox

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/internal/invite"
	"usher/internal/store"
)

const (
	// lease is how long a claimed message is hidden from other workers. An
	// attempt is cut off well before.
	lease   = 2 * time.Minute
	attempt = time.Minute
	// poll is the longest sleep: the net under wake-ups that were missed, such
	// as another process's.
	poll = 5 * time.Second
	// finish bounds writing down an outcome, also when the server is stopping.
	finish = 10 * time.Second
	// again is after which it is tried again, for the first time.
	again = 100 * time.Millisecond
)

// ErrPointless is returned by Deliver when nothing is left to deliver: the
// message is removed.
var ErrPointless = errors.New("nothing left to deliver")

// Worker delivers messages. Its fields are set before Run and not changed after.
type Worker struct {
	DB *store.DB
	// Claim takes up to limit due messages, as store.DB.Claim does for mail.
	Claim func(ctx context.Context, limit int, lease time.Duration) ([]store.Message, invite.Instant, error)
	// Queued returns a channel that is closed when there may be more to claim.
	Queued func() <-chan struct{}
	// Batch is how many messages one claim takes.
	Batch int
	// Deliver delivers one message. An error with a method Permanent() bool that
	// returns true is not tried again.
	Deliver func(ctx context.Context, m store.Message) (store.Receipt, error)
	// Pause returns how long to wait after an attempt that failed, 1 for the
	// first, with chance in [0, 1) to spread the repetitions.
	Pause func(attempt int, random float64) time.Duration
	// Attempts is how often a message is tried before it is parked.
	Attempts int
	// Grace is how long a delivery under way may go on after Run's context ended.
	Grace time.Duration
	// Parallel is how many messages are delivered at the same time.
	Parallel int
	// Random returns a number in [0, 1), for the jitter.
	Random func() float64
	Log    *slog.Logger
	// Deliveries counts attempts by outcome: delivered, pointless, retried,
	// parked or released.
	Deliveries *prometheus.CounterVec
	// Recorded, when set, is called when the outcome of an attempt was stored.
	Recorded func(m store.Message, outcome string)
}

// Run delivers until ctx ends. Then it starts no more deliveries, waits for
// those under way, hands back what was claimed and not begun, and returns nil.
func (w *Worker) Run(ctx context.Context) error {
	messages := make(chan claimed)
	var under sync.WaitGroup
	for range w.Parallel {
		under.Go(func() {
			for m := range messages {
				w.attempt(ctx, m)
			}
		})
	}
	for ctx.Err() == nil {
		queued := w.Queued()
		until := w.DB.Now().Add(lease - attempt)
		list, next, err := w.Claim(ctx, w.Batch, lease)
		if err != nil && ctx.Err() == nil {
			w.Log.LogAttrs(ctx, slog.LevelError, "claiming messages", slog.String("error", err.Error()))
		}
		for _, m := range list {
			messages <- claimed{m, until}
		}
		if len(list) == 0 {
			w.rest(ctx, queued, next)
		}
	}
	close(messages)
	under.Wait()
	return nil
}

// claimed is a message with the instant until which its lease lets it begin.
type claimed struct {
	store.Message
	until invite.Instant
}

// rest waits for something to do: a new message, the next due one, or the poll.
func (w *Worker) rest(ctx context.Context, queued <-chan struct{}, next invite.Instant) {
	pause := poll
	if now := w.DB.Now(); next > now {
		pause = min(pause, time.Duration(next-now)*time.Millisecond)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-queued:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// attempt delivers one claimed message and writes down what came of it. The
// outcome is written even when ctx has ended: a success must not be lost.
func (w *Worker) attempt(ctx context.Context, c claimed) {
	m, done := c.Message, context.WithoutCancel(ctx)
	if ctx.Err() != nil || w.DB.Now() > c.until { // stopping, or it waited too long for its turn
		w.record(done, m, "released", nil, func(ctx context.Context) error { return w.DB.Release(ctx, m) })
		return
	}
	try, cancel := context.WithTimeout(done, attempt)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(w.Grace, cancel) })()
	r, err := w.Deliver(try, m)
	permanent, _ := errors.AsType[interface {
		error
		Permanent() bool
	}](err)
	switch {
	case err == nil:
		w.record(done, m, "delivered", nil, func(ctx context.Context) error { return w.DB.Delivered(ctx, m, r) })
	case errors.Is(err, ErrPointless):
		w.record(done, m, "pointless", nil, func(ctx context.Context) error { return w.DB.Drop(ctx, m) })
	case m.Attempt >= w.Attempts, permanent != nil && permanent.Permanent():
		w.record(done, m, "parked", err, func(ctx context.Context) error { return w.DB.Park(ctx, m, err.Error(), r) })
	default:
		at := w.DB.Now().Add(w.Pause(m.Attempt, w.Random()))
		w.record(done, m, "retried", err, func(ctx context.Context) error { return w.DB.Retry(ctx, m, at, err.Error(), r) })
	}
}

// record stores the outcome and tells of it, once for each attempt.
func (w *Worker) record(ctx context.Context, m store.Message, outcome string, why error, save func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, finish)
	defer cancel()
	failed := persist(ctx, save)
	w.Deliveries.WithLabelValues(m.Kind, outcome).Inc()
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("id", m.ID), slog.String("kind", m.Kind), slog.String("instance", m.InstanceID),
		slog.Int("attempt", m.Attempt), slog.String("outcome", outcome),
	}
	if m.SubjectID != "" {
		attrs = append(attrs, slog.String("subject", m.SubjectID))
	}
	if m.EndpointID != "" {
		attrs = append(attrs, slog.String("endpoint", m.EndpointID))
	}
	if why != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("error", why.Error()))
	}
	if failed != nil {
		level = slog.LevelError
		attrs = append(attrs, slog.String("unrecorded", failed.Error()))
	}
	w.Log.LogAttrs(ctx, level, "delivery", attrs...)
	if w.Recorded != nil {
		w.Recorded(m, outcome)
	}
}

// persist tries again while the database is away: what is not written down is delivered
// once more when the lease has run out. Writing it down twice is writing it down once.
func persist(ctx context.Context, save func(context.Context) error) error {
	for pause := again; ; pause *= 2 {
		err := save(ctx)
		if !errors.Is(err, invite.Err(invite.Unavailable)) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

const (
	firstPause = 15 * time.Second
	longest    = 8 * time.Hour
)

// Backoff returns the pause after the given attempt, 1 for the first: 15 seconds
// tripled each time up to 8 hours, shortened by up to a quarter by random in
// [0, 1), so that messages that failed together do not return together.
func Backoff(attempt int, random float64) time.Duration {
	pause := float64(firstPause) * math.Pow(3, float64(attempt-1))
	pause = min(pause, float64(longest))
	return jittered(time.Duration(pause), random)
}

func jittered(pause time.Duration, random float64) time.Duration {
	return time.Duration(float64(pause) * (1 - random/4))
}

// schedule are the pauses between the attempts to reach an endpoint (contract
// §7.4): about a day and a quarter in all.
var schedule = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
}

// Schedule returns the pause after the given attempt to reach an endpoint, 1 for
// the first, shortened as Backoff's. Beyond the schedule the last pause repeats.
func Schedule(attempt int, random float64) time.Duration {
	return jittered(schedule[min(attempt, len(schedule))-1], random)
}
