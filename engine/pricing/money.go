package pricing

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"m1/engine/call"
)

// Bounds that keep every sum within 128 bits: five kinds of at most 2^63 tokens,
// each at 10^12 pico-dollars, at ten times the price.
const (
	maxPico   = 1_000_000_000_000 // 1,000,000 USD per million tokens
	maxFactor = 10_000            // ten times
	// A sum has the unit pico-dollar / 1000, because of the factor.
	perNano = 1000 * 1000
)

// sum is the price of the counts, rounded once. ok is false when tokens of a
// kind without a price were used.
func (r *rates) sum(counts [kinds]int64, factor int64) (cost call.Nano, ok bool) {
	var hi, lo uint64
	for kind, n := range counts {
		if n == 0 {
			continue
		}
		price := r.kinds[kind]
		if price == none {
			return 0, false
		}
		h, l := bits.Mul64(uint64(n), uint64(price)*uint64(factor))
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi, _ = bits.Add64(hi, h, carry)
	}
	lo, carry := bits.Add64(lo, perNano/2, 0) // half up
	hi += carry
	if hi >= perNano {
		return math.MaxInt64, true
	}
	nano, _ := bits.Div64(hi, lo, perNano)
	return call.Nano(min(nano, math.MaxInt64)), true
}

// usd is a price in a document: USD per million tokens, kept as pico-dollars per
// token, or the word as_input. Its text is read digit by digit, never as a
// floating-point number.
type usd struct {
	pico    int64
	set     bool
	asInput bool
}

func (p *usd) UnmarshalText(text []byte) error {
	if string(text) == "as_input" {
		*p = usd{set: true, asInput: true}
		return nil
	}
	pico, err := decimal(string(text), 6)
	if err != nil {
		return fmt.Errorf("pricing: want USD per million tokens such as 2.50: %w", err)
	}
	if pico > maxPico {
		return fmt.Errorf("pricing: %s USD per million tokens is more than the limit of 1000000", text)
	}
	*p = usd{pico: pico, set: true}
	return nil
}

// factor is a multiple of the price, in thousandths.
type factor int64

func (f *factor) UnmarshalText(text []byte) error {
	milli, err := decimal(string(text), 3)
	if err != nil {
		return fmt.Errorf("pricing: want a factor such as 0.5: %w", err)
	}
	if milli == 0 || milli > maxFactor {
		return fmt.Errorf("pricing: want a factor above 0 and up to 10, found %s", text)
	}
	*f = factor(milli)
	return nil
}

// decimal reads a plain decimal number, without sign or exponent, as a multiple
// of 10^-places.
func decimal(s string, places int) (int64, error) {
	whole, frac, point := strings.Cut(s, ".")
	if whole == "" || point && frac == "" || strings.Trim(whole+frac, "0123456789") != "" {
		return 0, fmt.Errorf("%.40q is not a decimal number", s)
	}
	if len(frac) > places {
		return 0, fmt.Errorf("%.40q has more than %d decimals", s, places)
	}
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", places-len(frac)), 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return math.MaxInt64, nil // above every limit
	}
	return n, err
}
