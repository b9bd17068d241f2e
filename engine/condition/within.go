package condition

import (
	"path"
	"strings"
)

// within reports whether a path, cleaned by its text alone, is root or lies below
// it. Both must be absolute. What could be read in another way is not within:
// relative and empty paths, a backslash, a control character, `~`. Symlinks are
// not followed: only the host of the tool can do that.
func within(p, root string) bool {
	root, ok := cleaned(root)
	return ok && below(p, root)
}

// below is within for a root that was cleaned.
func below(p, root string) bool {
	p, ok := cleaned(p)
	switch {
	case !ok:
		return false
	case root == "/" || p == root:
		return true
	}
	return len(p) > len(root) && p[len(root)] == '/' && strings.HasPrefix(p, root)
}

func cleaned(p string) (string, bool) {
	if p == "" || p[0] != '/' {
		return "", false
	}
	tidy := true
	for i := range len(p) {
		c := p[i]
		if c < 0x20 || c == '\\' || c == 0x7F {
			return "", false
		}
		// A slash before a slash, before a dot or at the end may change what is named.
		if c == '/' && i > 0 && (i+1 == len(p) || p[i+1] == '/' || p[i+1] == '.') || i == 1 && (c == '.' || c == '/') {
			tidy = false
		}
	}
	if tidy {
		return p, true
	}
	p = path.Clean(p)
	return p, p[0] == '/'
}
