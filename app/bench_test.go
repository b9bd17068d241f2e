package app_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"m1/app"
	"m1/collector/snapshot"
)

// BenchmarkRefresh is what one refresh costs: a picture that differs from the
// one before, taken and drawn at the design size.
func BenchmarkRefresh(b *testing.B) {
	s := newScreen(b, app.Options{})
	one, two := fullBoard(1), fullBoard(2)
	b.ReportAllocs()
	for b.Loop() {
		s.show(one)
		app.Drawn(s.m)
		one, two = two, one
	}
}

// BenchmarkKey is what moving the selection costs.
func BenchmarkKey(b *testing.B) {
	s := newScreen(b, app.Options{}).show(fullBoard(1)).press("2")
	b.ReportAllocs()
	for b.Loop() {
		s.press("j")
		app.Drawn(s.m)
		s.press("k")
		app.Drawn(s.m)
	}
}

// fullBoard is a picture as a busy engine gives it: 200 calls, 50 runs, charts
// over the whole window.
func fullBoard(n int) *snapshot.Dashboard {
	d := board(int64(n), someCalls(1000+n*5, 801+n*5)...)
	for i := range 50 {
		withRuns(d, fmt.Sprintf("run_%d", i))
	}
	m := &d.Metrics
	for i := range 300 {
		v := 1 + math.Sin(float64(i+n)/20)
		m.Series.T = append(m.Series.T, start.Add(time.Duration(i)*time.Second))
		for _, s := range []*[]*float64{
			&m.Series.PolicyP99US, &m.Series.ToolP95US, &m.Series.DecisionHitRate, &m.Series.ResultHitRate,
			&m.Series.ResultCeiling, &m.Series.ErrorRate, &m.Series.USDPerHour, &m.Series.CallsPerS,
		} {
			*s = append(*s, &v)
		}
	}
	d.Costs.Series = snapshot.CostSeries{T: m.Series.T, USDPerHour: m.Series.USDPerHour}
	return d
}
