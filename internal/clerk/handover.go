package clerk

import (
	"net/url"
	"strings"
)

// HandOver appends the two parameters that Clerk's components look for to a
// redirect URL, in place of any it has by those names (contract §5.7). The rest of the
// URL is kept byte for byte. Without a ticket there is none.
func HandOver(redirect, status, ticket string) string {
	const statusParam, ticketParam = "__clerk_status", "__clerk_ticket"
	rest, fragment, hasFragment := strings.Cut(redirect, "#")
	base, query, hasQuery := strings.Cut(rest, "?")
	var pairs []string
	if hasQuery && query != "" {
		for pair := range strings.SplitSeq(query, "&") {
			name, _, _ := strings.Cut(pair, "=")
			if plain, err := url.QueryUnescape(name); err == nil && (plain == statusParam || plain == ticketParam) {
				continue
			}
			pairs = append(pairs, pair)
		}
	}
	pairs = append(pairs, statusParam+"="+status)
	if ticket != "" {
		pairs = append(pairs, ticketParam+"="+url.QueryEscape(ticket))
	}
	out := base + "?" + strings.Join(pairs, "&")
	if hasFragment {
		out += "#" + fragment
	}
	return out
}
