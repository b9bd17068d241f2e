package bearer

import (
	"errors"
	"syscall"
)

// lock is held by the one process that changes tokens. The system drops it with
// the process, however that ends.
type lock struct{ h syscall.Handle }

// tryLock opens the file at path for itself alone, or says that another did.
func tryLock(path string) (*lock, error) {
	const sharingViolation = syscall.Errno(32)
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, errLocked
	}
	if err != nil {
		return nil, err
	}
	return &lock{h}, nil
}

func (l *lock) release() error { return syscall.CloseHandle(l.h) }
