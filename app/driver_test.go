package app_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"m1/app"
	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/views"
)

var start = time.Date(2026, 3, 4, 9, 41, 0, 0, time.UTC)

// feed is a Feed as the collector is one: a slot for one picture per
// subscription, the newest wins.
type feed struct {
	mu      sync.Mutex
	windows []time.Duration
	slots   map[chan *snapshot.Dashboard]struct{}
	last    *snapshot.Dashboard // what a new subscription gets at once; may be nil
}

func newFeed(last *snapshot.Dashboard) *feed {
	return &feed{slots: map[chan *snapshot.Dashboard]struct{}{}, last: last}
}

func (f *feed) Subscribe(ctx context.Context, window time.Duration) <-chan *snapshot.Dashboard {
	f.mu.Lock()
	defer f.mu.Unlock()
	slot := make(chan *snapshot.Dashboard, 1)
	f.windows = append(f.windows, window)
	f.slots[slot] = struct{}{}
	if f.last != nil {
		slot <- f.last
	}
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, open := f.slots[slot]; open {
			delete(f.slots, slot)
			close(slot)
		}
	})
	return slot
}

func (f *feed) send(d *snapshot.Dashboard) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for slot := range f.slots {
		select {
		case <-slot:
		default:
		}
		slot <- d
	}
}

// end closes every subscription, as an engine does that has ended.
func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for slot := range f.slots {
		delete(f.slots, slot)
		close(slot)
	}
}

func (f *feed) asked() (windows []time.Duration, open int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]time.Duration(nil), f.windows...), len(f.slots)
}

// untaken counts the pictures that wait in a slot.
func (f *feed) untaken() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for slot := range f.slots {
		n += len(slot)
	}
	return n
}

// board is a picture with the given calls, newest first.
func board(n int64, calls ...*snapshot.Call) *snapshot.Dashboard {
	d := &snapshot.Dashboard{Timestamp: start.Add(time.Duration(n) * time.Second), Calls: calls}
	d.Source.Mode = "live"
	d.Health.Status = "healthy"
	d.Metrics.WindowS = 300
	d.Metrics.Operations.ToolCallsTotal = n
	return d
}

func aCall(id int, tool string) *snapshot.Call {
	return &snapshot.Call{
		ID: call.ID(fmt.Sprintf("tc_%04d", id)), At: start.Add(time.Duration(id) * time.Second),
		Agent: "billing-bot", Run: "run_1", Tool: tool, Scope: call.Read, Args: `{"id":7}`,
		Effect: call.Allow, Would: call.Allow, Cache: "miss", PolicyUS: 0.4, TotalUS: 18,
	}
}

// someCalls are calls with ids from newest down to oldest.
func someCalls(newest, oldest int) []*snapshot.Call {
	tools := []string{"get_order", "refund", "search"}
	var out []*snapshot.Call
	for id := newest; id >= oldest; id-- {
		out = append(out, aCall(id, tools[id%len(tools)]))
	}
	return out
}

func withRuns(d *snapshot.Dashboard, ids ...string) *snapshot.Dashboard {
	for i, id := range ids {
		d.Runs.All = append(d.Runs.All, snapshot.Run{
			ID: call.RunID(id), Agent: "billing-bot", Goal: "refund", Status: "active",
			StartedAt: start, LastAt: start.Add(time.Duration(len(ids)-i) * time.Second), ToolCalls: 3,
		})
	}
	d.Runs.Recent = d.Runs.All
	d.Runs.Total = int64(len(ids))
	return d
}

// screen drives a model by messages, without a program around it.
type screen struct {
	t   testing.TB
	m   tea.Model
	now time.Time
	cmd tea.Cmd // of the last message
}

func newScreen(t testing.TB, o app.Options) *screen {
	t.Helper()
	if o.Feed == nil {
		o.Feed = newFeed(nil)
	}
	if o.Clock == nil {
		o.Clock = func() time.Time { return start }
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	s := &screen{t: t, m: app.NewModel(ctx, o), now: start}
	s.send(tea.WindowSizeMsg{Width: 120, Height: 40})
	return s
}

func (s *screen) send(msg tea.Msg) *screen {
	s.m, s.cmd = s.m.Update(msg)
	return s
}

func (s *screen) show(d *snapshot.Dashboard) *screen {
	s.now = s.now.Add(time.Second)
	return s.send(app.PictureFor(s.m, d, s.now))
}

func (s *screen) frame() views.Frame { return app.FrameOf(s.m) }

// press presses keys by the names of the library; text of one rune is typed.
func (s *screen) press(keys ...string) *screen {
	for _, k := range keys {
		s.send(key(k))
	}
	return s
}

func (s *screen) typed(text string) *screen {
	for _, r := range text {
		s.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	return s
}

var named = map[string]tea.KeyPressMsg{
	"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab},
	"shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift}, "backspace": {Code: tea.KeyBackspace},
	"up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd},
	"pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
	"ctrl+c": {Code: 'c', Mod: tea.ModCtrl}, "ctrl+d": {Code: 'd', Mod: tea.ModCtrl}, "ctrl+u": {Code: 'u', Mod: tea.ModCtrl},
	"space": {Code: tea.KeySpace, Text: " "}, "ctrl+w": {Code: 'w', Mod: tea.ModCtrl}, "ctrl+l": {Code: 'l', Mod: tea.ModCtrl}, "ctrl+z": {Code: 'z', Mod: tea.ModCtrl},
}

func key(name string) tea.KeyPressMsg {
	if k, ok := named[name]; ok {
		return k
	}
	r := []rune(name)[0]
	return tea.KeyPressMsg{Code: r, Text: name}
}

// quits tells whether the last message ended the program.
func (s *screen) quits() bool {
	if s.cmd == nil {
		return false
	}
	_, ok := s.cmd().(tea.QuitMsg)
	return ok
}
