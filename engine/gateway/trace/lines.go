package trace

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// maxLine bounds the memory that one line can take.
const maxLine = 16 << 20

// lines reads the non-blank lines of one file, plain or compressed.
type lines struct {
	name string
	raw  io.Closer
	br   *bufio.Reader
	last int    // number of the line that next returned
	long []byte // a line that does not fit into br's buffer
	held []line // lines that detection has read and next gives again
}

// line is one line and its number, or what is wrong with it.
type line struct {
	n    int
	text []byte
	err  error
}

// newLines recognises gzip by its magic bytes, whatever the name says. src
// is closed with the lines, but not when newLines fails; read counts the bytes
// taken from src and may be nil.
func newLines(name string, src io.ReadCloser, read *atomic.Int64) (*lines, error) {
	var in io.Reader = src
	if read != nil {
		in = &counter{r: src, n: read}
	}
	br := bufio.NewReaderSize(in, 64<<10)
	magic, err := br.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if bytes.Equal(magic, []byte{0x1f, 0x8b, 8}) {
		zr, err := gzip.NewReader(br)
		if err != nil {
			return nil, damaged(name, 0, err)
		}
		br = bufio.NewReaderSize(zr, 64<<10)
	} else if bytes.Equal(magic, []byte("\xef\xbb\xbf")) {
		br.Discard(len(magic)) // byte order mark; cannot fail, it was peeked
	}
	return &lines{name: name, raw: src, br: br}, nil
}

func (l *lines) close() error { return l.raw.Close() }

// next returns the next line that is not blank, without its line break, and its
// number. The text is valid until the following call. After a *LineError
// reading can go on; after any other error it cannot. The end is io.EOF.
func (l *lines) next() (n int, text []byte, err error) {
	if len(l.held) > 0 {
		h := l.held[0]
		l.held = l.held[1:]
		return h.n, h.text, h.err
	}
	for {
		text, err := l.read()
		if err != nil {
			return l.last, nil, err
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return l.last, text, nil
		}
	}
}

func (l *lines) read() ([]byte, error) {
	text, err := l.br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		text, err = l.readLong(text)
	}
	switch {
	case err == nil:
		l.last++
		return text, nil
	case errors.Is(err, io.EOF) && len(text) > 0: // the last line has no line break
		l.last++
		return text, nil
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case isLine(err):
		return nil, err
	default:
		return nil, damaged(l.name, l.last, err)
	}
}

// readLong collects a line that is longer than the buffer, up to maxLine.
func (l *lines) readLong(head []byte) ([]byte, error) {
	l.long = append(l.long[:0], head...)
	size := len(head)
	for {
		part, err := l.br.ReadSlice('\n')
		size += len(part)
		if size <= maxLine {
			l.long = append(l.long, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if size > maxLine && (err == nil || errors.Is(err, io.EOF)) {
			l.last++
			l.long = nil
			return nil, &LineError{l.name, l.last, fmt.Sprintf("the line has %d bytes, more than %d MiB", size, maxLine>>20)}
		}
		return l.long, err
	}
}

func damaged(name string, last int, err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: compressed data ends early after line %d, the file is incomplete: fetch it again: %w", name, last, err)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return fmt.Errorf("%s: compressed data is damaged after line %d: fetch it again: %w", name, last, err)
	default:
		return fmt.Errorf("read %s after line %d: %w", name, last, err)
	}
}

// counter counts the bytes read, for a progress that another goroutine asks for.
type counter struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
