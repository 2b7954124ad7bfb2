package main

import "testing"

func TestBareServerSendsTheSameBytes(t *testing.T) {
	a := answers{Get: []byte(`{"id":1}`), List: []byte(`{"data":[]}`), Create: []byte(`{"id":2}`)}
	tgt := newTarget(t, a.handler().ServeHTTP)
	if err := tgt.connect(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	w := tgt.workers[0]
	for _, tt := range []struct {
		name string
		do   func() ([]byte, error)
		want string
	}{
		{"one invitation", func() ([]byte, error) { return w.get("/get") }, `{"id":1}`},
		{"a page", func() ([]byte, error) { return w.get("/list") }, `{"data":[]}`},
		{"a create with a body", func() ([]byte, error) { return w.post([]byte(`{}`), "/create") }, `{"id":2}`},
	} {
		if got, err := tt.do(); err != nil || string(got) != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.name, got, err, tt.want)
		}
	}
}
