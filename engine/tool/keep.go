package tool

import (
	"time"

	"m1/engine/source"
)

// longestTTL is the most that an entry may ask for. Nobody means more, and a
// number of nanoseconds that was meant in seconds is caught.
const longestTTL = 30 * 24 * time.Hour

const (
	badTTL  = "want a time above 0 and at most 720h"
	badKeys = "want a list of arguments with at least one"
)

// fileCache is the section cache of an entry.
type fileCache struct {
	At          source.Node
	TTL         time.Duration `yaml:"ttl"`
	Key         []string      `yaml:"key"`
	StaleOK     source.Node   `yaml:"stale_ok"`
	Idempotency source.Node   `yaml:"idempotency"`
}

// check tells what is wrong whatever the arguments of the tool are.
func (f *fileCache) check(e *fileEntry, ps *source.Problems) {
	if f.At.IsZero() {
		return // told already
	}
	if _, err := time.ParseDuration(f.At.Field("ttl").Text()); err == nil && (f.TTL <= 0 || f.TTL > longestTTL) {
		ps.Add(f.At.In("ttl", badTTL, "leave it out for the default of the cache"))
	}
	if f.At.Field("key").IsList() && len(f.Key) == 0 {
		ps.Add(f.At.In("key", badKeys, "leave it out for all of them"))
	}
	if !f.StaleOK.IsZero() {
		ps.Add(f.StaleOK.Problem("not supported", "an answer is never given after its ttl; leave it out, or make the ttl longer"))
	}
	if !f.Idempotency.IsZero() {
		ps.Add(f.Idempotency.Problem("not supported", "only answers of reading tools are kept; leave it out, and let the tool itself refuse what was done already"))
	}
	if explicit := e.At.Field("cacheable"); explicit.Text() == "false" {
		ps.Add(explicit.Problem("the tool has a section cache", "leave one of the two out"))
	}
}

// checkKeep checks what a file could not have held or tells by its places.
func (e *Entry) checkKeep(ps *source.Problems, at string) {
	if e.TTL < 0 || e.TTL > longestTTL {
		ps.Add(source.Problem{Field: at + ".cache.ttl", Msg: badTTL})
	}
	if e.Key != nil && len(e.Key) == 0 {
		ps.Add(source.Problem{Field: at + ".cache.key", Msg: badKeys})
	}
	for i := range e.Key {
		if msg, hint := e.badKey(i); msg != "" {
			ps.Add(source.Problem{Field: at + ".cache.key", Msg: msg, Hint: hint})
		}
	}
}

// keeps reports whether the entry has a section cache in a file.
func (e *Entry) keeps() bool { return e.TTL != 0 || e.Key != nil }
