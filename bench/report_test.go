package main

import (
	"strings"
	"testing"
	"time"
)

// rates makes a result of a second for each rate.
func rates(perSecond ...int) map[int][]*result {
	var rounds []*result
	for _, n := range perSecond {
		r := &result{took: time.Second}
		for range n {
			r.latency.record(time.Millisecond)
		}
		rounds = append(rounds, r)
	}
	return map[int][]*result{compared: rounds}
}

func TestRatiosCompareWithinARound(t *testing.T) {
	m := &measurements{results: map[string]map[int][]*result{
		createName: rates(70, 10, 80),
		rawName:    rates(100, 20, 100),
	}}
	var out strings.Builder
	writeRatio(&out, fileGoals[0], m.ratios(fileGoals[0]))
	if want := "| 0.70\t| 0.70 0.50 0.80\t| ≥ 0.6\t| reached\t|"; !strings.Contains(out.String(), want) {
		t.Errorf("got %q, want %q in it", out.String(), want)
	}
}

func TestLimitsAreJudged(t *testing.T) {
	for _, tt := range []struct {
		name string
		l    limit
		want string
	}{
		{"below", limit{"x", 149, 150, "ms"}, "| x\t| 149.00 ms\t| 150 ms\t| reached\t|\n"},
		{"above", limit{"x", 151, 150, "ms"}, "| x\t| 151.00 ms\t| 150 ms\t| missed\t|\n"},
		{"without a limit", limit{"x", 151, 0, "ms"}, "| x\t| 151.00 ms\t| -\t| \t|\n"},
	} {
		var out strings.Builder
		if writeLimit(&out, tt.l); out.String() != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, out.String(), tt.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"none", nil, 0},
		{"one", []float64{3}, 3},
		{"odd, unsorted", []float64{9, 1, 5}, 5},
		{"even", []float64{4, 1, 2, 3}, 2.5},
	} {
		if got := median(tt.values); got != tt.want {
			t.Errorf("%s: median = %v, want %v", tt.name, got, tt.want)
		}
	}
}
