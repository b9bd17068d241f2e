package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var errEmpty = errors.New("the file is empty: there is nothing to read")

// Detection gives up after this many lines, or bytes of them.
const (
	detectLines = 20
	detectBytes = maxLine
)

// detect tells the format by the first lines that say so, and leaves them to be
// read again. A *LineError means that no line said so.
func detect(in *lines) (Format, error) {
	var peeked []line
	defer func() { in.held = peeked }()
	var first error
	for size := 0; len(peeked) < detectLines && size < detectBytes; {
		n, text, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !isLine(err) {
			return "", err
		}
		peeked = append(peeked, line{n, bytes.Clone(text), err})
		size += len(text)
		if err == nil {
			format, msg := formatOf(text)
			if format != "" {
				return format, nil
			}
			err = &LineError{in.name, n, msg}
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return "", fmt.Errorf("%s: %w", in.name, errEmpty)
	}
	return "", first
}

// formatOf tells the format of one line, or why it cannot be told.
func formatOf(text []byte) (Format, string) {
	var mark struct {
		Type    jsontext.Value `json:"type"`
		Run     jsontext.Value `json:"run"`
		Seq     jsontext.Value `json:"seq"`
		Session jsontext.Value `json:"sessionId"`
		UUID    jsontext.Value `json:"uuid"`
		Parent  jsontext.Value `json:"parentUuid"`
		Leaf    jsontext.Value `json:"leafUuid"`
		Message jsontext.Value `json:"messageId"`
	}
	if err := json.Unmarshal(text, &mark, lenient...); err != nil {
		return "", explain(err)
	}
	switch {
	case mark.Run != nil && (mark.Seq != nil || mark.Type != nil):
		return Native, ""
	case mark.Session != nil, mark.UUID != nil, mark.Parent != nil, mark.Leaf != nil, mark.Type != nil && mark.Message != nil:
		return ClaudeCode, ""
	}
	switch string(mark.Type) {
	case `"run_start"`, `"tool_call"`, `"llm_usage"`, `"run_end"`:
		return Native, ""
	case `"user"`, `"assistant"`, `"summary"`, `"system"`, `"file-history-snapshot"`, `"queue-operation"`, `"progress"`:
		return ClaudeCode, ""
	}
	return "", "neither a line of M1's trace format nor of a Claude Code transcript: say which it is with --format"
}
