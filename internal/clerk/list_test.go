package clerk_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/internal/clerk"
	"usher/internal/invite"
)

func value(param, raw string) error { return invite.ParamErr(invite.ParamValue, param, raw) }

// query reads a query string as net/http does.
func query(t *testing.T, raw string) url.Values {
	t.Helper()
	q, err := url.ParseQuery(raw)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return q
}

func TestParsePage(t *testing.T) {
	tests := []struct {
		query string
		want  invite.Page
		err   error
	}{
		{"", invite.Page{Limit: 10}, nil},
		{"limit=&offset=", invite.Page{Limit: 10}, nil},
		{"limit=1", invite.Page{Limit: 1}, nil},
		{"limit=500&offset=2147483647", invite.Page{Limit: 500, Offset: 2147483647}, nil},
		{"offset=0", invite.Page{Limit: 10}, nil},
		{"limit=007", invite.Page{Limit: 7}, nil},
		{"limit=0", invite.Page{}, value("limit", "0")},
		{"limit=501", invite.Page{}, value("limit", "501")},
		{"limit=-1", invite.Page{}, value("limit", "-1")},
		{"limit=abc", invite.Page{}, value("limit", "abc")},
		{"limit=1e3", invite.Page{}, value("limit", "1e3")},
		{"limit=1.0", invite.Page{}, value("limit", "1.0")},
		{"limit=0x10", invite.Page{}, value("limit", "0x10")},
		{"limit=1_0", invite.Page{}, value("limit", "1_0")},
		{"limit=+5", invite.Page{}, value("limit", " 5")},
		{"limit=%D9%A1", invite.Page{}, value("limit", "١")},
		{"limit=99999999999999999999", invite.Page{}, value("limit", "99999999999999999999")},
		{"offset=-1", invite.Page{}, value("offset", "-1")},
		{"offset=2147483648", invite.Page{}, value("offset", "2147483648")},
		{"offset=abc&limit=0", invite.Page{}, value("limit", "0")},
		{"offset=null", invite.Page{}, value("offset", "null")},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			got, err := clerk.ParsePage(query(t, tt.query))
			sameRefusal(t, tt.query, err, tt.err)
			if err == nil && got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestParseOrder(t *testing.T) {
	tests := []struct {
		query      string
		field      string
		descending bool
		err        error
	}{
		{"", "created_at", true, nil},
		{"order_by=", "created_at", true, nil},
		{"order_by=created_at", "created_at", false, nil},
		{"order_by=-created_at", "created_at", true, nil},
		{"order_by=%2Bcreated_at", "created_at", false, nil},
		{"order_by=+created_at", "created_at", false, nil},
		{"order_by=%20created_at", "created_at", false, nil},
		{"order_by=-email_address", "email_address", true, nil},
		{"order_by=--created_at", "", false, value("order_by", "--created_at")},
		{"order_by=%2B-created_at", "", false, value("order_by", "+-created_at")},
		{"order_by=-+created_at", "", false, value("order_by", "- created_at")},
		{"order_by=-", "", false, value("order_by", "-")},
		{"order_by=+", "", false, value("order_by", " ")},
		{"order_by=created_at-", "", false, value("order_by", "created_at-")},
		{"order_by=created_at%20", "", false, value("order_by", "created_at ")},
		{"order_by=Created_at", "", false, value("order_by", "Created_at")},
		{"order_by=name", "", false, value("order_by", "name")},
		{"order_by=created_at,email_address", "", false, value("order_by", "created_at,email_address")},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			field, descending, err := clerk.ParseOrder(query(t, tt.query), "created_at", "email_address")
			sameRefusal(t, tt.query, err, tt.err)
			if field != tt.field || descending != tt.descending {
				t.Errorf("got %q descending=%v, want %q descending=%v", field, descending, tt.field, tt.descending)
			}
		})
	}
}

func TestParseStatuses(t *testing.T) {
	tests := []struct {
		query string
		want  []invite.Status
		err   error
	}{
		{"", nil, nil},
		{"status=", nil, nil},
		{"status=pending", []invite.Status{invite.Pending}, nil},
		{"status=accepted&status=expired", []invite.Status{invite.Accepted, invite.Expired}, nil},
		{"status=revoked", []invite.Status{invite.Revoked, invite.Declined}, nil}, // the wire knows no declined
		{"status=&status=pending", []invite.Status{invite.Pending}, nil},
		{"status=declined", nil, value("status", "declined")},
		{"status=Pending", nil, value("status", "Pending")},
		{"status=pending,accepted", nil, value("status", "pending,accepted")},
		{"status=pending&status=bogus&status=worse", nil, value("status", "bogus")},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			got, err := clerk.ParseStatuses(query(t, tt.query))
			sameRefusal(t, tt.query, err, tt.err)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	got, err := clerk.ParseStatuses(query(t, "status=invalid"), "invalid")
	if err != nil || len(got) != 1 || slices.Contains([]invite.Status{invite.Pending, invite.Accepted, invite.Revoked, invite.Expired, invite.Declined}, got[0]) {
		t.Errorf("a status that nothing has: got %v, %v, want one of its own", got, err)
	}
	_, err = clerk.ParseStatuses(query(t, strings.Repeat("status=pending&", 101)))
	sameRefusal(t, "101 values", err, &invite.Error{Kind: invite.ParamTooMany, Param: "status", Limit: 100})
}

func TestParseBool(t *testing.T) {
	tests := []struct {
		query string
		want  bool
		err   error
	}{
		{"", false, nil},
		{"paginated=", false, nil},
		{"paginated=true", true, nil},
		{"paginated=false", false, nil},
		{"paginated=True", false, value("paginated", "True")},
		{"paginated=1", false, value("paginated", "1")},
		{"paginated=yes", false, value("paginated", "yes")},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			got, err := clerk.ParseBool(query(t, tt.query), "paginated")
			sameRefusal(t, tt.query, err, tt.err)
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseValues(t *testing.T) {
	tests := []struct {
		name, query string
		want        []string
		err         error
	}{
		{"absent", "", nil, nil},
		{"only empty ones", "role=&role=", []string{}, nil},
		{"in their order", "role=b&x=y&role=&role=a&role=b", []string{"b", "a", "b"}, nil},
		{"a hundred and empty ones", strings.Repeat("role=a&role=&", 100), strings.Split(strings.Repeat("a", 100), ""), nil},
		{"one more", strings.Repeat("role=a&", 101), nil, &invite.Error{Kind: invite.ParamTooMany, Param: "role", Limit: 100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := query(t, tt.query)
			before := strings.Join(q["role"], ",")
			got, err := clerk.ParseValues(q, "role")
			sameRefusal(t, tt.name, err, tt.err)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if after := strings.Join(q["role"], ","); after != before {
				t.Errorf("the query was changed from %s to %s", before, after)
			}
		})
	}
}

// FuzzPage: a page that was read is within its bounds; everything else is a
// refusal of the parameter at fault.
func FuzzPage(f *testing.F) {
	for _, seed := range [][2]string{{"", ""}, {"1", "0"}, {"500", "2147483647"}, {"0", "-1"}, {"1e3", "0x1"}, {" 5", "+5"}, {"٣", "9223372036854775808"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, limit, offset string) {
		page, err := clerk.ParsePage(url.Values{"limit": {limit}, "offset": {offset}})
		if err != nil {
			refused := facts(err)
			if len(refused) != 1 || refused[0].Kind != invite.ParamValue || refused[0].Param != "limit" && refused[0].Param != "offset" {
				t.Errorf("limit %q, offset %q: got %v, want one refused value", limit, offset, err)
			}
			return
		}
		if page.Limit < 1 || page.Limit > 500 || page.Offset < 0 || page.Offset > 1<<31-1 {
			t.Errorf("limit %q, offset %q: got %+v", limit, offset, page)
		}
	})
}
