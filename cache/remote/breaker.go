package remote

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	rowLimit    = 5                     // failures in a row that open it
	quiet       = 10 * time.Millisecond // without any success before soft ones do
	windowStep  = 100 * time.Millisecond
	windowSteps = 10
	windowCalls = 20 // the fewest calls in the window that say anything
	goodControl = 3  // control calls in a row that let Admit close it
)

// session is the time from one Admit to the next opening, and the data client of
// that time.
type session struct {
	client redis.UniversalClient
	over   chan struct{} // closed at the end
}

func (s *session) ended() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// breaker keeps calls away from a server that does not answer them. Only the
// outcome of data calls opens it, and only admit closes it.
type breaker struct {
	now atomic.Pointer[session] // nil while open; written with mu held
	// changed is told of every opening and closing with mu held; it must not block.
	changed func(open bool, why string)
	closers sync.WaitGroup // clients being closed

	mu       sync.Mutex
	shut     bool // for good
	row      int
	rowSince time.Time // when the first of the row was asked
	lastGood time.Time
	window   [windowSteps]struct{ at, calls, bad int64 }
	control  int   // good control calls in a row since it opened
	opened   int64 // times
}

// report takes in how a call of s that began at start went; longer than slow is bad
// even if good. What belongs to an
// older session says nothing about this one.
func (b *breaker) report(s *session, start, end time.Time, o outcome, slow time.Duration) {
	if o == nothing {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now.Load() != s {
		return
	}
	why := ""
	if o == good {
		b.row, b.lastGood = 0, end
	} else {
		if b.row == 0 {
			b.rowSince = start
		}
		b.row++
		if b.row >= rowLimit && (o == failed || end.Sub(b.rowSince) >= quiet && end.Sub(b.lastGood) >= quiet) {
			why = "failures in a row"
		}
	}
	if o != soft && b.count(end, o == failed || end.Sub(start) > slow) {
		why = "failed or slow calls within a second"
	}
	if why != "" {
		b.open(why)
	}
}

// count adds a call to the window and reports whether too many in it were bad.
func (b *breaker) count(now time.Time, isBad bool) bool {
	step := now.UnixNano() / int64(windowStep)
	w := &b.window[step%windowSteps]
	if w.at != step {
		w.at, w.calls, w.bad = step, 0, 0
	}
	w.calls++
	if isBad {
		w.bad++
	}
	var calls, bad int64
	for _, w := range b.window {
		if w.at > step-windowSteps && w.at <= step {
			calls, bad = calls+w.calls, bad+w.bad
		}
	}
	return calls >= windowCalls && 2*bad >= calls
}

// open ends the session. b.mu is held.
func (b *breaker) open(why string) {
	b.end()
	b.opened++
	b.control = 0
	b.changed(true, why)
}

// end takes the session out of use. Closing its client also ends the calls that
// still wait on it. b.mu is held.
func (b *breaker) end() {
	s := b.now.Swap(nil)
	if s == nil {
		return
	}
	close(s.over)
	// Closing TLS may wait for a peer that does not read.
	b.closers.Go(func() { _ = s.client.Close() })
}

// begin starts a session with a clean record. b.mu is held.
func (b *breaker) begin(s *session) {
	b.row, b.lastGood = 0, time.Time{}
	clear(b.window[:])
	b.now.Store(s)
}

// controlled takes in how a control call went.
func (b *breaker) controlled(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		b.control++
	} else {
		b.control = 0
	}
}

// admit closes the breaker if the control calls say so, and reports whether it is
// closed now.
func (b *breaker) admit(fresh func() *session) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now.Load() != nil {
		return true
	}
	if b.shut || b.control < goodControl {
		return false
	}
	b.begin(fresh())
	b.changed(false, "")
	return true
}

// replace exchanges the session of a closed breaker for a fresh one.
func (b *breaker) replace(fresh func() *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now.Load() == nil {
		return
	}
	b.end()
	b.begin(fresh())
}

// close opens the breaker for good and waits until its clients are closed.
func (b *breaker) close() {
	b.mu.Lock()
	b.shut = true
	b.end()
	b.mu.Unlock()
	b.closers.Wait()
}

func (b *breaker) openings() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}
