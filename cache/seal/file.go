package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// maxFile is far above any honest length of a secret file, in bytes.
const maxFile = 4096

// ReadSecret returns the secret in the file at path: 64 hexadecimal digits, or 32
// bytes in standard base64; space around them is ignored. Except on Windows, a
// file that others than its owner may read or write is refused. Errors name the
// file and the remedy, and show nothing of what is in it. It blocks on the disk.
func ReadSecret(path string) (Secret, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return Secret{}, fmt.Errorf("seal: %w; make a secret with: (umask 077; openssl rand -hex 32 > %s)", err, path)
	}
	if err != nil {
		return Secret{}, fmt.Errorf("seal: %w; make it readable for the user that runs M1", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Secret{}, fmt.Errorf("seal: %w", err)
	}
	if info.IsDir() {
		return Secret{}, fmt.Errorf("seal: %s is a folder; name the file in it that holds the secret", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return Secret{}, fmt.Errorf("seal: %s is open to other users (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Secret{}, fmt.Errorf("seal: read %s: %w", path, err)
	}
	b, ok := parseSecret(bytes.TrimSpace(text))
	if !ok || len(text) > maxFile {
		return Secret{}, fmt.Errorf("seal: %s must hold 64 hexadecimal digits, or 32 bytes in base64; make one with: (umask 077; openssl rand -hex 32 > %s)", path, path)
	}
	if bytes.Count(b, b[:1]) == len(b) {
		return Secret{}, fmt.Errorf("seal: %s holds one byte %d times, which is no secret; make one with: (umask 077; openssl rand -hex 32 > %s)", path, len(b), path)
	}
	return NewSecret(b)
}

func parseSecret(text []byte) ([]byte, bool) {
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	var n int
	var err error
	if len(text) == hex.EncodedLen(MinSecret) {
		n, err = hex.Decode(b, text)
	} else {
		n, err = base64.StdEncoding.Strict().Decode(b, text)
	}
	return b[:n], err == nil && n == MinSecret
}
