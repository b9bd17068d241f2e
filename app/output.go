package app

import (
	"io"
	"sync/atomic"

	"github.com/charmbracelet/x/term"
)

// output counts the bytes written to a terminal.
type output struct {
	to      io.Writer
	written atomic.Int64
}

func newOutput(to io.Writer) *output { return &output{to: to} }

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.to.Write(p)
	o.written.Add(int64(n))
	return n, err
}

// writer is o in the shape that the library looks for: only what also has a
// file descriptor is treated as a terminal.
func (o *output) writer() io.Writer {
	if f, ok := o.to.(term.File); ok {
		return &outputFile{File: f, output: o}
	}
	return o
}

type outputFile struct {
	term.File
	output *output
}

// Write implements io.Writer.
func (f *outputFile) Write(p []byte) (int, error) { return f.output.Write(p) }
