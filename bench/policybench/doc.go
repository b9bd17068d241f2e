// Package policybench measures M1's policy engine beside what else a Go program
// could decide by, with the same rules and the same calls, all of them by turns in
// one run. The README has what is compared and what it leaves out.
package policybench
