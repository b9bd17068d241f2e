package pricing_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/pricing"
)

const million = 1_000_000

func usd(n float64) call.Nano { return call.Nano(math.Round(n * 1e9)) }

func day(s string) time.Time {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return at
}

func cost(t *testing.T, u call.Usage) call.Nano {
	t.Helper()
	c := pricing.Builtin().Charge(u)
	require.True(t, c.Priced, "%+v", u)
	require.Equal(t, pricing.Builtin().Version(), c.Version)
	return c.Cost
}

func requireUnpriced(t *testing.T, u call.Usage) {
	t.Helper()
	require.Equal(t, call.Charge{Version: pricing.Builtin().Version()}, pricing.Builtin().Charge(u), "%+v", u)
}

func TestCacheReadsHaveTheirOwnPriceNotATenthOfInput(t *testing.T) {
	t.Parallel()
	require.Equal(t, usd(0.25), cost(t, call.Usage{Model: "claude-fable-5-1", CacheRead: million}))
	require.Equal(t, usd(0.20), cost(t, call.Usage{Model: "claude-opus-5-5", CacheRead: million}))
	require.Equal(t, usd(0.003625), cost(t, call.Usage{Model: "deepseek-v4-pro", CacheRead: million}))
	require.Equal(t, usd(1.25), cost(t, call.Usage{Model: "gpt-4o", CacheRead: million}))
}

func TestOneHourCacheWritesCostMoreThanFiveMinuteOnes(t *testing.T) {
	t.Parallel()
	require.Equal(t, usd(6.25), cost(t, call.Usage{Model: "claude-opus-4-5", CacheWrite5m: million}))
	require.Equal(t, usd(10), cost(t, call.Usage{Model: "claude-opus-4-5", CacheWrite1h: million}))
}

func TestTheWholeRequestMovesToTheLongContextPrice(t *testing.T) {
	t.Parallel()
	// 200,000 is not above 200,000; one token more moves all of them, and output.
	at := call.Usage{Model: "claude-sonnet-4-5", Input: 1_000, CacheRead: 198_000, CacheWrite5m: 600, CacheWrite1h: 400, Output: 1_000}
	require.Equal(t, usd(0.003+0.0594+0.00225+0.0024+0.015), cost(t, at))
	above := at
	above.CacheWrite5m++
	require.Equal(t, usd(0.006+0.1188+0.0045075+0.0048+0.0225), cost(t, above))
	// Output does not count towards the threshold.
	require.Equal(t, usd(0.3+3), cost(t, call.Usage{Model: "claude-sonnet-4-5", Input: 100_000, Output: 200_000}))
}

func TestThePriceIsThatOfTheMomentOfTheCall(t *testing.T) {
	t.Parallel()
	change := day("2026-08-21")
	u := call.Usage{Model: "gpt-5.6", Input: 100_000, Output: 100_000, At: change.Add(-time.Nanosecond)}
	require.Equal(t, usd(0.5+3), cost(t, u))
	u.At = change
	require.Equal(t, usd(0.4+2), cost(t, u))

	flash := call.Usage{Model: "gemini-3.6-flash", Input: million, At: day("2026-12-31")}
	require.Equal(t, usd(0.75), cost(t, flash))
	flash.At = day("2027-01-01")
	require.Equal(t, usd(1.5), cost(t, flash))
	// The zero time is the date of the table, not the last row that it knows.
	flash.At = time.Time{}
	require.Equal(t, usd(0.75), cost(t, flash))

	long := call.Usage{Model: "claude-sonnet-4-6", Input: 300_000, At: day("2026-03-12")}
	require.Equal(t, usd(1.8), cost(t, long))
	long.At = day("2026-03-13")
	require.Equal(t, usd(0.9), cost(t, long))
	// A change of day is midnight UTC, wherever the clock of the caller is.
	long.At = time.Date(2026, 3, 13, 1, 0, 0, 0, time.FixedZone("", 2*3600))
	require.Equal(t, usd(1.8), cost(t, long))
}

func TestBeforeItsFirstPriceAModelIsUnpriced(t *testing.T) {
	t.Parallel()
	requireUnpriced(t, call.Usage{Model: "deepseek-chat", Input: 1, At: day("2025-09-28")})
	cost(t, call.Usage{Model: "deepseek-chat", Input: 1, At: day("2025-09-29")})
}

func TestANameIsNeverPricedByItsBeginning(t *testing.T) {
	t.Parallel()
	require.NotEqual(t,
		cost(t, call.Usage{Model: "claude-opus-5", Input: million}),
		cost(t, call.Usage{Model: "claude-opus-5-5", Input: million}))
	for _, name := range []string{
		"claude-opus-5-6", "claude-opus", "claude-fable-5", "gpt-4.1-mini", "gpt-4", "gpt-5.6-terra",
		"claude-opus-5-5-20990101", "Claude-Opus-5", "", "[1m]", "openai/", "openai/gpt-oss-120b",
	} {
		requireUnpriced(t, call.Usage{Model: name, Input: million})
	}
}

func TestAliasesPrefixesAndSuffixesKeepThePrice(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]float64{
		"claude-opus-4-5-20251101":                                5,
		"anthropic/claude-opus-4-5":                               5,
		"bedrock/global.anthropic.claude-opus-4-5-20251101-v1:0":  5,
		"litellm_proxy/bedrock/anthropic.claude-opus-4-6-v1":      5,
		"vertex_ai/claude-opus-4-8@default":                       5,
		"claude-opus-4-6[1m]":                                     5,
		"claude-sonnet-4-5-20250929[1m]":                          6, // the price moves with the tokens
		"claude-haiku-4-5@20251001":                               1,
		"anthropic.claude-3-5-sonnet-20241022-v2:0":               3,
		"us.anthropic.claude-3-5-sonnet-20241022-v2:0":            3,
		"litellm_proxy/anthropic.claude-3-5-sonnet-20241022-v2:0": 3,
		"litellm_proxy/claude-3-5-sonnet-20241022":                3,
		"azure/gpt-4.1":                                           2,
		"openai/gpt-4.1-2025-04-14":                               2,
		"gemini/gemini-3.1-pro-preview":                           4,
		"deepseek/deepseek-chat":                                  0.28,
	} {
		require.Equal(t, usd(want), cost(t, call.Usage{Model: name, Input: million}), name)
	}
}

func TestARegionThatCostsMoreIsUnpricedNotPricedAsIfItDidNot(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"us.anthropic.claude-opus-4-5-20251101-v1:0", "bedrock/eu.anthropic.claude-opus-5",
		"azure/us/gpt-5.4", "bedrock/us-gov-west-1/anthropic.claude-haiku-4-5-20251001-v1:0",
	} {
		requireUnpriced(t, call.Usage{Model: name, Input: 1})
	}
}

func TestAPrefixServesItsOwnVendorsOnly(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"openai/claude-opus-5", "bedrock/gpt-4.1", "vertex_ai/deepseek-chat", "ollama_chat/deepseek-v4-flash", "azure/anthropic.claude-opus-5"} {
		requireUnpriced(t, call.Usage{Model: name, Input: 1})
	}
}

func TestBatchAndFlexAreHalfAndOtherTiersAreUnpriced(t *testing.T) {
	t.Parallel()
	require.Equal(t, usd(2.5), cost(t, call.Usage{Model: "claude-opus-5", Input: million, Tier: "batch"}))
	require.Equal(t, usd(1), cost(t, call.Usage{Model: "gpt-4.1", Input: million, Tier: "flex"}))
	for model, tier := range map[string]string{"gpt-5.4": "priority", "claude-opus-5": "flex", "claude-opus-4-6": "us", "deepseek-chat": "batch", "gpt-4.1": "batch+us"} {
		requireUnpriced(t, call.Usage{Model: model, Tier: tier, Input: 1})
	}
}

func TestAnUnknownModelIsUnpricedAndNotFree(t *testing.T) {
	t.Parallel()
	requireUnpriced(t, call.Usage{Model: "ollama_chat/qwen2.5:7b", Input: million})
	requireUnpriced(t, call.Usage{})
}

func TestAKindOfTokenWithoutAPriceLeavesTheCallUnpriced(t *testing.T) {
	t.Parallel()
	requireUnpriced(t, call.Usage{Model: "gpt-6-sol", Input: million, CacheWrite1h: 1})
	requireUnpriced(t, call.Usage{Model: "gemini-3.8-flash", Input: million, CacheWrite1h: 1})
	// These vendors do not charge for filling their automatic caches: what was
	// written is input like any other.
	require.Equal(t, usd(2), cost(t, call.Usage{Model: "gpt-4.1", CacheWrite5m: million}))
	require.Equal(t, usd(2), cost(t, call.Usage{Model: "gpt-4.1", CacheWrite1h: million}))
	require.Equal(t, usd(0.28), cost(t, call.Usage{Model: "deepseek-chat", CacheWrite5m: million}))
}

func TestMoneyDoesNotDriftOverManySmallCalls(t *testing.T) {
	t.Parallel()
	var sum call.Nano
	for range 100_000 {
		sum += pricing.Builtin().Charge(call.Usage{Model: "gpt-4o-mini", Input: 7, CacheRead: 40}).Cost
	}
	// 7 x 150 + 40 x 75 nano-dollars, without a rest.
	require.Equal(t, call.Nano(4050*100_000), sum)
}

func TestTheSumIsRoundedOnceHalfUp(t *testing.T) {
	t.Parallel()
	// 3.625 nano-dollars a token: 4 tokens are 14.5, 12 are 43.5, 1 is 3.625.
	for n, want := range map[int64]call.Nano{1: 4, 2: 7, 4: 15, 12: 44, 8: 29} {
		require.Equal(t, want, cost(t, call.Usage{Model: "deepseek-v4-pro", CacheRead: n}), n)
	}
	table := parse(t, `
date: 2026-01-01
vendors: {v: {}}
models: [{name: m, vendor: v, prices: [{input: 0.000001, output: 0.000001}]}]
`)
	require.Equal(t, call.Nano(1), table.Charge(call.Usage{Model: "m", Input: 500}).Cost)
	require.Equal(t, call.Nano(0), table.Charge(call.Usage{Model: "m", Input: 499}).Cost)
	// Rounded part by part this would be nothing.
	require.Equal(t, call.Nano(1), table.Charge(call.Usage{Model: "m", Input: 300, Output: 300}).Cost)
}

func TestAbsurdCountsNeverWrap(t *testing.T) {
	t.Parallel()
	const most = math.MaxInt64
	require.Equal(t, call.Nano(most), cost(t, call.Usage{Model: "claude-sonnet-4-5", Input: most, Output: most, CacheRead: most, CacheWrite5m: most, CacheWrite1h: most}))
	for _, u := range []call.Usage{{Input: -1}, {Output: -1}, {CacheRead: -1}, {CacheWrite5m: -1}, {CacheWrite1h: math.MinInt64}} {
		u.Model = "claude-opus-5"
		requireUnpriced(t, u)
	}
}

func FuzzCostNeverFallsWhenTokensRise(f *testing.F) {
	models := []string{"claude-sonnet-4-5", "gpt-6.1-sol", "gpt-5.4", "deepseek-v4-pro", "claude-opus-4-5", "gemini-3.1-pro-preview"}
	f.Add(0, int64(200_000), int64(0), int64(0), int64(0), int64(0), int64(1), 0)
	f.Add(1, int64(272_000), int64(5), int64(0), int64(0), int64(0), int64(1), 2)
	f.Add(0, int64(math.MaxInt64), int64(math.MaxInt64), int64(1), int64(1), int64(1), int64(math.MaxInt64), 3)
	f.Fuzz(func(t *testing.T, model int, in, out, read, w5, w1, more int64, kind int) {
		u := call.Usage{Model: models[uint(model)%uint(len(models))], Input: in, Output: out, CacheRead: read, CacheWrite5m: w5, CacheWrite1h: w1}
		before := pricing.Builtin().Charge(u)
		counts := []*int64{&u.Input, &u.Output, &u.CacheRead, &u.CacheWrite5m, &u.CacheWrite1h}
		n := counts[uint(kind)%uint(len(counts))]
		if more < 0 || *n > math.MaxInt64-more {
			t.Skip()
		}
		*n += more
		after := pricing.Builtin().Charge(u)
		if before.Priced && after.Priced {
			require.GreaterOrEqual(t, after.Cost, before.Cost)
		}
		require.GreaterOrEqual(t, after.Cost, call.Nano(0))
		require.True(t, after.Priced || after.Cost == 0)
	})
}

func TestChargeAllocatesNothing(t *testing.T) {
	table := pricing.Builtin()
	for _, name := range []string{"claude-opus-4-5", "litellm_proxy/bedrock/anthropic.claude-3-5-sonnet-20241022-v2:0", "unknown"} {
		u := call.Usage{Model: name, Input: 10, Output: 20, CacheRead: 30, At: day("2026-01-05")}
		require.Zero(t, testing.AllocsPerRun(100, func() { table.Charge(u) }), name)
	}
}

func BenchmarkCharge(b *testing.B) {
	table := pricing.Builtin()
	for _, name := range []string{"claude-sonnet-4-5-20250929", "litellm_proxy/anthropic.claude-3-5-sonnet-20241022-v2:0", "unknown"} {
		b.Run(name, func(b *testing.B) {
			u := call.Usage{Model: name, Input: 10, Output: 2000, CacheRead: 30000, CacheWrite5m: 500, At: day("2026-01-05")}
			b.ReportAllocs()
			for b.Loop() {
				table.Charge(u)
			}
		})
	}
}
