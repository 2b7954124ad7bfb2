package clerk

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"usher/internal/invite"
)

// Bounds of a page, contract §4.1.
const (
	defaultLimit = 10
	maxLimit     = 500
	maxValues    = 100 // of one repeated filter
	maxSearch    = 256 // characters
)

// ParsePage reads limit and offset.
func ParsePage(q url.Values) (invite.Page, error) {
	limit, err := parseInt(q, "limit", defaultLimit, 1, maxLimit)
	if err != nil {
		return invite.Page{}, err
	}
	offset, err := parseInt(q, "offset", 0, 0, 1<<31-1)
	return invite.Page{Limit: limit, Offset: offset}, err
}

func parseInt(q url.Values, param string, absent, least, most int) (int, error) {
	raw := q.Get(param)
	if raw == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < least || n > most {
		return 0, invite.ParamErr(invite.ParamValue, param, raw)
	}
	return n, nil
}

// ParseBool reads a boolean, false when absent.
func ParseBool(q url.Values, param string) (bool, error) {
	switch raw := q.Get(param); raw {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, invite.ParamErr(invite.ParamValue, param, raw)
	}
}

// ParseOrder reads order_by: one of the fields, after + or nothing ascending,
// after - descending; newest first when absent. A + that was not escaped
// arrives as a space.
func ParseOrder(q url.Values, fields ...string) (field string, descending bool, err error) {
	raw := q.Get("order_by")
	if raw == "" {
		return "created_at", true, nil
	}
	field = strings.TrimLeft(raw, "+- ")
	if len(raw)-len(field) > 1 || !slices.Contains(fields, field) {
		return "", false, invite.ParamErr(invite.ParamValue, "order_by", raw)
	}
	return field, raw[0] == '-', nil
}

// noStatus is one that no invitation has.
const noStatus invite.Status = -1

// ParseStatuses reads the repeatable status filter of invitations. What stands in none
// is accepted, and matches nothing.
func ParseStatuses(q url.Values, none ...string) ([]invite.Status, error) {
	values, err := ParseValues(q, "status")
	if err != nil {
		return nil, err
	}
	var list []invite.Status
	for _, raw := range values {
		switch raw {
		case "pending":
			list = append(list, invite.Pending)
		case "accepted":
			list = append(list, invite.Accepted)
		case "revoked":
			list = append(list, invite.Revoked, invite.Declined)
		case "expired":
			list = append(list, invite.Expired)
		default:
			if !slices.Contains(none, raw) {
				return nil, invite.ParamErr(invite.ParamValue, "status", raw)
			}
			list = append(list, noStatus)
		}
	}
	return list, nil
}

// ParseChoice reads a repeatable filter of ids: with a - in front an id is left
// out; with a +, the space that it arrives as, or nothing, it is asked for. An id
// that begins with a sign itself needs another one.
func ParseChoice(q url.Values, param string) (c invite.Choice, err error) {
	values, err := ParseValues(q, param)
	for _, v := range values {
		switch v[0] {
		case '-':
			c.Except = append(c.Except, v[1:])
		case '+', ' ':
			c.Only = append(c.Only, v[1:])
		default:
			c.Only = append(c.Only, v)
		}
	}
	return c, err
}

// ParseBetween reads the bounds …_after and …_before of an instant in Unix
// milliseconds, both exclusive, as the first instant that is inside and the first
// behind; 0 where there is none.
func ParseBetween(q url.Values, field string) (from, until invite.Instant, err error) {
	after, err := parseInstant(q, field+"_after")
	if err != nil {
		return 0, 0, err
	}
	if after != nil {
		from = *after + 1
	}
	before, err := parseInstant(q, field+"_before")
	if before != nil {
		until = max(*before, 1) // nothing is before 0, nor is what never was
	}
	return from, until, err
}

// ParseSince reads an inclusive bound of an instant, 0 where there is none.
func ParseSince(q url.Values, param string) (invite.Instant, error) {
	since, err := parseInstant(q, param)
	if since == nil {
		return 0, err
	}
	return max(*since, 1), nil
}

func parseInstant(q url.Values, param string) (*invite.Instant, error) {
	raw := q.Get(param)
	if raw == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(raw, 10, 64)
	if err != nil || n < 0 || n >= int64(invite.Never) {
		return nil, invite.ParamErr(invite.ParamValue, param, raw)
	}
	i := invite.Instant(n)
	return &i, nil
}

// ParseSearch reads query, the text that is searched for, as ParseSearchIn does.
func ParseSearch(q url.Values) (string, error) { return ParseSearchIn(q, "query") }

// ParseSearchIn reads a text that is searched for.
func ParseSearchIn(q url.Values, param string) (string, error) {
	search := q.Get(param)
	if utf8.RuneCountInString(search) > maxSearch {
		return "", &invite.Error{Kind: invite.ParamTooLong, Param: param, Limit: maxSearch}
	}
	return search, checkText(param, search)
}

// checkText refuses bytes that are no UTF-8, and NUL: nothing that is kept has
// them, and a comparison might end at them.
func checkText(param, value string) error {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return invite.ParamErr(invite.ParamEncoding, param)
	}
	return nil
}

// ParseValues reads a repeatable filter, leaving out empty values.
func ParseValues(q url.Values, param string) ([]string, error) {
	values := slices.DeleteFunc(slices.Clone(q[param]), func(s string) bool { return s == "" })
	if len(values) > maxValues {
		return nil, &invite.Error{Kind: invite.ParamTooMany, Param: param, Limit: maxValues}
	}
	for _, v := range values {
		if err := checkText(param, v); err != nil {
			return nil, err
		}
	}
	return values, nil
}
