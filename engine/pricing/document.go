package pricing

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"m1/engine/source"
)

//go:embed prices.yaml
var builtin []byte

// Builtin is the table that M1 ships with.
func Builtin() *Table { return shipped() }

var shipped = sync.OnceValue(func() *Table {
	t, err := Parse("prices.yaml", builtin)
	if err != nil {
		panic(err) // the tests parse it
	}
	return t
})

// document is the form of a table in YAML; prices.yaml explains it.
type document struct {
	source.Node
	Date     date              `yaml:"date"`
	Suffixes []string          `yaml:"suffixes"`
	Routers  []string          `yaml:"routers"`
	Vendors  map[string]vendor `yaml:"vendors"`
	Models   []entry           `yaml:"models"`
}

type vendor struct {
	Prefixes []string          `yaml:"prefixes"`
	Tiers    map[string]factor `yaml:"tiers"`
}

type entry struct {
	source.Node
	Name    string   `yaml:"name"`
	Vendor  string   `yaml:"vendor"`
	Aliases []string `yaml:"aliases"`
	Prices  []period `yaml:"prices"`
}

type period struct {
	source.Node
	From  date   `yaml:"from"`
	Until date   `yaml:"until"`
	List  prices `yaml:",inline"`
	Long  []long `yaml:"long"`
}

type long struct {
	source.Node
	Above int64  `yaml:"above"`
	List  prices `yaml:",inline"`
}

type prices struct {
	Input        usd `yaml:"input"`
	Output       usd `yaml:"output"`
	CacheRead    usd `yaml:"cache_read"`
	CacheWrite5m usd `yaml:"cache_write_5m"`
	CacheWrite1h usd `yaml:"cache_write_1h"`
}

// kindNames are the fields of prices, by kind.
var kindNames = [kinds]string{"input", "output", "cache_read", "cache_write_5m", "cache_write_1h"}

// date is a day; it begins at midnight UTC.
type date struct{ time.Time }

func (d *date) UnmarshalText(text []byte) error {
	at, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("pricing: want a day such as 2026-08-21, found %.40q", text)
	}
	d.Time = at
	return nil
}

// Parse reads a table, called name in problems. The error is source.Problems
// with every mistake and its place.
func Parse(name string, src []byte) (*Table, error) {
	var doc document
	if err := source.Decode(name, src, &doc); err != nil {
		return nil, err
	}
	b := builder{doc: &doc, bits: map[string]uint64{}, table: &Table{
		date: doc.Date.Time, names: map[string]*model{}, suffixes: doc.Suffixes,
	}}
	b.vendors()
	for i := range doc.Models {
		b.model(&doc.Models[i])
	}
	if doc.Date.IsZero() {
		b.problems.Add(doc.In("date", "missing", "say on which day the prices were looked up"))
	}
	if len(doc.Models) == 0 {
		b.problems.Add(doc.In("models", "no models", "a table without prices prices nothing"))
	}
	if err := b.problems.Err(); err != nil {
		return nil, err
	}
	b.table.version = fmt.Sprintf("%s-%.4x", doc.Date.Format(time.DateOnly), sha256.Sum256(src))
	return b.table, nil
}

// builder makes a table and collects what is wrong with the document.
type builder struct {
	doc      *document
	table    *Table
	bits     map[string]uint64 // by vendor
	problems source.Problems
}

func (b *builder) vendors() {
	all := map[string]uint64{}
	node := b.doc.Field("vendors")
	next := uint64(1)
	for key := range node.Members() {
		name := key.Text()
		if next == 0 {
			b.problems.Add(key.Problem("more than 64 vendors", ""))
			return
		}
		b.bits[name] = next
		for _, p := range b.doc.Vendors[name].Prefixes {
			all[p] |= next
		}
		next <<= 1
	}
	for _, r := range b.doc.Routers {
		all[r] = ^uint64(0)
	}
	for p, vendors := range all {
		if p == "" {
			b.problems.Add(node.Problem("an empty prefix takes nothing off", "remove it"))
		}
		b.table.prefixes = append(b.table.prefixes, prefix{p, vendors})
	}
	slices.SortFunc(b.table.prefixes, func(x, y prefix) int {
		if d := len(y.text) - len(x.text); d != 0 {
			return d
		}
		return strings.Compare(x.text, y.text)
	})
	if slices.Contains(b.doc.Suffixes, "") {
		b.problems.Add(b.doc.In("suffixes", "an empty suffix takes nothing off", "remove it"))
	}
}
