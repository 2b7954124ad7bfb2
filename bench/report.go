package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// measurements are all results, by phase and number of connections, one for
// each round.
type measurements struct {
	phases  []phase
	results map[string]map[int][]*result
}

func (m *measurements) last(phase string, connections int) *result {
	rounds := m.results[phase][connections]
	return rounds[len(rounds)-1]
}

// goal is the part of a ceiling's rate that a phase should reach with 64
// connections.
type goal struct {
	phase, ceiling string
	least          float64 // 0 = shown, not judged
	cpu            bool    // what an operation of the ceiling costs its servers is divided by what the phase's does
}

var (
	fileGoals = []goal{
		{phase: createName, ceiling: rawName, least: 0.6},
		{phase: createName, ceiling: bareCreate},
		{phase: getName, ceiling: bareGet, least: 0.5},
		{phase: listName, ceiling: bareList, least: 0.3},
		{phase: listAgainName, ceiling: bareList, least: 0.6},
	}
	postgresGoals = []goal{
		{phase: createName, ceiling: pgbenchName, least: 0.5},
		{phase: getName, ceiling: bareGet, least: 0.3},
		{phase: listName, ceiling: bareList},
		// Where a request costs as much with two servers, a second adds what the first does.
		{phase: createName + ofBoth, ceiling: createName, least: 0.9, cpu: true},
		{phase: getName + ofBoth, ceiling: getName, least: 0.9, cpu: true},
		{phase: listName + ofBoth, ceiling: listName, least: 0.9, cpu: true},
	}
)

// ratios returns phase ÷ ceiling of each round: both were measured in the same
// minute, which the median over rounds of either would lose.
func (m *measurements) ratios(g goal) []float64 {
	over, under := m.results[g.phase][compared], m.results[g.ceiling][compared]
	ratios := make([]float64, min(len(over), len(under)))
	for i := range ratios {
		if ratios[i] = over[i].rate() / under[i].rate(); g.cpu {
			ratios[i] = float64(under[i].cpuPerOperation()) / float64(over[i].cpuPerOperation())
		}
	}
	return ratios
}

// report prints what was measured as Markdown tables that line up in a terminal.
func report(w io.Writer, o *options, m *measurements, goals []goal, limits []limit) error {
	fmt.Fprintf(w, "%s, %d CPUs, %s for each phase, median of %d rounds, %d organizations written to, %d listed\n\n",
		runtime.Version(), runtime.NumCPU(), o.duration, o.rounds, o.organizations, o.listed)
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "| phase\t| connections\t| ops/s\t| p50 ms\t| p95 ms\t| p99 ms\t| server CPU µs/op\t| server RSS MB\t|")
	fmt.Fprintln(t, "| ---\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t|")
	for _, ph := range m.phases {
		for _, n := range o.connections {
			if rounds := m.results[ph.name][n]; len(rounds) > 0 {
				writeResult(t, ph.name, n, rounds)
			}
		}
	}
	fmt.Fprintln(t, "\n| with 64 connections\t| ratio, median\t| of rounds\t| goal\t|\t|")
	fmt.Fprintln(t, "| ---\t| ---:\t| ---\t| ---:\t| ---\t|")
	for _, g := range goals {
		writeRatio(t, g, m.ratios(g))
	}
	if len(limits) == 0 {
		return t.Flush()
	}
	fmt.Fprintln(t, "\n| limit\t| measured\t| at most\t|\t|")
	fmt.Fprintln(t, "| ---\t| ---:\t| ---:\t| ---\t|")
	for _, l := range limits {
		writeLimit(t, l)
	}
	return t.Flush()
}

func writeResult(w io.Writer, name string, connections int, rounds []*result) {
	sum, rates := &result{}, []float64(nil)
	for _, r := range rounds {
		sum.add(r)
		rates = append(rates, r.rate())
	}
	q := func(p float64) float64 { return milliseconds(sum.latency.quantile(p)) }
	cpu, rss, n := "-", "-", fmt.Sprint(connections)
	if sum.rss > 0 {
		cpu = fmt.Sprintf("%.0f", float64(sum.cpuPerOperation())/float64(time.Microsecond))
		rss = fmt.Sprintf("%.0f", float64(sum.rss)/(1<<20))
	} else {
		if name == rawName {
			n = fmt.Sprintf("%d a commit", rawBatch)
		}
	}
	fmt.Fprintf(w, "| %s\t| %s\t| %.0f\t| %.2f\t| %.2f\t| %.2f\t| %s\t| %s\t|\n", name, n, median(rates), q(0.50), q(0.95), q(0.99), cpu, rss)
}

func writeRatio(w io.Writer, g goal, ratios []float64) {
	if len(ratios) == 0 {
		return
	}
	each := make([]string, len(ratios))
	for i, r := range ratios {
		each[i] = fmt.Sprintf("%.2f", r)
	}
	least, verdict := "-", ""
	if g.least > 0 {
		least, verdict = fmt.Sprintf("≥ %.1f", g.least), judge(median(ratios) >= g.least)
	}
	of := g.phase + " ÷ " + g.ceiling
	if g.cpu {
		of = "CPU of " + g.ceiling + " ÷ " + g.phase
	}
	fmt.Fprintf(w, "| %s\t| %.2f\t| %s\t| %s\t| %s\t|\n", of, median(slices.Clone(ratios)), strings.Join(each, " "), least, verdict)
}

func writeLimit(w io.Writer, l limit) {
	most, verdict := "-", ""
	if l.most > 0 {
		most, verdict = fmt.Sprintf("%g %s", l.most, l.unit), judge(l.got <= l.most)
	}
	fmt.Fprintf(w, "| %s\t| %.2f %s\t| %s\t| %s\t|\n", l.name, l.got, l.unit, most, verdict)
}

func judge(reached bool) string {
	if reached {
		return "reached"
	}
	return "missed"
}
