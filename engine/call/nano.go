package call

import (
	"fmt"
	"math"
	"strings"
)

// Nano is money in integer nano-dollars (1e-9 USD): sums are exact, and the
// price of any token count fits.
type Nano int64

// Plus is the sum, or the greatest amount there is where the sum is greater: money
// never wraps around into a credit. Neither amount is negative.
func (n Nano) Plus(m Nano) Nano { return Nano(plus(int64(n), int64(m))) }

// plus adds what is not negative and stays at the greatest number.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// USD is the amount in dollars, for drawing and ratios; sums are kept in Nano.
func (n Nano) USD() float64 { return float64(n) / 1e9 }

// String writes dollars with at least six decimals and never rounds: "0.081200",
// "0.000474461".
func (n Nano) String() string {
	sign, u := "", uint64(n)
	if n < 0 {
		sign, u = "-", -uint64(n)
	}
	frac := fmt.Sprintf("%09d", u%1e9)
	return fmt.Sprintf("%s%d.%s%s", sign, u/1e9, frac[:6], strings.TrimRight(frac[6:], "0"))
}
