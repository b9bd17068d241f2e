package source

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"
)

// jsonReader builds the nodes of a JSON document, with the tags and places that
// yaml.v3 would give them.
type jsonReader struct {
	src       []byte
	dec       *jsontext.Decoder
	at        int // src[:at] is counted in line and col; offsets only grow
	line, col int
}

func parseJSON(name string, src []byte) (*yaml.Node, *Problem) {
	r := &jsonReader{
		src: src, line: 1, col: 1,
		// Duplicates are told later, all of them and each with its place.
		dec: jsontext.NewDecoder(bytes.NewBuffer(src), jsontext.AllowDuplicateNames(true)),
	}
	n, err := r.value()
	offset := int(r.dec.InputOffset())
	if err == nil {
		_, err = r.dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err == nil {
			offset += len(src[offset:]) - len(bytes.TrimLeft(src[offset:], " \t\r\n"))
			err = errors.New("more text after the end of the document")
		}
	}
	msg := err.Error()
	if se, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		offset, msg = int(se.ByteOffset), se.Err.Error()
	}
	line, col := place(src, offset)
	return nil, &Problem{
		File: name, Line: line, Col: col,
		Msg: "not valid JSON: " + strings.TrimPrefix(msg, "jsontext: "),
	}
}

func (r *jsonReader) value() (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.ScalarNode}
	before := int(r.dec.InputOffset())
	tok, err := r.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	r.mark(n, before)
	switch tok.Kind() {
	case '{':
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		return n, r.content(n)
	case '[':
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		return n, r.content(n)
	case '"':
		n.Tag, n.Value, n.Style = "!!str", tok.String(), yaml.DoubleQuotedStyle
	case '0':
		n.Tag, n.Value = "!!float", tok.String()
		if strings.Trim(n.Value, "-0123456789") == "" {
			n.Tag = "!!int"
		}
	case 't', 'f':
		n.Tag, n.Value = "!!bool", tok.String()
	default:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

// content reads the members or elements of n and the bracket that closes it.
func (r *jsonReader) content(n *yaml.Node) error {
	for {
		if k := r.dec.PeekKind(); k == '}' || k == ']' {
			_, err := r.dec.ReadToken()
			return err
		}
		c, err := r.value()
		if err != nil {
			return err
		}
		n.Content = append(n.Content, c)
	}
}

// mark gives n the place of the first token after the offset before.
func (r *jsonReader) mark(n *yaml.Node, before int) {
	rest := r.src[before:]
	begin := before + len(rest) - len(bytes.TrimLeft(rest, " \t\r\n,:"))
	gap := r.src[r.at:begin]
	if i := bytes.LastIndexByte(gap, '\n'); i >= 0 {
		r.line += bytes.Count(gap, []byte{'\n'})
		r.col, gap = 1, gap[i+1:]
	}
	r.col += utf8.RuneCount(gap)
	r.at = begin
	n.Line, n.Column = r.line, r.col
}
