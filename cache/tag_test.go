package cache_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/cache"
)

func TestAChangeDropsWhatOverlapsAndNothingElse(t *testing.T) {
	t.Parallel()
	tag := func(collection, item string) cache.Tag {
		return cache.Tag{Scope: "run", Collection: collection, Item: item}
	}
	order5, order6, orders := tag("orders", "5"), tag("orders", "6"), tag("orders", "")
	users, everything := tag("users", ""), tag(cache.Everything, "")
	tests := []struct {
		name          string
		reads, change []cache.Tag
		kept          bool
	}{
		{"same item", []cache.Tag{order5}, []cache.Tag{order5}, false},
		{"another item", []cache.Tag{order5}, []cache.Tag{order6}, true},
		{"whole by item", []cache.Tag{orders}, []cache.Tag{order5}, false},
		{"item by whole", []cache.Tag{order5}, []cache.Tag{orders}, false},
		{"whole by whole", []cache.Tag{orders}, []cache.Tag{orders}, false},
		{"another collection", []cache.Tag{orders}, []cache.Tag{users}, true},
		{"same item of another collection", []cache.Tag{order5}, []cache.Tag{tag("users", "5")}, true},
		{"one of several", []cache.Tag{users, order5}, []cache.Tag{order5}, false},
		{"by one of several", []cache.Tag{order5}, []cache.Tag{users, order6, order5}, false},
		{"by everything", []cache.Tag{order5}, []cache.Tag{everything}, false},
		{"whole by everything", []cache.Tag{orders}, []cache.Tag{everything}, false},
		{"from everything by item", []cache.Tag{everything}, []cache.Tag{order5}, false},
		{"from everything by whole", []cache.Tag{everything}, []cache.Tag{orders}, false},
		{"everything by everything", []cache.Tag{everything}, []cache.Tag{everything}, false},
		{"item of everything", []cache.Tag{order5}, []cache.Tag{tag(cache.Everything, "6")}, false},
		{"another scope", []cache.Tag{order5}, []cache.Tag{{Scope: "run2", Collection: "orders", Item: "5"}}, true},
		{"everything of another scope", []cache.Tag{order5}, []cache.Tag{{Scope: "run2", Collection: cache.Everything}}, true},
		{"one of two scopes", []cache.Tag{order5, {Scope: "run2", Collection: "c"}}, []cache.Tag{{Scope: "run2", Collection: cache.Everything}}, false},
		{"the same scope after another", []cache.Tag{order5, {Scope: "run2", Collection: "c"}, users}, []cache.Tag{everything}, false},
		{"no scope", []cache.Tag{{Collection: "orders"}}, []cache.Tag{{Collection: "orders", Item: "5"}}, false},
		{"no data by a change of data", nil, []cache.Tag{order5}, true},
		{"no data by everything", nil, []cache.Tag{everything}, true},
		{"a change of nothing", []cache.Tag{order5}, nil, true},
	}
	for _, tt := range tests {
		for how, change := range changed {
			t.Run(tt.name+" by "+how, func(t *testing.T) {
				t.Parallel()
				c := alone(t, cache.Options{})
				of := kind(t, c, cache.Class{})
				put(t, of, key(t, of, "1"), "v", tt.reads...)
				change(t, c, tt.change...)
				require.Equal(t, tt.kept, holds(t, of, key(t, of, "1"), tt.reads...))
			})
		}
	}
}

// changed are the ways to declare a change.
var changed = map[string]func(*testing.T, *cache.Cache, ...cache.Tag){
	"invalidate": func(t *testing.T, c *cache.Cache, tags ...cache.Tag) {
		_, err := c.Invalidate(t.Context(), tags...)
		require.NoError(t, err)
	},
	"begin and done": func(t *testing.T, c *cache.Cache, tags ...cache.Tag) {
		ch, err := c.Begin(t.Context(), tags...)
		require.NoError(t, err)
		require.NoError(t, ch.Done(t.Context()))
	},
}

// overlap is what Tag says, read naively.
func overlap(as, bs []cache.Tag) bool {
	for _, a := range as {
		for _, b := range bs {
			switch {
			case a.Scope != b.Scope:
			case a.Collection == cache.Everything || b.Collection == cache.Everything:
				return true
			case a.Collection == b.Collection && (a.Item == "" || b.Item == "" || a.Item == b.Item):
				return true
			}
		}
	}
	return false
}

// Random changes, open and closed, beside a naive model: what is held must be
// what the model holds, no more and no less, and so with what may be kept.
func TestTagsActAsTheNaiveModelDoes(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	type ticket struct {
		of      int
		ticket  cache.Ticket
		allowed bool
	}
	for range 60 {
		c := alone(t, cache.Options{})
		of := kind(t, c, cache.Class{})
		some := func(most int) []cache.Tag {
			tags := make([]cache.Tag, r.IntN(most+1))
			for i := range tags {
				tags[i] = cache.Tag{
					Scope:      []string{"", "r", "s"}[r.IntN(3)],
					Collection: []string{"", "c", "d", cache.Everything}[r.IntN(4)],
					Item:       []string{"", "1", "2", cache.Everything}[r.IntN(4)],
				}
			}
			return tags
		}
		var tags [8][]cache.Tag
		var held [8]bool
		for i := range tags {
			tags[i] = some(4)
		}
		var tickets []ticket
		open := map[*cache.Change][]cache.Tag{}
		fenced := func(i int) bool {
			for _, ts := range open {
				if overlap(tags[i], ts) {
					return true
				}
			}
			return false
		}
		moved := func(ts []cache.Tag) {
			for i := range held {
				held[i] = held[i] && !overlap(tags[i], ts)
			}
			for i := range tickets {
				tickets[i].allowed = tickets[i].allowed && !overlap(tags[tickets[i].of], ts)
			}
		}
		var steps []string
		for range 60 {
			i := r.IntN(8)
			k := key(t, of, strconv.Itoa(i))
			switch what := r.IntN(6); what {
			case 0, 1:
				steps = append(steps, "look up "+strconv.Itoa(i))
				_, _, tk, hit := of.Lookup(t.Context(), k, tags[i])
				require.Equal(t, held[i], hit, "seed %d: tags %v after %s", seed, tags[i], strings.Join(steps, ", "))
				if !hit {
					tickets = append(tickets, ticket{i, tk, !fenced(i)})
				}
			case 2:
				if len(tickets) > 0 {
					n := r.IntN(len(tickets))
					tk := tickets[n]
					steps = append(steps, "keep "+strconv.Itoa(tk.of))
					kept := of.Keep(tk.ticket, []byte("v"))
					require.Equal(t, tk.allowed, kept, "seed %d: tags %v after %s", seed, tags[tk.of], strings.Join(steps, ", "))
					held[tk.of] = held[tk.of] || kept
					tickets = append(tickets[:n], tickets[n+1:]...)
				}
			case 3:
				ts := some(3)
				_, err := c.Invalidate(t.Context(), ts...)
				require.NoError(t, err)
				moved(ts)
				steps = append(steps, "invalidate")
			case 4:
				ts := some(3)
				ch, err := c.Begin(t.Context(), ts...)
				require.NoError(t, err)
				moved(ts)
				open[ch] = ts
				steps = append(steps, "begin")
			case 5:
				for ch, ts := range open {
					require.NoError(t, ch.Done(t.Context()))
					delete(open, ch)
					moved(ts)
					steps = append(steps, "done")
					break
				}
			}
		}
	}
}

// The attack: more items and collections than there is room for.
func TestTheTableOfTagsIsBoundedAndStaysRight(t *testing.T) {
	t.Parallel()
	const most = 256
	c := alone(t, cache.Options{MaxTags: most})
	of := kind(t, c, cache.Class{})
	k := key(t, of, "1")
	held := 0
	for i := range 20_000 {
		name := strconv.Itoa(i)
		tags := []cache.Tag{{Scope: "run", Collection: "c" + name}, {Scope: "run", Collection: "files", Item: name}}
		_, _, ticket, hit := of.Lookup(t.Context(), k, tags)
		require.False(t, hit)
		if of.Keep(ticket, []byte("v")) && holds(t, of, k, tags...) {
			held++
		}
		_, err := c.Invalidate(t.Context(), tags[i%2])
		require.NoError(t, err)
		require.False(t, holds(t, of, k, tags...), "change %d was not seen", i)
	}
	require.LessOrEqual(t, c.Stats().Local.Tags, int64(most))
	require.Greater(t, held, 15_000, "a full table costs hits, not all of them")
}

// A point that was given up for another must not forget that a change is open.
func TestAFullTableOfTagsKeepsItsOpenChanges(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{MaxTags: 64})
	of := kind(t, c, cache.Class{})
	k := key(t, of, "1")
	_, _, before, _ := of.Lookup(t.Context(), k, []cache.Tag{item("a")})
	ch, err := c.Begin(t.Context(), item("a"))
	require.NoError(t, err)
	flood := func() {
		for i := range 5000 {
			of.Lookup(t.Context(), key(t, of, "x"), []cache.Tag{item(i), {Scope: strconv.Itoa(i), Collection: "c"}})
		}
	}
	flood()
	_, _, during, _ := of.Lookup(t.Context(), k, []cache.Tag{item("a")})
	require.False(t, of.Keep(before, []byte("v")))
	require.False(t, of.Keep(during, []byte("v")))
	require.NoError(t, ch.Done(t.Context()))
	flood()
	require.False(t, of.Keep(before, []byte("v")))
	require.False(t, of.Keep(during, []byte("v")))
	require.LessOrEqual(t, c.Stats().Local.Tags, int64(64))
}

// All room is taken by open changes: then the table grows rather than lifting one.
func TestMoreOpenChangesThanRoom(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{MaxTags: 16})
	of := kind(t, c, cache.Class{})
	var open []*cache.Change
	for i := range 200 {
		ch, err := c.Begin(t.Context(), item(i))
		require.NoError(t, err)
		open = append(open, ch)
	}
	for i := range 200 {
		_, _, ticket, hit := of.Lookup(t.Context(), key(t, of, strconv.Itoa(i)), []cache.Tag{item(i)})
		require.False(t, hit)
		require.False(t, of.Keep(ticket, []byte("v")), "item %d", i)
	}
	for _, ch := range open {
		require.NoError(t, ch.Done(t.Context()))
	}
	for i := range 200 { // the room comes back
		of.Lookup(t.Context(), key(t, of, "x"), []cache.Tag{item(1000 + i)})
	}
	require.Less(t, c.Stats().Local.Tags, int64(420))
}

// An answer from before must not come back to life when its point was given up
// and made anew at the same place.
func TestAForgottenPointNeverComesBackToLife(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{MaxTags: 16})
	of := kind(t, c, cache.Class{})
	k := key(t, of, "1")
	for round := range 50 {
		_, _, ticket, _ := of.Lookup(t.Context(), k, []cache.Tag{item("a")})
		for i := range 200 { // pushes the points of the answer out
			of.Lookup(t.Context(), key(t, of, "x"), []cache.Tag{item(round*1000 + i)})
		}
		_, err := c.Invalidate(t.Context(), item("a"))
		require.NoError(t, err)
		require.False(t, of.Keep(ticket, []byte("old")))
		require.False(t, holds(t, of, k, item("a")))
	}
}

// A list too long to be told apart stands for its scopes: changes that overlap it
// still drop the answer.
func TestVeryLongTagListsAreCoarsened(t *testing.T) {
	t.Parallel()
	c, err := cache.New(cache.Options{})
	require.NoError(t, err)
	o, err := cache.Register(c, cache.Class{Name: "x", Scope: cache.Public}, cache.Bytes{})
	require.NoError(t, err)
	var long []cache.Tag
	for i := range 1000 {
		long = append(long, cache.Tag{Scope: "s", Collection: "orders", Item: strconv.Itoa(i)})
	}
	key, err := o.Key(cache.Question{Tool: "t"})
	require.NoError(t, err)
	loads := 0
	get := func() {
		_, _, err := o.Get(t.Context(), key, long, func(context.Context) ([]byte, error) { loads++; return []byte("v"), nil })
		require.NoError(t, err)
	}
	get()
	get()
	require.Equal(t, 1, loads)
	require.Less(t, c.Stats().Local.Tags, int64(20))
	_, err = c.Invalidate(t.Context(), cache.Tag{Scope: "s", Collection: "orders", Item: "999"})
	require.NoError(t, err)
	get()
	require.Equal(t, 2, loads)
	short, err := o.Key(cache.Question{Tool: "u"})
	require.NoError(t, err)
	_, _, err = o.Get(t.Context(), short, long[:1], func(context.Context) ([]byte, error) { loads++; return nil, nil })
	require.NoError(t, err)
	_, err = c.Invalidate(t.Context(), long...)
	require.NoError(t, err)
	_, _, hits, hit := o.Lookup(t.Context(), short, long[:1])
	require.False(t, hit, "%v", hits)
}
