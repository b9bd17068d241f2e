package app_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"m1/app"
	"m1/collector/snapshot"
)

// loop runs a model as the program does, in the time of a synctest bubble:
// messages one by one, every command in a goroutine of its own.
type loop struct {
	*screen
	feed *feed
	msgs chan tea.Msg
	stop context.CancelFunc
	took int // pictures that arrived
}

func newLoop(t *testing.T, d *snapshot.Dashboard) *loop {
	ctx, cancel := context.WithCancel(t.Context())
	f := newFeed(d)
	l := &loop{feed: f, msgs: make(chan tea.Msg, 64), stop: cancel}
	l.screen = &screen{t: t, m: app.NewModel(ctx, app.Options{Feed: f})}
	l.run(l.m.Init())
	return l.key("") // nothing yet but what the start brings
}

func (l *loop) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		if msg := cmd(); msg != nil {
			l.msgs <- msg
		}
	}()
}

// settle handles all messages until everything waits.
func (l *loop) settle() *loop {
	for {
		synctest.Wait()
		select {
		case msg := <-l.msgs:
			before := l.frame().Snap
			l.send(msg)
			if l.frame().Snap != before {
				l.took++
			}
			l.run(l.cmd)
		default:
			return l
		}
	}
}

func (l *loop) key(k string) *loop {
	if k != "" {
		l.press(k)
		l.run(l.cmd)
	}
	return l.settle()
}

// pass lets time pass in small steps, as the library's clock would.
func (l *loop) pass(d time.Duration) *loop {
	for range d / (50 * time.Millisecond) {
		time.Sleep(50 * time.Millisecond)
		l.settle()
	}
	return l
}

func TestOnePictureARefreshIsTakenHoweverFastTheEngineIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, board(0))
		require.Equal(t, 1, l.took, "the first picture is not waited for")
		var sent int64
		for range 200 { // 100 pictures a second for 2 seconds
			sent++
			l.feed.send(board(sent))
			time.Sleep(10 * time.Millisecond)
			l.settle()
		}
		require.Equal(t, 3, l.took)
		require.GreaterOrEqual(t, l.frame().Snap.Metrics.Operations.ToolCallsTotal, sent-2, "the newest wins")
		l.stop()
		l.settle()
	})
}

func TestAFrozenPictureStandsStillAndAsksForNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, board(1))
		l.key("f")
		froze := l.frame()
		for i := range 20 {
			l.feed.send(board(int64(10 + i)))
			l.pass(250 * time.Millisecond)
		}
		held := l.frame()
		require.True(t, held.Frozen)
		require.Same(t, froze.Snap, held.Snap)
		require.Equal(t, froze.Now, held.Now, "ages stand still too")
		require.Equal(t, froze.Now, held.FrozenAt)
		drawn := app.Drawn(l.m)
		l.pass(time.Minute)
		require.Equal(t, drawn, app.Drawn(l.m))

		l.key("f")
		require.EqualValues(t, 29, l.frame().Snap.Metrics.Operations.ToolCallsTotal, "after that the newest is there at once")
		require.True(t, l.frame().Now.After(froze.Now))
		l.pass(time.Second)
		l.feed.send(board(30))
		l.pass(2 * time.Second)
		require.EqualValues(t, 30, l.frame().Snap.Metrics.Operations.ToolCallsTotal)
		l.stop()
		l.settle()
	})
}

func TestFreezingWhileAWindowOpensAsksForNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, board(1))
		l.press("+")
		l.run(l.cmd)
		l.key("f")
		l.pass(5 * time.Second)
		require.Equal(t, 1, l.feed.untaken())
		l.key("f")
		require.Zero(t, l.feed.untaken())
		l.stop()
		l.settle()
	})
}

func TestAnotherWindowIsAnotherSubscription(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, board(1))
		l.key("+")
		windows, open := l.feed.asked()
		require.Equal(t, []time.Duration{5 * time.Minute, 15 * time.Minute}, windows)
		require.Equal(t, 1, open, "the former subscription is given back")
		require.Equal(t, 15*time.Minute, l.frame().Window)

		// Faster than the feed answers: only the last one stays.
		for _, k := range []string{"+", "+", "-", "="} {
			l.press(k)
			l.run(l.cmd)
		}
		l.settle()
		_, open = l.feed.asked()
		require.Equal(t, 1, open)
		require.Equal(t, 5*time.Minute, l.frame().Window)

		l.feed.send(board(2))
		l.pass(2 * time.Second)
		require.EqualValues(t, 2, l.frame().Snap.Metrics.Operations.ToolCallsTotal)
		require.Empty(t, l.frame().Snap.Source.Err, "a subscription given up is no engine that ended")
		l.stop()
		l.settle()
		_, open = l.feed.asked()
		require.Zero(t, open)
	})
}

func TestWhenNothingComesTheAgeIsSeenToGrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(t, board(1))
		shown := l.frame()
		l.pass(30 * time.Second)
		require.Same(t, shown.Snap, l.frame().Snap)
		require.GreaterOrEqual(t, l.frame().Now.Sub(shown.Now), 27*time.Second)
		l.stop()
		l.settle()
	})
}

func TestAnEngineThatEndedLeavesItsLastPicture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		last := board(7, someCalls(5, 1)...)
		l := newLoop(t, last)
		l.feed.end()
		l.pass(2 * time.Second)
		f := l.frame()
		require.EqualValues(t, 7, f.Snap.Metrics.Operations.ToolCallsTotal)
		require.Contains(t, f.Snap.Source.Err, "ended")
		require.True(t, f.Bad)
		require.Empty(t, last.Source.Err, "a picture is never changed")
		l.key("j")
		require.EqualValues(t, "tc_0005", l.frame().Calls.Selected, "one can still look around")
		l.key("+")
		require.Equal(t, 5*time.Minute, l.frame().Window)
		l.press("q")
		require.True(t, l.quits())
		l.stop()
		l.settle()
	})
}

func TestAReplayThatReachedItsEndGoesOn(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{})
	d := board(9)
	d.Source.Mode, d.Source.Ended = "replay", true
	s.show(d).show(d)
	require.Empty(t, s.frame().Snap.Source.Err)
	require.Empty(t, s.frame().Notice)
}

func TestAnEngineThatEndsWhileFrozenSaysSo(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1)).press("f")
	s.show(board(2)).send(app.EndFor(s.m))
	require.EqualValues(t, 1, s.frame().Snap.Metrics.Operations.ToolCallsTotal)
	require.Contains(t, s.frame().Notice, "ended")
	s.press("f")
	require.EqualValues(t, 2, s.frame().Snap.Metrics.Operations.ToolCallsTotal)
	require.Contains(t, s.frame().Snap.Source.Err, "ended")
}

func TestDrawingTheSameStateTwiceCostsNothing(t *testing.T) { // counts allocations: not parallel
	s := newScreen(t, app.Options{}).show(board(1, someCalls(30, 1)...))
	first := app.Drawn(s.m)
	s.send(tea.KeyPressMsg{Code: 'Z', Text: "Z"}).send(tea.FocusMsg{}).send(tea.MouseMotionMsg{})
	require.Zero(t, testing.AllocsPerRun(10, func() { app.Drawn(s.m) }))
	require.Equal(t, first, app.Drawn(s.m))
	require.NotEqual(t, first, app.Drawn(s.press("j").m))
}

func TestWrongOptionsAreNamed(t *testing.T) {
	t.Parallel()
	err := app.Run(t.Context(), app.Options{Theme: "neon", Window: time.Second, Refresh: -1})
	require.ErrorContains(t, err, "Feed")
	require.ErrorContains(t, err, `"neon"`)
	require.ErrorContains(t, err, "window 1s")
	require.ErrorContains(t, err, "Refresh")
	require.NotErrorIs(t, err, app.ErrStalled)
}

func TestSelfCostIsMeasuredBetweenReadings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var written int64
		read := app.NewSelf(time.Now, func() int64 { return written })
		require.Zero(t, read())
		time.Sleep(2 * time.Second)
		written = 8_000
		first := read()
		require.InDelta(t, 4_000, first.BytesPerS, 1e-9)
		time.Sleep(10 * time.Millisecond)
		written = 1_000_000
		require.Equal(t, first, read(), "too soon for another answer")
	})
}
