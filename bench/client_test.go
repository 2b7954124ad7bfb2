package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestClientKeepsOneConnection(t *testing.T) {
	large := strings.Repeat("x", 200<<10)
	peers := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peers[r.RemoteAddr] = true
		body, _ := io.ReadAll(r.Body)
		answer := r.Method + " " + r.URL.String() + " " + r.Header.Get("Authorization") + " " + string(body)
		if r.URL.Path == "/large" {
			answer = large
		}
		if r.URL.Path == "/refused" {
			w.WriteHeader(http.StatusBadRequest)
		}
		io.WriteString(w, answer)
	}))
	defer srv.Close()
	c, err := dial(t.Context(), srv.Listener.Addr().String(), "sk_test_1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()

	for _, tt := range []struct {
		name string
		do   func() ([]byte, error)
		want string
	}{
		{"a path in parts", func() ([]byte, error) { return c.get("/a/", "b", "?limit=10") }, "GET /a/b?limit=10 Bearer sk_test_1 "},
		{"a body", func() ([]byte, error) { return c.post([]byte(`{"n":1}`), "/a") }, `POST /a Bearer sk_test_1 {"n":1}`},
		{"a short answer after a longer one", func() ([]byte, error) { return c.get("/") }, "GET / Bearer sk_test_1 "},
	} {
		got, err := tt.do()
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
	if _, err := c.get("/refused"); err == nil || !strings.Contains(err.Error(), "GET /refused was refused: GET /refused") {
		t.Errorf("a refusal: got %v, want an error with the answer", err)
	}
	if _, err := c.get("/after"); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
	for range 2 { // the second shows that the first was read to its end
		if got, err := c.get("/large"); err != nil || string(got) != large {
			t.Errorf("a chunked answer: got %d bytes, %v, want %d", len(got), err, len(large))
		}
	}
	if len(peers) != 1 {
		t.Errorf("the server saw %d connections, want 1", len(peers))
	}
}
