package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// answers are the bodies that the bare server sends: what usher answers to the
// same requests.
type answers struct {
	Get    []byte `json:"get"`
	List   []byte `json:"list"`
	Create []byte `json:"create"`
}

// bareArgument makes this program the bare server instead of the driver.
const bareArgument = "bare-server"

// startBare starts this program again, as the ceiling that net/http sets.
func startBare(ctx context.Context, a answers) (p *process, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, bareArgument)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(raw), os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p, err = start(cmd, "", ""); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("starting the bare server: %w", errors.Join(err, p.stop()))
	}
	p.addr = strings.TrimSpace(line)
	return p, nil
}

// serveBare answers GET /get and /list, and POST with any body, with the bytes
// read from stdin, and nothing else. It prints its address and serves until it
// is killed.
func serveBare(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	var a answers
	if err := json.NewDecoder(stdin).Decode(&a); err != nil {
		return fmt.Errorf("reading the answers: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, l.Addr())
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (a answers) handler() http.Handler {
	answer := func(body []byte) http.HandlerFunc {
		length := fmt.Sprint(len(body))
		return func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", length)
			w.Write(body)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /get", answer(a.Get))
	mux.Handle("GET /list", answer(a.List))
	mux.Handle("POST /create", answer(a.Create))
	return mux
}
