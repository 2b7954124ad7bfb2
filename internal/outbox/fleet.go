package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"usher/internal/store"
)

// Fleet runs a worker for each enabled endpoint. An endpoint that is slow or dead
// holds up nothing but itself. Its fields are set before Run and not changed after.
type Fleet struct {
	DB *store.DB
	// Worker returns the worker of an endpoint.
	Worker func(key store.EndpointKey) *Worker
	Log    *slog.Logger
}

// Run starts and stops workers as endpoints come and go, until ctx ends and all
// workers have.
func (f *Fleet) Run(ctx context.Context) error {
	running := make(map[store.EndpointKey]context.CancelFunc)
	var workers sync.WaitGroup
	for ctx.Err() == nil {
		changed := f.DB.EndpointsChanged()
		keys, err := f.DB.EnabledEndpoints(ctx)
		switch {
		case err == nil:
			f.follow(ctx, keys, running, &workers)
		case ctx.Err() == nil:
			f.Log.LogAttrs(ctx, slog.LevelError, "reading endpoints", slog.String("error", err.Error()))
		}
		timer := time.NewTimer(poll)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	for _, stop := range running {
		stop()
	}
	workers.Wait()
	return nil
}

// follow makes those running the workers of keys.
func (f *Fleet) follow(ctx context.Context, keys []store.EndpointKey, running map[store.EndpointKey]context.CancelFunc, workers *sync.WaitGroup) {
	wanted := make(map[store.EndpointKey]bool, len(keys))
	for _, key := range keys {
		wanted[key] = true
		if running[key] != nil {
			continue
		}
		own, stop := context.WithCancel(ctx)
		running[key] = stop
		w := f.Worker(key)
		workers.Go(func() { _ = w.Run(own) }) // it only ends with its context
	}
	for key, stop := range running {
		if !wanted[key] {
			stop()
			delete(running, key)
		}
	}
}
