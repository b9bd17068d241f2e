package remote

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	readers   = 3
	readBatch = 64
	queueAsks = 4096
	dataCalls = 16 // connections for what is not batched
)

// Found is the answer to an Ask, in the order asked.
type Found struct {
	Values   [][]byte // nil if absent
	Versions []uint64 // 0 if absent
}

// Pending is an Ask on its way.
type Pending struct {
	t       *Tier
	session *session
	asked   time.Time
	entries int
	cmd     *redis.SliceCmd
	err     error         // written before done is closed
	done    chan struct{} // closed by the reader that took it
	late    bool          // the breaker was told; guarded by the one goroutine that waits
}

// Ask begins a read of entries and of the versions of ids, all at one moment. It
// never blocks: ErrOpen while the breaker is open, ErrBusy if too many reads wait.
func (t *Tier) Ask(entries, ids []string) (*Pending, error) {
	p, err := t.question(entries, ids)
	if err != nil {
		return nil, err
	}
	return p, t.queue(p)
}

// Read is Ask and Wait. A reader that is alone sends its question itself, which
// saves two changes of goroutine. With ErrSlow there is a Pending if the answer may
// still come.
func (t *Tier) Read(entries, ids []string, within time.Duration) (Found, *Pending, error) {
	p, err := t.question(entries, ids)
	if err != nil {
		return Found{}, nil, err
	}
	defer t.reading.Add(-1)
	if t.reading.Add(1) == 1 {
		t.alone(p, within)
		f, err := p.found()
		return f, nil, err
	}
	if err := t.queue(p); err != nil {
		return Found{}, nil, err
	}
	f, err := p.Wait(within)
	if !errors.Is(err, ErrSlow) {
		p = nil
	}
	return f, p, err
}

// alone answers p on the goroutine of its caller, within a time.
func (t *Tier) alone(p *Pending, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	_ = p.session.client.Process(ctx, p.cmd)
	end := time.Now()
	if p.cmd.Err() != nil && end.Sub(p.asked) >= within && !p.session.ended() {
		p.err = ErrSlow
		t.watch.count("timeout", ErrSlow)
		t.breaker.report(p.session, p.asked, end, soft, t.pace.slow)
		return
	}
	if err := t.settle(context.Background(), p.session, p.asked, p.cmd.Err()); err != nil {
		p.err = fmt.Errorf("remote: read: %w", err)
	}
}

func (t *Tier) question(entries, ids []string) (*Pending, error) {
	s := t.breaker.now.Load()
	if s == nil {
		return nil, ErrOpen
	}
	args := make([]any, 1, 1+len(entries)+len(ids))
	args[0] = "mget"
	for _, e := range entries {
		args = append(args, t.keys.entry(e))
	}
	for _, id := range ids {
		args = append(args, t.keys.version(id))
	}
	p := &Pending{t: t, session: s, asked: time.Now(), entries: len(entries), done: make(chan struct{})}
	p.cmd = redis.NewSliceCmd(context.Background(), args...)
	return p, nil
}

func (t *Tier) queue(p *Pending) error {
	if len(p.cmd.Args()) == 1 {
		close(p.done)
		return nil
	}
	select {
	case t.asks <- p:
		return nil
	default:
		return ErrBusy
	}
}

// Wait returns the answer if it comes within d, otherwise ErrSlow, which the
// breaker learns of, or ErrOpen as soon as the breaker opens. After ErrSlow it may
// be called again. It is not safe for concurrent use.
func (p *Pending) Wait(d time.Duration) (Found, error) {
	select {
	case <-p.done:
		return p.found()
	default:
	}
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-p.done:
			return p.found()
		case <-p.session.over:
			return p.stranded()
		case <-timer.C:
		}
	}
	if p.session.ended() {
		return p.stranded()
	}
	if !p.late {
		p.late = true
		p.t.watch.count("timeout", ErrSlow)
		p.t.breaker.report(p.session, p.asked, time.Now(), soft, p.t.pace.slow)
	}
	return Found{}, ErrSlow
}

// stranded is the answer once the session is over, unless it came just before.
func (p *Pending) stranded() (Found, error) {
	select {
	case <-p.done:
		return p.found()
	default:
		return Found{}, ErrOpen
	}
}

func (p *Pending) found() (Found, error) {
	if p.err != nil {
		return Found{}, p.err
	}
	all := p.cmd.Val()
	f := Found{Values: make([][]byte, p.entries), Versions: make([]uint64, max(len(all)-p.entries, 0))}
	for i, v := range all {
		text, ok := v.(string)
		switch {
		case !ok:
		case i < p.entries:
			f.Values[i] = []byte(text)
		default:
			// A version that is no number is as good as none: it gets a new one.
			f.Versions[i-p.entries], _ = strconv.ParseUint(text, 10, 64)
		}
	}
	return f, nil
}

// read answers asks until ctx is done, all that wait at a time by one exchange.
func (t *Tier) read(ctx context.Context) {
	// The end of Run closes the client, which callers learn as ErrOpen.
	call := context.WithoutCancel(ctx)
	batch := make([]*Pending, 0, readBatch)
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-t.asks:
			batch = append(batch[:0], p)
		}
	more:
		for len(batch) < readBatch {
			select {
			case p := <-t.asks:
				batch = append(batch, p)
			default:
				break more
			}
		}
		t.exchange(call, batch)
		clear(batch)
	}
}

// exchange answers a batch.
func (t *Tier) exchange(ctx context.Context, batch []*Pending) {
	s := t.breaker.now.Load()
	var cmds []redis.Cmder
	for _, p := range batch {
		if p.session != s { // it was told at the end of its session
			p.err = ErrOpen
			continue
		}
		cmds = append(cmds, p.cmd)
	}
	if len(cmds) > 0 {
		start := time.Now()
		send(ctx, s.client, cmds)
		err := t.settle(ctx, s, start, worst(ctx, cmds))
		for _, p := range batch {
			switch {
			case p.err != nil || p.cmd.Err() == nil:
			case errors.Is(err, ErrOpen):
				p.err = err
			default:
				p.err = fmt.Errorf("remote: read: %w", p.cmd.Err())
			}
		}
	}
	for _, p := range batch {
		close(p.done)
	}
}

// send runs cmds in one exchange; each has its own error then.
func send(ctx context.Context, c redis.UniversalClient, cmds []redis.Cmder) {
	if len(cmds) == 1 {
		_ = c.Process(ctx, cmds[0]) // half the work of a pipeline of one
		return
	}
	pipe := c.Pipeline()
	_ = pipe.BatchProcess(ctx, cmds...) // cannot fail: it only queues
	_, _ = pipe.Exec(ctx)
}
