package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/internal/store"
)

// outboxCollector asks the database how the outbox stands, at each scrape.
type outboxCollector struct {
	db                     *store.DB
	queued, parked, oldest *prometheus.Desc
	endpoints              *prometheus.Desc
}

func newOutboxCollector(db *store.DB) *outboxCollector {
	return &outboxCollector{
		db:     db,
		queued: prometheus.NewDesc("usher_outbox_messages", "Messages in the outbox that are still to be delivered.", nil, nil),
		parked: prometheus.NewDesc("usher_outbox_parked_messages", "Messages set aside after their last attempt.", nil, nil),
		oldest: prometheus.NewDesc("usher_outbox_oldest_due_seconds", "Age of the oldest message that is due; 0 when none is.", nil, nil),
		endpoints: prometheus.NewDesc("usher_webhook_endpoints", "Webhook endpoints: enabled, failing, disabled, or failed, which is disabled after failures.",
			[]string{"status"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *outboxCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.queued
	ch <- c.parked
	ch <- c.oldest
	ch <- c.endpoints
}

// Collect implements prometheus.Collector. When the database does not answer
// the series are absent, which an alert can tell from zero.
func (c *outboxCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	stats, err := c.db.OutboxStats(ctx)
	if err != nil {
		return
	}
	for status, n := range map[string]int{
		"enabled": stats.Endpoints.Enabled, "failing": stats.Endpoints.Failing,
		"disabled": stats.Endpoints.Disabled, "failed": stats.Endpoints.Failed,
	} {
		ch <- prometheus.MustNewConstMetric(c.endpoints, prometheus.GaugeValue, float64(n), status)
	}
	age := 0.0
	if stats.OldestDue != 0 {
		age = max(0, float64(c.db.Now()-stats.OldestDue)/1000)
	}
	ch <- prometheus.MustNewConstMetric(c.queued, prometheus.GaugeValue, float64(stats.Queued))
	ch <- prometheus.MustNewConstMetric(c.parked, prometheus.GaugeValue, float64(stats.Parked))
	ch <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, age)
}

// standbyReads counts what a standby answers, and what it should have.
func standbyReads(db *store.DB) []prometheus.Collector {
	const name, help = "usher_standby_reads_total", "Reads that were asked of the standby: served, or passed on to the primary because it was down or behind."
	counter := func(result string, count func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: prometheus.Labels{"result": result}},
			func() float64 { return float64(count()) })
	}
	return []prometheus.Collector{
		counter("served", func() uint64 { served, _ := db.StandbyReads(); return served }),
		counter("passed", func() uint64 { _, passed := db.StandbyReads(); return passed }),
	}
}
