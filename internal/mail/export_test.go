package mail

import (
	"context"
	"crypto/x509"
	"net"
	"time"
)

// Trust makes s accept certificates of roots.
func (s *SMTP) Trust(roots *x509.CertPool) { s.roots = roots }

// DialInstead makes s connect to addr whatever its URL says.
func (s *SMTP) DialInstead(addr string) {
	s.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// KeepFor sets how long an unused connection is kept.
func (s *SMTP) KeepFor(d time.Duration) { s.idleTimeout = d }
