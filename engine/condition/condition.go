// Package condition owns the conditions of rules: CEL, checked against a tool's
// arguments and made ready to be asked before every call.
package condition

import (
	_ "cel.dev/cel-go/cel"
	_ "cel.dev/cel-go/ext"
	_ "mvdan.cc/sh/v3/syntax"
)
