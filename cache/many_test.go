package cache_test

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache"
	"m1/cache/redistest"
)

// many are questions with a tag each.
func many(t testing.TB, of *cache.Of[[]byte], n int) []cache.Request {
	t.Helper()
	rs := make([]cache.Request, n)
	for i := range rs {
		rs[i] = cache.Request{Key: key(t, of, strconv.Itoa(i)), Tags: []cache.Tag{item(i)}}
	}
	return rs
}

// answers is a load of many that notes what it was asked.
func answers(asked *[][]int) func(context.Context, []int) ([][]byte, error) {
	return func(_ context.Context, missing []int) ([][]byte, error) {
		*asked = append(*asked, missing)
		vs := make([][]byte, len(missing))
		for n, i := range missing {
			vs[n] = []byte("v" + strconv.Itoa(i))
		}
		return vs, nil
	}
}

func TestGetManyLoadsWhatIsMissingAtOnce(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{})
	rs := many(t, of, 10)
	put(t, of, rs[3].Key, "v3", rs[3].Tags...)
	put(t, of, rs[7].Key, "v7", rs[7].Tags...)
	var asked [][]int
	for round := range 2 {
		out, err := of.GetMany(t.Context(), rs, answers(&asked))
		require.NoError(t, err)
		require.Equal(t, [][]int{{0, 1, 2, 4, 5, 6, 8, 9}}, asked)
		for i, r := range out {
			require.NoError(t, r.Err)
			require.Equal(t, "v"+strconv.Itoa(i), string(r.Value))
			if round == 1 || i == 3 || i == 7 {
				require.Equal(t, cache.Local, r.Info.Tier, i)
			} else {
				require.Equal(t, cache.Info{Tier: cache.None, Why: cache.Absent}, r.Info, i)
			}
		}
	}
	s := classOf(c, "answers")
	require.EqualValues(t, 10, s.Misses) // 2 by put
	require.EqualValues(t, 12, s.LocalHits)
	out, err := of.GetMany(t.Context(), nil, answers(&asked))
	require.NoError(t, err)
	require.Empty(t, out)
	require.Len(t, asked, 1)
}

func TestGetManyWithALoadThatFailsStillGivesWhatIsHeld(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{})
	rs := many(t, of, 3)
	put(t, of, rs[1].Key, "v1", rs[1].Tags...)
	for name, load := range map[string]func(context.Context, []int) ([][]byte, error){
		"the source was asked":                  func(context.Context, []int) ([][]byte, error) { return nil, errAsked },
		"cache: not found":                      func(context.Context, []int) ([][]byte, error) { return nil, cache.ErrNotFound },
		"returned 1 answers for 2 questions":    func(context.Context, []int) ([][]byte, error) { return make([][]byte, 1), nil },
		"load of class answers panicked: a bug": func(context.Context, []int) ([][]byte, error) { panic("a bug") },
	} {
		out, err := of.GetMany(t.Context(), rs, load)
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, out[0].Err, name)
		require.Equal(t, "v1", string(out[1].Value))
		require.NoError(t, out[1].Err)
		require.ErrorContains(t, out[2].Err, name)
	}
	_, err := of.GetMany(t.Context(), rs, func(context.Context, []int) ([][]byte, error) { return nil, cache.ErrNotFound })
	require.ErrorIs(t, err, cache.ErrNotFound)
	require.EqualValues(t, 3, classOf(c, "answers").LoadErrors, "that there is nothing is no failure")
	require.False(t, holds(t, of, rs[0].Key, rs[0].Tags...))
}

// explosive panics when it is encoded.
type explosive struct{}

func (explosive) Encode(int) ([]byte, error) { panic("cannot encode") }
func (explosive) Decode([]byte) (int, error) { return 0, nil }

func TestACodecThatPanicsIsAnErrorOrAnAnswerThatIsNotKept(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of, err := cache.Register(c, cache.Class{Name: "x"}, explosive{})
	require.NoError(t, err)
	k := key(t, of, "1")
	_, _, err = of.Get(t.Context(), k, nil, func(context.Context) (int, error) { return 1, nil })
	require.ErrorContains(t, err, "cannot encode")
	_, err = of.GetMany(t.Context(), []cache.Request{{Key: key(t, of, "2")}}, func(context.Context, []int) ([]int, error) { return []int{1}, nil })
	require.ErrorContains(t, err, "cannot encode")
}

func TestGetManyReturnsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		of := kind(t, alone(t, cache.Options{}), cache.Class{})
		rs := many(t, of, 2)
		put(t, of, rs[1].Key, "v1", rs[1].Tags...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		out, err := of.GetMany(ctx, rs, func(ctx context.Context, _ []int) ([][]byte, error) {
			time.Sleep(2 * time.Second)
			return [][]byte{[]byte("v0")}, ctx.Err()
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, out[0].Err, context.DeadlineExceeded)
		require.NoError(t, out[1].Err)
		time.Sleep(2 * time.Second)
		require.True(t, holds(t, of, rs[0].Key, rs[0].Tags...), "the load went on, and what it brought is kept")
	})
}

func TestGetManyKeepsNothingThatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{})
	rs := many(t, of, 3)
	_, err := of.GetMany(t.Context(), rs, func(ctx context.Context, missing []int) ([][]byte, error) {
		_, err := c.Invalidate(ctx, item(1))
		return make([][]byte, len(missing)), err
	})
	require.NoError(t, err)
	require.True(t, holds(t, of, rs[0].Key, rs[0].Tags...))
	require.False(t, holds(t, of, rs[1].Key, rs[1].Tags...))
	require.True(t, holds(t, of, rs[2].Key, rs[2].Tags...))
}

// calls counts the commands that a server was sent, by name.
func calls(t testing.TB, s *redistest.Server, command string) int {
	t.Helper()
	found := regexp.MustCompile(`cmdstat_` + command + `:calls=(\d+)`).FindStringSubmatch(s.Do(t, "INFO", "commandstats").(string))
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	return n
}

func TestGetManyAsksRedisOnceAndLoadsOnce(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := beside(t, s, "a", cache.Options{}), beside(t, s, "b", cache.Options{})
	at, bt := kind(t, a, cache.Class{}), kind(t, b, cache.Class{})
	errSlow := errors.New("Redis was slow, again")
	// A try that a busy machine spoilt begins anew, with other questions.
	once := func(round int) error {
		rs := make([]cache.Request, 20)
		tags := func(i int) []cache.Tag { return []cache.Tag{item(round*100 + i)} }
		for i := range rs {
			rs[i] = cache.Request{Key: key(t, at, strconv.Itoa(round*100+i)), Tags: tags(i)}
		}
		var asked [][]int
		_, err := at.GetMany(t.Context(), rs[:10], answers(&asked))
		require.NoError(t, err)
		require.Len(t, asked, 1)
		before := len(named(t, s, "e:"))
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end) && before < (round+1)*10; before = len(named(t, s, "e:")) {
			time.Sleep(time.Millisecond)
		}
		for i := range rs {
			rs[i].Key = key(t, bt, strconv.Itoa(round*100+i))
		}
		asked = nil
		mgets, scripts := calls(t, s, "mget"), calls(t, s, "evalsha")
		out, err := bt.GetMany(t.Context(), rs, answers(&asked))
		require.NoError(t, err)
		if got := calls(t, s, "mget") - mgets; got != 1 {
			return errors.New("MGETs: " + strconv.Itoa(got))
		}
		if got := calls(t, s, "evalsha") - scripts; got > 20 {
			return errors.New("scripts: " + strconv.Itoa(got)) // one, and those that keep the leases meanwhile
		}
		require.Len(t, asked, 1, "one load")
		for i, r := range out {
			require.NoError(t, r.Err)
			require.Equal(t, "v"+strconv.Itoa(i), string(r.Value))
		}
		if len(asked[0]) != 10 {
			return errSlow
		}
		require.Equal(t, []int{10, 11, 12, 13, 14, 15, 16, 17, 18, 19}, asked[0])
		require.Equal(t, cache.Redis, out[0].Info.Tier)
		return nil
	}
	var err error
	for round := range 20 {
		if err = once(round); err == nil {
			return
		}
	}
	require.NoError(t, err)
}
