//go:build !linux

package redistest

import "os/exec"

// dieWithParent cannot be had here: a test process that is killed leaves its
// servers behind.
func dieWithParent(*exec.Cmd) {}

// halted takes it that SIGSTOP works at once.
func halted(int) bool { return true }
