package browser

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"usher/internal/invite"
)

// Bits of an address that stand for a network: an IPv4 address is shared and cheap to
// change for its neighbours, and a customer is given up to a /48 of IPv6 addresses
// (RFC 6177).
const (
	bits4 = 24
	bits6 = 48
)

// Network returns the network of the browser that a request is from, or the zero Prefix
// when nothing can be said of it. A proxy that we know, or with known one that has shown
// itself otherwise, tells it in X-Forwarded-For, whose entries count from behind: what a
// stranger wrote there is further to the left.
//
// An address that is not public is that of a proxy which nobody named, behind which
// everybody would be one, or of a neighbour: it stands for no network.
func (k *Keeper) Network(r *http.Request, known bool) netip.Prefix {
	port, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	addr := port.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for n := len(hops) - 1; known || k.isProxy(addr); n, known = n-1, false {
		if n < 0 {
			return netip.Prefix{}
		}
		if addr, err = parseHop(hops[n]); err != nil {
			return netip.Prefix{}
		}
	}
	return networkOf(addr)
}

// parseHop reads an address as proxies write it: with a port or without.
func parseHop(text string) (netip.Addr, error) {
	text = strings.TrimSpace(text)
	if port, err := netip.ParseAddrPort(text); err == nil {
		return port.Addr().Unmap().WithZone(""), nil
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return addr.Unmap().WithZone(""), err
}

func (k *Keeper) isProxy(addr netip.Addr) bool {
	for _, p := range k.Proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// carriers is what providers number their own networks with (RFC 6598).
var carriers = netip.MustParsePrefix("100.64.0.0/10")

func networkOf(addr netip.Addr) netip.Prefix {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || carriers.Contains(addr) {
		return netip.Prefix{}
	}
	bits := bits6
	if addr.Is4() {
		bits = bits4
	}
	p, _ := addr.Prefix(bits) // of an address that has as many
	return p
}

// Attempt does what somebody tries in order to come in. A refusal counts for the network
// it is tried from, and with mails a success as well, since it has sent a mail; when
// there were too many, Attempt refuses with TooManyRequests and does not try.
func Attempt[T any](k *Keeper, from netip.Prefix, mails bool, try func() (T, error)) (v T, err error) {
	if !from.IsValid() {
		return try()
	}
	key := from.String()
	if err := k.networks.take(key, network, k.DB.Now().Time()); err != nil {
		return v, err
	}
	v, err = try()
	if _, refused := errors.AsType[*invite.Error](err); !refused && !mails {
		k.networks.giveBack(key, network, k.DB.Now().Time())
	}
	return v, err
}

// Ticket verifies the ticket that a request from a network brings, as invite.ParseTicket
// does. One that was made up counts as a failed Attempt.
func (k *Keeper) Ticket(from netip.Prefix, raw string, keys *invite.Keyring) (invite.Ticket, error) {
	return Attempt(k, from, false, func() (invite.Ticket, error) { return invite.ParseTicket(raw, keys) })
}
