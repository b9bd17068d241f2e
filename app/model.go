package app

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"m1/collector/snapshot"
	"m1/themes"
	"m1/views"
)

// model is the root and only model. Update does no I/O and reads no clock: time
// and data come in with messages.
type model struct {
	pump     *pump
	operator *operations                                // nil: the screen only watches
	after    func(d time.Duration, msg tea.Msg) tea.Cmd // brings msg when d has passed
	refresh  time.Duration
	actions  []action

	// The feed.
	gen     int
	stream  *stream // nil while a subscription is being opened
	waiting bool    // a command of the pump is under way
	ended   bool    // the feed is closed; snap is the last picture
	snap    *snapshot.Dashboard
	held    *picture // arrived while frozen
	now     time.Time
	self    views.Self

	// What the person chose.
	width, height int
	page          views.Page
	panel         int // of the charts, where only some fit
	window        time.Duration
	start         time.Duration // the window that = goes back to
	theme         string
	profile       themes.Profile
	look          themes.Theme // theme made for profile
	noColor       bool
	frozen        bool
	frozenAt      time.Time
	mouse         bool
	calls         *callTable
	approvals     *approvalTable
	policy        *sheet
	cache         *sheet
	runs          *runTable
	filterWas     string // what the filter was when its line was opened
	detail        views.Detail
	whyGen        int // tells the explanations that were asked for apart
	dialog        *views.Dialog
	dialogGen     int               // tells its quiet times apart
	asked         snapshot.Approval // what the dialog was opened for
	questions     questions
	help          bool
	helpTop       int
	notice        notice

	// The drawn screen is kept until a message changes something: the library
	// asks for it after every message.
	drawn string
	stale bool
}

// notice is the answer to a key. It goes with the next key, or after a while.
type notice struct {
	text   string
	bad    bool
	remark bool // tells why a key did nothing, or of what no key did
	until  time.Time
}

const noticeTime = 8 * time.Second

func newModel(ctx context.Context, o Options) *model {
	m := &model{
		pump:     newPump(ctx, o),
		operator: newOperations(ctx, o.Operator),
		after: func(d time.Duration, msg tea.Msg) tea.Cmd {
			return tea.Tick(d, func(time.Time) tea.Msg { return msg })
		},
		refresh:   o.Refresh,
		actions:   actions(),
		now:       o.Clock(),
		page:      views.Overview,
		window:    o.Window,
		start:     o.Window,
		noColor:   o.NoColor,
		calls:     newCallTable(),
		approvals: newApprovalTable(),
		policy:    &sheet{},
		cache:     &sheet{},
		runs:      newRunTable(),
		questions: newQuestions(),
	}
	m.dress(o.Theme, themes.None)
	return m
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return m.pump.open(m.gen, m.window) }

// Update implements tea.Model. Whatever is not known leaves the drawn screen as
// it is.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	return m, tea.Batch(cmd, m.attend())
}

func (m *model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.stale = m.stale || msg.Width != m.width || msg.Height != m.height
		m.width, m.height = msg.Width, msg.Height
		if m.tooSmall() { // what cannot be read cannot be answered
			m.dialog = nil
		}
	case tea.ColorProfileMsg:
		m.setProfile(msg.Profile)
	case tea.ResumeMsg:
		m.stale = true
		if m.dialog != nil { // it appears anew
			return m.hush()
		}
	case tea.KeyPressMsg:
		return m.key(msg)
	case tea.PasteMsg:
		m.paste(msg.Content)
	case tea.MouseWheelMsg:
		m.wheel(msg)
	case opened:
		return m.open(msg.stream)
	case picture:
		return m.picture(msg)
	case late:
		return m.late(msg)
	case ended:
		m.end(msg)
	case readable:
		m.questions.readable(msg.ids)
	case ready:
		m.ready(msg)
	case answered:
		m.outcome(msg)
	case explained:
		m.explain(msg)
	}
	return nil
}

// View implements tea.Model.
func (m *model) View() tea.View {
	if m.stale && m.width > 0 && m.height > 0 {
		m.drawn = views.Screen(m.frame())
		m.stale = false
	}
	v := tea.NewView(m.drawn)
	v.AltScreen = true
	// Without it Ctrl+C is another key on a keyboard that is not Latin.
	v.KeyboardEnhancements.ReportAlternateKeys = true
	if m.mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	return v
}

// frame is all that views may know.
func (m *model) frame() views.Frame {
	f := m.state()
	f.Actions = m.offered()
	return f
}

// state is frame without the actions, for asking views about rows.
func (m *model) state() views.Frame {
	return views.Frame{
		Snap: m.snap, Now: m.now,
		Width: m.width, Height: m.height,
		Theme: m.look, Page: m.page, Panel: m.panel, Window: m.window,
		Frozen: m.frozen, FrozenAt: m.frozenAt, Refresh: m.refresh,
		Calls: m.calls.List, Approvals: m.approvals.List, Runs: m.runs.List, PolicyTop: m.policy.top, CacheTop: m.cache.top,
		Detail: m.detail, Dialog: m.dialog, Answers: m.operator != nil,
		Help: m.help, HelpTop: m.helpTop,
		Notice: m.notice.text, Bad: m.notice.bad, Remark: m.notice.remark,
		Self: m.self,
	}
}

// table is the table of the page that is shown.
func (m *model) table() table {
	switch m.page {
	case views.Approvals:
		return m.approvals
	case views.Policy:
		return m.policy
	case views.Cache:
		return m.cache
	case views.Runs:
		return m.runs
	}
	return m.calls
}

func (m *model) say(text string) {
	m.notice = notice{text: text, until: m.now.Add(noticeTime)}
}

func (m *model) remark(text string) {
	m.say(text)
	m.notice.remark = true
}

func (m *model) complain(text string) {
	m.say(text)
	m.notice.bad = true
}

// profiles translates what the library found out about the terminal.
var profiles = map[colorprofile.Profile]themes.Profile{
	colorprofile.TrueColor: themes.TrueColor,
	colorprofile.ANSI256:   themes.ANSI256,
	colorprofile.ANSI:      themes.ANSI,
}

func (m *model) setProfile(p colorprofile.Profile) {
	profile, ok := profiles[p]
	if !ok || m.noColor {
		profile = themes.None
	}
	m.dress(m.theme, profile)
}

// dress makes the theme ready for what the terminal can show.
func (m *model) dress(theme string, profile themes.Profile) {
	m.theme, m.profile, m.stale = theme, profile, true
	m.look, _ = themes.ByName(theme, profile)
}
