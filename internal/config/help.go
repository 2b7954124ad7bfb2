package config

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// help writes the help of the command named so far.
func (r *reading) help(w io.Writer) error {
	r.ctx.Stdout = w
	if err := r.ctx.PrintUsage(false); err != nil {
		return fmt.Errorf("writing help: %w", err)
	}
	return nil
}

// writeHelp adds to the flag library's help what holds for every option, so that
// no line has to repeat it.
func writeHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	selected := ctx.Selected()
	if selected == nil || len(selected.Flags) == 0 {
		return nil
	}
	first := selected.Flags[0]
	var note strings.Builder
	fmt.Fprintf(&note, "\nEvery option is a variable too: --%s is %s.\n", first.Name, envOf(first))
	for _, flag := range selected.Flags {
		if secret(flag.Value) {
			fmt.Fprintf(&note, "A file can hold --%s: name it in %s_FILE.\n", flag.Name, envOf(flag))
		}
	}
	_, err := io.WriteString(ctx.Stdout, note.String())
	return err
}

// describe is an option's text in the help.
func describe(v *kong.Value) string {
	if v.Default == "" || v.Default == "false" {
		return v.Help
	}
	return fmt.Sprintf("%s (default %s)", v.Help, v.Default)
}
