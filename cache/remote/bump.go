package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Bump is a change of what IDs name.
type Bump struct {
	Nonce uint64 // the node's own number for it; the acknowledgements carry it
	IDs   []string
	// Fence names the write that For opens (> 0, for that long at most) or ends
	// (< 0) a fence for; 0 changes none. Versions are odd while any fence of the id
	// is open.
	Fence string
	For   time.Duration
	TTL   time.Duration // how long a version is kept that nobody bumps
	// Until is the moment, by the clock of the server, from which it must not happen
	// any more; zero is never. A command that was given up may still lie in the
	// network, and a fence that it opened then would have nobody to end it.
	Until time.Time
	// Bury keeps Fence from being opened later: for a change that ends although it is
	// not known whether its beginning was heard, or still will be.
	Bury bool
}

// Bumped is what a Bump did.
type Bumped struct {
	Epoch    string
	Seq      uint64
	Versions []Version // in the order of the IDs
	Live     []string  // the registered nodes
}

// Bump gives every id a new version, opens or ends a fence, and tells all nodes, all
// at one moment. It uses the data client, or with control the control client,
// whatever the breaker says. After an error the change may have happened or may
// still happen.
func (t *Tier) Bump(ctx context.Context, b Bump, control bool) (Bumped, error) {
	switch err := checkIDs(b.IDs); {
	case err != nil:
		return Bumped{}, err
	case b.TTL < time.Millisecond:
		return Bumped{}, fmt.Errorf("remote: TTL of a bump is %s; it must be 1 ms or more", b.TTL)
	case (b.For != 0 || b.Bury) && b.Fence == "":
		return Bumped{}, errors.New("remote: a fence needs a name")
	}
	names := make([]string, 3, 3+2*len(b.IDs))
	names[0], names[1], names[2] = t.keys.head, t.keys.log, t.keys.grave(b.Fence)
	until := int64(0)
	if !b.Until.IsZero() {
		until = b.Until.UnixMicro()
	}
	bury := 0
	if b.Bury {
		bury = 1
	}
	args := make([]any, 10, 10+len(b.IDs))
	copy(args, []any{rand.Text(), t.o.Node, t.askServer(), t.keys.channel, strconv.FormatUint(b.Nonce, 10), b.Fence, opens(b.For), b.TTL.Milliseconds(), until, bury})
	for _, id := range b.IDs {
		names = append(names, t.keys.version(id))
		args = append(args, id)
	}
	for _, id := range b.IDs {
		names = append(names, t.keys.fence(id))
	}
	var reply []any
	call := func(c redis.UniversalClient) (err error) {
		reply, err = bump.Run(ctx, c, names, args...).Slice()
		return err
	}
	var err error
	if control {
		err = t.command(ctx, call)
	} else {
		err = t.data(ctx, call)
	}
	if err != nil {
		return Bumped{}, fmt.Errorf("remote: bump: %w", err)
	}
	return t.bumped(b.IDs, reply)
}

// opens is d in ms, rounded away from 0, which is to leave fences alone.
func opens(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

func (t *Tier) askServer() string {
	if t.target.mode == cluster {
		return "1"
	}
	return "0"
}

func (t *Tier) bumped(ids []string, reply []any) (Bumped, error) {
	if len(reply) != 5 {
		return Bumped{}, errReply
	}
	var b Bumped
	var server string
	var err error
	if b.Epoch, b.Seq, server, err = readHead(reply); err != nil {
		return Bumped{}, err
	}
	t.met(slotOwner, server)
	numbers, err := readNumbers(reply[3], len(ids))
	if err != nil {
		return Bumped{}, err
	}
	b.Versions = make([]Version, len(ids))
	for i, id := range ids {
		b.Versions[i] = Version{ID: id, At: numbers[i]}
	}
	live, ok := reply[4].([]any)
	if !ok {
		return Bumped{}, errReply
	}
	for _, node := range live {
		name, _ := node.(string)
		b.Live = append(b.Live, name)
	}
	return b, nil
}

// Ensure returns the versions of ids and makes those that are missing, to be kept
// for ttl: odd, and for the rest of it, if a fence of the id is open.
func (t *Tier) Ensure(ctx context.Context, ids []string, ttl time.Duration) ([]uint64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if err := checkIDs(ids); err != nil {
		return nil, err
	}
	if ttl < time.Millisecond {
		return nil, fmt.Errorf("remote: a version cannot be kept for %s; it must be 1 ms or more", ttl)
	}
	names := make([]string, 2*len(ids))
	for i, id := range ids {
		names[i], names[len(ids)+i] = t.keys.version(id), t.keys.fence(id)
	}
	var reply any
	err := t.data(ctx, func(c redis.UniversalClient) (err error) {
		reply, err = ensure.Run(ctx, c, names, ttl.Milliseconds()).Result()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("remote: ensure versions: %w", err)
	}
	return readNumbers(reply, len(ids))
}

// Take takes the lease to load what the entry key will hold, for ttl, and reports
// whether it was free. token must differ from call to call.
func (t *Tier) Take(ctx context.Context, key, token string, ttl time.Duration) (bool, error) {
	var taken bool
	err := t.data(ctx, func(c redis.UniversalClient) (err error) {
		taken, err = c.SetNX(ctx, t.keys.lease(key), token, max(ttl, time.Millisecond)).Result()
		return err
	})
	if err != nil {
		return false, fmt.Errorf("remote: take the lease of a load: %w", err)
	}
	return taken, nil
}

// Release gives the lease up if token still holds it.
func (t *Tier) Release(ctx context.Context, key, token string) error {
	err := t.data(ctx, func(c redis.UniversalClient) error {
		return release.Run(ctx, c, []string{t.keys.lease(key)}, token).Err()
	})
	if err != nil {
		return fmt.Errorf("remote: release the lease of a load: %w", err)
	}
	return nil
}

var errReply = errors.New("remote: a script answered what it should not; the server is not a Redis 7")

// readHead reads the first three parts of a reply: epoch, sequence number, server.
func readHead(reply []any) (epoch string, seq uint64, server string, err error) {
	if len(reply) < 3 {
		return "", 0, "", errReply
	}
	epoch, ok := reply[0].(string)
	text, ok2 := reply[1].(string)
	server, ok3 := reply[2].(string)
	seq, err = strconv.ParseUint(text, 10, 64)
	if !ok || !ok2 || !ok3 || err != nil {
		return "", 0, "", errReply
	}
	return epoch, seq, server, nil
}

func readNumbers(reply any, n int) ([]uint64, error) {
	all, ok := reply.([]any)
	if !ok || len(all) != n {
		return nil, errReply
	}
	numbers := make([]uint64, n)
	for i, one := range all {
		text, _ := one.(string)
		var err error
		if numbers[i], err = strconv.ParseUint(text, 10, 64); err != nil {
			return nil, errReply
		}
	}
	return numbers, nil
}
