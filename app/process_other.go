//go:build !unix

package app

import "time"

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }

// canSuspend is false: there is no job control.
func canSuspend() bool { return false }
