package event_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/event"
)

// Whatever is changed in an event, or moved from one field to its neighbour, the
// hash tells.
func TestTheHashCoversEveryFieldAndItsBounds(t *testing.T) {
	t.Parallel()
	whole := event.Event{Seq: 7, At: time.Unix(1, 2), Kind: "k", Run: "r", Call: "c", Agent: "a", Tool: "t", Data: []byte(`{}`)}
	sums := map[event.Hash]string{whole.Sum(event.Hash{}): "the event itself"}
	for name, e := range map[string]func(*event.Event){
		"seq":        func(e *event.Event) { e.Seq++ },
		"time":       func(e *event.Event) { e.At = e.At.Add(1) },
		"kind":       func(e *event.Event) { e.Kind = "K" },
		"run":        func(e *event.Event) { e.Run = "R" },
		"call":       func(e *event.Event) { e.Call = "C" },
		"agent":      func(e *event.Event) { e.Agent = "A" },
		"tool":       func(e *event.Event) { e.Tool = "T" },
		"data":       func(e *event.Event) { e.Data = []byte(`{ }`) },
		"moved text": func(e *event.Event) { e.Agent, e.Tool = "at", "" },
	} {
		changed := whole
		e(&changed)
		sum := changed.Sum(event.Hash{})
		require.NotContains(t, sums, sum, "%s gives the hash of %s", name, sums[sum])
		sums[sum] = name
	}
	require.NotContains(t, sums, whole.Sum(event.Hash{1}), "the hash does not cover what came before")
	changed := whole
	changed.Hash = event.Hash{9}
	require.Equal(t, whole.Sum(event.Hash{}), changed.Sum(event.Hash{}), "an event's own hash is no part of it")
}
