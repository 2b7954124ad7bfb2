package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/user"
)

// What stands here is for trying Atlas out on one machine. A product that is
// deployed has a server to talk to, and is given its address and keys.

// usher is a development server that lives as long as Atlas.
type usher struct {
	config
	stop func() // ends it; its data goes with the folder that it is in
}

// Ada is the admin of Acme, which every development server begins with.
const (
	adasAddress  = "ada@example.com"
	adasPassword = "correct horse battery"
)

var announced = regexp.MustCompile(`(?s)^usher dev  (\S+) .*  secret key       (\S+) .*  publishable key  (\S+) .*  try it `)

// startUsher starts usher dev with data of its own, gives Ada a password, and has
// events posted to Atlas.
func startUsher(ctx context.Context, source, work, origin string) (*usher, error) {
	program := filepath.Join(work, "usher")
	if err := command(ctx, source, "go", "build", "-o", program, "usher/cmd/usher").Run(); err != nil {
		return nil, fmt.Errorf("building usher: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	server := command(ctx, work, program, "dev", "--addr", "127.0.0.1:0", "--data", filepath.Join(work, "data"), "--log-level", "warn")
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	server.WaitDelay = 10 * time.Second
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("starting usher: %w", err)
	}
	u := &usher{stop: func() {
		cancel()
		_ = server.Wait() // we have ended it ourselves
	}}
	if err := u.prepare(ctx, out, origin); err != nil {
		u.stop()
		return nil, err
	}
	return u, nil
}

func (u *usher) prepare(ctx context.Context, out io.Reader, origin string) error {
	var said string
	var found []string
	for lines := bufio.NewScanner(out); found == nil; found = announced.FindStringSubmatch(said) {
		if !lines.Scan() {
			return fmt.Errorf("usher dev did not start: %s", said)
		}
		said += lines.Text() + "\n"
	}
	u.config = config{apiURL: found[1], secretKey: found[2], publishableKey: found[3]}
	if err := u.givePassword(ctx, adasAddress, adasPassword); err != nil {
		return fmt.Errorf("giving Ada a password: %w", err)
	}
	if err := u.subscribe(ctx, origin+"/webhooks"); err != nil {
		return fmt.Errorf("subscribing to events: %w", err)
	}
	return nil
}

// announce says where to begin.
func (u *usher) announce(w io.Writer) {
	fmt.Fprintf(w, "usher  %s   every mail lands in %[1]s/inbox\n", u.apiURL)
	fmt.Fprintf(w, "       sign in to Atlas as %s with the password %q\n", adasAddress, adasPassword)
}

func (u *usher) givePassword(ctx context.Context, address, password string) error {
	users := user.NewClient(&clerk.ClientConfig{BackendConfig: clerk.BackendConfig{URL: new(u.apiURL + "/v1"), Key: &u.secretKey}})
	list, err := users.List(ctx, &user.ListParams{EmailAddresses: []string{address}})
	if err != nil {
		return err
	}
	for _, found := range list.Users {
		if _, err := users.Update(ctx, found.ID, &user.UpdateParams{Password: &password}); err != nil {
			return err
		}
	}
	return nil
}

// subscribe makes a webhook endpoint, for which Clerk has a dashboard and usher a
// path of its own.
func (u *usher) subscribe(ctx context.Context, to string) error {
	body, err := json.Marshal(map[string]string{"url": to, "description": "Atlas"})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.apiURL+"/usher/v1/webhooks", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+u.secretKey)
	req.Header.Set("Content-Type", "application/json")
	res, err := new(http.Client).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var made struct {
		Secret string `json:"secret"`
	}
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s: %w", res.Status, err)
	}
	u.signingSecret = made.Secret
	return nil
}

// sourceFolder returns where this package is, from anywhere in the module.
func sourceFolder(ctx context.Context) (string, error) {
	out, err := command(ctx, "", "go", "list", "-f", "{{.Dir}}", "usher/examples/atlas").Output()
	if err != nil {
		return "", fmt.Errorf("finding the source of Atlas; run it inside the repository: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// command is a program to run in a folder. What it has to say of itself we say too.
func command(ctx context.Context, folder, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = folder, os.Stderr
	return cmd
}
