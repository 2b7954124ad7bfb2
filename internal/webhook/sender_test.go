package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// The vector on which three verifiers agree.
func TestSignature(t *testing.T) {
	const body = `{"data":{"id":"orginv_1","object":"organization_invitation"},"event_attributes":{"http_request":{"client_ip":"127.0.0.1","user_agent":""}},"instance_id":"ins_1","object":"event","timestamp":1700000000000,"type":"organizationInvitation.created"}`
	secret := invite.SigningSecret{Secret: "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}
	h := make(http.Header)
	sign(h, []invite.SigningSecret{secret}, "msg_2AbCdEfGhIjKlMnOpQrStUvWxYz", invite.At(time.Unix(1700000000, 999e6)), []byte(body))
	for name, want := range map[string]string{
		"svix-id": "msg_2AbCdEfGhIjKlMnOpQrStUvWxYz", "svix-timestamp": "1700000000",
		"svix-signature": "v1,hPLD6Us+0pkeLOWtEr1JjeUxmOj0VLI4cXUMSHZ4pmo=",
		"webhook-id":     "msg_2AbCdEfGhIjKlMnOpQrStUvWxYz", "webhook-timestamp": "1700000000",
		"webhook-signature": "v1,hPLD6Us+0pkeLOWtEr1JjeUxmOj0VLI4cXUMSHZ4pmo=",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestOnlyPublicAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"1.1.1.1": true, "8.8.8.8": true, "100.63.255.255": true, "100.128.0.1": true, "172.15.0.1": true, "172.32.0.1": true,
		"2606:4700:4700::1111": true, "2001:4860:4860::8888": true, "::ffff:8.8.8.8": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "100.64.0.1": false, "100.100.100.200": false,
		"127.0.0.1": false, "127.255.255.254": false, "168.63.129.16": false, "169.254.169.254": false, "172.16.0.1": false,
		"172.31.255.255": false, "192.0.0.192": false, "192.168.1.1": false, "198.18.0.1": false, "224.0.0.1": false,
		"240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false,
		"64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "100::1": false, "2001::1": false, "2001:db8::1": false,
		"2002:7f00:1::": false, "3fff::1": false, "fc00::1": false, "fd00:ec2::254": false, "fe80::1": false, "fe80::1%eth0": false,
		"fec0::1": false, "ff02::1": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("public(%s) = %v, want %v", text, got, want)
		}
	}
}

// post is a store with one endpoint, and a message for it.
type post struct {
	*testing.T
	db       *store.DB
	in       *invite.Instance
	endpoint *invite.Endpoint
	message  store.Message
	now      time.Time
}

func newPost(t *testing.T, url string) *post {
	t.Helper()
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{5}, invite.MinMasterKey))
	must(t, err)
	p := &post{T: t, now: time.Now()}
	encoder := &clerk.Encoder{PublicURL: "https://usher.test", Keys: keys}
	p.db, err = store.Open(t.Context(), store.Options{
		Path: filepath.Join(t.TempDir(), "usher.db"), Keys: keys, Event: encoder.EventData,
		Now: func() time.Time { return p.now },
	})
	must(t, err)
	t.Cleanup(func() { must(t, p.db.Close()) })
	p.in, _, err = p.db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "Webhook"}, "")
	must(t, err)
	p.endpoint, err = p.db.CreateEndpoint(t.Context(), p.in, invite.NewEndpoint{URL: url, Insecure: true})
	must(t, err)
	_, err = p.db.CreateOrganization(t.Context(), p.in, invite.NewOrganization{Name: "Acmé & Söhne"})
	must(t, err)
	list, _, err := p.db.Line(store.EndpointKey{InstanceID: p.in.ID, ID: p.endpoint.ID}).Claim(t.Context(), 1, time.Minute)
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("claimed %d messages, want 1", len(list))
	}
	p.message = list[0]
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// deliver lets a client that may go inside post the message.
func (p *post) deliver(change func(*http.Client)) (store.Receipt, bool, error) {
	client := NewClient(true)
	if change != nil {
		change(client)
	}
	defer client.CloseIdleConnections()
	return (&Sender{DB: p.db, Client: client}).Deliver(p.Context(), p.message)
}

func TestAReceiverVerifiesWhatItGets(t *testing.T) {
	var bodies []string
	var header http.Header
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		bodies, header = append(bodies, string(raw)), r.Header
		_, _ = io.WriteString(w, "thanks\x00\xff\x1b[31m")
	}))
	defer receiver.Close()
	p := newPost(t, receiver.URL+"/hook")
	old := p.endpoint.Secrets[0].Secret
	rotated, err := p.db.RotateSecret(t.Context(), p.in, p.endpoint.ID, "", time.Hour)
	must(t, err)
	for range 2 {
		r, sent, err := p.deliver(nil)
		if err != nil || !sent || r.StatusCode != http.StatusOK || r.Response != "thanks[31m" {
			t.Errorf("got %+v, %v, %v", r, sent, err)
		}
		p.now = p.now.Add(time.Minute)
	}
	if bodies[0] != bodies[1] {
		t.Errorf("the second attempt has another body:\n%s\n%s", bodies[0], bodies[1])
	}
	for _, secret := range []string{old, rotated.Secrets[0].Secret} {
		verifier, err := standardwebhooks.NewWebhook(secret)
		must(t, err)
		if err := verifier.Verify([]byte(bodies[1]), header); err != nil {
			t.Errorf("with secret %s: %v", secret, err)
		}
		if err := verifier.Verify([]byte(bodies[1]+" "), header); err == nil {
			t.Error("a body that was changed is verified")
		}
	}
	if got := header.Get("svix-id"); got != p.message.ID || got != header.Get("webhook-id") {
		t.Errorf("got svix-id %q, want %q", got, p.message.ID)
	}
	var payload struct {
		Type       string `json:"type"`
		Object     string `json:"object"`
		InstanceID string `json:"instance_id"`
		Timestamp  int64  `json:"timestamp"`
		Data       struct {
			Name string `json:"name"`
		} `json:"data"`
	}
	must(t, json.Unmarshal([]byte(bodies[0]), &payload))
	if payload.Type != "organization.created" || payload.Object != "event" || payload.InstanceID != p.in.ID || payload.Data.Name != "Acmé & Söhne" || payload.Timestamp == 0 {
		t.Errorf("got payload %+v", payload)
	}
}

func TestReceiversThatMisbehave(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer inside.Close()
	release := make(chan struct{})
	defer close(release)
	hang := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that the client has gone
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	short := func(c *http.Client) { c.Timeout = 50 * time.Millisecond }
	tests := []struct {
		name    string
		answer  http.HandlerFunc
		change  func(*http.Client)
		status  int
		problem string
	}{
		{"refuses", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) }, nil, 500, "status 500"},
		{"is gone", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusGone) }, nil, 410, "status 410"},
		{"redirects", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inside.URL, http.StatusTemporaryRedirect)
		}, nil, 307, "redirects are not followed"},
		{"hangs", hang, short, 0, "Timeout"},
		{"answers and never ends", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "and then")
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		}, short, 200, "reading the answer"},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, 0, "EOF"},
		{"says too much in headers", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 64<<10))
		}, nil, 0, "exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			receiver := httptest.NewServer(tt.answer)
			defer receiver.Close()
			p := newPost(t, receiver.URL+"/hook?token=hidden")
			r, sent, err := p.deliver(tt.change)
			if !sent || err == nil || !strings.Contains(err.Error(), tt.problem) || r.StatusCode != tt.status {
				t.Errorf("got %+v, %v, %v; want status %d and an error with %q", r, sent, err, tt.status, tt.problem)
			}
			if err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("the error shows the URL: %v", err)
			}
		})
	}
}

func TestALongAnswerIsCut(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 1000 {
			_, _ = io.WriteString(w, strings.Repeat("é", 1000))
		}
	}))
	defer receiver.Close()
	r, _, err := newPost(t, receiver.URL).deliver(nil)
	if err != nil || len(r.Response) > 1024 || strings.Trim(r.Response, "é") != "" {
		t.Errorf("got %d bytes %.20q, %v; want the beginning, whole characters", len(r.Response), r.Response, err)
	}
}

func TestNothingInsideIsReached(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer receiver.Close()
	_, port, err := net.SplitHostPort(receiver.Listener.Addr().String())
	must(t, err)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "127.1.2.3"} {
		p := newPost(t, "http://"+net.JoinHostPort(strings.Trim(host, "[]"), port))
		_, sent, err := (&Sender{DB: p.db, Client: NewClient(false)}).Deliver(t.Context(), p.message)
		if !sent || err == nil || err.Error() != errNotPublic.Error() {
			t.Errorf("%s: got %v, %v; want %v and nothing of the network inside", host, sent, err, errNotPublic)
		}
	}
}

func TestWhereTheNameServerIsIsNotTold(t *testing.T) {
	p := newPost(t, "http://receiver.invalid")
	_, sent, err := p.deliver(func(c *http.Client) {
		c.Transport = refuses{&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "receiver.invalid", Server: "10.0.0.53:53"}}}
	})
	if want := "looking up receiver.invalid: no such host"; !sent || err == nil || err.Error() != want {
		t.Errorf("got %v, %v; want %s", sent, err, want)
	}
}

// refuses is a transport that always fails.
type refuses struct{ error }

func (r refuses) RoundTrip(*http.Request) (*http.Response, error) { return nil, r.error }

func TestWhatIsGoneIsNotPosted(t *testing.T) {
	p := newPost(t, "http://127.0.0.1:1")
	_, err := p.db.DeleteEndpoint(t.Context(), p.in, p.endpoint.ID)
	must(t, err)
	if _, sent, err := p.deliver(nil); sent || err != nil {
		t.Errorf("to a deleted endpoint: got %v, %v; want nothing sent", sent, err)
	}
	p = newPost(t, "http://127.0.0.1:1")
	p.now = p.now.Add(time.Hour)
	_, err = p.db.ForgetEvents(context.WithoutCancel(t.Context()), time.Minute, 10)
	must(t, err)
	if _, sent, err := p.deliver(nil); sent || err != nil {
		t.Errorf("of a forgotten event: got %v, %v; want nothing sent", sent, err)
	}
}
