package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"m1/collector/snapshot"
	"m1/engine"
)

// ShelfFile is the name of the file in the state folder that holds the policies
// which decided, newest first.
const ShelfFile = "policies.json"

// shelved is how many it holds.
const shelved = 10

// shelf keeps policies in one file, which is replaced as a whole.
type shelf struct{ path string }

type shelfFile struct {
	Version  int         `json:"version"`
	Policies []shelfItem `json:"policies"`
}

type shelfItem struct {
	snapshot.PolicyVersion
	Source string `json:"source"`
}

// All implements engine.Shelf.
func (s shelf) All() ([]engine.Shelved, error) {
	f, err := s.read()
	if err != nil {
		return nil, err
	}
	out := make([]engine.Shelved, len(f.Policies))
	for i, p := range f.Policies {
		out[i] = engine.Shelved{PolicyVersion: p.PolicyVersion, Source: []byte(p.Source)}
	}
	return out, nil
}

// Put implements engine.Shelf.
func (s shelf) Put(v snapshot.PolicyVersion, source []byte) error {
	f, err := s.read()
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(f.Policies, func(p shelfItem) bool { return p.Version == v.Version })
	for i := range rest {
		rest[i].Live = false
	}
	f.Policies = append([]shelfItem{{v, string(source)}}, rest...)
	f.Policies = f.Policies[:min(len(f.Policies), shelved)]
	return s.write(f)
}

func (s shelf) read() (shelfFile, error) {
	f := shelfFile{Version: 1}
	data, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return f, nil
	case err != nil:
		return f, fmt.Errorf("the policies of former starts cannot be read: %w", err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("%s is damaged: %w; move it away and start again: only the history of policies is lost", s.path, err)
	}
	return f, nil
}

// write replaces the file: after a crash it is the old one or the new one.
func (s shelf) write(f shelfFile) (err error) {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(s.path), ShelfFile+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
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
	return os.Rename(tmp.Name(), s.path)
}
