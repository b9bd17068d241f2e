package trace

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// findSessions looks for transcripts below a folder. It reads the head of every
// *.jsonl file, to learn whose it is and when it began; size is the bytes of all.
func findSessions(path string) (found []session, size int64, err error) {
	root, err := filepath.EvalSymlinks(path) // WalkDir does not follow a link, not even as its root
	if err != nil {
		return nil, 0, unreadable(path, err)
	}
	var heads []head
	var other string
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() || !strings.HasSuffix(strings.TrimSuffix(name, ".gz"), ".jsonl") {
			return nil
		}
		h, err := readHead(name)
		if err != nil {
			return err
		}
		switch h.format {
		case ClaudeCode:
			info, err := d.Info()
			if err != nil {
				return err
			}
			size += info.Size()
			heads = append(heads, h)
		case Native:
			other = name
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("trace: look for transcripts in %s: %w", path, err)
	}
	if len(heads) == 0 && other != "" {
		return nil, 0, fmt.Errorf("trace: %s holds no Claude Code transcripts, but trace files: name one of them, such as %s", path, other)
	}
	if len(heads) == 0 {
		return nil, 0, fmt.Errorf("trace: %s holds no Claude Code transcripts (*.jsonl): that client keeps them in ~/.claude/projects", path)
	}
	return groupHeads(heads), size, nil
}

// head is what the first lines of a file say.
type head struct {
	name    string
	format  Format // empty: some other program's
	session string // the session that the file belongs to
	agent   bool   // a subagent's file
	derived bool   // begins with lines of another session
	first   time.Time
}

// readHead looks at the first lines. What is wrong with a file is said when it
// is read as a whole.
func readHead(name string) (head, error) {
	h := head{name: name, agent: strings.HasPrefix(filepath.Base(name), "agent-")}
	f, err := os.Open(name)
	if err != nil {
		return h, err
	}
	defer f.Close()
	in, err := newLines(name, f, nil)
	if err != nil {
		h.format, h.session = ClaudeCode, sessionName(name)
		return h, nil
	}
	var said string // the first session id in the file
	for i, size := 0, 0; i < detectLines && size < detectBytes; i++ {
		_, text, err := in.next()
		if err != nil && !isLine(err) {
			break
		}
		size += len(text)
		format, _ := formatOf(text)
		e, ok, wrong := parseEntry(text)
		switch {
		case h.format != "":
		case format != "":
			h.format = format
		case i == 0 && wrong != "":
			h.format = ClaudeCode // to be reported, not passed over
		}
		if ok {
			said = cmp.Or(said, e.Session)
			h.agent = h.agent || h.first.IsZero() && e.Sidechain
			h.first = e.at
		}
		if said != "" && !h.first.IsZero() {
			break
		}
	}
	h.session = sessionName(name)
	switch {
	case said == "":
	case h.agent, !isUUID(h.session):
		h.session = said
	default:
		h.derived = h.session != said
	}
	return h, nil
}

// group is the files of one session.
type group struct {
	head
	files []transcript
	last  time.Time // only where two sessions have the same beginning
}

// groupHeads puts the files of each session together, in the order in which the
// sessions began. Of two with the same beginning one is a copy of the other: the
// copy names another session in its first lines, or else it is the one that went
// on longer, for a session is resumed after it ended.
func groupHeads(heads []head) []session {
	groups := map[string]*group{}
	slices.SortStableFunc(heads, func(a, b head) int { return cmp.Compare(rank(a.agent), rank(b.agent)) })
	for _, h := range heads {
		g := groups[h.session]
		if g == nil {
			g = &group{head: h}
			groups[h.session] = g
		}
		if g.first.IsZero() || !h.first.IsZero() && h.first.Before(g.first) {
			g.first = h.first
		}
		g.files = append(g.files, transcript{name: h.name, sidechain: h.agent})
	}
	began := map[time.Time]int{}
	for _, g := range groups {
		began[g.first]++
	}
	var order []*group
	for _, g := range groups {
		if began[g.first] > 1 && !g.first.IsZero() {
			g.last = lastTime(g.name)
		}
		order = append(order, g)
	}
	slices.SortFunc(order, func(a, b *group) int {
		return cmp.Or(a.first.Compare(b.first), cmp.Compare(rank(a.derived), rank(b.derived)),
			a.last.Compare(b.last), cmp.Compare(a.session, b.session))
	})
	found := make([]session, len(order))
	for i, g := range order {
		found[i] = session{id: g.session, files: g.files}
	}
	return found
}

// lastTime reads a whole transcript for the time of its last line. What is wrong
// with the file is said when it is read for its events.
func lastTime(name string) (last time.Time) {
	f, err := os.Open(name)
	if err != nil {
		return last
	}
	defer f.Close()
	in, err := newLines(name, f, nil)
	if err != nil {
		return last
	}
	for {
		_, text, err := in.next()
		if err != nil && !isLine(err) {
			return last
		}
		if e, ok, _ := parseEntry(text); ok && e.at.After(last) {
			last = e.at
		}
	}
}

func rank(later bool) int {
	if later {
		return 1
	}
	return 0
}

// sessionName is the name of a file without its endings.
func sessionName(file string) string {
	return strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".gz"), ".jsonl")
}

func isUUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}
