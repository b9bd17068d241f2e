package policy

import (
	"slices"
	"strconv"
	"strings"

	"m1/engine/source"
)

// A value of the wrong type is told where the file is decoded. The reader knows more
// of what is wanted there: it says so in that problem and adds no second one.

// told is the problem of a value that is not of the type of into, a pointer; nil if
// the value is, or if there is none.
func (r *reader) told(at source.Node, into any) *wrongType {
	if len(r.ps) == 0 || at.IsZero() || at.Decode(into) == nil {
		return nil
	}
	p := at.Problem("", "")
	for i := range r.ps {
		if t := &r.ps[i]; t.Line == p.Line && t.Col == p.Col && t.Field == p.Field && strings.HasPrefix(t.Msg, "found ") {
			return (*wrongType)(t)
		}
	}
	return nil
}

type wrongType source.Problem

// want says what is wanted instead of what the type alone says.
func (p *wrongType) want(words string) {
	found, _, _ := strings.Cut(p.Msg, ", want ")
	p.Msg = found + ", want " + words
}

// hintLists says how a single text is written where a list of texts is wanted.
func (r *reader) hintLists(at source.Node) {
	wanted := map[string]*source.Problem{} // by field
	for i := range r.ps {
		p := &r.ps[i]
		if strings.HasPrefix(p.Msg, "found the text ") && strings.HasSuffix(p.Msg, ", want a list") && p.Hint == "" && ofTexts(p.Field) {
			wanted[p.Field] = p
		}
	}
	if len(wanted) > 0 {
		hintList(at, wanted)
	}
}

// ofTexts reports whether a field is a list of texts.
func ofTexts(field string) bool {
	last := field[strings.LastIndexByte(field, '.')+1:]
	return strings.HasPrefix(field, "lists.") || slices.Contains([]string{"tools", "agents", "match", "approvers"}, last)
}

func hintList(at source.Node, wanted map[string]*source.Problem) {
	for _, item := range at.Items() {
		hintList(item, wanted)
	}
	for _, value := range at.Members() {
		hintList(value, wanted)
	}
	if !at.IsText() {
		return
	}
	if p := wanted[at.Path()]; p != nil {
		p.Hint = "write [" + quoted(at.Text()) + "]"
	}
}

// quoted puts text in quotes unless it is a plain name.
func quoted(text string) string {
	if word, _, _ := strings.Cut(text, "."); isWord(word) && !slices.Contains([]string{"true", "false", "null"}, strings.ToLower(text)) &&
		strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./") == "" {
		return text
	}
	return strconv.Quote(text)
}
