package remote

// keys names what is in Redis. All names of a space share its hash tag, so that
// in a Cluster they are on one server.
type keys struct {
	prefix             string
	head, log, channel string
}

func keysOf(space string) keys {
	p := "m1:{" + space + "}:"
	return keys{prefix: p, head: p + "head", log: p + "log", channel: p + "inv"}
}

func (k keys) entry(name string) string  { return k.prefix + "e:" + name }
func (k keys) version(id string) string  { return k.prefix + "v:" + id }
func (k keys) fence(id string) string    { return k.prefix + "f:" + id }
func (k keys) grave(fence string) string { return k.prefix + "g:" + fence }
func (k keys) lease(key string) string   { return k.prefix + "l:" + key }
func (k keys) acks(node string) string   { return k.prefix + "ack:" + node }
