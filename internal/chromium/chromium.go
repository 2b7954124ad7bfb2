// Package chromium starts a headless browser for tests.
package chromium

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Open starts Chromium or Chrome with an empty profile, and returns the context in
// which it runs until the test ends or patience is over. Further options come after
// those of chromedp. Where there is no browser in PATH the test is skipped, or fails
// if USHER_TEST_REQUIRE (a comma list) names "chromium".
func Open(t *testing.T, patience time.Duration, options ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	all := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(find(t)), chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(all, options...)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

func find(t *testing.T) (path string) {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	if slices.Contains(strings.Split(os.Getenv("USHER_TEST_REQUIRE"), ","), "chromium") {
		t.Fatal("USHER_TEST_REQUIRE demands chromium, but there is none in PATH")
	}
	t.Skip("no chromium in PATH")
	return ""
}
