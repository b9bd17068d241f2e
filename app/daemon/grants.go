package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"m1/cache/seal"
	"m1/engine/approval"
	"m1/engine/cluster"
	"m1/engine/statefile"
	"m1/engine/token"
)

// NodeFile is the name of the file in the state folder that names this node to
// others. It goes with the records: grants are spent where they were issued.
const NodeFile = "node"

// openGrants makes the ring of keys that signs grants.
func (d *Daemon) openGrants() (*token.Ring, error) {
	node, err := nodeOf(filepath.Join(d.state, NodeFile))
	if err != nil {
		return nil, err
	}
	return token.Open(token.Options{Dir: d.state, Node: node, SecretFile: d.o.Config.GrantSecretFile})
}

// openCluster makes the way to the other nodes, which needs a secret that Redis does
// not know. Nothing is dialled.
func (d *Daemon) openCluster(ring *token.Ring) error {
	c := d.o.Config
	if c.Redis == "" || c.CacheKeyFile == "" || c.GrantSecretFile != "" {
		return nil
	}
	secret, err := seal.ReadSecret(c.CacheKeyFile)
	if err != nil {
		return err
	}
	d.cluster, err = cluster.New(cluster.Options{
		URL: c.Redis, Space: c.RedisSpace, Node: ring.Node(), Secret: secret, Ring: ring, Logger: d.o.Logger.With("part", "cluster"),
		Spend: func(ctx context.Context, node, id string, about token.Call) error {
			return d.engine.SpendFor(ctx, node, id, about)
		},
		Revoke: func(ctx context.Context, id, by string) error {
			return d.engine.RevokeGrant(ctx, id, approval.Person{Name: by})
		},
	})
	return err
}

// nodeOf returns the name in the file, which is made if it is missing.
func nodeOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		name := "n-" + strings.ToLower(rand.Text()[:16])
		if err := statefile.Replace(path, []byte(name+"\n")); err != nil {
			return "", fmt.Errorf("name this node: %w", err)
		}
		return name, nil
	}
	name := strings.TrimSpace(string(data))
	if err == nil && (name == "" || len(name) > 64) {
		err = errors.New("it holds no name")
	}
	if err != nil {
		return "", fmt.Errorf("read the name of this node from %s: %w; remove the file to make a new one: grants of the old one end with it", path, err)
	}
	return name, nil
}
