package postgrestest

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

// What is started for tests ends with them, and leaves nothing behind.
func TestPoolerEnds(t *testing.T) {
	pooler, err := (&Server{URL: "postgres://usher@localhost/postgres"}).Pool()
	demand(t, "pgbouncer", err)
	if err := pooler.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := until(t.Context(), func() (bool, error) {
		_, err := os.Stat(pooler.dir)
		return errors.Is(err, fs.ErrNotExist), nil
	}); err != nil {
		t.Fatal(err)
	}
}
