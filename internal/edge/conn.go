package edge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
)

// piece is how many bytes of an answer net/http collects before it writes: a longer
// answer leaves in two or three system calls, and wakes its reader as often.
const piece = 4 << 10

// conn is a connection that can keep what is written until an answer is complete.
// Only the goroutine that answers writes to it.
type conn struct {
	net.Conn
	kept *[]byte // nil unless it keeps
}

func (c *conn) Write(b []byte) (int, error) {
	if c.kept == nil {
		return c.Conn.Write(b)
	}
	*c.kept = append(*c.kept, b...)
	return len(b), nil
}

// CloseWrite lets a server end its side and still hear the client out.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// buffers are for what connections keep, each of at most longest bytes.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const longest = 64 << 10

// whole writes b to w, which answers on c, and sends it with all that is before it
// in one system call.
func (c *conn) whole(w http.ResponseWriter, b []byte) (int, error) {
	c.kept, _ = buffers.Get().(*[]byte)
	n, err := w.Write(b)
	err = errors.Join(err, http.NewResponseController(w).Flush())
	kept := c.kept
	c.kept = nil
	if err == nil {
		_, err = c.Conn.Write(*kept)
	}
	if cap(*kept) <= longest {
		*kept = (*kept)[:0]
		buffers.Put(kept)
	}
	return n, err
}

// Listener gives a server connections on which a long answer leaves in one piece.
// The server's ConnContext must be [ConnContext].
type Listener struct{ net.Listener }

// Accept implements [net.Listener].
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

type connKey struct{}

// ConnContext lets a request know the connection on which it is answered.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}
