package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/store"
	"usher/internal/store/faultsql"
)

// Breakable is an engine whose calls can be made to fail.
type Breakable struct {
	Faults *faultsql.Faults
	// First opens an empty store, which the test furnishes and closes.
	First Open
	// Copy opens a copy of the first store as it was when it was closed, for the
	// process that serves it. Again opens the same once more, for another.
	Copy func(t *testing.T, clock *Clock) (db *store.DB, raw *sql.DB, again func() *store.DB)
	// Stamp returns what differs after every commit of another connection.
	Stamp func(*testing.T, *sql.DB) string
	// Besides are methods that a store has for tests only.
	Besides []string
	// Tables is a query of the names of all tables.
	Tables string
	// Told is what an operation's error is when a call of it failed.
	Told error
	// Asked says that a commit that was not answered is asked after, and so no error.
	Asked bool
	// Only names the operations to carry out; nil: all.
	Only []string
}

// operation is one way to call a store operation, or to call it when some time has
// passed.
type operation struct {
	name   string // the method's, and what more tells it from others after a blank
	run    func(context.Context, *furnished) error
	later  time.Duration
	first  func(*furnished) // what must have happened before; nil: nothing
	reads  bool             // and changes nothing
	rekeys bool             // the master key is another afterwards
}

// RunFaults carries out every operation of a store while each call of the database
// that it makes fails, once before the call takes effect and once after. Each time
// the error is told, unless the operation did all it should nevertheless; nothing of
// it has happened, or all where only the answer to the commit was lost; what is read
// is what is stored; and the store goes on working.
func RunFaults(t *testing.T, engine Breakable) {
	first := NewWorld(t, engine.First)
	f := furnish(first)
	for _, row := range Rows(t, first.Raw, engine.Tables) {
		f.tables = append(f.tables, row[1:len(row)-1])
	}
	checkComplete(t, engine.Besides)
	if err := first.DB.Close(); err != nil {
		t.Fatal(err)
	}
	for _, op := range operations {
		if engine.Only != nil && !slices.Contains(engine.Only, op.name) {
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			b := &breaking{T: t, engine: engine, op: op, first: f, whole: make(map[string]string)}
			if !op.reads {
				b.runThrough()
			}
			for _, after := range []bool{false, true} {
				b.everyCall(after)
			}
			if !op.reads {
				b.retryWithKey()
			}
		})
	}
}

// breaking is the test of one operation.
type breaking struct {
	*testing.T
	engine Breakable
	op     operation
	first  *furnished
	whole  map[string]string // what the operation changes in each table

	copy        *furnished // the one that calls fail on
	before      map[string][]string
	view, stamp string // as it was
}

// copied opens another copy of the furnished store.
func (b *breaking) copied() *furnished {
	b.Helper()
	f, w := *b.first, *b.first.World
	w.T, w.Clock = b.T, NewClock()
	w.Clock.now = b.first.Clock.Now().Add(b.op.later)
	w.DB, w.Raw, f.again = b.engine.Copy(b.T, w.Clock)
	f.World = &w
	if b.op.first != nil {
		b.op.first(&f)
	}
	return &f
}

// runThrough carries the operation out without a fault and notes what it changes.
func (b *breaking) runThrough() {
	b.Helper()
	f := b.copied()
	before := allRows(f)
	if err := b.op.run(b.Context(), f); err != nil {
		b.Fatalf("without a fault: %v", err)
	}
	b.whole = difference(before, allRows(f))
	Invariants(b.T, f.DB, f.Raw)
}

// everyCall makes each call of the operation fail in turn: first the preparing of
// each statement, which happens once, then what is done with those prepared.
func (b *breaking) everyCall(after bool) {
	b.Helper()
	prepared := make(map[string]bool)
	preparing := func(c faultsql.Call) bool {
		first := c.Operation == faultsql.Prepare && !prepared[c.Statement]
		prepared[c.Statement] = prepared[c.Statement] || first
		return first
	}
	n := 0
	nth := func(count int) func(faultsql.Call) bool {
		return func(c faultsql.Call) bool {
			if c.Operation == faultsql.Prepare {
				return false
			}
			count--
			return count == 0
		}
	}
	if b.copy == nil || !b.op.reads {
		b.take()
	}
	for done := false; !done; {
		which := preparing
		if n > 0 {
			which = nth(n)
		}
		hit, changed := b.fail(after, which)
		switch {
		case hit == nil && n == 0:
			n = 1
		case hit == nil:
			done = true
		case n > 0:
			n++
		}
		if changed && !done {
			b.take()
		}
	}
}

// take makes another copy the one that calls fail on.
func (b *breaking) take() {
	b.Helper()
	b.copy = b.copied()
	b.before, b.view, b.stamp = allRows(b.copy), b.copy.view(b.copy.DB), b.engine.Stamp(b.T, b.copy.Raw)
}

// fail carries the operation out while one call fails. It reports which did, and
// whether something was changed nevertheless.
func (b *breaking) fail(after bool, which func(faultsql.Call) bool) (hit *faultsql.Call, changed bool) {
	b.Helper()
	f := b.copy
	b.engine.Faults.Arm(after, which)
	err := b.op.run(b.Context(), f)
	hit = b.engine.Faults.Disarm()
	did := make(map[string]string)
	if b.engine.Stamp(b.T, f.Raw) != b.stamp {
		did = difference(b.before, allRows(f))
	}
	changed = len(did) > 0
	where := fmt.Sprintf("%+v fails, after its effect %v", hit, after)
	switch {
	case err != nil && after && b.engine.Asked && hit != nil && hit.Commits() && changed:
		b.Errorf("%s: error %v, though the server knew that it was done", where, err)
	case hit == nil && err != nil:
		b.Fatalf("after all those faults: %v", err)
	case err == nil || changed:
		if diff := cmp.Diff(b.whole, did); diff != "" {
			b.Errorf("%s: error %v, but only a part was done (-whole +did):\n%s", where, err, diff)
		}
		if err != nil && (!after || !hit.Commits()) {
			b.Errorf("%s: error %v, but it was done", where, err)
		}
	}
	if err != nil && !errors.Is(err, b.engine.Told) {
		b.Errorf("%s: got error %v, want %v", where, err, b.engine.Told)
	}
	if changed {
		Invariants(b.T, f.DB, f.Raw)
		must(f.DB.CreateInvitation(b.Context(), f.Instance, f.quiet.ID, asking("afterwards@example.com")))(b.T)
		if b.op.rekeys || hit == nil && !after {
			return hit, changed // the same is looked at once more afterwards
		}
		if now, fresh := f.view(f.DB), f.view(f.again()); now != fresh {
			b.Errorf("%s: what is read is not what is stored:\n%s", where, cmp.Diff(fresh, now))
		}
	} else if now := f.view(f.DB); now != b.view {
		b.Errorf("%s: what is read has changed:\n%s", where, cmp.Diff(b.view, now))
	}
	if b.Failed() {
		b.FailNow()
	}
	return hit, changed
}

// retryWithKey loses the answer to the commit of a request with an idempotency key:
// sent again it is answered as it was the first time, and nothing happens twice.
func (b *breaking) retryWithKey() {
	b.Helper()
	if len(b.whole) == 0 || slices.Contains(aloneOnly, b.op.name) {
		return
	}
	f := b.copied()
	before := allRows(f)
	var said string
	request := func() ([]byte, bool, error) {
		return f.DB.Once(b.Context(), f.Instance, "key", "request", func(ctx context.Context) ([]byte, error) {
			said = rand.Text()
			return []byte(said), b.op.run(ctx, f)
		})
	}
	b.engine.Faults.Arm(true, faultsql.Call.Commits)
	_, _, err := request()
	if b.engine.Faults.Disarm() == nil || !b.engine.Asked && !errors.Is(err, b.engine.Told) || b.engine.Asked && err != nil {
		b.Fatalf("with a key: got error %v, and whether the server is asked what became of a commit is %v", err, b.engine.Asked)
	}
	first := said
	answer, replayed, err := request()
	if err != nil || !replayed || string(answer) != first {
		b.Errorf("sent again with its key: replayed %v, error %v; want the first answer", replayed, err)
	}
	did := difference(before, allRows(f))
	if did["idempotency_keys"] != "+1 -0" {
		b.Errorf("the key is stored as %q", did["idempotency_keys"])
	}
	delete(did, "idempotency_keys")
	if diff := cmp.Diff(b.whole, did); diff != "" {
		b.Errorf("sent again with its key (-once +did):\n%s", diff)
	}
	Invariants(b.T, f.DB, f.Raw)
}

// allRows returns the rows of every table there is.
func allRows(f *furnished) map[string][]string {
	f.Helper()
	dump := make(map[string][]string)
	for _, table := range f.tables {
		dump[table] = Rows(f.T, f.Raw, `SELECT * FROM `+table)
	}
	return dump
}

// difference tells for each table that differs how many rows are new and gone; a
// changed row is one of each.
func difference(before, after map[string][]string) map[string]string {
	diff := make(map[string]string)
	for table := range after {
		count := make(map[string]int)
		for _, row := range after[table] {
			count[row]++
		}
		for _, row := range before[table] {
			count[row]--
		}
		fresh, gone := 0, 0
		for _, n := range count {
			fresh, gone = fresh+max(n, 0), gone+max(-n, 0)
		}
		if fresh+gone > 0 {
			diff[table] = fmt.Sprintf("+%d -%d", fresh, gone)
		}
	}
	return diff
}

// checkComplete holds the table of operations against the methods of a store.
func checkComplete(t *testing.T, besides []string) {
	t.Helper()
	known := make(map[string]bool)
	for _, op := range operations {
		name, _, _ := strings.Cut(op.name, " ")
		known[name] = true
	}
	for _, of := range []struct {
		prefix string
		typ    reflect.Type
	}{{"", reflect.TypeFor[*store.DB]()}, {"Line.", reflect.TypeFor[*store.Line]()}} {
		for m := range of.typ.Methods() {
			name := of.prefix + m.Name
			if !known[name] && !slices.Contains(harmless, name) && !slices.Contains(besides, name) {
				t.Errorf("nobody knows what happens when the database fails under %s", name)
			}
			delete(known, name)
		}
	}
	for name := range known {
		t.Errorf("there is no operation %s", name)
	}
}
