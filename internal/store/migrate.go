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
// its own transaction. It returns the version reached.
func migrate(ctx context.Context, db *sql.DB, d dialect) (int64, error) {
	dir, err := fs.Sub(schemas, d.name)
	if err != nil {
		return 0, fmt.Errorf("reading the schema: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithTableName("schema_versions"))
	if err != nil {
		return 0, fmt.Errorf("reading the schema: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return 0, fmt.Errorf("migrating the schema: %w", err)
	}
	return provider.GetDBVersion(ctx)
}
