package token

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"m1/engine/statefile"
)

const (
	fileVersion = 1
	// maxFile bounds what is read: far above maxKeys keys.
	maxFile = 1 << 20
	// minSecret is what HS256 needs to be as strong as its digest.
	minSecret = 32
)

type file struct {
	Version int         `json:"version"`
	Keys    []fileEntry `json:"keys"`
}

// fileEntry is one key. Only the one that signs keeps its seed: a key that only checks
// needs none, and what is not there cannot be stolen.
type fileEntry struct {
	ID      string    `json:"kid"`
	Public  []byte    `json:"public_key"`
	Created time.Time `json:"created"`
	Retires time.Time `json:"retires,omitzero"`
	Seed    []byte    `json:"seed,omitempty"`
}

// readPrivate returns what is in a file that only its owner may read and write. The
// error is os.ErrNotExist when there is no file.
func readPrivate(path string) ([]byte, error) {
	// A named pipe would block in Open, so the kind is looked at first.
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("token: %s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("token: %w; make it readable for the user that runs M1", err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	// Windows has no such bits.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("token: %s can be read or written by other users (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("token: read %s: %w", path, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("token: %s is larger than %d bytes", path, maxFile)
	}
	return data, nil
}

// readKeys returns the keys of a key file, the one that signs last.
func readKeys(path, issuer string) ([]*key, ed25519.PrivateKey, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, nil, err
	}
	own, private, err := parseKeys(data, issuer)
	if err != nil {
		return nil, nil, fmt.Errorf("token: %s is damaged: %w; restore it from a backup, or remove it and start again: grants that are open then end", path, err)
	}
	return own, private, nil
}

// parseKeys never puts what it reads into an error: it is a secret.
func parseKeys(data []byte, issuer string) ([]*key, ed25519.PrivateKey, error) {
	var in file
	if err := jsonv2.Unmarshal(data, &in, jsonv2.RejectUnknownMembers(true)); err != nil {
		return nil, nil, errors.New("it is not the JSON that M1 writes")
	}
	if in.Version != fileVersion {
		return nil, nil, fmt.Errorf("it is version %d, this M1 reads version %d", in.Version, fileVersion)
	}
	var own []*key
	var private ed25519.PrivateKey
	seen := map[string]bool{}
	for i, e := range in.Keys {
		last := i == len(in.Keys)-1
		k, err := newKey(Key{ID: e.ID, Issuer: issuer, Public: e.Public, Created: e.Created, Retires: e.Retires})
		switch {
		case err != nil || e.ID != kidOf(e.Public) || seen[e.ID]:
			return nil, nil, fmt.Errorf("key %d of %d: kid and public_key do not belong together, or are there twice", i+1, len(in.Keys))
		case last != e.Retires.IsZero():
			return nil, nil, fmt.Errorf("key %d of %d: all but the last must have retires", i+1, len(in.Keys))
		case last && len(e.Seed) != ed25519.SeedSize, !last && len(e.Seed) != 0:
			return nil, nil, fmt.Errorf("key %d of %d: the last must have a seed of %d bytes, the others none", i+1, len(in.Keys), ed25519.SeedSize)
		}
		if last {
			private = ed25519.NewKeyFromSeed(e.Seed)
			if !bytes.Equal(private[ed25519.SeedSize:], e.Public) {
				return nil, nil, fmt.Errorf("key %d of %d: seed and public_key do not belong together", i+1, len(in.Keys))
			}
		}
		seen[e.ID] = true
		own = append(own, k)
	}
	if len(own) == 0 {
		return nil, nil, errors.New("no key in it")
	}
	return own, private, nil
}

// writeKeys replaces path as a whole: after a crash the file is the old one or the new
// one, never a part.
func writeKeys(path string, own []*key, private ed25519.PrivateKey) error {
	out := file{Version: fileVersion}
	for _, k := range own {
		p := k.public()
		out.Keys = append(out.Keys, fileEntry{ID: p.ID, Public: p.Public, Created: p.Created, Retires: p.Retires})
	}
	out.Keys[len(own)-1].Seed = private.Seed()
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("token: encode keys: %w", err)
	}
	if err := statefile.Replace(path, append(data, '\n')); err != nil {
		return fmt.Errorf("token: %w", err)
	}
	return nil
}

// readSecret returns the shared secret. There is no default for it.
func readSecret(path string) ([]byte, error) {
	secret, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	if line, ok := bytes.CutSuffix(secret, []byte("\n")); ok {
		secret = bytes.TrimSuffix(line, []byte("\r"))
	}
	if len(secret) < minSecret {
		return nil, fmt.Errorf("token: the secret in %s has %d bytes and needs at least %d; make one with: openssl rand -base64 48", path, len(secret), minSecret)
	}
	return secret, nil
}
