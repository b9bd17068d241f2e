package collector

// Sample takes a sample now, as Run does with every tick.
func (c *Collector) Sample() { c.sample() }

// Forget drops the pictures of the last sample, so that they are built again.
func (c *Collector) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.built)
}
