package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"usher/internal/clerk"
	"usher/internal/config"
	"usher/internal/invite"
)

const endpointsPath = "/usher/v1/webhooks"

func endpointPath(c *config.ToEndpoint) string {
	return endpointsPath + "/" + url.PathEscape(c.Endpoint)
}

// webhooks runs one of the commands about endpoints.
func webhooks(ctx context.Context, c *config.Webhook, command string, w io.Writer) error {
	switch command {
	case "webhook create":
		return createEndpoint(ctx, &c.Create, w)
	case "webhook list":
		return listEndpoints(ctx, &c.List, w)
	case "webhook update":
		return updateEndpoint(ctx, &c.Update, w)
	case "webhook delete":
		return deleteEndpoint(ctx, &c.Delete, w)
	case "webhook secret":
		return showSecrets(ctx, &c.Secret, w)
	case "webhook rotate":
		return rotateSecret(ctx, &c.Rotate, w)
	case "webhook enable":
		return switchEndpoint(ctx, &c.Enable, true, w)
	case "webhook disable":
		return switchEndpoint(ctx, &c.Disable, false, w)
	case "webhook test":
		return testEndpoint(ctx, &c.Test, w)
	case "webhook deliveries":
		return listDeliveries(ctx, &c.Deliveries, w)
	}
	return replay(ctx, &c.Replay, w)
}

// types splits a list; all is none, which stands for every type of the contract.
func types(list string) []string {
	if list == "all" {
		return []string{}
	}
	return strings.Split(list, ",")
}

// given returns the options of an endpoint that were given, as a request has them.
func given(c *config.Receiver) map[string]any {
	body := map[string]any{}
	for name, value := range map[string]string{"url": c.URL, "description": c.Description} {
		if value != "" {
			body[name] = value
		}
	}
	if c.Types != "" {
		body["types"] = types(c.Types)
	}
	return body
}

func createEndpoint(ctx context.Context, c *config.CreateEndpoint, w io.Writer) error {
	body := given(&c.Receiver)
	if secret := c.SigningSecret.Reveal(); secret != "" {
		body["secret"] = secret
	}
	var made clerk.SecretEndpoint
	if err := newClient(&c.Caller).call(ctx, http.MethodPost, endpointsPath, body, &made); err != nil {
		return err
	}
	return showSecret(w, &made)
}

func showSecret(w io.Writer, e *clerk.SecretEndpoint) error {
	_, err := fmt.Fprintf(w, "endpoint        %s\nsigning secret  %s\n", e.ID, e.Secret)
	return err
}

func listEndpoints(ctx context.Context, c *config.ListEndpoints, w io.Writer) error {
	var list clerk.List[clerk.Endpoint]
	if err := newClient(&c.Caller).call(ctx, http.MethodGet, endpointsPath+"?limit=500", nil, &list); err != nil {
		return err
	}
	return showEndpoints(w, list.Data...)
}

func showEndpoints(w io.Writer, list ...clerk.Endpoint) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tSTATUS\tURL\tTYPES\tDESCRIPTION")
	for _, e := range list {
		names := make([]string, len(e.Types))
		for i, t := range e.Types {
			names[i] = string(t)
		}
		status := e.Status
		if e.Enabled && e.FailingSince != nil {
			status = "failing since " + e.FailingSince.Time().Format(time.RFC3339)
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", e.ID, status, e.URL, cmp.Or(strings.Join(names, ","), "all"), e.Description)
	}
	return out.Flush()
}

func updateEndpoint(ctx context.Context, c *config.UpdateEndpoint, w io.Writer) error {
	var e clerk.Endpoint
	if err := newClient(&c.Caller).call(ctx, http.MethodPatch, endpointPath(&c.ToEndpoint), given(&c.Receiver), &e); err != nil {
		return err
	}
	return showEndpoints(w, e)
}

func switchEndpoint(ctx context.Context, c *config.OneEndpoint, on bool, w io.Writer) error {
	var e clerk.Endpoint
	if err := newClient(&c.Caller).call(ctx, http.MethodPatch, endpointPath(&c.ToEndpoint), map[string]bool{"enabled": on}, &e); err != nil {
		return err
	}
	return showEndpoints(w, e)
}

func deleteEndpoint(ctx context.Context, c *config.OneEndpoint, w io.Writer) error {
	var gone clerk.Deleted
	if err := newClient(&c.Caller).call(ctx, http.MethodDelete, endpointPath(&c.ToEndpoint), nil, &gone); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "deleted", gone.ID)
	return err
}

func showSecrets(ctx context.Context, c *config.OneEndpoint, w io.Writer) error {
	var secrets clerk.SigningSecrets
	if err := newClient(&c.Caller).call(ctx, http.MethodGet, endpointPath(&c.ToEndpoint)+"/secrets", nil, &secrets); err != nil {
		return err
	}
	if len(secrets.Data) == 0 {
		return errors.New("the signing secret cannot be read, because the master key was changed: usher webhook rotate makes another")
	}
	for _, s := range secrets.Data {
		until := ""
		if s.ExpiresAt != nil {
			until = "  until " + s.ExpiresAt.Time().Format(time.RFC3339)
		}
		if _, err := fmt.Fprintf(w, "%s%s\n", s.Secret, until); err != nil {
			return err
		}
	}
	return nil
}

func rotateSecret(ctx context.Context, c *config.RotateSecret, w io.Writer) error {
	body := map[string]any{"grace_seconds": int(c.Grace.Seconds())}
	if secret := c.SigningSecret.Reveal(); secret != "" {
		body["secret"] = secret
	}
	var e clerk.SecretEndpoint
	if err := newClient(&c.Caller).call(ctx, http.MethodPost, endpointPath(&c.ToEndpoint)+"/rotate", body, &e); err != nil {
		return err
	}
	return showSecret(w, &e)
}

// testEndpoint waits for the first attempt, and fails as it did.
func testEndpoint(ctx context.Context, c *config.OneEndpoint, w io.Writer) error {
	server := newClient(&c.Caller)
	var d clerk.DeliveryHistory
	if err := server.call(ctx, http.MethodPost, endpointPath(&c.ToEndpoint)+"/test", nil, &d); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	tick := time.NewTicker(waitBetween)
	defer tick.Stop()
	for len(d.History) == 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s was not posted yet: %w", d.ID, ctx.Err())
		}
		if err := server.call(ctx, http.MethodGet, endpointPath(&c.ToEndpoint)+"/deliveries/"+d.ID, nil, &d); err != nil {
			return err
		}
	}
	a := d.History[0]
	if a.Error != nil {
		return fmt.Errorf("%s: %s, after %d ms", d.ID, *a.Error, a.DurationMS)
	}
	_, err := fmt.Fprintf(w, "%s: answered %d after %d ms\n", d.ID, *a.StatusCode, a.DurationMS)
	return err
}

func listDeliveries(ctx context.Context, c *config.ListDeliveries, w io.Writer) error {
	query := url.Values{"limit": {"100"}}
	if c.Status != "" {
		query.Set("status", c.Status)
	}
	var list clerk.Feed[clerk.Delivery]
	if err := newClient(&c.Caller).call(ctx, http.MethodGet, endpointPath(&c.ToEndpoint)+"/deliveries?"+query.Encode(), nil, &list); err != nil {
		return err
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "EVENT\tTYPE\tSTATUS\tATTEMPTS\tNEXT ATTEMPT")
	for _, d := range list.Data {
		next := ""
		if d.NextAttemptAt != nil {
			next = d.NextAttemptAt.Time().Format(time.RFC3339)
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%d\t%s\n", d.ID, d.Type, d.Status, d.Attempts, next)
	}
	return out.Flush()
}

func replay(ctx context.Context, c *config.ReplayDeliveries, w io.Writer) error {
	server, path := newClient(&c.Caller), endpointPath(&c.ToEndpoint)
	var done struct {
		ID       string         `json:"id"`
		Replayed int            `json:"replayed"`
		Since    invite.Instant `json:"since"`
	}
	switch {
	case c.Event != "":
		if err := server.call(ctx, http.MethodPost, path+"/deliveries/"+url.PathEscape(c.Event)+"/replay", nil, &done); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, "posting", done.ID)
		return err
	case c.Failed:
		if err := server.call(ctx, http.MethodPost, path+"/replay", map[string]bool{"failed": true}, &done); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "posting %d events that had failed\n", done.Replayed)
		return err
	}
	if err := server.call(ctx, http.MethodPost, path+"/replay", map[string]string{"since": c.Since}, &done); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "posting everything since", done.Since.Time().Format(time.RFC3339))
	return err
}
