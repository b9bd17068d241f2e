package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// MaxBytes is the largest document that is read.
const MaxBytes = 8 << 20

// parse returns the top node of a document, or where its syntax is wrong.
func parse(name string, src []byte) (*yaml.Node, *Problem) {
	switch {
	case len(src) > MaxBytes:
		return nil, &Problem{
			File: name,
			Msg:  fmt.Sprintf("the document has %d bytes, more than the limit of %d", len(src), MaxBytes),
			Hint: "split it",
		}
	case !utf8.Valid(src):
		line, col := place(src, invalidAt(src))
		return nil, &Problem{File: name, Line: line, Col: col, Msg: "not UTF-8 text"}
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	text := bytes.TrimLeft(src, " \t\r\n")
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		// YAML claims to hold all of JSON, but yaml.v3 refuses escaped slashes,
		// surrogate pairs and tabs: JSON gets a reader of its own.
		n, p := parseJSON(name, src)
		if p == nil || path.Ext(name) == ".json" {
			return n, p
		}
	}
	return parseYAML(name, src)
}

func parseYAML(name string, src []byte) (*yaml.Node, *Problem) {
	safe, hidden := hideBraces(src)
	var doc, next yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(safe))
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		return nil, empty(name)
	case err != nil:
		return nil, syntax(name, src, safe, err)
	case len(doc.Content) == 0:
		return nil, empty(name)
	}
	if err := dec.Decode(&next); err == nil {
		n := &next
		if len(next.Content) > 0 {
			n = next.Content[0]
		}
		return nil, &Problem{
			File: name, Line: n.Line, Col: n.Column,
			Msg: "a second document begins here", Hint: "keep one document per file",
		}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntax(name, src, safe, err)
	}
	if hidden {
		showBraces(&doc)
	}
	return doc.Content[0], nil
}

func empty(name string) *Problem {
	return &Problem{File: name, Line: 1, Col: 1, Msg: "the document is empty"}
}

var (
	yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)
	// narrowed is a collection narrowed by an argument. YAML reads its braces
	// inside [ ] as the start of a mapping and fails.
	narrowed = regexp.MustCompile(`[A-Za-z0-9_.:-]+/\{[A-Za-z0-9_.:-]+\}`)
	hide     = strings.NewReplacer("{", "\ue000", "}", "\ue001")
	show     = strings.NewReplacer("\ue000", "{", "\ue001", "}")
)

// hideBraces lets [orders/{order_id}, products] be written without quotes: the
// braces become private characters while YAML looks, one for one, so that every
// column stays true. No document that was valid before reads differently.
func hideBraces(src []byte) ([]byte, bool) {
	if !bytes.Contains(src, []byte("/{")) || bytes.ContainsAny(src, "\ue000\ue001") {
		return src, false
	}
	return narrowed.ReplaceAllFunc(src, func(m []byte) []byte {
		return []byte(hide.Replace(string(m)))
	}), true
}

// showBraces undoes hideBraces in everything that was read.
func showBraces(n *yaml.Node) {
	n.Value = show.Replace(n.Value)
	n.Anchor = show.Replace(n.Anchor)
	n.Tag = show.Replace(n.Tag)
	for _, c := range n.Content {
		showBraces(c)
	}
}

// refineBytes and refineLines bound the search for a better place of a syntax
// error; it reads the head of the document once for every line tried.
const (
	refineBytes = 256 << 10
	refineLines = 64
)

// syntax turns an error of yaml.v3 into a problem. Its parser names no column,
// counts some lines from 0 and others from 1, and often names the start of the
// block instead of the place: so the document is read again, cut after each of
// the next lines, and the first line after the last good cut is taken.
func syntax(name string, src, safe []byte, err error) *Problem {
	line := 1
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = strings.TrimPrefix(err.Error(), m[0])
	}
	if len(safe) <= refineBytes {
		line = max(line, firstBad(safe, line))
	}
	text := lineOf(src, line)
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	p := &Problem{File: name, Line: line, Col: len(indent) + 1, Msg: "not valid YAML: " + msg}
	switch tab := strings.IndexByte(indent, '\t'); {
	case tab >= 0:
		p.Col, p.Hint = tab+1, "indent with spaces, not with a tab"
	case strings.Contains(msg, "unknown anchor"), strings.Contains(msg, "alphabetic or numeric"):
		p.Hint = `text that begins with "*" needs quotes`
		if at := strings.IndexByte(text, '*'); at >= 0 {
			p.Col = utf8.RuneCountInString(text[:at]) + 1
		}
	case strings.Contains(msg, "mapping values"):
		p.Hint = `text that holds ": " needs quotes`
	}
	return p
}

// firstBad returns the line after the last line, from line-1 on, up to which the
// document is good.
func firstBad(src []byte, line int) int {
	bad, at, n := 0, 0, 0
	for at < len(src) && n < line+refineLines {
		if end := bytes.IndexByte(src[at:], '\n'); end >= 0 {
			at += end + 1
		} else {
			at = len(src)
		}
		n++
		if n < line-1 {
			continue
		}
		var doc yaml.Node
		if yaml.Unmarshal(src[:at], &doc) == nil && at < len(src) {
			bad = n + 1
		}
	}
	return bad
}

func lineOf(src []byte, line int) string {
	for i, l := range strings.SplitN(string(src), "\n", line+1) {
		if i == line-1 {
			return strings.TrimRight(l, "\r")
		}
	}
	return ""
}

func invalidAt(src []byte) int {
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return len(src)
}

// place is the line and column of a byte offset, both from 1, columns in
// characters.
func place(src []byte, offset int) (line, col int) {
	head := src[:min(offset, len(src))]
	line = bytes.Count(head, []byte{'\n'}) + 1
	return line, utf8.RuneCount(head[bytes.LastIndexByte(head, '\n')+1:]) + 1
}
