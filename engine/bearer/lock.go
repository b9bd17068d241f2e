package bearer

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// lockFile is the name of the lock beside the token file.
const lockFile = "tokens.lock"

// lockPatience is how long a change waits for another; each takes milliseconds.
const lockPatience = 10 * time.Second

var errLocked = errors.New("another process is changing the tokens")

func acquire(dir string) (*lock, error) {
	path := filepath.Join(dir, lockFile)
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		l, err := tryLock(path)
		switch {
		case err == nil:
			return l, nil
		case !errors.Is(err, errLocked):
			return nil, fmt.Errorf("bearer: lock the tokens: %w; run this as the user that runs M1", err)
		case time.Since(began) > lockPatience:
			return nil, fmt.Errorf("bearer: lock %s: %w; try again when it is done", path, err)
		}
	}
}
