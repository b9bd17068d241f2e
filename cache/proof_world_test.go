package cache_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache"
	"m1/cache/redistest"
	"m1/cache/remote"
)

// patience is how long anything may take that must come to pass. Nothing is
// asserted about times: machines that test are busy.
const patience = 20 * time.Second

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	if !within(patience, done) {
		t.Fatalf("waited %s: %s", patience, what)
	}
}

func within(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// seed makes the choices of a run; what the machine makes of them is another
// matter. M1_SEED repeats it.
func seed(t testing.TB) uint64 {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("M1_SEED"); text != "" {
		var err error
		n, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "M1_SEED")
	}
	t.Logf("M1_SEED=%d", n)
	return n
}

// dice are choices that several goroutines make.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newDice(seed, stream uint64) *dice { return &dice{r: rand.New(rand.NewPCG(seed, stream))} }

func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

// nap sleeps for up to the longest.
func (d *dice) nap(longest time.Duration) {
	if longest > 0 {
		time.Sleep(time.Duration(d.below(int(longest))))
	}
}

// usualLease is that of the nodes. It decides how long many things here take.
const usualLease = 300 * time.Millisecond

func soaking() bool { return os.Getenv("M1_SOAK") != "" }

// node is one process of the cluster, as far as the cache is concerned.
type node struct {
	name  string
	link  *redistest.Link
	cache *cache.Cache
	of    map[string]*cache.Of[[]byte] // by class
	stop  func()                       // ends Run and waits for it
	dice  *dice
}

// classes are those that every node registers.
var classes = []cache.Class{
	{Name: "ack", Scope: cache.Public, Fresh: cache.AckFresh},
	{Name: "linear", Scope: cache.Public, Fresh: cache.Linear},
	{Name: "turns", Scope: cache.Public, Wait: 10 * time.Second},
}

// open starts a node that reaches s over a link of its own. It does not wait.
func open(t testing.TB, s *redistest.Server, name string, o cache.Options) *node {
	t.Helper()
	link := redistest.Proxy(t, s.URL())
	return openAt(t, link, name, o)
}

func openAt(t testing.TB, link *redistest.Link, name string, o cache.Options) *node {
	t.Helper()
	// Machines that test are busy: Redis gets more time than in service. A soak has
	// a machine of its own.
	o.Lease = cmp.Or(o.Lease, usualLease)
	timeout, wait := 200*time.Millisecond, 50*time.Millisecond
	if soaking() {
		timeout, wait = 0, 0
	}
	o.Patience = cmp.Or(o.Patience, wait)
	tier, err := remote.Open(remote.Options{URL: link.URL(), Node: name, Timeout: timeout})
	require.NoError(t, err)
	o.Redis = tier
	n := &node{name: name, link: link, of: map[string]*cache.Of[[]byte]{}, dice: newDice(uint64(name[0]), 0)}
	n.cache, err = cache.New(o)
	require.NoError(t, err)
	for _, class := range classes {
		n.of[class.Name], err = cache.Register(n.cache, class, cache.Bytes{})
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.cache.Run(ctx) }() // ends by stop
	n.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("node %s: run: %v", name, err)
			}
		case <-time.After(patience):
			t.Errorf("node %s: run does not end", name)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// well says that n serves from memory and owes nobody anything.
func (n *node) well() bool {
	s := n.cache.Stats().Redis
	return s.Coherent && s.Journal == 0 && !s.BreakerOpen
}

// subject is a question, what its answer depends on, and who changes that how.
type subject struct {
	class string
	key   map[*node]cache.Key
	tags  []cache.Tag // of the answer
	moved []cache.Tag // by a change
	home  int         // the node that changes it
	truth *register
}

// world is three nodes on one server, and the source of truth.
type world struct {
	t        testing.TB
	server   *redistest.Server
	nodes    []*node
	subjects []*subject
	lease    time.Duration
	seed     uint64
	streams  uint64

	tally
}

func newWorld(t testing.TB, seed uint64, o cache.Options) *world {
	t.Helper()
	w := &world{t: t, server: redistest.Start(t), seed: seed, lease: cmp.Or(o.Lease, usualLease)}
	for _, name := range []string{"a", "b", "c"} {
		n := open(t, w.server, name, o)
		n.dice = w.dice()
		w.nodes = append(w.nodes, n)
	}
	for _, n := range w.nodes {
		until(t, n.name+" gets a lease", n.well)
	}
	time.Sleep(w.lease + w.lease/2) // until the list of nodes of a new server counts as whole
	return w
}

// dice returns the next choices that follow from the seed.
func (w *world) dice() *dice {
	w.streams++
	return newDice(w.seed, w.streams)
}

// add adds n questions of a class. Those that are together depend on a whole
// collection, of which the change of each touches one item: their changes cross.
func (w *world) add(class string, n int, together bool) *world {
	for i := range n {
		name := fmt.Sprintf("%s%d", class, i)
		s := &subject{class: class, home: len(w.subjects) % len(w.nodes), key: map[*node]cache.Key{}}
		s.tags = []cache.Tag{{Scope: "run", Collection: class, Item: name}}
		s.moved = s.tags
		if together {
			name = "whole " + name
			s.tags = []cache.Tag{{Scope: "run", Collection: "whole " + class}}
			s.moved = []cache.Tag{{Scope: "run", Collection: "whole " + class, Item: name}}
		}
		s.truth = &register{name: name}
		s.truth.now.Store(1)
		s.truth.acked.Store(1)
		for _, n := range w.nodes {
			key, err := n.of[class].Key(cache.Question{Tool: name})
			require.NoError(w.t, err)
			s.key[n] = key
		}
		w.subjects = append(w.subjects, s)
	}
	return w
}

// tally counts what the oracles saw.
type tally struct {
	reads, held, stale, changes, unheard atomic.Int64

	mu         sync.Mutex
	worst      time.Duration
	complaints []complaint
}

// complaint is what an oracle found wrong.
type complaint struct {
	oracle string
	text   string
}

// The oracles.
const (
	freshness = "older than acknowledged"
	linearity = "not linear"
	service   = "no service"
)

func (y *tally) complain(oracle, format string, a ...any) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !slices.ContainsFunc(y.complaints, func(c complaint) bool { return c.oracle == oracle }) { // the first says it
		y.complaints = append(y.complaints, complaint{oracle, oracle + ": " + fmt.Sprintf(format, a...)})
	}
}

// complained returns the first complaint of an oracle.
func (y *tally) complained(oracle string) string {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, c := range y.complaints {
		if c.oracle == oracle {
			return c.text
		}
	}
	return ""
}

func (y *tally) all() (texts []string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, c := range y.complaints {
		texts = append(texts, c.text)
	}
	return texts
}

// load asks the source, which takes up to the longest.
func (s *subject) load(d *dice, longest time.Duration) cache.Load[[]byte] {
	return func(context.Context) ([]byte, error) {
		whole := time.Duration(0)
		if longest > 0 {
			whole = time.Duration(d.below(int(longest)))
		}
		before := whole / 4
		time.Sleep(before)
		v := s.truth.now.Load()
		time.Sleep(whole - before)
		return strconv.AppendInt(nil, v, 10), nil
	}
}

// maxHistory bounds what porcupine is asked about one register and phase.
const maxHistory = 4_000

// reading is a read as it begins.
type reading struct {
	s     *subject
	n     *node
	floor int64
	busy  bool
	call  time.Duration
}

func (w *world) reading(n *node, s *subject) reading {
	r := reading{s: s, n: n, floor: s.truth.acked.Load(), busy: s.truth.open.Load() > 0}
	r.call = clock()
	return r
}

// seen judges what a read gave. Every read is asked whether it is older than what
// was acknowledged; those about a change, and some others, go into the history.
func (w *world) seen(r reading, b []byte, info cache.Info, err error) {
	end := clock()
	w.reads.Add(1)
	if err != nil {
		w.complain(service, "read of %s at %s: %v", r.s.truth.name, r.n.name, err)
		return
	}
	v, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		w.complain(service, "read of %s at %s: %v", r.s.truth.name, r.n.name, err)
		return
	}
	if info.Tier != cache.None {
		w.held.Add(1)
	}
	if v < r.floor {
		w.stale.Add(1)
		age := r.s.truth.age(v, r.call)
		w.mu.Lock()
		w.worst = max(w.worst, age)
		w.mu.Unlock()
		w.complain(freshness, "%s at %s is %d from %s (%s, age %s), but %d had been acknowledged %s before the read", r.s.truth.name, r.n.name, v, info.Tier, info.Why, info.Age, r.floor, age)
	}
	t := r.s.truth
	if r.s.class != "linear" || !r.busy && t.open.Load() == 0 && v == r.floor && r.n.dice.below(50) > 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.history) < maxHistory {
		t.history = append(t.history, operation{value: v, call: r.call, end: end, where: fmt.Sprintf("%s (%s, %s)", r.n.name, info.Tier, info.Why)})
	}
}

// read asks n for the answer to s.
func (w *world) read(n *node, s *subject, longest time.Duration) cache.Info {
	r := w.reading(n, s)
	v, info, err := n.of[s.class].Get(context.Background(), s.key[n], s.tags, s.load(n.dice, longest))
	w.seen(r, v, info, err)
	return info
}

// lookup is read for callers that compute the answer elsewhere.
func (w *world) lookup(n *node, s *subject, longest time.Duration) {
	r := w.reading(n, s)
	v, info, ticket, hit := n.of[s.class].Lookup(context.Background(), s.key[n], s.tags)
	var err error
	if !hit {
		v, err = s.load(n.dice, longest)(context.Background())
	}
	w.seen(r, v, info, err)
	if !hit {
		n.of[s.class].Keep(ticket, v)
	}
}

// readMany asks n for the answers to all subjects of one class.
func (w *world) readMany(n *node, class string, longest time.Duration) {
	var rs []reading
	var ask []cache.Request
	for _, s := range w.subjects {
		if s.class == class {
			rs = append(rs, w.reading(n, s))
			ask = append(ask, cache.Request{Key: s.key[n], Tags: s.tags})
		}
	}
	if len(rs) == 0 {
		return
	}
	results, err := n.of[class].GetMany(context.Background(), ask, func(ctx context.Context, missing []int) ([][]byte, error) {
		out := make([][]byte, len(missing))
		for i, m := range missing {
			out[i], _ = rs[m].s.load(n.dice, longest/time.Duration(len(missing)))(ctx)
		}
		return out, nil
	})
	for i, r := range rs {
		w.seen(r, results[i].Value, results[i].Info, cmp.Or(err, results[i].Err))
	}
}

// invalidate changes the source and then says so.
func (w *world) invalidate(n *node, s *subject) {
	t := s.truth
	v := t.now.Add(1)
	_, err := n.cache.Invalidate(context.Background(), s.moved...)
	w.changed(t, v, err)
}

// write changes the source within Write, which does it also where the others
// cannot be told. Linear answers are not promised for that time, and the history
// ends before it.
func (w *world) write(n *node, s *subject, pause time.Duration) {
	t := s.truth
	op := operation{write: true, value: t.now.Load() + 1, call: clock(), end: never, where: n.name}
	t.open.Add(1)
	defer t.open.Add(-1)
	before := n.cache.Stats().Redis.NotPropagated
	err := n.cache.Write(context.Background(), s.moved, func(context.Context) error {
		n.dice.nap(pause)
		t.now.Store(op.value)
		n.dice.nap(pause)
		return nil
	})
	if err == nil {
		op.end = clock()
	}
	if n.cache.Stats().Redis.NotPropagated != before {
		t.stop(op.call)
	}
	t.record(op)
	w.changed(t, op.value, err)
}

// begin changes the source between Begin and Done, but only if all nodes know.
func (w *world) begin(n *node, s *subject, pause time.Duration) {
	t := s.truth
	op := operation{write: true, value: t.now.Load() + 1, call: clock(), end: never, where: n.name}
	t.open.Add(1)
	defer t.open.Add(-1)
	change, err := n.cache.Begin(context.Background(), s.moved...)
	if err != nil {
		w.unheard.Add(1)
		_ = change.Done(context.Background()) // nothing was changed
		return
	}
	n.dice.nap(pause)
	t.now.Store(op.value)
	n.dice.nap(pause)
	err = change.Done(context.Background())
	if err == nil {
		op.end = clock()
	}
	t.record(op)
	w.changed(t, op.value, err)
}

func (w *world) changed(t *register, v int64, err error) {
	w.changes.Add(1)
	if err != nil {
		w.unheard.Add(1)
		return
	}
	t.acknowledge(v)
}
