package pricing

import (
	"encoding/json"
	"slices"
	"strings"

	"m1/engine/call"
)

func readAnthropic(o *object) call.Usage {
	u := call.Usage{
		Input:        o.count("input_tokens"),
		Output:       o.count("output_tokens"),
		CacheRead:    o.count("cache_read_input_tokens"),
		CacheWrite5m: o.count("cache_creation.ephemeral_5m_input_tokens"),
		CacheWrite1h: o.count("cache_creation.ephemeral_1h_input_tokens"),
	}
	// Without the split, as older clients send it, writes are kept five minutes.
	total := o.count("cache_creation_input_tokens")
	u.CacheWrite5m = max(u.CacheWrite5m, total-u.CacheWrite1h)
	return u
}

func readChat(o *object) call.Usage {
	u := call.Usage{
		Output: o.count("completion_tokens"),
		CacheRead: o.count("prompt_tokens_details.cached_tokens",
			"prompt_cache_hit_tokens", "cache_read_input_tokens"),
		CacheWrite5m: o.count("prompt_tokens_details.cache_write_tokens",
			"prompt_tokens_details.cache_creation_tokens", "cache_creation_input_tokens"),
	}
	u.Input = o.without("prompt_tokens", o.count("prompt_tokens"), u.CacheRead, u.CacheWrite5m)
	return u
}

func readResponses(o *object) call.Usage {
	u := call.Usage{
		Output:       o.count("output_tokens"),
		CacheRead:    o.count("input_tokens_details.cached_tokens"),
		CacheWrite5m: o.count("input_tokens_details.cache_write_tokens"),
	}
	u.Input = o.without("input_tokens", o.count("input_tokens"), u.CacheRead, u.CacheWrite5m)
	return u
}

// readGemini: thoughts are not part of the candidates, and the prompts of tools
// are not part of the prompt.
func readGemini(o *object) call.Usage {
	u := call.Usage{
		Output:    o.count("candidatesTokenCount") + o.count("thoughtsTokenCount"),
		CacheRead: o.count("cachedContentTokenCount"),
	}
	u.Input = o.without("promptTokenCount", o.count("promptTokenCount"), u.CacheRead) + o.count("toolUsePromptTokenCount")
	return u
}

// readNeutral: cache_write_1h_tokens is the part of cache_write_tokens that is
// kept one hour; alone it is all of them.
func readNeutral(o *object) call.Usage {
	u := call.Usage{
		Input:        o.count("input_tokens"),
		Output:       o.count("output_tokens"),
		CacheRead:    o.count("cache_read_tokens"),
		CacheWrite1h: o.count("cache_write_1h_tokens"),
	}
	if o.first([]string{"cache_write_tokens"}) != "" {
		u.CacheWrite5m = o.without("cache_write_tokens", o.count("cache_write_tokens"), u.CacheWrite1h)
	}
	return u
}

// standard are the vendors' words for service at list price.
var standard = []string{"", "standard", "default", "auto", "on_demand", "global", "not_available"}

// tier names the terms that differ from the list price, joined by "+": a service
// tier, a region that costs more, fast service. A table without a factor for
// them leaves the call unpriced.
func (o *object) tier() string {
	var terms []string
	for _, field := range []string{"service_tier", "inference_geo", "speed", "trafficType"} {
		v := o.fields[field]
		var word string
		if len(v) == 0 || v.Kind() != '"' || json.Unmarshal(v, &word) != nil {
			continue
		}
		if word = strings.ToLower(word); !slices.Contains(standard, word) {
			terms = append(terms, word)
		}
	}
	return strings.Join(terms, "+")
}
