package remote

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// pace is how long things may take.
type pace struct {
	dial time.Duration // a connection
	call time.Duration // an exchange
	slow time.Duration // an exchange that counts as good
}

func paceOf(timeout time.Duration) pace {
	return pace{dial: 4 * timeout, call: timeout, slow: timeout * 2 / 5}
}

// needs is how many connections a client may hold.
type needs struct {
	calls     int // for single commands
	pipelines int // besides those; -1 lets pipelines use the others
	patience  time.Duration
	turn      time.Duration // for a free connection; 0: patience
}

// connect makes a client that has dialled nothing yet.
func (t *Tier) connect(n needs) redis.UniversalClient {
	return t.target.client(t.pace.dial, n, t.greet)
}

// client makes a client that has dialled nothing yet. greet is called with every new
// connection.
func (t *target) client(dial time.Duration, n needs, greet func(context.Context, *redis.Conn) error) redis.UniversalClient {
	o := &redis.UniversalOptions{
		Addrs: t.addrs, Username: t.user, Password: t.password, DB: t.db, TLSConfig: t.tls,
		MasterName: t.master, SentinelUsername: t.sentinelUser, SentinelPassword: t.sentinelPassword,
		OnConnect: greet,

		// The old protocol: with the new one the client looks for pushed messages,
		// which we do not ask for, around every command.
		Protocol:    2,
		DialTimeout: dial, DialerRetries: 1, ReadTimeout: n.patience, WriteTimeout: n.patience, PoolTimeout: cmp.Or(n.turn, n.patience),
		// A retry would hide an error from the breaker and repeat a script.
		MaxRetries: -1, MinRetryBackoff: -1, MaxRetryBackoff: -1,
		ContextTimeoutEnabled: true,
		PoolSize:              n.calls, PipelinePoolSize: n.pipelines,
		PipelineReadBufferSize: 64 << 10, PipelineWriteBufferSize: 64 << 10,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	switch t.mode {
	case cluster:
		return redis.NewClusterClient(o.Cluster())
	case sentinel:
		return redis.NewFailoverClient(o.Failover())
	default:
		return redis.NewClient(o.Simple())
	}
}

// versionError is the version of a server that does not know our scripts.
type versionError string

func (e versionError) Error() string {
	return fmt.Sprintf("remote: redis 7 or later is needed, this server is %q", string(e))
}

// greet is called with every new connection before anything else is sent on it.
func (t *Tier) greet(ctx context.Context, c *redis.Conn) error {
	info, err := inspect(ctx, c)
	if err != nil || info["redis_mode"] == "sentinel" {
		return err
	}
	version := info["redis_version"]
	t.version.Store(&version)
	at := ""
	if t.target.mode == cluster {
		at = c.String()
	}
	t.met(at, info["run_id"])
	return nil
}

// inspect returns what the server says of itself, and refuses one that is too old. A
// Sentinel, which only says where the servers are, may have any version.
func inspect(ctx context.Context, c *redis.Conn) (map[string]string, error) {
	text, err := c.Info(ctx, "server").Result()
	if err != nil {
		return nil, err
	}
	info := readInfo(text)
	version := info["redis_version"]
	first, _, _ := strings.Cut(version, ".")
	if major, err := strconv.Atoi(first); info["redis_mode"] != "sentinel" && (err != nil || major < 7) {
		return nil, versionError(version)
	}
	return info, nil
}

func readInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// servers remembers which process answered last: at "" outside of a cluster, and
// in one at each address and at slotOwner.
type servers struct {
	mu    sync.Mutex // held while the Handler is told, so that nobody goes ahead of it
	runID map[string]string
}

const slotOwner = "slot"

// met tells the Handler if another process answers at this place than before.
func (t *Tier) met(at, runID string) {
	if runID == "" {
		return
	}
	t.servers.mu.Lock()
	defer t.servers.mu.Unlock()
	last := t.servers.runID[at]
	t.servers.runID[at] = runID
	if last == "" || last == runID {
		return
	}
	t.log.Warn("another redis server answers than before", "run_id", runID, "before", last)
	if t.target.mode != cluster {
		// Its pool may hold connections to the server of before.
		t.breaker.replace(t.newSession)
		t.control.stale.Store(true)
	}
	if h := t.handler.Load(); h != nil {
		(*h).NewServer()
	}
}

// go-redis prints to the standard error unless it is given a logger, and it has
// one for the whole process: it writes to that of the Tier opened last, or without
// one to that of the first Dialer.
var (
	printing sync.Once
	printer  atomic.Pointer[slog.Logger]
)

func quieten(l *slog.Logger) {
	printer.Store(l)
	printing.Do(func() { redis.SetLogger(relay{}) })
}

type relay struct{}

func (relay) Printf(ctx context.Context, format string, v ...any) {
	if l := printer.Load(); l.Enabled(ctx, slog.LevelDebug) {
		l.DebugContext(ctx, "go-redis: "+fmt.Sprintf(format, v...))
	}
}
