package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"usher/internal/invite"
)

// separator stands between the columns of a packed row. It is a control
// character, which no stored text holds: ids, addresses and URLs are refused with
// one, and JSON escapes it.
const separator = "\x1f"

// unpack reads a row whose first column is its columns joined by the separator,
// in the order of dest. A driver locks and converts each column of each row by
// itself, which for a page costs more than finding its rows.
func unpack(row scanner, dest ...any) error {
	var text string
	if err := row.Scan(&text); err != nil {
		return err
	}
	if n := strings.Count(text, separator) + 1; n != len(dest) {
		return fmt.Errorf("unpacking a row: %d columns, want %d", n, len(dest))
	}
	for _, d := range dest {
		var field string
		field, text, _ = strings.Cut(text, separator)
		if err := assign(d, field); err != nil {
			return fmt.Errorf("unpacking a row: %w", err)
		}
	}
	return nil
}

func assign(dest any, field string) error {
	var n int64
	var err error
	switch d := dest.(type) {
	case *string:
		*d = field
		return nil
	case *json.RawMessage:
		*d = json.RawMessage(field)
		return nil
	case *bool:
		*d = field != "0"
		return nil
	case *uint64:
		*d, err = strconv.ParseUint(field, 10, 64)
	case *int:
		n, err = strconv.ParseInt(field, 10, 64)
		*d = int(n)
	case *invite.Status:
		n, err = strconv.ParseInt(field, 10, 64)
		*d = invite.Status(n)
	case *invite.Instant:
		n, err = strconv.ParseInt(field, 10, 64)
		*d = invite.Instant(n)
	default:
		err = fmt.Errorf("no column is a %T", dest)
	}
	return err
}
