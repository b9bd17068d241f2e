// Package event is what the ledger records: facts about runs, calls, money and
// the engine itself, each with a place in one hash chain.
package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"time"

	"m1/engine/call"
)

// Kind says what happened.
type Kind string

// The kinds that the engine records.
const (
	EngineStarted   Kind = "engine.started"
	EngineStopped   Kind = "engine.stopped"
	LedgerRecovered Kind = "ledger.recovered"
	PolicyLoaded    Kind = "policy.loaded"
	RunStarted      Kind = "run.started"
	RunEnded        Kind = "run.ended"
	Decided         Kind = "call.decided"
	Reported        Kind = "call.reported"
	Used            Kind = "usage.recorded"

	PolicyRefused    Kind = "policy.refused"
	ApprovalAsked    Kind = "approval.asked"
	ApprovalVoted    Kind = "approval.voted"
	ApprovalAnswered Kind = "approval.answered"
	ApprovalExpired  Kind = "approval.expired"
	GrantIssued      Kind = "grant.issued"
	GrantSpent       Kind = "grant.spent"
	GrantRevoked     Kind = "grant.revoked"
	KeyRotated       Kind = "key.rotated"
)

// Hash links an event to all events before it.
type Hash [sha256.Size]byte

// Event is one recorded fact. Seq and Hash are given by the ledger.
type Event struct {
	Seq   uint64
	At    time.Time // kept to the nanosecond, UTC
	Kind  Kind
	Run   call.RunID
	Call  call.ID
	Agent call.AgentID
	Tool  string
	Data  json.RawMessage // the payload of the kind, see payload.go
	Hash  Hash
}

// Sum is the hash of e as the successor of prev. It covers every field but Hash
// itself, each with its length, so that no two events share a preimage.
func (e Event) Sum(prev Hash) Hash {
	buf := make([]byte, 0, 256+len(e.Data))
	buf = append(buf, prev[:]...)
	buf = binary.BigEndian.AppendUint64(buf, e.Seq)
	buf = binary.BigEndian.AppendUint64(buf, uint64(e.At.UnixNano()))
	for _, s := range []string{string(e.Kind), string(e.Run), string(e.Call), string(e.Agent), e.Tool, string(e.Data)} {
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	return sha256.Sum256(buf)
}
