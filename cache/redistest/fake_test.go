package redistest_test

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
)

func TestFakeAnswersAsToldAndElseAsUsual(t *testing.T) {
	t.Parallel()
	var last atomic.Value
	f := redistest.Fake(t, func(cmd []string) string {
		last.Store(cmd)
		switch cmd[0] {
		case "SET":
			return "-READONLY You can't write against a read only replica.\r\n"
		case "GET":
			return ":42\r\n"
		case "MGET":
			return "-LOADING Redis is loading the dataset in memory\r\n"
		}
		return ""
	})
	o, err := redis.ParseURL(f.URL())
	require.NoError(t, err)
	o.MaxRetries = -1
	c := client(t, o)
	ctx := t.Context()
	require.Equal(t, "PONG", c.Ping(ctx).Val())
	require.ErrorContains(t, c.Set(ctx, "k", "v w\r\n", 0).Err(), "READONLY")
	require.Equal(t, []string{"SET", "k", "v w\r\n"}, upper(last.Load().([]string)))
	require.Equal(t, int64(42), c.Do(ctx, "GET", "k").Val())
	require.ErrorContains(t, c.MGet(ctx, "k").Err(), "LOADING")
	require.ErrorContains(t, c.Do(ctx, "NOSUCH").Err(), "unknown command")
	require.Contains(t, c.Info(ctx).Val(), "run_id:")
	sub := c.Subscribe(ctx, "a", "b")
	defer sub.Close()
	for _, channel := range []string{"a", "b"} {
		got, err := sub.ReceiveTimeout(ctx, generous)
		require.NoError(t, err)
		require.Equal(t, channel, got.(*redis.Subscription).Channel)
	}
}

func upper(cmd []string) []string {
	if cmd[0] != strings.ToUpper(cmd[0]) {
		return nil
	}
	return cmd
}

func TestFakeMayHangUpOrFallSilent(t *testing.T) {
	t.Parallel()
	f := redistest.Fake(t, func(cmd []string) string {
		switch cmd[0] {
		case "GET":
			return "$10\r\nhalf" + redistest.HangUp
		case "MGET":
			return "*2\r\n" + redistest.Silence
		}
		return ""
	})
	o, err := redis.ParseURL(f.URL())
	require.NoError(t, err)
	o.MaxRetries, o.ReadTimeout = -1, short
	c := client(t, o)
	require.ErrorIs(t, c.Get(t.Context(), "k").Err(), io.ErrUnexpectedEOF)
	require.ErrorContains(t, c.MGet(t.Context(), "k").Err(), "timeout")
	raw := dial(t, f.Addr())
	raw.send("*1\r\n$4\r\nMGET")
	raw.wants("*2")
	raw.send("*1\r\n$4\r\nPING")
	raw.hearsNothing()
	require.Equal(t, "PONG", c.Ping(t.Context()).Val(), "another connection is well")
}

func TestFakeEndsWithTheTest(t *testing.T) {
	t.Parallel()
	var addr string
	var open *conn
	t.Run("inner", func(inner *testing.T) {
		f := redistest.Fake(inner, func([]string) string { return redistest.Silence })
		addr = f.Addr()
		open = dial(t, addr)
		open.send("*1\r\n$4\r\nPING")
		open.hearsNothing()
	})
	open.isClosed()
	requireDown(t, addr)
}

func TestFakeTakesNoNonsense(t *testing.T) {
	t.Parallel()
	f := redistest.Fake(t, func([]string) string { return "+OK\r\n" })
	for _, line := range []string{"PING", "*x", "*0", "*-1", "*1\r\n:4", "*1\r\n$99999999999", "*1\r\n$-1", "*99999999999"} {
		c := dial(t, f.Addr())
		c.send(line)
		c.isClosed()
	}
}
