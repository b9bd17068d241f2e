//go:build unix && !aix && !solaris

package bearer

import (
	"errors"
	"os"
	"syscall"
)

// lock is held by the one process that changes tokens. The kernel drops it with
// the process, however that ends.
type lock struct{ f *os.File }

// tryLock takes the lock at path, or says that another holds it. The lock is a
// file of its own, which stays: the token file is replaced with every change.
func tryLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &lock{f}, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		err = errLocked
	}
	return nil, errors.Join(err, f.Close())
}

// release unlocks before it closes: a process that this one is just starting
// still shares the open file until it executes its own program.
func (l *lock) release() error {
	return errors.Join(syscall.Flock(int(l.f.Fd()), syscall.LOCK_UN), l.f.Close())
}
