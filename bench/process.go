package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	cmd   *exec.Cmd
	addr  string
	key   string        // secret key for its requests; empty = it wants none
	ended chan struct{} // closed when it has ended, with err set
	err   error
}

// start starts a command that will serve.
func start(cmd *exec.Cmd, addr, key string) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a server: %w", err)
	}
	p := &process{cmd: cmd, addr: addr, key: key, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// tick is the unit of CPU times in /proc (USER_HZ, 100 on every Linux).
const tick = 10 * time.Millisecond

// cpu returns what the process has used so far, to the tick.
func (p *process) cpu() (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the server's CPU time: %w", err)
	}
	// proc(5): utime and stime are fields 14 and 15; the name, which may hold
	// spaces, is field 2 and ends with the last parenthesis.
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	var sum time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the server's CPU time: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// rss returns the resident memory of the process in bytes.
func (p *process) rss() (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the server's memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	kilobytes, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseInt(kilobytes, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the server's memory: %w", err)
	}
	return n << 10, nil
}

// stop asks the process to end and waits until it has.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return p.err
}

// usher is a built binary and how to run it.
type usher struct {
	binary string
	master string    // key
	log    io.Writer // what servers write to standard error; nil discards it
}

// build compiles usher as it is released, and once more with its symbols, into
// dir. It returns both sizes in bytes.
func build(ctx context.Context, dir string) (binary string, stripped, plain int64, err error) {
	compile := func(name string, flags ...string) (int64, error) {
		args := append([]string{"build", "-o", filepath.Join(dir, name)}, flags...)
		cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/usher")...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("building usher (run this in the repository): %w\n%s", err, out)
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	if plain, err = compile("usher-plain"); err != nil {
		return "", 0, 0, err
	}
	stripped, err = compile("usher", "-trimpath", "-ldflags=-s -w")
	return filepath.Join(dir, "usher"), stripped, plain, err
}

// run carries out a command that ends, and returns what it prints.
func (u *usher) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, u.binary, args...)
	cmd.Env = u.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("usher %s: %w\n%s", args[0], err, out)
	}
	return string(out), nil
}

func (u *usher) environment() []string { return append(os.Environ(), "USHER_MASTER_KEY="+u.master) }

// serve starts a server on a data folder or database, with more flags, and returns it with the
// time from the start of the process to the first answer.
func (u *usher) serve(ctx context.Context, data, key string, flags ...string) (*process, time.Duration, error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, 0, err
	}
	flags = append([]string{"serve", "--addr", addr, "--metrics-addr", addr, "--public-url", "http://" + addr}, append(storage(data), flags...)...)
	cmd := exec.CommandContext(ctx, u.binary, flags...)
	cmd.Env, cmd.Stderr = u.environment(), u.log
	began := time.Now()
	p, err := start(cmd, addr, key)
	if err != nil {
		return nil, 0, err
	}
	if err := p.await(ctx, began.Add(time.Minute)); err != nil {
		return nil, 0, errors.Join(err, p.stop())
	}
	return p, time.Since(began), nil
}

// await returns when the server is ready. It asks every half millisecond.
func (p *process) await(ctx context.Context, deadline time.Time) error {
	for {
		c, err := dial(ctx, p.addr, "")
		if err == nil {
			_, err = c.get("/readyz")
			c.conn.Close()
		}
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("usher does not answer: %w", err)
		}
		select {
		case <-p.ended:
			return errors.New("usher ended at once; -server-log FILE keeps what it says")
		case <-time.After(500 * time.Microsecond):
		}
	}
}

// freeAddr returns an address of this machine that nobody listens on.
func freeAddr(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
