package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"m1/collector/snapshot"
)

// Bytes is an amount of memory, written as 64MiB, 1GiB, 512KiB or plain bytes.
type Bytes int64

var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// String is the shortest exact form.
func (b *Bytes) String() string {
	for _, u := range units {
		if *b != 0 && int64(*b)%u.bytes == 0 {
			return fmt.Sprintf("%d%s", int64(*b)/u.bytes, u.name)
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

// Set reads what String writes.
func (b *Bytes) Set(s string) error {
	number, factor := s, int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return fmt.Errorf("%q is not an amount of memory such as 64MiB", s)
	}
	*b = Bytes(n * factor)
	return nil
}

// Type names the kind of value in the help.
func (b *Bytes) Type() string { return "size" }

// window is one of snapshot.Windows as a flag.
type window time.Duration

func (w *window) String() string { return snapshot.WindowName(time.Duration(*w)) }

func (w *window) Set(s string) error {
	d, err := snapshot.ParseWindow(s)
	if err != nil {
		return err
	}
	*w = window(d)
	return nil
}

func (w *window) Type() string { return "window" }
