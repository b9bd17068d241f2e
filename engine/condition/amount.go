package condition

import (
	"errors"
	"fmt"
	"math"

	"m1/engine/schema"
)

// Millionths is the unit of amounts.
const Millionths = 1_000_000

// Amount takes a number from a call, to be counted. It is immutable and safe for
// concurrent use.
type Amount struct{ rule }

var errAmount = errors.New("condition: amount out of range")

// CompileAmount reads an expression that is a number, such as args.amount. The
// error is Problems.
func CompileAmount(src string, env *Env) (*Amount, error) {
	r, err := compile(src, env, schema.Double)
	if err != nil {
		return nil, err
	}
	return &Amount{*r}, nil
}

// Eval returns the amount of one call in millionths, rounded up: what is too
// small to be counted counts as one. A negative amount, and one that an int64
// does not hold in millionths, is an error.
func (a *Amount) Eval(in *Input) (int64, error) {
	if err := in.prepare(); err != nil {
		return 0, err
	}
	v := a.run(in)
	switch v.kind {
	case kindInt:
		n := v.int()
		if n < 0 || n > math.MaxInt64/Millionths {
			return 0, fmt.Errorf("%w: %d", errAmount, n)
		}
		return n * Millionths, nil
	case kindDouble:
		f := v.float()
		// The negation catches NaN too.
		if !(f >= 0 && f < math.MaxInt64/Millionths) {
			return 0, fmt.Errorf("%w: %v", errAmount, f)
		}
		return millionths(f), nil
	}
	return 0, v.failure(a.src)
}

// Source is the text that was compiled.
func (a *Amount) Source() string { return a.src }

// millionths of a number with at most six decimals are that number exactly: 0.07
// times a million is a little more than 70,000 as a float64.
func millionths(f float64) int64 {
	if n := math.Round(f * Millionths); n/Millionths == f {
		return int64(n)
	}
	return int64(math.Ceil(f * Millionths))
}
