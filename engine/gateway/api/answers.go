package api

import (
	"container/list"
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"m1/engine/gateway/guard"
)

// answers gives the same answer to a request that is repeated with the same
// key. It is bounded in bytes and in time: the least recently used answer goes
// first. Requests that are being decided are bounded by the open connections.
type answers struct {
	keepFor   time.Duration
	keepBytes int

	mu    sync.Mutex
	byKey map[answerKey]*kept
	used  *list.List // of *kept that are done, most recently used first
	bytes int
}

// answerKey is the digest of agent, key and grant: of one size, however long they
// are.
type answerKey [sha256.Size]byte

// kept is one answer. Once done is closed nothing but its place changes.
type kept struct {
	key    answerKey
	body   [sha256.Size]byte // digest of the request
	done   chan struct{}     // closed when the first request has ended
	answer []byte            // nil if it ended without one
	until  time.Time
	place  *list.Element
}

// overhead is what an answer takes beside its own bytes, roughly.
const overhead = 512

func newAnswers(keepFor time.Duration, keepBytes int) *answers {
	return &answers{keepFor: keepFor, keepBytes: keepBytes, byKey: map[answerKey]*kept{}, used: list.New()}
}

func keyOf(parts ...string) answerKey {
	var digests []byte
	for _, p := range parts {
		d := sha256.Sum256([]byte(p))
		digests = append(digests, d[:]...)
	}
	return sha256.Sum256(digests)
}

// once returns the answer that was given to key, or decides and keeps it if
// decide says so. While another request with key is being decided it waits for
// that one. A refusal is never kept: whoever asks next decides anew. Another body under a key that is
// known is refused with 409.
func (a *answers) once(ctx context.Context, key answerKey, body [sha256.Size]byte, decide func() (answer []byte, keep bool, refusal *guard.Error)) (answer []byte, repeated bool, refusal *guard.Error) {
	for {
		k, first := a.begin(key, body)
		if first {
			var keep []byte
			defer func() { a.end(k, keep) }() // also on a panic, so that nobody waits for ever
			var lasting bool
			if answer, lasting, refusal = decide(); lasting {
				keep = answer
			}
			return answer, false, refusal
		}
		if k.body != body {
			return nil, false, &guard.Error{Status: http.StatusConflict, Code: "idempotency_conflict", Message: "this Idempotency-Key was used with another body", Hint: "use a new key for a new call; repeat a call byte by byte"}
		}
		select {
		case <-k.done:
			if k.answer != nil {
				return k.answer, true, nil
			}
		case <-ctx.Done():
			return nil, false, &guard.Error{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "the first request with this Idempotency-Key is not decided yet", Hint: "send the same request again"}
		}
	}
}

// begin returns what is kept under key, or a new entry that the caller must end.
func (a *answers) begin(key answerKey, body [sha256.Size]byte) (k *kept, first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k := a.byKey[key]; k != nil {
		if k.place == nil {
			return k, false
		}
		if time.Now().Before(k.until) {
			a.used.MoveToFront(k.place)
			return k, false
		}
		a.drop(k)
	}
	k = &kept{key: key, body: body, done: make(chan struct{})}
	a.byKey[key] = k
	return k, true
}

func (a *answers) end(k *kept, answer []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k.answer, k.until = answer, time.Now().Add(a.keepFor)
	close(k.done)
	if answer == nil {
		delete(a.byKey, k.key)
		return
	}
	k.place = a.used.PushFront(k)
	a.bytes += len(answer) + overhead
	for a.bytes > a.keepBytes {
		a.drop(a.used.Back().Value.(*kept))
	}
}

// drop forgets k. The caller holds mu.
func (a *answers) drop(k *kept) {
	a.used.Remove(k.place)
	delete(a.byKey, k.key)
	a.bytes -= len(k.answer) + overhead
}
