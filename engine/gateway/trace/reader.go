package trace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"sync/atomic"

	"m1/engine/call"
)

// Format names a format of recorded traffic.
type Format string

// The formats. The empty Format is Auto.
const (
	Auto       Format = "auto"        // told by the first lines
	Native     Format = "trace"       // M1's trace format
	ClaudeCode Format = "claude-code" // transcripts of Claude Code
)

// Options of Open. Zero fields mean the documented default.
type Options struct {
	Format  Format    // default Auto
	SkipBad bool      // count bad lines and go on; default: the first one ends the reading
	Stdin   io.Reader // what the path "-" reads; default os.Stdin
}

// Reader gives the events of one file or folder, once. Its methods are for one
// goroutine; Progress and Bad may be called from any.
type Reader struct {
	skipBad  bool
	format   Format
	read     atomic.Int64
	total    int64
	bad      atomic.Int64
	problems []*LineError

	next  source
	close func() error
}

// source is what a format has to offer. Its errors are a *LineError, after which
// it can go on, io.EOF at the end, or anything else, after which it cannot. An
// event that comes with a *LineError is good in itself.
type source interface {
	next() (ev Event, ok bool, err error)
}

// Open opens recorded traffic: a file, plain or compressed with gzip, a folder
// of transcripts such as ~/.claude/projects, or "-" for standard input. It fails
// on an empty file, on a format that it does not know and on a folder without
// transcripts. The caller closes the Reader.
func Open(path string, o Options) (*Reader, error) {
	switch o.Format {
	case "":
		o.Format = Auto
	case Auto, Native, ClaudeCode:
	default:
		return nil, fmt.Errorf("trace: format %q is none of auto, trace, claude-code", o.Format)
	}
	r := &Reader{skipBad: o.SkipBad, format: o.Format}
	if err := r.open(path, o.Stdin); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Reader) open(path string, stdin io.Reader) error {
	if path == "-" {
		if stdin == nil {
			stdin = os.Stdin
		}
		return r.openFile("stdin", io.NopCloser(stdin))
	}
	info, err := os.Stat(path)
	if err != nil {
		return unreadable(path, err)
	}
	if info.IsDir() {
		return r.openFolder(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return unreadable(path, err)
	}
	if info.Mode().IsRegular() {
		r.total = info.Size()
	}
	if err := r.openFile(path, f); err != nil {
		f.Close()
		return err
	}
	return nil
}

func (r *Reader) openFile(name string, src io.ReadCloser) error {
	in, err := newLines(name, src, &r.read)
	if err != nil {
		return err
	}
	found, err := detect(in)
	if err != nil && (r.format == Auto || !isLine(err)) {
		return err
	}
	if r.format == Auto {
		r.format = found
	}
	r.close = in.close
	if r.format == Native {
		r.next = &native{in: in, want: map[call.RunID]int{}}
	} else {
		r.next = newTranscripts(name, []session{{files: []transcript{{name: name, in: in}}}}, nil)
	}
	return nil
}

func (r *Reader) openFolder(path string) error {
	if r.format == Native {
		return fmt.Errorf("trace: %s is a folder, the trace format is read from a file: name one file", path)
	}
	r.format = ClaudeCode
	found, size, err := findSessions(path)
	if err != nil {
		return err
	}
	src := newTranscripts(path, found, &r.read)
	r.total, r.next, r.close = size, src, src.close
	return nil
}

func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("trace: %s does not exist: name a trace file or a folder of transcripts: %w", path, err)
	}
	return fmt.Errorf("trace: %w", err)
}

// Events gives every event in the order of the file, or session after session
// for a folder. It ends after the first error. With SkipBad the errors are only
// those after which nothing more can be read, such as a truncated gzip file. A
// second loop goes on where the first one stopped.
func (r *Reader) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			ev, ok, err := r.next.next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil && !r.forgive(err):
				yield(Event{}, err)
				r.next = ended{}
				return
			}
			if ok && !yield(ev, nil) {
				return
			}
		}
	}
}

// forgive counts a problem that SkipBad passes over.
func (r *Reader) forgive(err error) bool {
	var at *LineError
	if !r.skipBad || !errors.As(err, &at) {
		return false
	}
	r.bad.Add(1)
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, at)
	}
	return true
}

// maxProblems is how many problems a Reader remembers.
const maxProblems = 20

type ended struct{}

func (ended) next() (Event, bool, error) { return Event{}, false, io.EOF }

// Bad is the number of problems that SkipBad passed over: lines left out, and
// gaps in a run that no line left out explains.
func (r *Reader) Bad() int { return int(r.bad.Load()) }

// Problems are the first problems passed over, at most 20.
func (r *Reader) Problems() []*LineError { return r.problems }

// Format is the format being read, never Auto.
func (r *Reader) Format() Format { return r.format }

// Progress is the number of bytes read so far and in all, as they lie on disk. A
// total of 0 means that it is not known.
func (r *Reader) Progress() (read, total int64) { return r.read.Load(), r.total }

// Close closes what is open. It may be called while events are left.
func (r *Reader) Close() error {
	r.next = ended{}
	return r.close()
}
