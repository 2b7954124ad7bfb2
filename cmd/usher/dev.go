package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"usher/internal/clerk"
	"usher/internal/config"
	"usher/internal/invite"
	"usher/internal/store"
)

// Files beside the database of a development server. A production server's keys
// are not in its data folder, which is how the two are told apart.
const (
	masterKeyFile = "master.key"
	secretKeyFile = "secret.key"
)

// dev runs a development server: it makes what it needs, keeps every mail in an
// inbox unless there is an SMTP server, and shows its keys.
func dev(ctx context.Context, c *config.Dev, stdout, stderr io.Writer) (err error) {
	limits, err := newLimits(&c.Traffic)
	if err != nil {
		return err
	}
	seed, err := readSeed(c.Seed)
	if err != nil {
		return err
	}
	if err := prepareData(ctx, c.Dir, c.Reset); err != nil {
		return err
	}
	keys, err := devKeyring(c.Dir)
	if err != nil {
		return err
	}
	s := &server{log: newLog(stderr, &c.Log), keys: keys, registry: prometheus.NewRegistry(), limits: limits, delivery: c.Delivery, proxies: c.Proxies()}
	if err := s.listen(ctx, &c.Listener); err != nil {
		return err
	}
	if s.db, err = openStore(ctx, &config.Data{Folder: c.Folder}, nil, s.publicURL, keys); err != nil {
		return errors.Join(err, s.main.Close())
	}
	defer func() { err = errors.Join(err, s.db.Close()) }()
	if err := s.db.Reserve(ctx); err != nil {
		return fmt.Errorf("%s: %w", c.Dir, err)
	}
	if s.courier, err = s.newCourier(&c.Mail); err != nil {
		return err
	}
	if s.courier.SMTP != nil {
		defer s.courier.SMTP.Close()
	}
	s.inbox = s.courier.SMTP == nil
	in, secret, err := devInstance(ctx, s.db, c)
	if err != nil {
		return err
	}
	if origins := c.Origins.List(); origins != nil {
		if err := s.db.UpdateInstance(ctx, in, invite.InstanceChange{AllowedOrigins: &origins}); err != nil {
			return fmt.Errorf("--allowed-origins: %w", err)
		}
	}
	org, err := seed.apply(ctx, s.db, in)
	if err != nil {
		return err
	}
	if err := s.announce(stdout, c, in, secret, org); err != nil {
		return err
	}
	return s.run(ctx)
}

// prepareData makes the folder, or empties it on reset. It refuses a folder
// that belongs to a production server, and to empty one that is being served.
func prepareData(ctx context.Context, dir string, reset bool) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	if exists(databaseFile) && !exists(masterKeyFile) {
		return fmt.Errorf("%s holds the data of usher serve; give usher dev a folder of its own with --data", dir)
	}
	if !reset {
		return nil
	}
	if exists(databaseFile) && served(ctx, dir) {
		return fmt.Errorf("%s: %w", dir, store.ErrReserved)
	}
	for _, name := range []string{databaseFile, databaseFile + "-wal", databaseFile + "-shm", masterKeyFile, secretKeyFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("resetting the data folder: %w", err)
		}
	}
	return nil
}

// served reports whether a server runs on the folder. A database that cannot
// be opened is not served, and a reset is the way out.
func served(ctx context.Context, dir string) bool {
	db, err := openStore(ctx, &config.Data{Folder: config.Folder{Dir: dir}}, nil, "", nil)
	if err != nil {
		return false
	}
	err = db.Reserve(ctx)
	return errors.Is(errors.Join(err, db.Close()), store.ErrReserved)
}

func devKeyring(dir string) (*invite.Keyring, error) {
	raw, err := keep(filepath.Join(dir, masterKeyFile), func() string {
		var key [invite.MinMasterKey]byte
		_, _ = rand.Read(key[:]) // never fails
		return hex.EncodeToString(key[:])
	})
	if err != nil {
		return nil, err
	}
	master, err := hex.DecodeString(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", masterKeyFile, err)
	}
	return invite.NewKeyring(master)
}

// keep returns what a file holds, after writing it when it is not there yet.
func keep(path string, create func() string) (string, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		value := create()
		return value, os.WriteFile(path, []byte(value+"\n"), 0o600)
	}
	return strings.TrimSpace(string(raw)), err
}

// devInstance finds the folder's instance by its secret key, or makes it. A key
// given on the command line works beside the kept one.
func devInstance(ctx context.Context, db *store.DB, c *config.Dev) (*invite.Instance, string, error) {
	path := filepath.Join(c.Dir, secretKeyFile)
	list, err := db.Instances(ctx)
	if err != nil {
		return nil, "", err
	}
	if len(list) == 0 {
		in := invite.Instance{Environment: invite.Test, Name: c.Name, MaxAllowedMemberships: devMemberships}
		if c.HomeURL != nil {
			in.HomeURL = c.HomeURL.String()
		}
		made, secret, err := db.CreateInstance(ctx, in, c.SecretKey.Reveal())
		if err != nil {
			return nil, "", fmt.Errorf("creating the development instance: %w", err)
		}
		_, err = keep(path, func() string { return secret })
		return made, secret, err
	}
	in, secret := list[0], c.SecretKey.Reveal()
	if secret == "" {
		secret, err = keep(path, func() string { return store.NewSecretKey(invite.Test) })
	}
	if err != nil {
		return nil, "", err
	}
	return in, secret, db.AddKey(ctx, in, secret)
}

// devMemberships is the limit that a new organization starts with on the hosted
// service (contract §6.5), so that a test meets here what it would meet there.
const devMemberships = 5

// announce prints where everything is, and a first command that works.
func (s *server) announce(w io.Writer, c *config.Dev, in *invite.Instance, secret string, org seeded) error {
	inbox := fmt.Sprintf("  inbox            %s/inbox   every mail lands here until SMTP is configured\n", s.publicURL)
	if !s.inbox {
		inbox = fmt.Sprintf("  mail             goes to %s\n", s.courier.SMTP)
	}
	try := ""
	if org.id != "" {
		inviter := ""
		if org.admin != "" {
			inviter = fmt.Sprintf(`,"inviter_user_id":"%s"`, org.admin)
		}
		try = fmt.Sprintf("  try it           curl -s %s/v1/organizations/%s/invitations -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{\"email_address\":\"grace@example.com\",\"role\":\"org:member\"%s}'\n",
			s.publicURL, org.id, secret, inviter)
	}
	_, err := fmt.Fprintf(w, "usher dev  %s   data in %s\n  secret key       %s   (Backend API, %s/v1)\n  publishable key  %s   (Frontend API, %s)\n%s%s",
		s.publicURL, c.Dir, secret, s.publicURL, clerk.PublishableKey(in, s.publicURL), s.publicURL, inbox, try)
	return err
}
