package policybench

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// Column of the mix in which one tool has half of the rules.
const columnHot = "10000, hot tool"

// The tables that TestMain prints at the end.
var (
	tablePrepared = &table{title: "CPU ns per decision, input prepared"}
	tableRaw      = &table{title: "CPU ns from JSON arguments to the decision"}
	tableDetails  = &table{title: "With 10,000 rules"}
)

// table has a row for each engine, both in the order in which they came.
type table struct {
	title   string
	columns []string
	rows    []string
	cells   map[[2]string]float64
}

func (t *table) put(row, column string, v float64) {
	if !slices.Contains(t.columns, column) {
		t.columns = append(t.columns, column)
	}
	if !slices.Contains(t.rows, row) {
		t.rows = append(t.rows, row)
	}
	if t.cells == nil {
		t.cells = map[[2]string]float64{}
	}
	t.cells[[2]string{row, column}] = v
}

// overM1 is how many times what M1 takes every engine takes.
func (t *table) overM1() *table {
	over := &table{title: t.title + ", times M1"}
	for _, row := range t.rows {
		for _, column := range t.columns {
			if v, ok := t.cells[[2]string{row, column}]; ok {
				over.put(row, column, v/t.cells[[2]string{nameM1, column}])
			}
		}
	}
	return over
}

func (t *table) String() string {
	if len(t.rows) == 0 {
		return ""
	}
	var s strings.Builder
	fmt.Fprintf(&s, "\n### %s\n\n| | %s |\n|---|%s\n", t.title, strings.Join(t.columns, " | "), strings.Repeat("---:|", len(t.columns)))
	for _, row := range t.rows {
		fmt.Fprintf(&s, "| %s |", row)
		for _, column := range t.columns {
			if v, ok := t.cells[[2]string{row, column}]; ok {
				fmt.Fprintf(&s, " %s |", short(v))
			} else {
				s.WriteString(" - |")
			}
		}
		s.WriteString("\n")
	}
	return s.String()
}

// short is a number with two digits after the point at most.
func short(v float64) string {
	switch {
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	case v >= 1:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// compared are the modules whose versions are told.
var compared = []string{"cedar-go", "opa", "casbin/v3", "cel-go"}

func TestMain(m *testing.M) {
	code := m.Run()
	if len(tablePrepared.rows) > 0 {
		fmt.Printf("\n## M1's policy beside its peers\n\n%s, %d processors", runtime.Version(), runtime.GOMAXPROCS(0))
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, d := range info.Deps {
				if slices.ContainsFunc(compared, func(s string) bool { return strings.HasSuffix(d.Path, "/"+s) }) {
					fmt.Printf(", %s %s", d.Path, d.Version)
				}
			}
		}
		fmt.Println()
		for _, t := range []*table{tablePrepared, tablePrepared.overM1(), tableRaw, tableRaw.overM1(), tableDetails} {
			fmt.Print(t)
		}
	}
	os.Exit(code)
}
