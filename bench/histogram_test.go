package main

import (
	"testing"
	"time"
)

func TestHistogramQuantiles(t *testing.T) {
	var low, all histogram
	for us := range 10_000 {
		h := &all
		if us < 5_000 {
			h = &low
		}
		h.record(time.Duration(us+1) * time.Microsecond)
	}
	all.add(&low)
	for _, tt := range []struct {
		q    float64
		want time.Duration
	}{
		{0.50, 5_000 * time.Microsecond},
		{0.95, 9_500 * time.Microsecond},
		{0.99, 9_900 * time.Microsecond},
		{1, 10_000 * time.Microsecond},
	} {
		if got := all.quantile(tt.q); got < tt.want || got > tt.want+tt.want/32 {
			t.Errorf("quantile(%v) = %v, want %v to 1/32 above", tt.q, got, tt.want)
		}
	}
}

func TestHistogramTakesEveryDuration(t *testing.T) {
	for _, d := range []time.Duration{-1, 0, 1, 63, 64, 65, 127, 128, time.Hour, 1<<63 - 1} {
		var h histogram
		h.record(d)
		if got := h.quantile(0.5); got < d || got-max(d, 0) > max(d, 0)/32 {
			t.Errorf("quantile after %d = %d", d, got)
		}
	}
	if got := (&histogram{}).quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing = %v, want 0", got)
	}
}
