package main

import (
	"math"
	"math/bits"
	"time"
)

// histogram counts latencies in buckets of fixed size, each 1/32 of its power
// of two wide, so that a quantile is at most 3 % above the true one whatever
// was recorded.
type histogram struct {
	counts [1920]uint64
	total  uint64
}

func (h *histogram) record(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.total++
}

func bucket(ns uint64) int {
	if ns < 64 {
		return int(ns)
	}
	shift := bits.Len64(ns) - 6
	return shift*32 + int(ns>>shift)
}

// highest returns the largest latency that falls into a bucket.
func highest(bucket int) time.Duration {
	if bucket < 64 {
		return time.Duration(bucket)
	}
	shift := bucket/32 - 1
	return time.Duration((bucket-shift*32+1)<<shift - 1)
}

func (h *histogram) add(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// quantile returns the latency that the share q of all does not exceed; 0 when
// nothing was recorded.
func (h *histogram) quantile(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(h.total)))
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank && n > 0 {
			return highest(i)
		}
	}
	return 0
}
