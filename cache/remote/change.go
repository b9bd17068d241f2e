package remote

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Version is how often and when what ID names has changed: a number that is never
// used again. At is 0 if unknown and odd while a fence is open.
type Version struct {
	ID string
	At uint64
}

// Change is one Bump as all nodes learn of it. Seq counts them from 1 within an
// Epoch, which ends when the server loses its data.
type Change struct {
	Epoch    string
	Seq      uint64
	Origin   string // the node that bumped
	Nonce    uint64 // of that Bump
	Versions []Version
}

// separators are what a Change is cut at when it travels, as
// epoch|seq|origin|nonce|id:version,id:version.
const separators = "|,:{}"

func checkIDs(ids []string) error {
	for _, id := range ids {
		if id == "" || strings.ContainsAny(id, separators) {
			return fmt.Errorf("remote: id %q must not be empty or contain any of %s", id, separators)
		}
	}
	return nil
}

var errMessage = errors.New("remote: message of another kind")

func readChange(text string) (Change, error) {
	parts := strings.Split(text, "|")
	if len(parts) != 5 {
		return Change{}, errMessage
	}
	c := Change{Epoch: parts[0], Origin: parts[2]}
	var err error
	if c.Seq, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return Change{}, errMessage
	}
	if c.Nonce, err = strconv.ParseUint(parts[3], 10, 64); err != nil {
		return Change{}, errMessage
	}
	if parts[4] == "" {
		return c, nil
	}
	pairs := strings.Split(parts[4], ",")
	c.Versions = make([]Version, len(pairs))
	for i, pair := range pairs {
		id, at, ok := strings.Cut(pair, ":")
		n, err := strconv.ParseUint(at, 10, 64)
		if !ok || err != nil {
			return Change{}, errMessage
		}
		c.Versions[i] = Version{ID: id, At: n}
	}
	return c, nil
}

// writeAcks is the message node|nonce,nonce.
func writeAcks(node string, nonces []uint64) string {
	b := append([]byte(node), '|')
	for i, n := range nonces {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, n, 10)
	}
	return string(b)
}

func readAcks(text string) (node string, nonces []uint64, err error) {
	node, list, ok := strings.Cut(text, "|")
	if !ok {
		return "", nil, errMessage
	}
	for one := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseUint(one, 10, 64)
		if err != nil {
			return "", nil, errMessage
		}
		nonces = append(nonces, n)
	}
	return node, nonces, nil
}
