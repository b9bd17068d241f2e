package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/gateway/api"
)

// numbering decides every call under a new id.
func numbering() *decider {
	var n atomic.Int64
	return &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) {
		d := allowed
		d.ID = call.ID(fmt.Sprintf("tc_%d", n.Add(1)))
		return d, nil
	}}
}

func TestARepeatedRequestGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	d := numbering()
	h := handler(t, d)
	first := post(h, "/v1/tool_calls", order, "Idempotency-Key", "toolu_01")
	again := post(h, "/v1/tool_calls", order, "Idempotency-Key", "toolu_01")
	require.Equal(t, first.Body.String(), again.Body.String())
	require.Empty(t, first.Header().Get("Idempotency-Replayed"))
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
	require.Len(t, d.proposals, 1)

	require.NotEqual(t, first.Body.String(), post(h, "/v1/tool_calls", order, "Idempotency-Key", "toolu_02").Body.String())
	require.NotEqual(t, first.Body.String(), post(h, "/v1/tool_calls", order).Body.String(), "without a key every request is a call of its own")
	require.Len(t, d.proposals, 3)
}

func TestAnotherBodyUnderTheSameKeyIsRefused(t *testing.T) {
	t.Parallel()
	d := numbering()
	h := handler(t, d)
	post(h, "/v1/tool_calls", order, "Idempotency-Key", "k")
	e := refusal(t, post(h, "/v1/tool_calls", strings.Replace(order, `"id": 7`, `"id": 8`, 1), "Idempotency-Key", "k"))
	require.Equal(t, http.StatusConflict, e.Status)
	require.Equal(t, "idempotency_conflict", e.Code)
	require.Len(t, d.proposals, 1)

	other := post(h, "/v1/tool_calls", strings.Replace(order, "build-bot", "other-bot", 1), "Idempotency-Key", "k")
	require.Equal(t, http.StatusOK, other.Code, "two agents may number their calls alike")
}

func TestAKeyMustBeUsable(t *testing.T) {
	t.Parallel()
	d := &decider{}
	for _, key := range []string{"", strings.Repeat("k", 257)} {
		require.Equal(t, http.StatusBadRequest, refusal(t, post(handler(t, d), "/v1/tool_calls", order, "Idempotency-Key", key)).Status)
	}
	require.Empty(t, d.proposals)
}

func TestARefusalIsNotKept(t *testing.T) {
	t.Parallel()
	broken := true
	d := &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) {
		if broken {
			return call.Decision{}, errors.New("disk full")
		}
		return allowed, nil
	}}
	h := handler(t, d)
	require.Equal(t, http.StatusServiceUnavailable, post(h, "/v1/tool_calls", order, "Idempotency-Key", "k").Code)
	broken = false
	require.Equal(t, http.StatusOK, post(h, "/v1/tool_calls", order, "Idempotency-Key", "k").Code)
}

func TestAPanicLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	fail := true
	d := &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) {
		if fail {
			panic("secret of the inside")
		}
		return allowed, nil
	}}
	h := handler(t, d)
	w := post(h, "/v1/tool_calls", order, "Idempotency-Key", "k")
	require.Equal(t, http.StatusInternalServerError, refusal(t, w).Status)
	require.NotContains(t, w.Body.String(), "secret")
	fail = false
	require.Equal(t, http.StatusOK, post(h, "/v1/tool_calls", order, "Idempotency-Key", "k").Code)
}

func TestDuplicatesInFlightWaitForTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		d := numbering()
		decide := d.propose
		d.propose = func(ctx context.Context, p call.Proposal) (call.Decision, error) {
			<-release
			return decide(ctx, p)
		}
		h := handler(t, d)
		answers := make(chan *httptest.ResponseRecorder, 20)
		for range cap(answers) {
			go func() { answers <- post(h, "/v1/tool_calls", order, "Idempotency-Key", "k") }()
		}
		synctest.Wait()
		require.Len(t, d.proposals, 1)
		close(release)
		first := <-answers
		require.Equal(t, http.StatusOK, first.Code)
		for range cap(answers) - 1 {
			require.Equal(t, first.Body.String(), (<-answers).Body.String())
		}
		require.Len(t, d.proposals, 1)
	})
}

func TestWhenTheFirstFailsTheNextOneDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var n atomic.Int64
		d := &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) {
			if n.Add(1) == 1 {
				<-release
				return call.Decision{}, context.Canceled // its client went away
			}
			return allowed, nil
		}}
		h := handler(t, d)
		codes := make(chan int, 2)
		for range 2 {
			go func() {
				codes <- post(h, "/v1/tool_calls", order, "Idempotency-Key", "k").Code
			}()
			synctest.Wait()
		}
		close(release)
		require.ElementsMatch(t, []int{http.StatusServiceUnavailable, http.StatusOK}, []int{<-codes, <-codes})
	})
}

func TestAnswersAreKeptForABoundedTimeAndSpace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := numbering()
		h := handler(t, d, func(o *api.Options) { o.KeepFor, o.KeepBytes = time.Minute, 4096 })
		ask := func(key string) string {
			return post(h, "/v1/tool_calls", order, "Idempotency-Key", key).Body.String()
		}
		first := ask("k")
		time.Sleep(59 * time.Second)
		require.Equal(t, first, ask("k"))
		time.Sleep(2 * time.Second)
		second := ask("k")
		require.NotEqual(t, first, second, "after KeepFor the key is free again")

		for i := range 20 {
			ask(fmt.Sprint("other", i))
			require.Equal(t, second, ask("k"), "what is used stays")
		}
		for i := range 20 {
			ask(fmt.Sprint("flood", i))
		}
		require.NotEqual(t, second, ask("k"), "the least recently used answer goes first")
	})
}

// A read was answered from the cache, then a write was acknowledged, and the
// same request with the same key still got the old result.
func TestAHitIsDecidedAnew(t *testing.T) {
	t.Parallel()
	state := "old"
	d := &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) {
		out := allowed
		out.Cache = call.CacheAnswer{Status: call.CacheHit, Tier: "local", Result: []byte(`"` + state + `"`)}
		return out, nil
	}}
	h := handler(t, d)
	require.Contains(t, post(h, "/v1/tool_calls", order, "Idempotency-Key", "k").Body.String(), `"result":"old"`)
	state = "new"
	again := post(h, "/v1/tool_calls", order, "Idempotency-Key", "k")
	require.Contains(t, again.Body.String(), `"result":"new"`)
	require.Empty(t, again.Header().Get("Idempotency-Replayed"))
	require.Len(t, d.proposals, 2)
}
