package pricing_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/pricing"
	"m1/engine/source"
)

func parse(t *testing.T, src string) *pricing.Table {
	t.Helper()
	table, err := pricing.Parse("p.yaml", []byte(src))
	require.NoError(t, err)
	return table
}

func TestTheVersionNamesDateAndContent(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^20\d\d-\d\d-\d\d-[0-9a-f]{8}$`, pricing.Builtin().Version())
	a := parse(t, "date: 2026-01-01\nvendors: {v: {}}\nmodels: [{name: m, vendor: v, prices: [{input: 1, output: 1}]}]")
	b := parse(t, "date: 2026-01-01\nvendors: {v: {}}\nmodels: [{name: m, vendor: v, prices: [{input: 1, output: 2}]}]")
	require.NotEqual(t, a.Version(), b.Version())
	require.True(t, strings.HasPrefix(a.Version(), "2026-01-01-"))
}

func TestPricesAreReadDigitByDigit(t *testing.T) {
	t.Parallel()
	// Quoted or not, a price is its digits: 0.000001 is one pico-dollar a token.
	table := parse(t, `
date: 2026-01-01
vendors: {v: {}}
models:
  - {name: small, vendor: v, prices: [{input: "0.000001", output: 0.000001}]}
  - {name: large, vendor: v, prices: [{input: 999999.999999, output: 1000000}]}
`)
	require.Equal(t, call.Nano(2), table.Charge(call.Usage{Model: "small", Input: 1_000, Output: 1_000}).Cost)
	require.Equal(t, call.Nano(999_999_999_999_000), table.Charge(call.Usage{Model: "large", Input: 1_000_000}).Cost/1000*1000)
}

func TestEveryMistakeOfATableIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := pricing.Parse("p.yaml", []byte(`
date: 2026-01-01
vendors: {acme: {prefixes: [acme/], tiers: {batch: 0.5}}}
models:
  - name: one
    vendor: acm
    prices: [{input: 1, output: 2}]
  - name: two
    vendor: acme
    aliases: [one]
    prices:
      - {until: 2026-02-01, input: 1}
      - {from: 2026-01-31, input: 1, output: as_input}
  - name: three
    vendor: acme
    prices:
      - input: 2
        output: 4
        cache_read: 0.2
        long: [{above: 0, input: 1, output: 8}]
  - {name: four, vendor: acme, prices: []}
`))
	var problems source.Problems
	require.ErrorAs(t, err, &problems)
	var got []string
	for _, p := range problems {
		require.Equal(t, "p.yaml", p.File)
		require.Positive(t, p.Line)
		require.Positive(t, p.Col)
		got = append(got, p.String())
	}
	require.Equal(t, []string{
		`p.yaml:6:13: models[0].vendor: "acm" is no vendor of this table; did you mean "acme"?`,
		`p.yaml:10:15: models[1].aliases[0]: "one" is in the table already; a name has one price`,
		`p.yaml:12:9: models[1].prices[0].output: missing; give its price in USD per million tokens`,
		`p.yaml:13:16: models[1].prices[1].from: overlaps the prices before it; list prices by time and end each with until`,
		`p.yaml:13:46: models[1].prices[1].output: as_input is for cache tokens; give a price`,
		`p.yaml:20:16: models[2].prices[0].long[0].cache_read: missing, but given for shorter prompts; give the price above the threshold too`,
		`p.yaml:20:24: models[2].prices[0].long[0].above: want more than 0 tokens; list thresholds in rising order`,
		`p.yaml:20:34: models[2].prices[0].long[0].input: lower than for shorter prompts; check the price`,
		`p.yaml:21:40: models[3].prices: missing; leave the model out, then it is unpriced`,
	}, got)
}

func TestAMisspeltTableIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	const head = "date: 2026-01-01\nvendors: {v: {}}\nmodels:\n  - {name: m, vendor: v, prices: [{output: 1, "
	for src, want := range map[string]string{
		"":                             `p.yaml:1:1: the document is empty`,
		"date: 2026-13-01\nmodels: []": `p.yaml:1:7: date: want a day such as 2026-08-21, found "2026-13-01"`,
		head + "inptu: 1}]}":           `unknown field; did you mean "input"?`,
		head + "input: -1}]}":          `want USD per million tokens such as 2.50: "-1" is not a decimal number`,
		head + "input: 1e3}]}":         `"1e3" is not a decimal number`,
		head + "input: 1.}]}":          `"1." is not a decimal number`,
		head + "input: 0.0000001}]}":   `"0.0000001" has more than 6 decimals`,
		head + "input: 1000001}]}":     `1000001 USD per million tokens is more than the limit of 1000000`,
		head + "input: " + strings.Repeat("9", 30) + "}]}": `more than the limit of 1000000`,
		head + "input: {}}]}":                              `found a mapping, want text`,
		"vendors: {v: {tiers: {b: 0}}}":                    `want a factor above 0 and up to 10, found 0`,
		"vendors: {v: {tiers: {b: 0.5555}}}":               `"0.5555" has more than 3 decimals`,
	} {
		_, err := pricing.Parse("p.yaml", []byte(src))
		require.ErrorContains(t, err, want, src)
	}
	_, err := pricing.Parse("p.yaml", []byte("vendors: {}"))
	require.ErrorContains(t, err, "p.yaml:1:1: date: missing")
	require.ErrorContains(t, err, "p.yaml:1:1: models: no models")
}

func TestATableOfTheSixtyFifthVendorIsRefused(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("date: 2026-01-01\nvendors:\n")
	for i := range 65 {
		b.WriteString("  v" + strings.Repeat("x", i) + ": {}\n")
	}
	b.WriteString("models: [{name: m, vendor: v, prices: [{input: 1, output: 1}]}]")
	_, err := pricing.Parse("p.yaml", []byte(b.String()))
	require.ErrorContains(t, err, "more than 64 vendors")
}
