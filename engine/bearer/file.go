package bearer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// maxFile bounds what is read: far above any honest number of tokens.
const maxFile = 1 << 20

// fileVersion is the only format there is.
const fileVersion = 1

type file struct {
	Version int         `json:"version"`
	Tokens  []fileEntry `json:"tokens"`
}

type fileEntry struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	SHA256  string    `json:"sha256"`
	Created time.Time `json:"created"`
}

// read returns the entries of path. The error is os.ErrNotExist when there is
// no file.
func read(path string) ([]entry, error) {
	f, err := os.Open(path)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, err
		}
		return nil, fmt.Errorf("bearer: %w; make it readable for the user that runs M1", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("bearer: %w", err)
	}
	// Whoever can write the file can add a token of their own. Windows has no
	// such bits.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("bearer: %s can be written by other users (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("bearer: read %s: %w", path, err)
	}
	entries, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("bearer: %s is damaged: %w; restore it from a backup, or remove it and start again to get a new token", path, err)
	}
	return entries, nil
}

func parse(data []byte) ([]entry, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	var in file
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("text after the end of the object")
	}
	if in.Version != fileVersion {
		return nil, fmt.Errorf("version %d, this M1 reads version %d", in.Version, fileVersion)
	}
	if len(in.Tokens) == 0 {
		return nil, errors.New("no token in it")
	}
	out := make([]entry, len(in.Tokens))
	names := make(map[string]bool, len(in.Tokens))
	for i, t := range in.Tokens {
		digest, err := hex.DecodeString(t.SHA256)
		switch {
		case t.Name == "" || names[t.Name]:
			return nil, fmt.Errorf("token %d: name %q is empty or used twice", i+1, t.Name)
		case t.Role != Admin:
			return nil, fmt.Errorf("token %q: role %q is unknown, want %q", t.Name, t.Role, Admin)
		case err != nil || len(digest) != sha256.Size:
			return nil, fmt.Errorf("token %q: sha256 must be %d hexadecimal digits", t.Name, 2*sha256.Size)
		}
		names[t.Name] = true
		out[i] = entry{Identity{t.Name, t.Role}, [sha256.Size]byte(digest), t.Created}
	}
	return out, nil
}

// write replaces path as a whole: after a crash the file is the old one or the
// new one, never a part.
func write(path string, entries []entry) (err error) {
	out := file{Version: fileVersion}
	for _, e := range entries {
		out.Tokens = append(out.Tokens, fileEntry{e.identity.Name, e.identity.Role, hex.EncodeToString(e.digest[:]), e.created})
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("bearer: encode tokens: %w", err)
	}
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, File+".*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("bearer: %w; choose a state directory that can be written", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("bearer: write %s: %w", path, err)
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(append(data, '\n')); err != nil {
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
