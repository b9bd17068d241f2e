package tool

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed builtin/*.yaml
var builtins embed.FS

// Builtin returns a catalogue that comes with M1: "claude-code" for the tools of
// that client. It knows no tools of MCP servers.
func Builtin(name string) (*Catalogue, bool) {
	if !slices.Contains(Builtins(), name) {
		return nil, false
	}
	path := "builtin/" + name + ".yaml"
	src, err := builtins.ReadFile(path)
	if err != nil {
		return nil, false
	}
	c, err := Parse(path, src)
	if err != nil {
		panic(fmt.Sprintf("tool: %v", err)) // a test reads every one
	}
	return c, true
}

// Builtins are the names that Builtin knows, sorted.
func Builtins() []string {
	files, err := builtins.ReadDir("builtin")
	if err != nil {
		panic(fmt.Sprintf("tool: %v", err)) // the folder is part of the program
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(f.Name(), ".yaml")
	}
	return names
}
