package cachebench

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
)

const valueBytes = 256

// source is where the answers are: n questions with names of 32 characters. It
// counts how often it is asked.
type source struct {
	names []string
	loads atomic.Int64
	ask   func(name string) []byte
	one   []func(context.Context) ([]byte, error) // by question
}

// newSource answers at once, always the same.
func newSource(n int) *source {
	value := []byte(strings.Repeat("v", valueBytes))
	return sourceOf(n, func(string) []byte { return value })
}

// sources tells the names of different ones apart: rueidis is told of a change of
// the same name in another database too.
var sources atomic.Int64

func sourceOf(n int, ask func(name string) []byte) *source {
	id := sources.Add(1)
	s := &source{names: make([]string, n), ask: ask}
	s.one = make([]func(context.Context) ([]byte, error), n)
	for i := range s.names {
		name := fmt.Sprintf("q%04d-%026d", id, i)
		s.names[i] = name
		s.one[i] = func(context.Context) ([]byte, error) { return s.load(name), nil }
	}
	return s
}

func (s *source) load(name string) []byte {
	s.loads.Add(1)
	return s.ask(name)
}
