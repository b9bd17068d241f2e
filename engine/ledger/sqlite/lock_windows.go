package sqlite

import (
	"errors"
	"fmt"
	"syscall"
)

// fileLock makes sure that only one store writes a ledger: two would fork its
// chain. The system drops it with the process, however that ends.
type fileLock struct{ h syscall.Handle }

// acquireLock opens the file at path for itself alone.
func acquireLock(path string) (*fileLock, error) {
	const sharingViolation = syscall.Errno(32)
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, errors.New("it is in use by another m1 process; stop it or choose another --state")
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &fileLock{h}, nil
}

func (l *fileLock) release() error { return syscall.CloseHandle(l.h) }

// syncFolder does nothing: NTFS journals names by itself.
func syncFolder(string) error { return nil }
