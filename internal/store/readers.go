package store

import (
	"context"
	"errors"
	"sync"
)

// readers are the connections that read. Whoever needs one gets the one used last:
// it remembers the most pages, and those that are not needed hold none.
type readers struct {
	free chan struct{} // one for each connection that is idle
	mu   sync.Mutex
	idle []*conn
}

func newReaders(n int) *readers { return &readers{free: make(chan struct{}, n)} }

// take waits for a connection until ctx ends.
func (r *readers) take(ctx context.Context) (*conn, error) {
	select {
	case <-r.free:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.idle) - 1
	c := r.idle[last]
	r.idle = r.idle[:last]
	return c, nil
}

// give takes a connection back.
func (r *readers) give(c *conn) {
	r.mu.Lock()
	r.idle = append(r.idle, c)
	r.mu.Unlock()
	r.free <- struct{}{}
}

// close closes those that are idle.
func (r *readers) close() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.idle {
		err = errors.Join(err, c.close())
	}
	return err
}
