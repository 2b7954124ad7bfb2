package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed sqlite/*.sql
var schemas embed.FS

// migrate brings the schema to the newest version, forward only, each step in
// its own transaction. It returns the version reached, and refuses a database that
// a newer program has changed.
func migrate(ctx context.Context, db *sql.DB, d dialect) (int64, error) {
	dir, err := fs.Sub(schemas, d.name)
	if err != nil {
		return 0, fmt.Errorf("reading the schema: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithTableName("schema_versions"))
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
