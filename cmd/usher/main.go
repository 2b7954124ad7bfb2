// Command usher serves organization invitations: it creates, mails, lists and
// revokes them, and lets invited people join. See usher --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"usher/internal/config"
)

// gcPercent lets a small heap grow to four times what is in use before it is
// swept: a server's memory is its database's pages, not its garbage.
const gcPercent = 300

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	if code := report(os.Stderr, err); code != 0 {
		os.Exit(code)
	}
}

// report tells the operator what is wrong and returns the exit status: 2 for a
// mistake in the command, 1 for any other failure.
func report(w io.Writer, err error) int {
	if err == nil || errors.Is(err, config.ErrHelp) {
		return 0
	}
	if usage, ok := errors.AsType[*config.UsageError](err); ok {
		for _, mistake := range usage.Mistakes {
			fmt.Fprintln(w, "usher:", mistake)
		}
		return 2
	}
	fmt.Fprintln(w, "usher:", err)
	return 1
}

// run is the program: everything it needs from the process is an argument.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	cli, command, err := config.Parse(args, getenv, stdout, stderr)
	if err != nil {
		return err
	}
	switch command {
	case "dev":
		return dev(ctx, &cli.Dev, stdout, stderr)
	case "serve":
		return serve(ctx, &cli.Serve, stderr)
	case "migrate":
		return migrate(ctx, &cli.Migrate, stdout)
	case "backup":
		return backup(ctx, &cli.Backup, stdout, stderr)
	case "restore":
		return restore(ctx, &cli.Restore, stdin, stdout)
	case "copy":
		return copyDatabase(ctx, &cli.Copy, stdout, stderr)
	case "export":
		return export(ctx, &cli.Export, stdout)
	case "erase":
		return erase(ctx, &cli.Erase, stdout)
	case "instance create":
		return createInstance(ctx, &cli.Instance.Create, stdout)
	case "instance update":
		return updateInstance(ctx, &cli.Instance.Update, stdout)
	case "instance list":
		return listInstances(ctx, &cli.Instance.List, stdout)
	case "instance rotate":
		return rotateSigningKey(ctx, &cli.Instance.Sign, stdout)
	case "instance rekey":
		return rekey(ctx, &cli.Instance.Rekey, stdout)
	case "instance key create":
		return createKey(ctx, &cli.Instance.Key.Create, stdout)
	case "instance key list":
		return listKeys(ctx, &cli.Instance.Key.List, stdout)
	case "instance key revoke":
		return revokeKey(ctx, &cli.Instance.Key.Revoke, stdout)
	case "webhook create", "webhook list", "webhook update", "webhook delete", "webhook secret", "webhook rotate",
		"webhook enable", "webhook disable", "webhook test", "webhook deliveries", "webhook replay":
		return webhooks(ctx, &cli.Webhook, command, stdout)
	case "config serve", "config dev":
		return showConfig(cli, stdout)
	case "version":
		return version(stdout)
	}
	return fmt.Errorf("unknown command %q", command)
}
