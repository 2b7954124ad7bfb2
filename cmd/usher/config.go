package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"text/tabwriter"

	"usher/internal/config"
)

// showConfig prints what a server would run with, then what keeps it from running.
func showConfig(cli *config.CLI, stdout io.Writer) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FLAG\tVARIABLE\tVALUE\tFROM")
	for _, s := range cli.Effective() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Flag, s.Env, s.Value, s.Source)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if mistakes := cli.Mistakes(); len(mistakes) > 0 {
		return &config.UsageError{Mistakes: mistakes}
	}
	return nil
}

// version prints what this binary was built from.
func version(stdout io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		_, err := fmt.Fprintln(stdout, "usher (no build information)")
		return err
	}
	revision := "unknown"
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	_, err := fmt.Fprintf(stdout, "usher %s\ncommit %s\n%s\n", info.Main.Version, revision, info.GoVersion)
	return err
}
