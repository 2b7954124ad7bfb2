package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"usher/internal/store"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"usher": main})
}

// TestScripts runs testdata/script: what an operator types, and gets. Beside
// testscript's own commands there are
//
//	status N command…   runs a command that ends with exit status N
//	hashed FILE DIR     holds the files in DIR to having the hash of the secret
//	                    key in FILE, and not the key
//
// and $TAKEN, an address on which somebody else listens.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Deadline:            time.Now().Add(time.Minute), // a server that should not have started
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status,
			"hashed": hashed,
		},
	})
}

func setup(env *testscript.Env) error {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	env.Defer(func() { _ = taken.Close() })
	env.Setenv("TAKEN", taken.Addr().String())
	return nil
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got, err := 0, ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if got != want {
		ts.Fatalf("got exit status %d, want %d", got, want)
	}
}

func hashed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hashed FILE DIR")
	}
	key := regexp.MustCompile(`sk_(test|live)_\S+`).FindString(ts.ReadFile(args[0]))
	if key == "" {
		ts.Fatalf("%s has no secret key", args[0])
	}
	files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[1]), "*"))
	ts.Check(err)
	sum := sha256.Sum256([]byte(key))
	hash := []byte(hex.EncodeToString(sum[:]))
	found := false
	for _, name := range files {
		content, err := os.ReadFile(name)
		ts.Check(err)
		found = found || bytes.Contains(content, hash)
		if bytes.Contains(content, []byte(key)) || bytes.Contains(content, []byte(key[len("sk_live_"):])) {
			ts.Fatalf("%s holds the secret key", name)
		}
	}
	if !found {
		ts.Fatalf("no file in %s has the key's hash", args[1])
	}
}

func TestBar(t *testing.T) {
	var out bytes.Buffer
	told := bar(&out)
	told(store.CopyProgress{Table: "keys", Step: store.Done})
	told(store.CopyProgress{Table: "users", Step: store.Writing, Rows: 5, Of: 10})
	told(store.CopyProgress{Table: "users", Step: store.Done, Rows: 10, Of: 10})
	const want = "\rkeys                         [==============================] done      0 of 0\x1b[K\n" +
		"\rusers                        [===============               ] writing   5 of 10\x1b[K" +
		"\rusers                        [==============================] done      10 of 10\x1b[K\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}
