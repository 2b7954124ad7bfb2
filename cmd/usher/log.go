package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/mattn/go-isatty"

	"usher/internal/config"
)

// newLog returns the log on w: text on a terminal and JSON elsewhere, unless the
// operator chose.
func newLog(w io.Writer, c *config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "text" || c.LogFormat == "auto" && terminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
