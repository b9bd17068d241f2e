package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

var errNotLedger = errors.New("it is not a ledger of m1; move it away or choose another --state")

// code is the primary result code of SQLite in err; 0 if there is none.
func code(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// withRemedy says in a sentence what happened to the file at path and what to do
// next, where the code alone would not.
func withRemedy(path string, err error) error {
	dir := filepath.Dir(path)
	switch code(err) {
	case codes.SQLITE_FULL:
		return fmt.Errorf("the disk that holds %s is full; free some space there, writing goes on by itself: %w", dir, err)
	case codes.SQLITE_IOERR:
		return fmt.Errorf("the disk that holds %s does not take the data; check it and its space, writing goes on by itself: %w", dir, err)
	case codes.SQLITE_READONLY, codes.SQLITE_CANTOPEN:
		return fmt.Errorf("%s cannot be written; give this user write permission to the file and its folder: %w", path, err)
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return fmt.Errorf("another program holds %s; close it, writing goes on by itself: %w", path, err)
	case codes.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", errNotLedger, err)
	case codes.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged; move it away and restore the last good copy: %w", err)
	case codes.SQLITE_CONSTRAINT:
		return fmt.Errorf("another program wrote into %s; stop it and verify the ledger: %w", path, err)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s cannot be written; give this user write permission to the file and its folder: %w", path, err)
	}
	return err
}
