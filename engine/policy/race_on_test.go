//go:build race

package policy_test

// raced tells that the race detector is watching, which allocates.
const raced = true
