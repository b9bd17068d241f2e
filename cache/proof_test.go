package cache_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache"
)

// phase is what happens to the nodes while they read and change.
type phase struct {
	name    string
	lasts   time.Duration
	disturb func(w *world, d *dice, lasts time.Duration) // returns after it
	mend    func(w *world)                               // when nobody changes or reads any more
	calm    bool                                         // nothing fails: changes use Write, and nothing is forgotten
	share   int64                                        // percent of the reads that must be served without loader

	pace    time.Duration // longest pause between two changes of a key; 60 ms
	load    time.Duration // longest load; 0.9 ms
	open    time.Duration // longest half of an open change; 0.5 ms
	readers int           // at each node; 2

	hasty func() bool // the answer is known: do not wait for more
}

// every does f again and again.
func every(pause time.Duration, f func(w *world, d *dice)) func(*world, *dice, time.Duration) {
	return func(w *world, d *dice, lasts time.Duration) {
		for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(pause) {
			f(w, d)
		}
	}
}

func idle(_ *world, _ *dice, lasts time.Duration) { time.Sleep(lasts) }

func cutOff(w *world, d *dice, lasts time.Duration) {
	n := w.nodes[d.below(len(w.nodes))]
	time.Sleep(lasts / 10)
	n.link.Cut()
	time.Sleep(lasts * 8 / 10)
	n.link.Restore()
	time.Sleep(lasts / 10)
}

// phases are those of the proof. Every one has changes that cross.
var phases = []phase{
	{name: "steady", lasts: time.Second, disturb: idle, calm: true, share: 15},
	{name: "pub/sub killed every 150 ms", lasts: 1200 * time.Millisecond, disturb: every(150*time.Millisecond, func(w *world, _ *dice) {
		w.server.KillClients("pubsub")
	})},
	{name: "all connections killed every 150 ms", lasts: 1200 * time.Millisecond, disturb: every(150*time.Millisecond, func(w *world, _ *dice) {
		w.server.KillClients("pubsub")
		w.server.KillClients("normal")
	})},
	{name: "one node cut off for 2 s", lasts: 2500 * time.Millisecond, disturb: cutOff},
	{name: "Redis stopped for 1 s", lasts: 1600 * time.Millisecond, disturb: func(w *world, _ *dice, lasts time.Duration) {
		time.Sleep(lasts / 5)
		w.server.Stop()
		time.Sleep(time.Second)
		w.server.Cont()
		time.Sleep(lasts / 5)
	}},
	{name: "FLUSHALL every 100 ms", lasts: 1200 * time.Millisecond, open: 4 * time.Millisecond, disturb: every(100*time.Millisecond, func(w *world, _ *dice) {
		w.server.Do(w.t, "FLUSHALL")
	})},
	{name: "Redis restarted empty", lasts: 1500 * time.Millisecond, disturb: func(w *world, d *dice, lasts time.Duration) {
		time.Sleep(lasts / 5)
		w.server.Kill()
		d.nap(lasts / 5)
		w.server.Restart()
		time.Sleep(lasts * 2 / 5)
	}},
	{name: "out of memory", lasts: time.Second, disturb: func(w *world, _ *dice, lasts time.Duration) {
		time.Sleep(lasts / 5)
		w.server.Do(w.t, "CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1")
		time.Sleep(lasts * 4 / 5)
		w.server.Do(w.t, "CONFIG", "SET", "maxmemory", "0")
	}},
	{name: "changes that cross", lasts: time.Second, disturb: idle, calm: true, pace: 25 * time.Millisecond, open: 2 * time.Millisecond},
}

// result is a row of the table.
type result struct {
	phase                                string
	reads, held, stale, changes, unheard int64
	worst                                time.Duration
	linear                               string
}

func (r result) share() float64 { return 100 * float64(r.held) / float64(max(r.reads, 1)) }

func (r *result) add(o result) {
	r.reads, r.held, r.stale, r.changes, r.unheard = r.reads+o.reads, r.held+o.held, r.stale+o.stale, r.changes+o.changes, r.unheard+o.unheard
	r.worst = max(r.worst, o.worst)
	if o.linear != "ok" {
		r.linear = o.linear
	}
}

func table(rows []result) string {
	var b strings.Builder
	b.WriteString("| phase | reads | changes | not propagated | stale | served without loader | worst age | porcupine |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %.0f %% | %s | %s |\n", r.phase, r.reads, r.changes, r.unheard, r.stale, r.share(), r.worst, r.linear)
	}
	return b.String()
}

// run lives through p: reads at every node and a writer for every key while it
// disturbs, then the time to settle. The world's complaints tell what was wrong.
func (w *world) run(p phase) result {
	if p.pace == 0 {
		p.pace = 60 * time.Millisecond
	}
	if p.load == 0 {
		p.load = 900 * time.Microsecond
	}
	if p.open == 0 {
		p.open = 500 * time.Microsecond
	}
	if p.readers == 0 {
		p.readers = 2
	}
	before := result{reads: w.reads.Load(), held: w.held.Load(), stale: w.stale.Load(), changes: w.changes.Load(), unheard: w.unheard.Load()}
	w.mu.Lock()
	w.worst = 0
	w.mu.Unlock()
	var drops int64
	for _, n := range w.nodes {
		drops -= n.cache.Stats().Redis.Drops
	}
	for _, s := range w.subjects {
		s.truth.begin()
	}

	stop := make(chan struct{})
	over := func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	}
	var writers, readers sync.WaitGroup
	for _, n := range w.nodes {
		for range p.readers {
			d := w.dice()
			readers.Go(func() { w.keepReading(n, d, p, over) })
		}
	}
	for _, s := range w.subjects {
		d := w.dice()
		writers.Go(func() { w.keepChanging(s, d, p, over) })
	}
	p.disturb(w, w.dice(), p.lasts)
	if p.share > 0 { // on a busy machine that takes a while
		enough := func() bool {
			return w.held.Load()-before.held >= max(200, (w.reads.Load()-before.reads)*p.share/100)
		}
		if !within(patience, enough) {
			w.complain(service, "of %d reads only %d were served without loader", w.reads.Load()-before.reads, w.held.Load()-before.held)
		}
	}
	close(stop)
	writers.Wait()
	readers.Wait()
	if p.mend != nil {
		p.mend(w)
	}
	during := result{phase: p.name, reads: w.reads.Load(), held: w.held.Load()} // the rest flatters
	w.settle(p)

	r := result{
		phase: p.name, linear: "ok",
		reads: during.reads - before.reads, held: during.held - before.held, stale: w.stale.Load() - before.stale,
		changes: w.changes.Load() - before.changes, unheard: w.unheard.Load() - before.unheard,
	}
	w.mu.Lock()
	r.worst = w.worst
	w.mu.Unlock()
	if p.calm {
		for _, n := range w.nodes {
			drops += n.cache.Stats().Redis.Drops
		}
		if drops > 0 {
			w.complain(service, "everything was forgotten %d times, though the server lost nothing", drops)
		}
	}
	for _, s := range w.subjects {
		if s.class != "linear" {
			continue
		}
		initial, history := s.truth.take()
		if why := linearizable(initial, history, patience); why != "" {
			r.linear = "violated"
			w.complain(linearity, "%s: %s", s.truth.name, why)
		}
	}
	return r
}

func (w *world) keepReading(n *node, d *dice, p phase, over func() bool) {
	for i := 0; !over(); i++ {
		s := w.subjects[d.below(len(w.subjects))]
		switch d.below(20) {
		case 0:
			w.lookup(n, s, p.load)
		case 1:
			w.readMany(n, s.class, p.load)
		default:
			w.read(n, s, p.load)
		}
		if i%4 == 0 { // leave the machine to the others
			time.Sleep(300 * time.Microsecond)
		}
	}
}

// keepChanging is the one writer of s. Often another node reads at once: that is
// when an old answer is most likely.
func (w *world) keepChanging(s *subject, d *dice, p phase, over func() bool) {
	home := w.nodes[s.home]
	for {
		d.nap(p.pace)
		if over() {
			return
		}
		switch {
		case s.class != "linear":
			w.invalidate(home, s)
		case p.calm:
			w.write(home, s, p.open)
		default:
			w.begin(home, s, p.open)
		}
		if d.below(2) == 0 {
			w.read(w.nodes[(s.home+1+d.below(len(w.nodes)-1))%len(w.nodes)], s, p.load)
		}
	}
}

// settle waits until every node is well again. From then on nobody may give an
// older answer than the source's, also where the change was not acknowledged; and
// all is held in memory again.
func (w *world) settle(p phase) {
	for _, n := range w.nodes {
		if !within(patience, n.well) {
			w.complain(service, "%s does not come back: %+v", n.name, n.cache.Stats().Redis)
		}
	}
	// Whoever has not heard of the last change has lost its lease by then.
	time.Sleep(w.lease + w.lease/4)
	for _, s := range w.subjects {
		s.truth.acknowledge(s.truth.now.Load())
	}
	type place struct {
		n *node
		s *subject
	}
	missing := map[place]cache.Why{}
	for _, n := range w.nodes {
		for _, s := range w.subjects {
			missing[place{n, s}] = ""
		}
	}
	held := func() bool {
		for at := range missing {
			info := w.read(at.n, at.s, p.load)
			if missing[at] = info.Why; info.Tier == cache.Local {
				delete(missing, at)
			}
		}
		return len(missing) == 0 || p.hasty != nil && p.hasty()
	}
	if !within(patience, held) {
		for at, why := range missing {
			w.complain(service, "%s holds %s in memory no more: %s; open fences: %v", at.n.name, at.s.truth.name, why, w.server.Do(w.t, "KEYS", "*:f:*"))
		}
	}
}

// proving is the world of the proof.
func proving(t testing.TB, seed uint64, o cache.Options) *world {
	return newWorld(t, seed, o).add("ack", 4, false).add("linear", 3, false).add("linear", 3, true)
}

func TestProof(t *testing.T) {
	t.Parallel()
	n := seed(t)
	for _, p := range phases { // one after the other: each needs what there is of the machine
		t.Run(p.name, func(t *testing.T) {
			w := proving(t, n, cache.Options{})
			r := w.run(p)
			t.Log("\n" + table([]result{r}))
			require.Empty(t, w.all())
		})
	}
}

// soakReads is how many reads a soak needs at least.
const soakReads = 1_000_000

// TestSoak lets one cluster live through all phases again and again for M1_SOAK,
// and longer if that was not enough reads.
func TestSoak(t *testing.T) {
	text := os.Getenv("M1_SOAK")
	if text == "" {
		t.Skip("for as long as M1_SOAK says, such as 10m; make soak-cache")
	}
	lasts, err := time.ParseDuration(text)
	require.NoError(t, err, "M1_SOAK")
	w := proving(t, seed(t), cache.Options{})
	d := w.dice()
	rows := make([]result, len(phases)+1)
	for i, p := range phases {
		rows[i] = result{phase: p.name, linear: "ok"}
	}
	all := &rows[len(phases)]
	*all = result{phase: "all", linear: "ok"}
	for end := time.Now().Add(lasts); time.Now().Before(end) || all.reads < soakReads; {
		for _, i := range d.r.Perm(len(phases)) {
			r := w.run(phases[i])
			rows[i].add(r)
			all.add(r)
			if len(w.all()) > 0 {
				t.Log("\n" + table(rows))
				require.Empty(t, w.all(), "in phase %s", r.phase)
			}
		}
	}
	t.Log("\n" + table(rows))
}
