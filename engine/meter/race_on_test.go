//go:build race

package meter_test

// raced tells that the race detector is watching: sizes and times mean nothing.
const raced = true
