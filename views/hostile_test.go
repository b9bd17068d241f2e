package views_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/themes"
	"m1/views"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
)

// hostile are texts that have fooled terminals, readers or measuring code.
var hostile = []string{
	"deny\rALLOW", "a\nb\nc", "\x1b[2J\x1b[H", "\x1b]0;owned\x07", "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "\x1bP+q\x1b\\", "\x1b[6n",
	"\u009b31mred", "\u009d0;title\u009c", "\u202egnp.exe", "\u2066\u2067\u2069", "\u061c\u200e\u200f", "a\u200bb\u200c\u200d\u2060\ufeff",
	"\U000e0041\U000e0042\U000e007f", "❤\ufe0f", "1\ufe0f\u20e3", "Z" + strings.Repeat("\u0351\u0489", 40), "\u2028\u2029", "\u0085", "\xff\xfe\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	"\ue000\U0010fffd", "👩\u200d👩\u200d👧\u200d👦", "🇩🇪🇫🇷", "👍🏽", "日本語の道具", "각\u1100\u1161\u11a8", "क्षि", "ﷺ", "\u0600\u0601x", "\u3164\u2800\u115f\u1160\uffa0", "\t\v\f\b\b\b", strings.Repeat("W", 5000), strings.Repeat("界", 3000), "",
	"\u0d4ex", "ก็็็็็", "e\u0301", "‹U+202E›", "…", "%s%d%!(EXTRA)", "\x00",
}

// fill puts hostile texts into every string below v, and two elements into
// every slice and map.
func fill(v reflect.Value, next func() string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(next())
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), next)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(at))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), next)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			fill(v.Index(i), next)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, next)
			fill(value, next)
			v.SetMapIndex(key, value)
		}
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(len(next())) * 1_000_003)
	case reflect.Uint8:
		v.SetUint(2)
	case reflect.Float64:
		v.SetFloat(float64(len(next())) * 1.7e5)
	}
}

var ourSequence = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// sound fails unless screen is h lines of at most w cells that hold nothing but
// visible text and the theme's own sequences.
func sound(t *testing.T, screen string, w, h int) {
	t.Helper()
	lines := strings.Split(screen, "\n")
	require.Len(t, lines, h)
	for _, l := range lines {
		text := ourSequence.ReplaceAllString(l, "")
		harmless(t, text)
		require.LessOrEqual(t, ansi.StringWidth(text), w, "%q", text)
		require.LessOrEqual(t, ansi.StringWidthWc(text), w, "%q", text)
	}
}

func TestNoHostileStringReachesTheTerminal(t *testing.T) {
	t.Parallel()
	for round := range hostile {
		n := round
		next := func() string { n++; return hostile[n%len(hostile)] }
		f := frame(0, 0)
		f.Theme, _ = themes.ByName("dark", themes.TrueColor)
		f.Snap = &snapshot.Dashboard{}
		fill(reflect.ValueOf(f.Snap).Elem(), next)
		f.Calls.Filter, f.Runs.Filter, f.Notice = "", "", next()
		f.Actions = []views.Action{{Keys: next(), Title: next(), Group: next(), Footer: true}}
		modes := []string{"live", "demo", "replay", "attached", next()}
		f.Snap.Source.Mode = modes[round%len(modes)]
		if round%2 == 0 {
			f.Snap.Source.Err = ""
		}
		for i, c := range f.Snap.Calls {
			c.ID = call.ID(fmt.Sprint("c", i))
		}
		detail := f.Snap.Calls[0]
		f.Snap.Approvals[0].Status = snapshot.Pending
		for i := range f.Snap.Approvals {
			a := &f.Snap.Approvals[i]
			a.ID = fmt.Sprint("ap", i)
			if i != 1 { // one has arguments that are no JSON
				a.Args = hostileArgs(t, next)
			}
		}
		why := &views.Why{Explanation: &snapshot.Explanation{}}
		fill(reflect.ValueOf(why.Explanation).Elem(), next)
		dialog := &views.Dialog{}
		fill(reflect.ValueOf(dialog).Elem(), next)
		for turn, size := range [][][2]int{{{60, 18}, {200, 60}}, {{80, 24}, {40, 10}}, {{120, 40}, {7, 3}}}[round/2%3] {
			f.Width, f.Height = size[0], size[1]
			for i, change := range []func(*views.Frame){
				func(f *views.Frame) { f.Page = views.Overview },
				func(f *views.Frame) { f.Page = views.Overview; f.Panel = 2 },
				func(f *views.Frame) { f.Page = views.Calls },
				func(f *views.Frame) {
					f.Page, f.Calls.Filter, f.Calls.Editing, f.Calls.Sort = views.Calls, hostile[round], true, hostile[round]
				},
				func(f *views.Frame) { f.Page = views.Runs },
				func(f *views.Frame) { f.Page, f.Runs.Filter, f.Runs.Editing = views.Runs, hostile[round], true },
				func(f *views.Frame) { f.Page = views.Cache },
				func(f *views.Frame) { f.Page = views.Cache; clustered(f, f.Snap.Cache.Coherence.State) },
				func(f *views.Frame) { f.Page, f.CacheTop = views.Cache, 17; clustered(f, "isolated") },
				func(f *views.Frame) { f.Page, f.CacheTop = views.Cache, 1_000; clustered(f, "coherent") },
				func(f *views.Frame) { clustered(f, "isolated") },
				func(f *views.Frame) { f.Detail.Call = detail.ID },
				func(f *views.Frame) { f.Detail.Call = detail.ID; f.Detail.Top = 14 },
				func(f *views.Frame) { f.Detail.Call = call.ID("gone" + hostile[round]) },
				func(f *views.Frame) { f.Detail.Run = f.Snap.Runs.All[0].ID + "x" },
				func(f *views.Frame) { f.Detail.Run = "kept"; f.Detail.KeptRun = &f.Snap.Runs.All[0] },
				func(f *views.Frame) { f.Help = true },
				func(f *views.Frame) { f.Page = views.Approvals },
				func(f *views.Frame) {
					f.Page, f.Approvals.Filter, f.Approvals.Editing = views.Approvals, hostile[round], true
				},
				func(f *views.Frame) { f.Detail.Approval = "ap0"; f.Detail.Said = hostile[round] },
				func(f *views.Frame) { f.Detail.Approval, f.Detail.Top = "ap0", 21 },
				func(f *views.Frame) { f.Detail.Approval, f.Detail.Top = "ap2", 43 },
				func(f *views.Frame) { f.Detail.Approval = "ap1" },
				func(f *views.Frame) { f.Detail.Approval = hostile[round] + "gone" },
				func(f *views.Frame) { f.Detail.Approval, f.Detail.KeptApproval = "kept", &f.Snap.Approvals[2] },
				func(f *views.Frame) { f.Detail.Call, f.Detail.KeptCall, f.Detail.Why = detail.ID, detail, why },
				func(f *views.Frame) {
					f.Detail.Call, f.Detail.KeptCall, f.Detail.Why, f.Detail.Top = detail.ID, detail, why, 25
				},
				func(f *views.Frame) { f.Detail.Call, f.Detail.Why = detail.ID, &views.Why{Err: hostile[round]} },
				func(f *views.Frame) { f.Page = views.Policy },
				func(f *views.Frame) { f.Page, f.PolicyTop = views.Policy, 30 },
				func(f *views.Frame) { f.Page, f.PolicyTop = views.Policy, 1_000 },
				func(f *views.Frame) { withDialog(f, *dialog, views.Approving) },
				func(f *views.Frame) { withDialog(f, *dialog, views.Ceiling) },
				func(f *views.Frame) { withDialog(f, *dialog, views.ApprovingCeiling) },
				func(f *views.Frame) { withDialog(f, *dialog, views.DenyingWithReason) },
			} {
				if (i+turn+round)%2 == 1 {
					continue // its turn comes at another size, and with other texts
				}
				g := f
				change(&g)
				sound(t, views.Screen(g), size[0], size[1])
			}
		}
	}
}

// hostileArgs is an object whose names and values are hostile.
func hostileArgs(t *testing.T, next func() string) json.RawMessage {
	t.Helper()
	args := map[string]any{next(): next(), next(): []string{next()}, next(): map[string]string{next(): next()}}
	raw, err := json.Marshal(args)
	require.NoError(t, err)
	return raw
}

func withDialog(f *views.Frame, d views.Dialog, kind views.DialogKind) {
	d.Kind, d.Quiet = kind, false
	f.Dialog, f.Detail.Approval = &d, "ap0"
}

// clustered lets f show all that there is to say of Redis and the other nodes.
func clustered(f *views.Frame, state string) {
	d := *f.Snap
	d.Cache.Redis.Configured, d.Cache.Coherence.ForeignSecret, d.Cache.Coherence.State = true, true, state
	f.Snap = &d
}

func TestHostileArgumentsAreListedWithTheirLengths(t *testing.T) {
	t.Parallel()
	f := frame(120, 60)
	c := *f.Snap.Calls[0]
	c.Args = `{"amount":312,"to\u202e":"u_77\r\nbcc: x","note":""}`
	f.Snap.Calls, f.Detail.Call = []*snapshot.Call{&c}, c.ID
	got := views.Screen(f)
	require.Contains(t, got, "amount      = 312   3 B")
	require.Contains(t, got, "to‹U+202E›  = u_77␍␊bcc: x   12 B")
	require.Contains(t, got, "note        = —   0 B")
}

func FuzzScreen(f *testing.F) {
	f.Add(80, 24, uint8(16+1), "tool:x", 0)
	f.Add(200, 60, uint8(48+7), "-", 5)
	f.Add(1, 1, uint8(32+2), "\xff", -5)
	f.Add(80, 24, uint8(5), "", 12)
	f.Add(120, 19, uint8(5), "", 1_000)
	f.Add(80, 24, uint8(3), "status:pend", 0)
	f.Add(60, 18, uint8(4), "", 9)
	f.Add(60, 18, uint8(64+3), "", 9)
	f.Add(90, 30, uint8(80+3), "sh", 4)
	f.Add(61, 19, uint8(96+2), "", 3)
	f.Fuzz(func(t *testing.T, w, h int, page uint8, filter string, top int) {
		if w > 300 || h > 120 {
			t.Skip("no terminal")
		}
		fr := frame(w, h)
		shared(&fr)
		fr.Page, fr.Panel = views.Page(page%16), top
		fr.Calls.Filter, fr.Runs.Filter = filter, filter
		asking(&fr)
		fr.Approvals.Filter = filter
		fr.HelpTop, fr.Detail.Top, fr.CacheTop, fr.PolicyTop = top, top, top, top
		switch page / 16 % 8 {
		case 4:
			fr.Detail.Approval = "ap_02"
		case 5:
			dialog(&fr, "ap_01", views.DialogKind(page%6))
			fr.Dialog.Typed, fr.Dialog.Word = filter, filter
			fr.Detail.Top = top
		case 6:
			explained(&fr)
			fr.Detail.Top = top
		case 1:
			fr.Help = true
		case 2:
			fr.Detail.Call = "tc_00398"
		case 3:
			fr.Detail.Run = "run_4708"
		}
		got := views.Screen(fr)
		require.Positive(t, views.PageSize(fr))
		require.GreaterOrEqual(t, views.ScrollEnd(fr), 0)
		if w <= 0 || h <= 0 {
			require.Empty(t, got)
			return
		}
		sound(t, got, w, h)
	})
}
