package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Limits of one attempt. A receiver should note the event and answer, and do its
// work afterwards.
const (
	connectTimeout = 5 * time.Second
	totalTimeout   = 15 * time.Second
	maxHeader      = 16 << 10
)

var errNotPublic = errors.New("not a public address")

// NewClient returns the client that posts events. It follows no redirect, uses no
// proxy and, unless private is allowed, connects to public addresses only: every
// address is checked after the name was resolved, just before connecting, so that
// no answer of a name server leads inside.
func NewClient(private bool) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout, Control: onlyPublic}
	if private {
		dialer.Control = nil
	}
	return &http.Client{
		Timeout: totalTimeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: connectTimeout, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 4, MaxIdleConns: 256, IdleConnTimeout: time.Minute,
			MaxResponseHeaderBytes: maxHeader, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// onlyPublic is a net.Dialer's Control.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("reading the address: %w", err)
	}
	if !public(target.Addr()) {
		return errNotPublic
	}
	return nil
}

// public reports whether an address is one of the internet's: in none of the
// ranges that the registries of RFC 6890 keep for other purposes, and no cloud's
// metadata service. IPv6 has all of its public addresses in 2000::/3.
func public(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() && !globalUnicast.Contains(addr) {
		return false
	}
	for _, special := range specialPurpose {
		if special.Contains(addr) {
			return false
		}
	}
	return true
}

var globalUnicast = netip.MustParsePrefix("2000::/3")

var specialPurpose = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // carriers' NAT; a metadata service, 100.100.100.200
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // a metadata service at a public address
	"169.254.0.0/16",   // link-local; the metadata services, 169.254.169.254
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments; a metadata service, 192.0.0.192
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/3",      // multicast, reserved, broadcast
	"2001::/23",        // protocol assignments, Teredo among them
	"2001:db8::/32",    // documentation
	"2002::/16",        // 6to4, with an IPv4 address inside
	"3fff::/20",        // documentation
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}
