//go:build unix

package app

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what this process has used since its start.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// canSuspend tells whether a shell with job control is there to continue us. In
// the first process group of a session (ssh -t host m1, tmux new m1, docker
// run) nobody is, and a program that stops itself there never comes back.
func canSuspend() bool {
	session, err := unix.Getsid(0)
	return err == nil && session != 0 && session != os.Getpid() && session != unix.Getpgrp()
}
