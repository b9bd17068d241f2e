package cluster

import (
	"sync/atomic"
	"time"
)

// Stats counts since the start, Nodes apart.
type Stats struct {
	Asked      uint64 // requests of this node
	Unanswered uint64 // of those
	Answered   uint64 // requests of others, repeated ones too
	Repeated   uint64 // requests with a nonce of before
	Refused    uint64 // messages that are not authentic
	Stale      uint64 // messages that are too old, of the future, or too many
	Lost       uint64 // failed exchanges with Redis
	Nodes      int    // others whose keys are trusted
}

type counters struct {
	asked, unanswered, answered, repeated, refused, stale, lost atomic.Uint64

	noticed atomic.Int64 // when somebody was last warned, in Unix nanoseconds
}

// Stats does not block.
func (c *Cluster) Stats() Stats {
	s, k := &c.stats, &c.keyring
	k.mu.Lock()
	defer k.mu.Unlock()
	return Stats{
		Asked: s.asked.Load(), Unanswered: s.unanswered.Load(), Answered: s.answered.Load(), Repeated: s.repeated.Load(),
		Refused: s.refused.Load(), Stale: s.stale.Load(), Lost: s.lost.Load(), Nodes: k.known,
	}
}

// noticeEvery keeps who writes to Redis from filling the log.
const noticeEvery = 10 * time.Second

// notice warns, unless that was done just now.
func (c *Cluster) notice(msg string, args ...any) {
	now := time.Now().UnixNano()
	if last := c.stats.noticed.Load(); now-last < int64(noticeEvery) || !c.stats.noticed.CompareAndSwap(last, now) {
		return
	}
	c.log.Warn("cluster: "+msg, args...)
}

// refuse counts a message that is not authentic.
func (c *Cluster) refuse(what string, err error) {
	c.stats.refused.Add(1)
	c.notice("a message in redis is not authentic: a node with another secret, or a forgery", "message", what, "err", err)
}
