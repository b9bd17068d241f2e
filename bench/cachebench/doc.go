// Package cachebench measures M1's cache beside what else a Go program could use,
// all of them by turns in one run. The README has what is compared and what the
// columns mean.
package cachebench
