package views

import (
	"m1/collector/snapshot"
	"m1/themes"
)

// drawFirstCall says how the first call gets here.
func drawFirstCall(f *Frame, a area) {
	address := listenURL(f.Snap.Source)
	var rows [][]span
	switch mode := f.Snap.Source.Mode; {
	case mode == "replay" && f.Snap.Source.Ended:
		rows = [][]span{{own(themes.Title, "No calls.")}, {own(themes.Muted, "The recording holds none.")}}
	case mode == "replay" || mode == "demo":
		rows = [][]span{{own(themes.Title, "No calls yet.")}, {own(themes.Muted, "The first recorded call appears in a moment.")}}
	case mode == "attached" || address.IsEmpty():
		rows = withAdvert(a.h, [][]span{
			{own(themes.Title, "No calls yet.")},
			{own(themes.Muted, "They appear here as soon as an agent proposes one to the engine.")},
		})
	default:
		rows = withAdvert(a.h, curl(address, !f.Snap.Source.NoAuth))
	}
	for y, r := range rows[:min(len(rows), a.h)] {
		a.spans(1, y, r)
	}
}

// curl is a first call to copy, with a word on its token.
func curl(address Safe, token bool) [][]span {
	rows := [][]span{
		{own(themes.Title, "No calls yet."), own(themes.Muted, " Propose one:")},
		{own(themes.Text, "  curl "), theirs(themes.Text, address), own(themes.Text, `/v1/tool_calls \`)},
	}
	if token {
		rows = append(rows, []span{own(themes.Text, `    -H "Authorization: Bearer $AGENT_TOKEN" \`)})
	}
	rows = append(rows,
		[]span{own(themes.Text, `    -H 'Content-Type: application/json' \`)},
		[]span{own(themes.Text, `    -d '{"agent":{"id":"me"},"tool_name":"Read","tool_input":{}}'`)})
	if token {
		rows = append(rows, []span{own(themes.Muted, "The agent token was printed before this screen; quit with q to see it.")})
	}
	return rows
}

// withAdvert adds where calls can be had without an agent, in one line if h lines
// have no room for more.
func withAdvert(h int, rows [][]span) [][]span {
	if len(rows)+2 > h {
		return append(rows, []span{own(themes.Accent, "  m1 replay ~/.claude/projects · m1 demo"), own(themes.Muted, "   recorded or simulated calls")})
	}
	if len(rows)+3 <= h { // the blank line is the first to go
		rows = append(rows, nil)
	}
	return append(rows,
		[]span{own(themes.Accent, "  m1 replay ~/.claude/projects"), own(themes.Muted, "   your own calls, if you use Claude Code")},
		[]span{own(themes.Accent, "  m1 demo"), own(themes.Muted, "                        simulated agents, nothing to set up")})
}

// listenURL is where the API is, as a client on this machine writes it.
func listenURL(s snapshot.Source) Safe {
	host := s.Listen
	switch {
	case host == "":
		return Safe{}
	case host[0] == ':':
		host = "127.0.0.1" + host
	}
	return MakeSafe("http://" + host)
}
