package pricing_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/pricing"
)

func TestEachVendorsUsageIsReadByItsOwnConvention(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		provider, raw string
		want          call.Usage
	}{
		"anthropic: input leaves cached tokens out": {"", `{"input_tokens":10,"output_tokens":3,"cache_read_input_tokens":500,"cache_creation_input_tokens":24091,
			"cache_creation":{"ephemeral_5m_input_tokens":91,"ephemeral_1h_input_tokens":24000},"service_tier":"standard","inference_geo":"not_available","server_tool_use":{"web_search_requests":0}}`,
			call.Usage{Provider: "anthropic", Input: 10, Output: 3, CacheRead: 500, CacheWrite5m: 91, CacheWrite1h: 24000}},
		"anthropic without the split: five minutes": {"anthropic", `{"input_tokens":10,"output_tokens":3,"cache_creation_input_tokens":70,"cache_read_input_tokens":null}`,
			call.Usage{Provider: "anthropic", Input: 10, Output: 3, CacheWrite5m: 70}},
		"anthropic with nothing cached": {"anthropic", `{"input_tokens":10,"output_tokens":3}`,
			call.Usage{Provider: "anthropic", Input: 10, Output: 3}},
		"openai chat: prompt includes cached tokens": {"", `{"prompt_tokens":1000,"completion_tokens":20,"total_tokens":1020,"prompt_tokens_details":{"cached_tokens":900,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":5}}`,
			call.Usage{Provider: "openai", Input: 100, Output: 20, CacheRead: 900}},
		"openai chat with writes": {"azure", `{"prompt_tokens":1000,"completion_tokens":20,"prompt_tokens_details":{"cached_tokens":600,"cache_write_tokens":300}}`,
			call.Usage{Provider: "azure", Input: 100, Output: 20, CacheRead: 600, CacheWrite5m: 300}},
		"openai responses: input includes cached tokens": {"openai", `{"input_tokens":1000,"input_tokens_details":{"cached_tokens":900},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":1020}`,
			call.Usage{Provider: "openai", Input: 100, Output: 20, CacheRead: 900}},
		"deepseek's own field": {"", `{"prompt_tokens":50,"completion_tokens":2,"prompt_cache_hit_tokens":40,"prompt_cache_miss_tokens":10}`,
			call.Usage{Provider: "openai", Input: 10, Output: 2, CacheRead: 40}},
		"litellm adds anthropic's fields to a prompt that includes them": {"", `{"prompt_tokens":100,"completion_tokens":2,"prompt_tokens_details":null,"cache_creation_input_tokens":30,"cache_read_input_tokens":60}`,
			call.Usage{Provider: "openai", Input: 10, Output: 2, CacheRead: 60, CacheWrite5m: 30}},
		"gemini: thoughts are output": {"", `{"promptTokenCount":1000,"cachedContentTokenCount":900,"candidatesTokenCount":20,"thoughtsTokenCount":30,"toolUsePromptTokenCount":7,"totalTokenCount":1057,"trafficType":"ON_DEMAND"}`,
			call.Usage{Provider: "google", Input: 107, Output: 50, CacheRead: 900}},
		"m1's own": {"", `{"input_tokens":1,"output_tokens":2,"cache_read_tokens":3,"cache_write_tokens":9,"cache_write_1h_tokens":4}`,
			call.Usage{Input: 1, Output: 2, CacheRead: 3, CacheWrite5m: 5, CacheWrite1h: 4}},
		"m1's own, one-hour writes alone": {"m1", `{"input_tokens":1,"cache_write_1h_tokens":4}`,
			call.Usage{Provider: "m1", Input: 1, CacheWrite1h: 4}},
		"two conventions, told apart by the provider": {"openai", `{"input_tokens":100,"output_tokens":1,"input_tokens_details":{"cached_tokens":40},"cache_read_input_tokens":40}`,
			call.Usage{Provider: "openai", Input: 60, Output: 1, CacheRead: 40}},
		"the same, of the other vendor": {"anthropic", `{"input_tokens":100,"output_tokens":1,"input_tokens_details":{"cached_tokens":40},"cache_read_input_tokens":40}`,
			call.Usage{Provider: "anthropic", Input: 100, Output: 1, CacheRead: 40}},
		"batch": {"anthropic", `{"input_tokens":1,"output_tokens":1,"service_tier":"batch"}`,
			call.Usage{Provider: "anthropic", Input: 1, Output: 1, Tier: "batch"}},
		"priority, in one region, fast": {"anthropic", `{"input_tokens":1,"output_tokens":1,"service_tier":"priority","inference_geo":"us","speed":"fast"}`,
			call.Usage{Provider: "anthropic", Input: 1, Output: 1, Tier: "priority+us+fast"}},
		"zeros are counts": {"", `{"prompt_tokens":0,"completion_tokens":0}`, call.Usage{Provider: "openai"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := pricing.ParseUsage(tc.provider, json.RawMessage(tc.raw))
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestUsageThatCannotBeTrustedNamesItsField(t *testing.T) {
	t.Parallel()
	const range0 = `want a whole number from 0 to 1000000000000, got `
	for raw, want := range map[string][2]string{
		`{"input_tokens":-1,"output_tokens":3}`:                                 {"input_tokens", range0 + `-1`},
		`{"input_tokens":1.5,"output_tokens":3}`:                                {"input_tokens", range0 + `1.5`},
		`{"input_tokens":1,"output_tokens":1e3}`:                                {"output_tokens", range0 + `1e3`},
		`{"input_tokens":1,"output_tokens":1000000000001}`:                      {"output_tokens", range0 + `1000000000001`},
		`{"prompt_tokens":99999999999999999999999999}`:                          {"prompt_tokens", range0 + `999999999999999999999999`},
		`{"prompt_tokens":"12"}`:                                                {"prompt_tokens", range0 + `a value that is no number`},
		`{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":-2}}`:     {"prompt_tokens_details.cached_tokens", range0 + `-2`},
		`{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":11}}`:     {"prompt_tokens", `want at least the 11 cached tokens that it includes, got 10`},
		`{"prompt_tokens":10,"prompt_tokens_details":7}`:                        {"prompt_tokens_details", `want an object`},
		`{"promptTokenCount":10,"cachedContentTokenCount":11}`:                  {"promptTokenCount", `want at least the 11 cached tokens that it includes, got 10`},
		`{"input_tokens":1,"cache_creation":{"ephemeral_1h_input_tokens":0.5}}`: {"cache_creation.ephemeral_1h_input_tokens", range0 + `0.5`},
		`{"input_tokens":1,"cache_write_tokens":3,"cache_write_1h_tokens":4}`:   {"cache_write_tokens", `want at least the 4 cached tokens that it includes, got 3`},
		`{"total_tokens":5}`:                                                    {"", `no known token count in it: want fields such as input_tokens and output_tokens, or prompt_tokens and completion_tokens`},
		`{}`:                                                                    {"", `no known token count in it: want fields such as input_tokens and output_tokens, or prompt_tokens and completion_tokens`},
		`{"input_tokens":null}`:                                                 {"", `no known token count in it: want fields such as input_tokens and output_tokens, or prompt_tokens and completion_tokens`},
		`[]`:                                                                    {"", `want a JSON object with the token counts of one model call`},
		`null`:                                                                  {"", `want a JSON object with the token counts of one model call`},
		``:                                                                      {"", `want a JSON object with the token counts of one model call`},
		`{"input_tokens":1,"input_tokens":2}`:                                   {"", `want a JSON object with the token counts of one model call`},
		`{"prompt_tokens":1,"input_tokens":1}`:                                  {"input_tokens", `stands beside "prompt_tokens", which is counted differently: send one of them, or name the provider (anthropic, openai, google or m1)`},
		`{"input_tokens":9,"cache_read_input_tokens":1,"cache_read_tokens":1}`: {"cache_read_tokens", `stands beside "cache_read_input_tokens", which is counted differently: send one of them, or name the provider (anthropic, openai, google or m1)`},
	} {
		_, err := pricing.ParseUsage("", json.RawMessage(raw))
		var got *pricing.UsageError
		require.ErrorAs(t, err, &got, raw)
		require.Equal(t, want, [2]string{got.Field, got.Msg}, raw)
	}
}

func FuzzParseUsage(f *testing.F) {
	for _, raw := range []string{
		`{"input_tokens":10,"output_tokens":3,"cache_creation_input_tokens":5,"cache_creation":{"ephemeral_1h_input_tokens":2}}`,
		`{"prompt_tokens":10,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}`,
		`{"input_tokens":10,"input_tokens_details":{"cached_tokens":4}}`,
		`{"promptTokenCount":10,"cachedContentTokenCount":1,"thoughtsTokenCount":3}`,
		`{"input_tokens":1,"cache_write_tokens":3,"cache_write_1h_tokens":3}`,
		`{"input_tokens":-1}`, `[]`,
	} {
		f.Add("", raw)
		f.Add("openai", raw)
	}
	f.Fuzz(func(t *testing.T, provider, raw string) {
		u, err := pricing.ParseUsage(provider, json.RawMessage(raw))
		if err != nil {
			require.ErrorAs(t, err, new(*pricing.UsageError))
			require.Equal(t, call.Usage{}, u)
			return
		}
		for _, n := range []int64{u.Input, u.Output, u.CacheRead, u.CacheWrite5m, u.CacheWrite1h} {
			require.GreaterOrEqual(t, n, int64(0))
			require.LessOrEqual(t, n, int64(2*pricing.MaxTokens))
		}
	})
}
