package call

import "errors"

var (
	// ErrUnknownCall means that the id was never released, was reported already, or was
	// given up after the engine's limit for open calls.
	ErrUnknownCall = errors.New("call: unknown or already reported")
	// ErrUnknownRun means that no such run is open.
	ErrUnknownRun = errors.New("call: unknown run")
)
