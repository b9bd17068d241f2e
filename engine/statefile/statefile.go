// Package statefile replaces files of the state folder as a whole: after a crash a
// file is the old one or the new one, never a part.
package statefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Replace puts a file with data at path, which only its owner may read, in the place
// of the one that may be there. It blocks until that is durable. After an error the
// old file stands. Of two at the same time the last one stands.
func Replace(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("%w; choose a state directory that can be written", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(data); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename durable. Windows cannot sync a directory and needs not.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
