package engine

import (
	"context"
	"sync"
)

// claims let one caller at a time finish what has a key; who comes meanwhile
// waits for the outcome. The zero value is ready.
type claims[K comparable] struct {
	mu   sync.Mutex
	held map[K]chan struct{} // closed when the key is free again
}

// take waits until key is the caller's, who must give it back, or ctx ends.
func (c *claims[K]) take(ctx context.Context, key K) error {
	for {
		c.mu.Lock()
		free, taken := c.held[key]
		if !taken {
			if c.held == nil {
				c.held = map[K]chan struct{}{}
			}
			c.held[key] = make(chan struct{})
			c.mu.Unlock()
			return nil
		}
		c.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *claims[K]) give(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.held[key])
	delete(c.held, key)
}
