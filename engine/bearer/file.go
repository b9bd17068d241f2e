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
	"runtime"
	"sync/atomic"
	"time"

	"m1/engine/statefile"
)

// maxFile bounds what is read: far above any honest number of tokens.
const maxFile = 1 << 20

// fileVersion is the format that is written. Version 1 is read too: its tokens are
// all admins, without groups or end.
const fileVersion = 2

type file struct {
	Version int         `json:"version"`
	Tokens  []fileEntry `json:"tokens"`
}

type fileEntry struct {
	Name    string     `json:"name"`
	Role    Role       `json:"role"`
	SHA256  string     `json:"sha256"`
	Created time.Time  `json:"created"`
	Groups  []string   `json:"groups,omitempty"`
	Agents  []string   `json:"agents,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
}

// read returns the entries of path and what was read. The error is os.ErrNotExist
// when there is no file.
func read(path string) ([]entry, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil, err
		}
		return nil, nil, fmt.Errorf("bearer: %w; make it readable for the user that runs M1", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("bearer: %w", err)
	}
	// Whoever can write the file can add a token of their own. Windows has no
	// such bits.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return nil, nil, fmt.Errorf("bearer: %s can be written by other users (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("bearer: read %s: %w", path, err)
	}
	entries, err := parse(data)
	if err != nil {
		return nil, nil, fmt.Errorf("bearer: %s is damaged: %w; restore it from a backup, or remove it and start again to get new tokens", path, err)
	}
	return entries, info, nil
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
	switch {
	case in.Version != 1 && in.Version != fileVersion:
		return nil, fmt.Errorf("version %d, this M1 reads versions 1 and %d", in.Version, fileVersion)
	case in.Version == 1 && len(in.Tokens) == 0: // with version 2 all may be revoked
		return nil, errors.New("no token in it")
	}
	out := make([]entry, len(in.Tokens))
	names, digests := map[string]bool{}, map[string]bool{}
	for i, t := range in.Tokens {
		e, err := t.entry()
		switch {
		case err != nil:
			return nil, fmt.Errorf("token %d: %w", i+1, err)
		case in.Version == 1 && t.Role != Admin:
			return nil, fmt.Errorf("token %d: role %q in version 1, which has only %q", i+1, t.Role, Admin)
		case names[t.Name] || digests[string(e.digest[:])]:
			return nil, fmt.Errorf("token %d: %q, or its sha256, is used twice", i+1, t.Name)
		}
		names[t.Name], digests[string(e.digest[:])] = true, true
		out[i] = e
	}
	return out, nil
}

func (t fileEntry) entry() (entry, error) {
	spec := Spec{Name: t.Name, Role: t.Role, Groups: t.Groups, Agents: t.Agents}
	if err := spec.check(); err != nil {
		return entry{}, err
	}
	digest, err := hex.DecodeString(t.SHA256)
	if err != nil || len(digest) != sha256.Size {
		return entry{}, fmt.Errorf("%q: sha256 must be %d hexadecimal digits", t.Name, 2*sha256.Size)
	}
	return entry{Identity{t.Name, t.Role, t.Groups, t.Agents}, [sha256.Size]byte(digest), t.Created, t.Expires, new(atomic.Int64)}, nil
}

// write replaces path as a whole: after a crash the file is the old one or the
// new one, never a part.
func write(path string, entries []entry) error {
	out := file{Version: fileVersion, Tokens: []fileEntry{}}
	for _, e := range entries {
		out.Tokens = append(out.Tokens, fileEntry{e.Name, e.Role, hex.EncodeToString(e.digest[:]), e.created, e.Groups, e.Agents, e.expires})
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("bearer: encode tokens: %w", err)
	}
	if len(data) >= maxFile { // it could not be read again
		return fmt.Errorf("bearer: the file of the tokens would exceed %d bytes; revoke some that nobody uses", maxFile)
	}
	if err := statefile.Replace(path, append(data, '\n')); err != nil {
		return fmt.Errorf("bearer: %w", err)
	}
	return nil
}
