package args

import (
	"fmt"
	"math"
	"strconv"
)

// Int returns a number without a fraction: 100, 1e2 and 100.0 are the same. It
// fails on any other value and beyond int64.
func (v Value) Int() (int64, error) {
	if v.Kind() != Number {
		return 0, fmt.Errorf("%w: want a number, found %s", ErrKind, v.Kind())
	}
	n, exact := v.integer()
	if !exact {
		return 0, fmt.Errorf("%w: %s is no integer of 64 bits", ErrNumber, shortened(v.raw))
	}
	return n, nil
}

// Whole reports whether Int would succeed.
func (v Value) Whole() bool {
	if v.Kind() != Number {
		return false
	}
	_, exact := v.integer()
	return exact
}

// integer reads digits and exponent as they stand: no float64 in between, so
// nothing is rounded.
func (v Value) integer() (n int64, exact bool) {
	s, negative := v.raw, false
	if s[0] == '-' {
		s, negative = s[1:], true
	}
	var sum uint64
	zeros, scale, point := 0, 0, false // zeros wait until a digit follows them
	i := 0
	for ; i < len(s) && s[i]|0x20 != 'e'; i++ {
		c := s[i]
		if c == '.' {
			point = true
			continue
		}
		if point {
			scale--
		}
		if c == '0' {
			zeros++
			continue
		}
		if sum, exact = shift(sum, zeros+1); !exact {
			return 0, false
		}
		zeros = 0
		if sum += uint64(c - '0'); sum > 1<<63 {
			return 0, false
		}
	}
	if sum == 0 {
		return 0, true
	}
	if i < len(s) {
		exponent, err := strconv.Atoi(s[i+1:])
		if err != nil || exponent > 1000 || exponent < -len(s)-1000 {
			return 0, false
		}
		scale += exponent
	}
	if scale += zeros; scale < 0 {
		return 0, false
	}
	if sum, exact = shift(sum, scale); !exact {
		return 0, false
	}
	switch {
	case negative && sum <= 1<<63:
		return -int64(sum), true
	case !negative && sum < 1<<63:
		return int64(sum), true
	}
	return 0, false
}

// shift returns n with so many decimal zeros behind it.
func shift(n uint64, zeros int) (uint64, bool) {
	for ; zeros > 0 && n > 0; zeros-- {
		if n > (1<<63)/10 {
			return 0, false
		}
		n *= 10
	}
	return n, true
}

// Double returns a number. It fails on any other value, on what a float64 does
// not reach, on what is so small that it would become 0, and from 2^53 on what a
// float64 does not hold to the digit.
func (v Value) Double() (float64, error) {
	if v.Kind() != Number {
		return 0, fmt.Errorf("%w: want a number, found %s", ErrKind, v.Kind())
	}
	if f, ok := v.plain(); ok {
		return f, nil
	}
	f, err := strconv.ParseFloat(v.raw, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %s", ErrNumber, shortened(v.raw))
	}
	if f == 0 && !zero(v.raw) || math.Abs(f) >= 1<<53 && !holds(f, v.raw) {
		return 0, fmt.Errorf("%w: no float64 holds %s", ErrNumber, shortened(v.raw))
	}
	return f, nil
}

// powers of ten that a float64 holds exactly, as far as plain needs them.
var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// plain reads a number of at most 15 digits without an exponent. Digits and power
// are exact, so their quotient is rounded once, as ParseFloat would.
func (v Value) plain() (float64, bool) {
	s := v.raw
	if s[0] == '-' {
		s = s[1:]
	}
	if len(s) >= len(powers) {
		return 0, false
	}
	n, places, point := int64(0), 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			n = n*10 + int64(c-'0')
			places += point
		case c == '.':
			point = 1
		default:
			return 0, false
		}
	}
	f := float64(n) / powers[places]
	if len(s) < len(v.raw) {
		f = -f
	}
	return f, true
}

func zero(s string) bool {
	for i := 0; i < len(s) && s[i]|0x20 != 'e'; i++ {
		if '1' <= s[i] && s[i] <= '9' {
			return false
		}
	}
	return true
}

// holds reports whether the shortest text of f has the digits of s.
func holds(f float64, s string) bool {
	var room, digits [64]byte
	want := significant(digits[:0], string(strconv.AppendFloat(room[:0], f, 'e', -1, 64)))
	var more [64]byte
	return string(significant(more[:0], s)) == string(want)
}

// significant appends the digits of s without sign, point, exponent and the zeros
// at both ends.
func significant(digits []byte, s string) []byte {
	end := 0
	for i := 0; i < len(s) && s[i]|0x20 != 'e'; i++ {
		if c := s[i]; '0' <= c && c <= '9' && (c != '0' || len(digits) > 0) {
			digits = append(digits, c)
			if c != '0' {
				end = len(digits)
			}
		}
	}
	return digits[:end]
}

func shortened(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
