package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"usher/internal/clerk"
	"usher/internal/config"
)

// client asks a running server as an instance does.
type client struct {
	base, key string
	http      *http.Client
}

func newClient(c *config.Caller) *client {
	return &client{
		base: strings.TrimSuffix(c.Server.String(), "/"), key: c.SecretKey.Reveal(),
		http: &http.Client{Timeout: requestTimeout},
	}
}

// call sends body, unless it is nil, and decodes the answer. A refusal is an error
// in the server's words.
func (c *client) call(ctx context.Context, method, path string, body, answer any) error {
	var sent io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding the request: %w", err)
		}
		sent = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, sent)
	if err != nil {
		return fmt.Errorf("asking the server: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking the server: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp.Status, raw)
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}

func refusal(status string, raw []byte) error {
	var envelope struct {
		Errors []clerk.Error `json:"errors"`
	}
	if err := json.Unmarshal(raw, &envelope); err != nil || len(envelope.Errors) == 0 {
		return fmt.Errorf("the server answers %s", status)
	}
	var texts []string
	for _, e := range envelope.Errors {
		texts = append(texts, e.Long)
	}
	return errors.New(strings.Join(texts, " "))
}

// waitBetween is how often an outcome is asked for.
const waitBetween = 200 * time.Millisecond
