package source

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// maxAliased is how many nodes aliases may add to a document by repetition.
const maxAliased = 100_000

// structure finds what is wrong with a document whatever its fields mean:
// duplicate keys, keys that are not scalars, merge keys, aliases that contain
// themselves and aliases that blow the document up. With the last two the
// document must not be walked any further: sound is false.
func structure(name string, top *yaml.Node) (ps Problems, sound bool) {
	c := checker{file: name, sizes: map[*yaml.Node]int{}}
	c.size(top)
	if c.cyclic != nil {
		c.add(c.cyclic, "", "the alias stands inside what it repeats", "write the value out")
		return c.problems, false
	}
	if c.aliased > maxAliased {
		c.add(top, "", fmt.Sprintf("aliases repeat more than %d values", maxAliased), "write the values out")
		return c.problems, false
	}
	c.keys(top, nil)
	return c.problems, true
}

type checker struct {
	file     string
	problems Problems
	sizes    map[*yaml.Node]int // of anchored nodes; 0 while one is being counted
	aliased  int
	cyclic   *yaml.Node
}

// size counts the nodes under n with aliases written out, stopping where the
// document is refused anyway.
func (c *checker) size(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		size, counted := c.sizes[n.Alias]
		if !counted || size == 0 {
			c.cyclic = n
			return 1
		}
		c.aliased = min(c.aliased+size, maxAliased+1)
		return size
	}
	if n.Anchor != "" {
		c.sizes[n] = 0
	}
	total := 1
	for _, child := range n.Content {
		total = min(total+c.size(child), maxAliased+1)
	}
	if n.Anchor != "" {
		c.sizes[n] = total
	}
	return total
}

func (c *checker) keys(n *yaml.Node, at *segment) {
	if n.Kind == yaml.SequenceNode {
		for i, child := range n.Content {
			c.keys(child, at.index(i))
		}
		return
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	first := newKeySet(len(n.Content) / 2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		written, value := n.Content[i], n.Content[i+1]
		key := resolve(written)
		field := at.field(key.Value)
		switch {
		case key.Kind != yaml.ScalarNode:
			c.add(written, at.String(), "a key must be a single word, found "+found(key), "")
		case key.Tag == "!!merge":
			c.add(written, field.String(), "merge keys are not supported", "write the fields out")
		default:
			if earlier := first.add(key, written); earlier != nil {
				c.add(written, field.String(), "duplicate key",
					fmt.Sprintf("it stands in line %d already", earlier.Line))
			}
		}
		c.keys(value, field)
	}
}

func (c *checker) add(n *yaml.Node, field, msg, hint string) {
	c.problems = append(c.problems, Problem{
		File: c.file, Line: n.Line, Col: n.Column, Field: field, Msg: msg, Hint: hint,
	})
}

// keySet finds keys that stand twice in one mapping. 3 and "3" are two keys.
type keySet struct {
	few  []*yaml.Node
	many map[keyText]*yaml.Node // nil as long as few is enough
}

type keyText struct{ tag, text string }

const fewKeys = 16 // so many are faster compared than hashed

func newKeySet(n int) *keySet {
	if n <= fewKeys {
		return &keySet{}
	}
	return &keySet{many: make(map[keyText]*yaml.Node, n)}
}

// add returns where the key stood before, or nil.
func (s *keySet) add(key, written *yaml.Node) *yaml.Node {
	if s.many != nil {
		k := keyText{key.ShortTag(), key.Value}
		if earlier := s.many[k]; earlier != nil {
			return earlier
		}
		s.many[k] = written
		return nil
	}
	for _, earlier := range s.few {
		if k := resolve(earlier); k.Value == key.Value && k.ShortTag() == key.ShortTag() {
			return earlier
		}
	}
	s.few = append(s.few, written)
	return nil
}

// resolve returns what n stands for: itself, or the target of an alias.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
