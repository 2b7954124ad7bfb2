package oracle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// find loads the named file from the folder of specifications, or returns nil when
// there is no such folder and the environment does not insist.
func find(file string, getenv func(string) string) (*Spec, error) {
	dir, err := folder(getenv)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if slices.Contains(strings.Split(getenv("USHER_TEST_REQUIRE"), ","), "specs") {
			return nil, fmt.Errorf("USHER_TEST_REQUIRE demands the OpenAPI files, but there is no folder %s (set USHER_SPECS)", dir)
		}
		return nil, nil
	}
	return load(filepath.Join(dir, file))
}

// folder is where the specifications should be.
func folder(getenv func(string) string) (string, error) {
	if dir := getenv("USHER_SPECS"); dir != "" {
		return dir, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "..", "shared", "specs"), nil
}

// moduleRoot is the nearest folder with a go.mod, from the working directory upward.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}
