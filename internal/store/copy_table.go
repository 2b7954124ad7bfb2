package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// table is a table of the schema, as it is copied.
type table struct {
	name    string
	columns []string // in the schema's order
	blobs   []bool   // which of them hold bytes
	key     []int    // the columns of the primary key, in its order
}

// schemaTables returns the tables that hold data, the instances last, so that whoever
// looks into a database before it is complete finds no tenant in it; and the version of
// their schema. It asks a database in memory that this program's schema is applied to.
func schemaTables(ctx context.Context) (list []table, version int64, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	if version, err = migrate(ctx, db, sqliteDialect); err != nil {
		return nil, 0, err
	}
	rows, err := db.QueryContext(ctx, `
		SELECT t.name, c.name, c.type = 'BLOB', c.pk
		FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT IN ('schema_versions', 'unfinished_copies')
		ORDER BY t.name = 'instances', t.name, c.cid`)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the schema: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, column string
		var blob bool
		var pk int
		if err := rows.Scan(&name, &column, &blob, &pk); err != nil {
			return nil, 0, fmt.Errorf("reading the schema: %w", err)
		}
		if len(list) == 0 || list[len(list)-1].name != name {
			list = append(list, table{name: name})
		}
		t := &list[len(list)-1]
		if pk > 0 {
			t.key = append(t.key, make([]int, max(0, pk-len(t.key)))...)
			t.key[pk-1] = len(t.columns)
		}
		t.columns, t.blobs = append(t.columns, column), append(t.blobs, blob)
	}
	return list, version, rows.Err()
}

// keyColumns returns the key as a value of SQL.
func (t *table) keyColumns() string {
	names := make([]string, len(t.key))
	for k, column := range t.key {
		names[k] = t.columns[column]
	}
	return strings.Join(names, ", ")
}

func (t *table) keyOf(row []any) []any {
	values := make([]any, len(t.key))
	for k, column := range t.key {
		values[k] = row[column]
	}
	return values
}

// span is a range of keys: behind after, up to upto. An end that is nil is open.
type span struct{ after, upto []any }

// condition returns the WHERE clause that a span is, and its parameters.
func (s span) condition(t table) (text string, args []any) {
	var parts []string
	for _, end := range []struct {
		operator string
		key      []any
	}{{" > ", s.after}, {" <= ", s.upto}} {
		if end.key == nil {
			continue
		}
		parts = append(parts, "("+t.keyColumns()+")"+end.operator+numberedFrom(len(args)+1, len(end.key)))
		args = append(args, end.key...)
	}
	if parts == nil {
		return "", nil
	}
	return " WHERE " + strings.Join(parts, " AND "), args
}

// numberedFrom returns a list of n parameters, the first of which has the number.
func numberedFrom(number, n int) string {
	list := make([]string, n)
	for k := range list {
		list[k] = "$" + strconv.Itoa(number+k)
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// parameters returns as many lists of parameters as there are rows.
func parameters(rows, columns int) string {
	list := make([]string, rows)
	for k := range list {
		list[k] = numberedFrom(1+k*columns, columns)
	}
	return strings.Join(list, ", ")
}

// How much of a table is in memory at once, and in one transaction of the target.
const (
	portionRows  = 2000
	portionBytes = 4 << 20
)

// portions calls f with a table's rows in the order of its key, a portion at a time, and
// with the span of keys whose only rows these are. The spans are the same whenever the
// rows are, and cover all keys: the last portion, which may be empty, is open.
func (e *end) portions(ctx context.Context, t table, f func(rows [][]any, s span) error) error {
	for s := (span{}); ; s = (span{after: s.upto}) {
		var list [][]any
		size, full := 0, false
		err := e.rows(ctx, t, s, portionRows, func(row []any) bool {
			list = append(list, row)
			size += sizeOf(row)
			full = size >= portionBytes || len(list) == portionRows
			return !full
		})
		if err != nil {
			return err
		}
		if full {
			s.upto = t.keyOf(list[len(list)-1])
		}
		if err := f(list, s); err != nil || !full {
			return err
		}
	}
}

// rows calls f with the rows of a span in the order of the key, at most so many (0: all),
// for as long as it returns true.
func (e *end) rows(ctx context.Context, t table, s span, most int, f func(row []any) bool) error {
	where, args := s.condition(t)
	query := `SELECT ` + strings.Join(t.columns, ", ") + ` FROM ` + t.name + where + ` ORDER BY ` + t.keyColumns() //nolint:gosec // names of the schema
	if most > 0 {
		query += ` LIMIT ` + strconv.Itoa(most)
	}
	rows, err := e.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		row, targets := make([]any, len(t.columns)), make([]any, len(t.columns))
		for k := range row {
			targets[k] = &row[k]
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		for k, blob := range t.blobs {
			if blob && row[k] == nil { // SQLite's driver returns no bytes as none
				row[k] = []byte{}
			}
		}
		if !f(row) {
			break
		}
	}
	return rows.Err()
}

// any reports whether there is a row in a span.
func (e *end) any(ctx context.Context, t table, s span) (bool, error) {
	where, args := s.condition(t)
	var one int
	err := e.conn.QueryRowContext(ctx, `SELECT 1 FROM `+t.name+where+` LIMIT 1`, args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// sum returns the digest of the rows of a span. It calls reached with their number so
// far, once for a portion.
func (e *end) sum(ctx context.Context, t table, s span, reached func(rows int64)) (*digest, error) {
	d := newDigest()
	var failed error
	err := e.rows(ctx, t, s, 0, func(row []any) bool {
		if failed = d.add(row); d.rows%portionRows == 0 {
			reached(d.rows)
		}
		return failed == nil
	})
	return d, cmp.Or(err, failed)
}

// digest sums up rows in their order: SHA-256 over the kind, the length and the bytes of
// each value. Two tables with the same are the same, whatever engine keeps them.
type digest struct {
	rows int64
	hash hash.Hash
	line []byte
}

func newDigest() *digest { return &digest{hash: sha256.New()} }

func (d *digest) addAll(rows [][]any) error {
	for _, row := range rows {
		if err := d.add(row); err != nil {
			return err
		}
	}
	return nil
}

func (d *digest) add(row []any) error {
	d.line = d.line[:0]
	for _, value := range row {
		switch v := value.(type) {
		case int64:
			d.line = binary.BigEndian.AppendUint64(append(d.line, 'i'), uint64(v))
		case string:
			d.line = append(binary.BigEndian.AppendUint64(append(d.line, 't'), uint64(len(v))), v...)
		case []byte:
			d.line = append(binary.BigEndian.AppendUint64(append(d.line, 'b'), uint64(len(v))), v...)
		default:
			return fmt.Errorf("a value of type %T, which the schema does not have", v)
		}
	}
	d.rows++
	d.hash.Write(d.line)
	return nil
}

func (d *digest) equals(other *digest) bool {
	return d.rows == other.rows && bytes.Equal(d.hash.Sum(nil), other.hash.Sum(nil))
}

// String returns the number of rows and the beginning of the checksum.
func (d *digest) String() string {
	return fmt.Sprintf("%d rows with checksum %x", d.rows, d.hash.Sum(nil)[:8])
}

// sizeOf returns about how many bytes a row has.
func sizeOf(row []any) int {
	n := 0
	for _, value := range row {
		switch v := value.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		default:
			n += 8
		}
	}
	return n
}
