package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"

	"usher/internal/config"
	"usher/internal/invite"
)

// serve runs a production server. It has no instance until "usher instance
// create" makes one, and nothing that only helps developers.
func serve(ctx context.Context, c *config.Serve, stderr io.Writer) (err error) {
	log := newLog(stderr, &c.Log)
	keys, err := invite.NewKeyring(c.MasterKey.Bytes)
	if err != nil {
		return mistake("master-key", err)
	}
	s := &server{log: log, keys: keys, registry: prometheus.NewRegistry(), delivery: c.Delivery, proxies: c.Proxies()}
	if s.limits, err = newLimits(&c.Traffic); err != nil {
		return err
	}
	if err := s.listen(ctx, &c.Listener); err != nil {
		return err
	}
	if s.db, err = openStore(ctx, &c.Data, &c.Standby, s.publicURL, keys); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.db.Close()) }()
	if err := s.db.Reserve(ctx); err != nil {
		return fmt.Errorf("%s: %w", c.Where(), err)
	}
	courier, err := s.newCourier(&c.Mail)
	if err != nil {
		return err
	}
	if courier.SMTP != nil {
		s.courier = courier
		defer courier.SMTP.Close()
	} else {
		log.WarnContext(ctx, "no --smtp-url: mails wait in the outbox until there is one")
	}
	return s.run(ctx)
}
