package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrOpen means that the breaker is open: what was asked may not have reached
	// the server, and nothing will until Admit.
	ErrOpen = errors.New("remote: redis is not in use, the breaker is open")
	// ErrUnsent is an ErrOpen that surely has not reached the server.
	ErrUnsent = fmt.Errorf("%w, so nothing was sent", ErrOpen)
	// ErrBusy means that too many reads wait already.
	ErrBusy = errors.New("remote: too many reads wait for redis")
	// ErrSlow means that the answer did not come within the time given.
	ErrSlow = errors.New("remote: redis is slow")

	errClosed = errors.New("remote: the tier is closed")
)

// outcome is what an error says about the server.
type outcome int

const (
	good    outcome = iota // it answered, if only to refuse
	soft                   // the caller's own deadline came before the answer
	failed                 // it is of no use: no answer, or one that no command can pass
	nothing                // the caller went away
)

// useless are the first words of replies after which no command of ours can
// succeed, with the class each is counted under.
var useless = map[string]string{
	"READONLY": "readonly", "LOADING": "loading", "NOAUTH": "noauth", "WRONGPASS": "noauth", "NOPERM": "noauth",
	"CLUSTERDOWN": "clusterdown", "MASTERDOWN": "masterdown", "BUSY": "busy", "MOVED": "moved", "ASK": "moved", "TRYAGAIN": "moved",
}

// harmless are those that concern one command.
var harmless = map[string]string{"OOM": "oom", "WRONGTYPE": "wrongtype", "NOSCRIPT": "noscript", "MISCONF": "misconf", "NOREPLICAS": "noreplicas"}

// judge says what err, which a command under ctx came back with, means for the
// breaker, and the class it is counted under; none for a success.
func judge(ctx context.Context, err error) (outcome, string) {
	if err == nil || errors.Is(err, redis.Nil) {
		return good, ""
	}
	if reply := redis.Error(nil); errors.As(err, &reply) {
		word, _, _ := strings.Cut(reply.Error(), " ")
		if class, ok := useless[word]; ok {
			return failed, class
		}
		if class, ok := harmless[word]; ok {
			return good, class
		}
		if strings.HasPrefix(reply.Error(), "ERR max number of clients") {
			return failed, "maxclients"
		}
		return good, "other"
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nothing, ""
	}
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		return soft, "timeout"
	}
	return failed, transport(err)
}

// transport is the class of an error that is no reply of a server.
func transport(err error) string {
	var timeout net.Error
	var version versionError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "reset"
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &version):
		return "version"
	}
	return "other"
}

// worst is the error of a pipeline that says most about the server.
func worst(ctx context.Context, cmds []redis.Cmder) (err error) {
	for _, c := range cmds {
		if c.Err() == nil {
			continue
		}
		if o, _ := judge(ctx, c.Err()); o != good || err == nil {
			err = c.Err()
		}
	}
	return err
}
