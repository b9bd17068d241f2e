package cachebench

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// table is what a benchmark found. TestMain prints all tables at the end.
type table struct {
	title   string
	columns []string
	rows    []*row
	notes   []string
}

type row struct {
	name  string
	cells map[string]float64
}

var tables []*table

func newTable(title string, columns ...string) *table {
	t := &table{title: title, columns: columns}
	tables = append(tables, t)
	return t
}

func (t *table) put(name, column string, v float64) {
	if !slices.Contains(t.columns, column) {
		panic("no column " + column)
	}
	i := slices.IndexFunc(t.rows, func(r *row) bool { return r.name == name })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, &row{name, map[string]float64{}})
	}
	t.rows[i].cells[column] = v
}

func (t *table) note(format string, a ...any) { t.notes = append(t.notes, fmt.Sprintf(format, a...)) }

// report gives every row as a benchmark of its own, for tools that read those.
func (t *table) report(b *testing.B) {
	unit := strings.NewReplacer(" ", "_", ",", "")
	for _, r := range t.rows {
		b.Run(r.name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			for column, v := range r.cells {
				b.ReportMetric(v, unit.Replace(column))
			}
		})
	}
}

func (t *table) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "\n### %s\n\n| | %s |\n|---|%s\n", t.title, strings.Join(t.columns, " | "), strings.Repeat("---|", len(t.columns)))
	for _, r := range t.rows {
		fmt.Fprintf(&s, "| %s |", r.name)
		for _, column := range t.columns {
			if v, ok := r.cells[column]; ok {
				fmt.Fprintf(&s, " %s |", short(v))
			} else {
				s.WriteString(" - |")
			}
		}
		s.WriteString("\n")
	}
	for _, n := range t.notes {
		fmt.Fprintf(&s, "\n%s\n", n)
	}
	return s.String()
}

// short is a number with three digits that count.
func short(v float64) string {
	switch {
	case v == float64(int64(v)), v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// compared are the modules whose versions are told.
var compared = []string{"otter", "go-redis", "sturdyc", "gocache", "rueidis"}

func TestMain(m *testing.M) {
	code := m.Run()
	if len(tables) > 0 {
		fmt.Printf("\n## M1's cache beside its peers\n\n%s, %d processors", runtime.Version(), runtime.GOMAXPROCS(0))
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, d := range info.Deps {
				if slices.ContainsFunc(compared, func(s string) bool { return strings.Contains(d.Path, s) }) {
					fmt.Printf(", %s %s", strings.TrimPrefix(d.Path, "github.com/"), d.Version)
				}
			}
		}
		fmt.Println()
	}
	for _, t := range tables {
		fmt.Print(t)
	}
	os.Exit(code)
}
