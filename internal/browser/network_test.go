package browser

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestNetwork(t *testing.T) {
	k := &Keeper{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8:1::/48")}}
	for name, row := range map[string]struct {
		remote    string
		forwarded []string
		known     bool
		want      string
	}{
		"a stranger":                            {remote: "203.0.113.9:4711", want: "203.0.113.0/24"},
		"a stranger by IPv6":                    {remote: "[2001:db8:2:3::4]:4711", want: "2001:db8:2::/48"},
		"an IPv4 address in IPv6":               {remote: "[::ffff:203.0.113.9]:4711", want: "203.0.113.0/24"},
		"a stranger who names another":          {remote: "203.0.113.9:4711", forwarded: []string{"192.0.2.1"}, want: "203.0.113.0/24"},
		"behind a proxy":                        {remote: "10.1.2.3:80", forwarded: []string{"203.0.113.9"}, want: "203.0.113.0/24"},
		"behind a proxy, with a port":           {remote: "10.1.2.3:80", forwarded: []string{"203.0.113.9:55"}, want: "203.0.113.0/24"},
		"behind a proxy, IPv6":                  {remote: "10.1.2.3:80", forwarded: []string{"2001:db8:2:3::4"}, want: "2001:db8:2::/48"},
		"behind a proxy, IPv6 in brackets":      {remote: "10.1.2.3:80", forwarded: []string{"[2001:db8:2:3::4]"}, want: "2001:db8:2::/48"},
		"behind a proxy, IPv6 with a port":      {remote: "10.1.2.3:80", forwarded: []string{"[2001:db8:2:3::4]:55"}, want: "2001:db8:2::/48"},
		"behind two proxies":                    {remote: "[2001:db8:1::1]:80", forwarded: []string{"203.0.113.9, 198.51.100.7"}, want: "203.0.113.0/24"},
		"behind two proxies, two headers":       {remote: "10.1.2.3:80", forwarded: []string{"203.0.113.9", "198.51.100.7"}, want: "203.0.113.0/24"},
		"who lies to a proxy":                   {remote: "10.1.2.3:80", forwarded: []string{"192.0.2.1, 10.9.9.9, 203.0.113.9"}, want: "203.0.113.0/24"},
		"who lies with what is no address":      {remote: "10.1.2.3:80", forwarded: []string{"\x00,<script>,,203.0.113.9"}, want: "203.0.113.0/24"},
		"a proxy that says nothing":             {remote: "10.1.2.3:80"},
		"a proxy that says what is no address":  {remote: "10.1.2.3:80", forwarded: []string{"203.0.113.9, unknown"}},
		"a proxy that says an empty word":       {remote: "10.1.2.3:80", forwarded: []string{"203.0.113.9,"}},
		"proxies alone":                         {remote: "10.1.2.3:80", forwarded: []string{"10.1.1.1, 10.2.2.2"}},
		"a proxy of the instance's":             {remote: "192.0.2.44:80", forwarded: []string{"203.0.113.9"}, known: true, want: "203.0.113.0/24"},
		"behind two, the second the instance's": {remote: "192.0.2.44:80", forwarded: []string{"203.0.113.9, 192.0.2.45"}, known: true, want: "192.0.2.0/24"},
		"a proxy of the instance's, silent":     {remote: "192.0.2.44:80", known: true},
		"this machine":                          {remote: "127.0.0.1:80", forwarded: []string{"203.0.113.9"}},
		"a private network":                     {remote: "192.168.1.1:80"},
		"a private network by IPv6":             {remote: "[fd00::1]:80"},
		"a link":                                {remote: "[fe80::1%eth0]:80"},
		"a provider's own network":              {remote: "100.64.0.1:80"},
		"a socket":                              {remote: "@"},
	} {
		r := &http.Request{RemoteAddr: row.remote, Header: http.Header{"X-Forwarded-For": row.forwarded}}
		got := ""
		if p := k.Network(r, row.known); p.IsValid() {
			got = p.String()
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
}
