package token

import "time"

// Alone returns a Ring whose keys are kept nowhere: what it signs ends with the
// process. It is for tests, demos and programs without a state directory.
func Alone(node string, now func() time.Time) (*Ring, error) {
	r, err := Options{Node: node, Dir: "nowhere", Now: now}.ring()
	if err != nil {
		return nil, err
	}
	k, private, err := generate(node, r.now())
	if err != nil {
		return nil, err
	}
	r.alone = true
	r.state.Store(newState([]*key{k}, private, nil))
	return r, nil
}

// Node is the name of this node: the issuer of what it signs.
func (r *Ring) Node() string { return r.node }
