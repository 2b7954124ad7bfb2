package outbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"usher/internal/invite"
	"usher/internal/outbox"
	"usher/internal/store"
	"usher/internal/store/postgrestest"
	"usher/internal/store/storetest"
)

// bench is a store with one organization, and a clock that tests move.
type bench struct {
	db    *store.DB
	in    *invite.Instance
	org   string
	clock atomic.Int64 // Unix milliseconds
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return newBenchAt(t, "")
}

// newBenchAt is newBench in a PostgreSQL database, or without its URL in a file.
func newBenchAt(t *testing.T, database string) *bench {
	t.Helper()
	b := &bench{}
	b.clock.Store(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC).UnixMilli())
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{3}, invite.MinMasterKey))
	must(t, err)
	b.db, err = store.Open(t.Context(), store.Options{
		NewSigningKey: storetest.NewSigningKey,
		Path:          filepath.Join(t.TempDir(), "usher.db"), Database: database, Keys: keys,
		Now:   func() time.Time { return time.UnixMilli(b.clock.Load()) },
		Event: func(any, invite.Instant) (json.RawMessage, error) { return json.RawMessage(`{}`), nil },
	})
	must(t, err)
	t.Cleanup(func() { must(t, b.db.Close()) })
	b.in, _, err = b.db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "Outbox"}, "")
	must(t, err)
	o, err := b.db.CreateOrganization(t.Context(), b.in, invite.NewOrganization{Name: "Acme"})
	must(t, err)
	b.org = o.ID
	return b
}

func (b *bench) advance(d time.Duration) { b.clock.Add(d.Milliseconds()) }

// invite queues the mail of one invitation.
func (b *bench) invite(t *testing.T, address string) *invite.Invitation {
	t.Helper()
	i, err := b.db.CreateInvitation(t.Context(), b.in, b.org, invite.NewInvitation{
		EmailAddress: address, Role: invite.RoleMember, ExpiresInDays: 30, Notify: true,
	})
	must(t, err)
	return i
}

// worker returns a worker whose outcomes can be counted.
func (b *bench) worker(deliver func(context.Context, store.Message) error) (*outbox.Worker, func(outcome string) int) {
	deliveries := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "deliveries", Help: "."}, []string{"kind", "outcome"})
	w := &outbox.Worker{
		DB: b.db, Claim: b.db.Claim, Queued: b.db.Queued, Batch: 64, Pause: outbox.Backoff,
		Deliver: func(ctx context.Context, m store.Message) (store.Receipt, error) {
			return store.Receipt{}, deliver(ctx, m)
		},
		Attempts: 3, Parallel: 4, Grace: time.Minute, Random: func() float64 { return 0 },
		Log: slog.New(slog.DiscardHandler), Deliveries: deliveries,
	}
	return w, func(outcome string) int {
		return int(testutil.ToFloat64(deliveries.WithLabelValues(store.MailKind, outcome)))
	}
}

// runUntil runs the worker until done reports true after an outcome was stored.
func runUntil(t *testing.T, w *outbox.Worker, done func() bool) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w.Recorded = func(store.Message, string) {
		if done() {
			stop()
		}
	}
	must(t, w.Run(ctx))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) stats(t *testing.T) store.OutboxStats {
	t.Helper()
	s, err := b.db.OutboxStats(t.Context())
	must(t, err)
	return s
}

type permanent struct{ error }

func (permanent) Permanent() bool { return true }

func TestOutcomes(t *testing.T) {
	tests := []struct {
		name           string
		err            error
		outcome        string
		queued, parked int
	}{
		{"delivered is removed", nil, "delivered", 0, 0},
		{"pointless is removed", outbox.ErrPointless, "pointless", 0, 0},
		{"a failure is tried again", errors.New("451 greylisted"), "retried", 1, 0},
		{"a permanent failure is parked", permanent{errors.New("550 no such mailbox")}, "parked", 0, 1},
		{"a wrapped permanent failure is parked", fmt.Errorf("sending: %w", permanent{errors.New("550 no such mailbox")}), "parked", 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.invite(t, "grace@example.com")
			w, count := b.worker(func(context.Context, store.Message) error { return tt.err })
			runUntil(t, w, func() bool { return count(tt.outcome) == 1 })
			if got := b.stats(t); got.Queued != tt.queued || got.Parked != tt.parked {
				t.Errorf("outbox = %+v, want %d queued and %d parked", got, tt.queued, tt.parked)
			}
		})
	}
}

func TestRetriesKeepTheIDAndEndParkedWithTheLastReply(t *testing.T) {
	b := newBench(t)
	b.invite(t, "grace@example.com")
	var mu sync.Mutex
	var ids []string
	w, count := b.worker(func(_ context.Context, m store.Message) error {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, m.ID)
		return fmt.Errorf("451 attempt %d", m.Attempt)
	})
	for attempt := 1; attempt <= w.Attempts; attempt++ {
		runUntil(t, w, func() bool { return count("retried")+count("parked") == attempt })
		b.advance(outbox.Backoff(attempt, 0) - time.Millisecond)
		if due := b.stats(t).OldestDue; due != 0 {
			t.Errorf("after attempt %d the message is due before its pause has passed", attempt)
		}
		b.advance(time.Millisecond)
	}
	if len(ids) != 3 || ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("ids of the attempts = %q, want the same three times", ids)
	}
	parked, err := b.db.Parked(t.Context(), 10)
	must(t, err)
	if got := parked[ids[0]]; got != "451 attempt 3" {
		t.Errorf("parked with %q, want the last reply", got)
	}
}

func TestEachMessageIsDeliveredOnceByManyWorkers(t *testing.T) {
	b := newBench(t)
	const messages = 200
	for i := range messages {
		b.invite(t, fmt.Sprintf("u%d@example.com", i))
	}
	var mu sync.Mutex
	times := map[string]int{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	for range 4 {
		w, _ := b.worker(func(_ context.Context, m store.Message) error {
			mu.Lock()
			defer mu.Unlock()
			if times[m.ID]++; len(times) == messages {
				stop()
			}
			return nil
		})
		running.Go(func() { must(t, w.Run(ctx)) })
	}
	running.Wait()
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s was delivered %d times", id, n)
		}
	}
	if len(times) != messages {
		t.Errorf("%d messages delivered, want %d", len(times), messages)
	}
}

func TestStopFinishesWhatIsUnderWayAndHandsBackTheRest(t *testing.T) {
	b := newBench(t)
	for i := range 20 {
		b.invite(t, fmt.Sprintf("u%d@example.com", i))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var begun atomic.Int64
	var once sync.Once
	w, count := b.worker(func(ctx context.Context, _ store.Message) error {
		begun.Add(1)
		once.Do(stop)
		return ctx.Err() // the stop must not reach a delivery under way
	})
	must(t, w.Run(ctx))
	if got := count("delivered"); got != int(begun.Load()) {
		t.Errorf("%d of %d deliveries under way were finished", got, begun.Load())
	}
	s := b.stats(t)
	if s.Queued != 20-count("delivered") {
		t.Errorf("%d messages left, want %d", s.Queued, 20-count("delivered"))
	}
	if s.Queued > 0 && s.OldestDue == 0 {
		t.Error("messages that were not begun kept their lease")
	}
}

func TestADeliveryThatHangsIsCutOffAfterTheGrace(t *testing.T) {
	b := newBench(t)
	b.invite(t, "grace@example.com")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w, count := b.worker(func(ctx context.Context, _ store.Message) error {
		stop()
		<-ctx.Done()
		return ctx.Err()
	})
	w.Grace = time.Millisecond
	must(t, w.Run(ctx))
	if s := b.stats(t); count("retried") != 1 || s.Queued != 1 {
		t.Errorf("retried %d times, outbox %+v; want the message kept for another attempt", count("retried"), s)
	}
}

func TestAMessageWhoseLeaseRanOutIsDeliveredByAnother(t *testing.T) {
	b := newBench(t)
	b.invite(t, "grace@example.com")
	lost, _, err := b.db.Claim(t.Context(), 10, time.Minute) // and then its worker dies
	must(t, err)
	if len(lost) != 1 {
		t.Fatalf("claimed %d messages, want 1", len(lost))
	}
	b.advance(time.Minute)
	w, count := b.worker(func(_ context.Context, m store.Message) error {
		if m.ID != lost[0].ID {
			t.Errorf("the id changed from %s to %s", lost[0].ID, m.ID)
		}
		return nil
	})
	runUntil(t, w, func() bool { return count("delivered") == 1 })
}

func TestLateOutcomeOfALostLeaseChangesNothing(t *testing.T) {
	b := newBench(t)
	b.invite(t, "grace@example.com")
	lost, _, err := b.db.Claim(t.Context(), 10, time.Minute)
	must(t, err)
	b.advance(time.Minute)
	if _, _, err = b.db.Claim(t.Context(), 10, time.Minute); err != nil {
		t.Fatal(err)
	}
	must(t, b.db.Delivered(t.Context(), lost[0], store.Receipt{}))
	must(t, b.db.Park(t.Context(), lost[0], "late", store.Receipt{}))
	if s := b.stats(t); s.Queued != 1 || s.Parked != 0 {
		t.Errorf("outbox = %+v, want the second claim's message untouched", s)
	}
}

// A message that has left while the database was away is not sent again.
func TestAnOutcomeIsWrittenDownWhenTheDatabaseIsBack(t *testing.T) {
	server, err := postgrestest.Start()
	if errors.Is(err, exec.ErrNotFound) {
		postgrestest.URL(t) // skips, or fails where PostgreSQL is demanded
	}
	must(t, err)
	t.Cleanup(func() { must(t, server.Stop()) })
	b := newBenchAt(t, server.URL)
	b.invite(t, "grace@example.com")
	w, count := b.worker(func(ctx context.Context, _ store.Message) error {
		_, err := server.Crash()
		for err == nil && b.db.Ping(ctx) == nil { // connections outlive the server by a moment
		}
		return err
	})
	runUntil(t, w, func() bool { return count("delivered") == 1 })
	s, err := b.db.OutboxStats(t.Context())
	for errors.Is(err, invite.Err(invite.Unavailable)) { // until the database is back
		s, err = b.db.OutboxStats(t.Context())
	}
	must(t, err)
	if s.Queued != 0 {
		t.Errorf("%d messages are still to be sent, want none", s.Queued)
	}
}

func TestBackoffGrowsToItsBoundAndIsShortenedAtMostByAQuarter(t *testing.T) {
	for attempt, want := range map[int]string{1: "15s", 2: "45s", 3: "2m15s", 8: "8h0m0s", 60: "8h0m0s"} {
		if got := outbox.Backoff(attempt, 0).String(); got != want {
			t.Errorf("Backoff(%d, 0) = %s, want %s", attempt, got, want)
		}
		if got, least := outbox.Backoff(attempt, 0.999), outbox.Backoff(attempt, 0)*3/4; got < least {
			t.Errorf("Backoff(%d, 0.999) = %s, want at least %s", attempt, got, least)
		}
	}
}

func TestOneEventIsLoggedForEachDelivery(t *testing.T) {
	b := newBench(t)
	b.invite(t, "grace@example.com")
	var log bytes.Buffer
	w, count := b.worker(func(context.Context, store.Message) error { return nil })
	w.Log = slog.New(slog.NewTextHandler(&log, nil))
	runUntil(t, w, func() bool { return count("delivered") == 1 })
	if got := strings.Count(log.String(), "msg=delivery"); got != 1 {
		t.Errorf("%d events logged, want 1:\n%s", got, log.String())
	}
	if strings.Contains(log.String(), "grace@example.com") {
		t.Error("the log names the addressee")
	}
}

func TestAMessageThatWaitedTooLongForItsTurnLosesNoAttempt(t *testing.T) {
	b := newBench(t)
	b.invite(t, "first@example.com")
	b.invite(t, "second@example.com")
	var attempts []int
	w, count := b.worker(func(_ context.Context, m store.Message) error {
		if attempts = append(attempts, m.Attempt); len(attempts) == 1 {
			b.advance(61 * time.Second) // a mail server that hangs
		}
		return nil
	})
	w.Parallel = 1
	runUntil(t, w, func() bool { return count("delivered") == 2 })
	if count("released") != 1 || attempts[0] != 1 || attempts[1] != 1 {
		t.Errorf("released %d times, attempts %v; want the second released once and tried for the first time", count("released"), attempts)
	}
}
