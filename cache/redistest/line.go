package redistest

import (
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// registerLine makes the line known to toxiproxy by name.
var registerLine = sync.OnceFunc(func() { toxics.Register("line", new(line)) })

// line is the toxic through which every byte of a Link goes: one direction of all
// its connections. It does what the Link says.
type line struct {
	link *Link
}

// GetBufferSize is how many chunks may be on their way. A delay must not become a
// limit on throughput.
func (*line) GetBufferSize() int { return 1024 }

// Pipe carries one direction of one connection until that ends or Reset ends it.
func (l *line) Pipe(stub *toxics.ToxicStub) {
	born, changed, ok := l.link.enter()
	if !ok {
		end(stub)
		return
	}
	defer l.link.lines.Done()
	for {
		select {
		case <-changed:
			var alive bool
			if alive, changed = l.link.alive(born); !alive {
				end(stub)
				return
			}
		case c := <-stub.Input:
			if !l.link.wait(born, c) || c == nil || !l.link.send(born, stub, c) {
				end(stub)
				return
			}
		}
	}
}

// end closes the connection that stub writes to, and empties its input so that
// nobody is stuck there.
func end(stub *toxics.ToxicStub) {
	stub.Close()
	go func() { // ends when toxiproxy has read the end of the other connection
		for c := range stub.Input {
			_ = c
		}
	}()
}

// enter counts a new line. born is the number of resets before it, changed tells
// of the next change. It is refused after the test.
func (l *Link) enter() (born int, changed <-chan struct{}, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, nil, false
	}
	l.lines.Add(1)
	return l.resets, l.changed, true
}

// alive reports whether a connection was born after the last reset.
func (l *Link) alive(born int) (alive bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return born == l.resets && !l.closed, l.changed
}

// wait holds c, or the end of a connection if it is nil, for as long as the link
// is cut and the delay lasts. It returns false if the connection was reset.
func (l *Link) wait(born int, c *stream.StreamChunk) bool {
	at := time.Now()
	if c != nil {
		at = c.Timestamp
	}
	for {
		l.mu.Lock()
		cut, left, alive, changed := l.cut, time.Until(at.Add(l.delay)), born == l.resets && !l.closed, l.changed
		l.mu.Unlock()
		switch {
		case !alive:
			return false
		case cut:
			<-changed
		case left > 0:
			select {
			case <-time.After(left):
			case <-changed:
			}
		default:
			return true
		}
	}
}

// send passes c on. It returns false if the connection was reset meanwhile.
func (l *Link) send(born int, stub *toxics.ToxicStub, c *stream.StreamChunk) bool {
	for {
		alive, changed := l.alive(born)
		if !alive {
			return false
		}
		select {
		case stub.Output <- c:
			return true
		case <-changed:
		}
	}
}
