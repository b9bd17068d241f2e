package condition

import (
	"fmt"
	"unsafe"

	"m1/engine/args"
	"m1/engine/call"
)

// Input is one call as conditions see it. Many conditions may look at it, one
// after the other; what they read is kept. It must not be changed after the first
// one did, except by Reset, and its Args not before that. Not safe for concurrent
// use.
type Input struct {
	Agent call.AgentID
	Tool  string
	Run   call.RunID
	Scope call.Scope
	Args  []byte // a JSON object, canonical or not; empty is {}

	ready bool
	seen  *byte // of the Args that root was read from
	size  int
	err   error
	root  args.Members
	buf   []byte          // unescaped text
	vars  [maxLoops]value // variables of loops
	steps int             // of loops, in this Eval
	line  string          // the shell line that was read last
	read  bool
	cmds  value
}

// maxLoops bounds how deep loops that run as plain Go stand in each other.
const maxLoops = 3

// maxSteps bounds how often the loops of one Eval may turn.
const maxSteps = 1 << 20

// Reset makes the Input ready for another call and keeps its memory.
func (in *Input) Reset() {
	in.Agent, in.Tool, in.Run, in.Scope, in.Args = "", "", "", call.NoScope, nil
	in.ready, in.err, in.buf = false, nil, in.buf[:0]
	in.line, in.read, in.cmds = "", false, value{}
}

func (in *Input) prepare() error {
	in.steps, in.buf = 0, in.buf[:0]
	if in.ready && in.seen == unsafe.SliceData(in.Args) && in.size == len(in.Args) {
		return in.err
	}
	in.ready, in.err = true, nil
	in.seen, in.size = unsafe.SliceData(in.Args), len(in.Args)
	doc := in.Args
	if len(doc) == 0 {
		doc = emptyObject
	}
	if err := in.root.ReadDocument(doc); err != nil {
		in.err = fmt.Errorf("condition: %w", err)
	}
	return in.err
}

var emptyObject = []byte("{}")

// text returns what a text in the arguments says.
func (in *Input) text(v args.Value) string {
	s, grown, err := v.Text(in.buf)
	if err != nil { // callers looked at the kind
		return ""
	}
	in.buf = grown
	return s
}
