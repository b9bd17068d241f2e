// Package cache answers repeated questions without ever giving an answer that
// an acknowledged change has made wrong.
package cache

// Stats is what the cache says of itself. Counts are since New.
type Stats struct {
	Hits           int64
	Misses         int64
	StalePrevented int64 // lookups that found an entry which a change had made invalid
	Invalidations  int64 // changes that were applied
	Refused        int64 // results that were not kept: too large, or changed while they were computed
	Items          int64 // of collections, told apart over all scopes
	Entries        int64
	Bytes          int64
	MaxBytes       int64
	Evictions      int64
}
