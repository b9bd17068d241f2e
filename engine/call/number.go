package call

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

var (
	errRange = errors.New("a number out of range; send it as text")
	errExact = errors.New("a number too large to be exact; send it as text")
)

// plainNumber is up to where a number without an exponent needs no closer look:
// 15 digits always fit.
const plainNumber = 15

// checkNumbers refuses what the canonical form would make one key of, although
// it is two numbers. src is valid JSON.
func checkNumbers(src []byte) error {
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case c == '"':
			i = afterText(src, i)
		case c == '-' || '0' <= c && c <= '9':
			start, fraction, exponent := i, false, false
			for ; i < len(src) && inNumber(src[i]); i++ {
				fraction = fraction || src[i] == '.'
				exponent = exponent || src[i]|0x20 == 'e'
			}
			if exponent || fraction && i-start > plainNumber {
				if err := checkNumber(src[start:i]); err != nil {
					return fmt.Errorf("%w: %s", err, shortened(src[start:i]))
				}
			}
		default:
			i++
		}
	}
	return nil
}

// afterText returns the offset after the text that begins at i.
func afterText(src []byte, i int) int {
	for at := i + 1; ; {
		n := bytes.IndexByte(src[at:], '"')
		if n < 0 {
			return len(src)
		}
		at += n + 1
		escapes := 0
		for src[at-2-escapes] == '\\' { // ends at the opening quote at the latest
			escapes++
		}
		if escapes%2 == 0 {
			return at
		}
	}
}

func inNumber(c byte) bool {
	return '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c|0x20 == 'e'
}

// checkNumber looks at one number with a fraction or an exponent.
func checkNumber(n []byte) error {
	f, err := strconv.ParseFloat(string(n), 64)
	written := significant(n)
	if err != nil || f == 0 && len(written) > 0 {
		return errRange
	}
	// The canonical form is the shortest text of the float64. If its digits are
	// those that were sent, the two are the same number.
	if math.Abs(f) >= 1<<53 && !bytes.Equal(written, significant(strconv.AppendFloat(nil, f, 'e', -1, 64))) {
		return errExact
	}
	return nil
}

// significant returns the digits of n without point, exponent and the zeros at
// both ends.
func significant(n []byte) []byte {
	if e := bytes.IndexAny(n, "eE"); e >= 0 {
		n = n[:e]
	}
	digits := make([]byte, 0, len(n))
	for _, c := range n {
		if '0' <= c && c <= '9' {
			digits = append(digits, c)
		}
	}
	return bytes.Trim(digits, "0")
}

func shortened(n []byte) string {
	const most = 40
	if len(n) <= most {
		return string(n)
	}
	return string(n[:most]) + "…"
}
