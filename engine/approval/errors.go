package approval

import (
	"errors"
	"fmt"
	"time"
)

// What can be wrong with a question or an answer. Each is wrapped with the details.
var (
	ErrQuestion    = errors.New("approval: bad question")
	ErrTooMany     = errors.New("approval: too many open questions")
	ErrUnknown     = errors.New("approval: unknown")
	ErrExpired     = errors.New("approval: expired")
	ErrNotApprover = errors.New("approval: may not answer")
	ErrTwice       = errors.New("approval: answered twice by one person")
	ErrChanged     = errors.New("approval: other arguments than the person saw")
	ErrCeiling     = errors.New("approval: more than may be granted")
)

// Answered is the error of an answer that came after the one that counted.
type Answered struct {
	ID     string
	Status string // snapshot.Approved or snapshot.Rejected
	By     string
	At     time.Time
}

func (e *Answered) Error() string {
	return fmt.Sprintf("approval: %s was %s by %s at %s", e.ID, e.Status, e.By, e.At.UTC().Format(time.RFC3339))
}
