package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/statefile"
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

func (s shelf) write(f shelfFile) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return statefile.Replace(s.path, append(data, '\n'))
}
