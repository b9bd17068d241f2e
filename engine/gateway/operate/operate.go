// Package operate owns the HTTP way in for operators: approvals, grants and the
// policy.
package operate
