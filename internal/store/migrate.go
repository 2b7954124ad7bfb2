package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed schema/*.sql
var schemas embed.FS

// translated are the migrations in the words of an engine.
type translated struct {
	fs.FS
	words *strings.Replacer
}

type translation struct {
	fs.File
	text *strings.Reader
}

func (t translation) Read(p []byte) (int, error) { return t.text.Read(p) }

// Open implements fs.FS.
func (t translated) Open(name string) (fs.File, error) {
	f, err := t.FS.Open(name)
	if err != nil || path.Ext(name) != ".sql" {
		return f, err
	}
	text, err := io.ReadAll(f)
	return translation{f, strings.NewReader(t.words.Replace(string(text)))}, err
}

// migrate brings the schema to the newest version, forward only, each step in
// its own transaction, one process at a time. It returns the version reached, and
// refuses a database that a newer program has changed.
func migrate(ctx context.Context, db *sql.DB, d dialect) (int64, error) {
	dir, err := fs.Sub(schemas, "schema")
	if err != nil {
		return 0, fmt.Errorf("reading the schema: %w", err)
	}
	if d.alone != nil {
		done, err := d.alone(ctx, db)
		if err != nil {
			return 0, fmt.Errorf("waiting to migrate the schema: %w", err)
		}
		defer done()
	}
	provider, err := goose.NewProvider(d.migrator, db, translated{dir, d.schema}, goose.WithTableName("schema_versions"))
	if err != nil {
		return 0, fmt.Errorf("reading the schema: %w", err)
	}
	have, err := provider.GetDBVersion(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the schema's version: %w", err)
	}
	sources := provider.ListSources()
	if newest := sources[len(sources)-1].Version; have > newest {
		return 0, fmt.Errorf("the database has schema version %d and this program knows %d: use the newer program, or a backup", have, newest)
	}
	if _, err := provider.Up(ctx); err != nil {
		return 0, fmt.Errorf("migrating the schema: %w", err)
	}
	return provider.GetDBVersion(ctx)
}

// newestSchema returns the version of the newest migration that this program has.
func newestSchema() (int64, error) {
	files, err := fs.Glob(schemas, "schema/*.sql")
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("reading the schema: %w", err)
	}
	return goose.NumericComponent(files[len(files)-1])
}
