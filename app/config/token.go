package config

import (
	"fmt"
	"os"
	"strings"
)

// Token is the name of the environment variable with the bearer token for
// attaching. It is no flag: command lines are seen by everybody on the machine.
const Token = "M1_TOKEN"

// Bearer is the token for attaching to a running engine: from --token-file, else
// from the variable, else from the token file that the settings file names; empty
// if there is none. It reads the file each time.
func (c *Config) Bearer() (string, error) {
	if c.TokenFile == "" || (c.token != "" && c.Origin("token-file") == File) {
		return strings.TrimSpace(c.token), nil
	}
	src, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", fmt.Errorf("the token file %s cannot be read: %s; name another with --token-file, or set %s", c.TokenFile, plain(err), Token)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(src)), "\n")
	if first = strings.TrimSpace(first); first == "" {
		return "", fmt.Errorf("the token file %s is empty; write the token into it, or set %s", c.TokenFile, Token)
	}
	return first, nil
}
