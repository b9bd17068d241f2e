package app

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"
)

// Fault is a panic of the program, caught so that the terminal could be
// restored first. Stack is for a bug report.
type Fault struct {
	Value any
	Stack []byte
}

// Error implements error.
func (f *Fault) Error() string {
	return fmt.Sprintf("app: the screen stopped on a fault: %v", f.Value)
}

// guard turns panics of a model into a Fault and an orderly end. The library
// catches them too, but prints the stack itself and keeps the value.
type guard struct {
	model  tea.Model
	fail   func(error)
	failed atomic.Bool // the model is not asked again
	last   tea.View    // the last good one, shown for the moment until the end
}

// Init implements tea.Model.
func (g *guard) Init() tea.Cmd {
	defer g.catch()
	return g.cmd(g.model.Init())
}

// Update implements tea.Model.
func (g *guard) Update(msg tea.Msg) (next tea.Model, cmd tea.Cmd) {
	next = g // after a panic, too: the library draws once more
	if g.failed.Load() {
		return next, nil
	}
	defer g.catch()
	g.model, cmd = g.model.Update(msg)
	return next, g.cmd(cmd)
}

// View implements tea.Model.
func (g *guard) View() (v tea.View) {
	v = g.last
	if g.failed.Load() {
		return v
	}
	defer g.catch()
	g.last = g.model.View()
	return g.last
}

func (g *guard) cmd(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() tea.Msg {
		defer g.catch()
		return cmd()
	}
}

func (g *guard) catch() {
	if v := recover(); v != nil {
		g.failed.Store(true)
		g.fail(&Fault{Value: v, Stack: debug.Stack()})
	}
}
