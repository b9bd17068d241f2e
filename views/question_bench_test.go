package views_test

import (
	"encoding/json"
	"strings"
	"testing"

	"m1/collector/snapshot"
	"m1/views"
)

// BenchmarkQuestion draws the page of a thousand questions, and the record of one
// with arguments of 256 KiB.
func BenchmarkQuestion(b *testing.B) {
	f := frame(120, 40)
	asking(&f)
	for len(f.Snap.Approvals) < 1000 {
		f.Snap.Approvals = append(f.Snap.Approvals, f.Snap.Approvals[0])
	}
	calm := frame(120, 40)
	b.Run("none", func(b *testing.B) {
		for b.Loop() {
			views.Screen(calm)
		}
	})
	for name, page := range map[string]views.Page{"overview": views.Overview, "list": views.Approvals} {
		f.Page = page
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				views.Screen(f)
			}
		})
	}
	args, err := json.Marshal(map[string]string{"text": strings.Repeat("日本語 and some text\n", 10_000)})
	if err != nil {
		b.Fatal(err)
	}
	f.Snap.Approvals = []snapshot.Approval{f.Snap.Approvals[0]}
	f.Snap.Approvals[0].Args, f.Detail.Approval = args, "ap_02"
	views.Screen(f)
	b.Run("record", func(b *testing.B) {
		for b.Loop() {
			views.Screen(f)
		}
	})
}
