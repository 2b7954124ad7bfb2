package main

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// scripts are Clerk's JavaScript and its components, as npm has them: the package and
// what its tarball must be. They are bundles with everything in them. To install them
// as packages would bring along hundreds of others, which only those who build the
// bundles need.
var scripts = []struct{ name, version, sha512 string }{
	{"@clerk/clerk-js", "6.40.0", "d8c9d9ff282fb8299ebaa7d7426b317d068b37f49226f41bb53d9c2d76e0af954aaf72a664564156f5fdefb7c6dde67aa69ae5e09f693be2366db7ba06f0a896"},
	{"@clerk/ui", "1.36.0", "b88f7acd80a1e632122ceb7599da483f2fd8df53f49301718d414ec4b53015f4c71661947118dba8de9b6dbfbbe6d748d81cfa0111b0b37ae1b290deafec487d"},
}

// scriptsFolder has the scripts, each in the folder of its package.
func scriptsFolder(web string) string { return filepath.Join(web, "node_modules", ".clerk") }

// serveScript serves what @clerk/react and the scripts themselves load by way of the
// proxy URL, by the name of a package and a version, of which there is one.
func serveScript(web string) http.HandlerFunc {
	folder := os.DirFS(scriptsFolder(web))
	return func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(r.PathValue("package"), "@")
		http.ServeFileFS(w, r, folder, path.Join("@clerk", name, "dist", r.PathValue("file")))
	}
}

// install brings what the page is made of, unless it is there.
func install(ctx context.Context, web string) error {
	if older(filepath.Join(web, "node_modules", ".package-lock.json"), filepath.Join(web, "package-lock.json")) {
		fmt.Fprintln(os.Stderr, "atlas: installing what its page is made of")
		if err := command(ctx, web, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund").Run(); err != nil {
			return fmt.Errorf("installing the page's packages: %w", err)
		}
	}
	for _, s := range scripts {
		to := filepath.Join(scriptsFolder(web), filepath.FromSlash(s.name))
		if _, err := os.Stat(to); err == nil {
			continue
		}
		if err := unpack(ctx, s.name+"@"+s.version, s.sha512, to); err != nil {
			return fmt.Errorf("installing %s: %w", s.name, err)
		}
	}
	return nil
}

// older reports whether a file was written before another, or is not there.
func older(file, than string) bool {
	a, err := os.Stat(file)
	if err != nil {
		return true
	}
	b, err := os.Stat(than)
	return err == nil && a.ModTime().Before(b.ModTime())
}

// unpack makes a folder of what a package has in its tarball.
func unpack(ctx context.Context, pack, sum, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	staging, err := os.MkdirTemp(filepath.Dir(to), ".")
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging)
	name, err := command(ctx, staging, "npm", "pack", "--silent", pack).Output()
	if err != nil {
		return err
	}
	tarball := filepath.Join(staging, strings.TrimSpace(string(name)))
	raw, err := os.ReadFile(tarball)
	if err != nil {
		return err
	}
	if got := sha512.Sum512(raw); hex.EncodeToString(got[:]) != sum {
		return fmt.Errorf("its SHA-512 is %x, not what it was when it was pinned", got)
	}
	if err := command(ctx, staging, "tar", "-xzf", tarball).Run(); err != nil {
		return err
	}
	return os.Rename(filepath.Join(staging, "package"), to)
}

// build makes the page with Vite, which writes the publishable key into it.
func build(ctx context.Context, web, to, publishableKey string) error {
	vite := command(ctx, web, "npm", "run", "--silent", "build", "--", "--outDir", to, "--emptyOutDir", "--logLevel", "warn")
	vite.Env = append(os.Environ(), "VITE_CLERK_PUBLISHABLE_KEY="+publishableKey)
	if err := vite.Run(); err != nil {
		return fmt.Errorf("building the page: %w", err)
	}
	return nil
}
