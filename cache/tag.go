package cache

import (
	"slices"

	"m1/cache/seal"
)

// Everything as a Collection stands for all data of a scope.
const Everything = "*"

// Tag names data that an answer depends on, or that a change touches: one item
// of a collection, or with an empty Item the whole collection. Two tags overlap
// when scope and collection are the same and either is whole or the items are
// equal; Everything overlaps all of its scope.
type Tag struct {
	Scope      string // what the data belongs to, such as a run; may be empty
	Collection string
	Item       string
}

// kind tells the points of one scope apart. Each collection has two of them
// beside its items, so that whole answers and single items can tell the changes
// apart that matter to them:
//
//	a change of …       moves
//	item i of c         item(c i)           any(c)   any
//	c as a whole                   whole(c) any(c)   any
//	Everything          all                          any
//	an answer from …    holds
//	item i of c         item(c i)  whole(c)          all
//	c as a whole                            any(c)   all
//	Everything                                       all, any
//
// Every answer also holds root, which moves when too much changed to be listed.
type kind byte

const (
	kindRoot  kind = 'r'
	kindAll   kind = 'A'
	kindAny   kind = 'a'
	kindWhole kind = 'C'
	kindPart  kind = 'c' // any(c)
	kindItem  kind = 'i'
)

// id names a point, for all nodes the same.
type id [16]byte

// It does not depend on the secret: nodes that use another one must hear of changes
// all the same.
func (c *Cache) point(k kind, parts ...string) id {
	return id(seal.Secret{}.ID(byte(k), parts...))
}

// dependsOn lists the points that an answer with these tags holds.
func (c *Cache) dependsOn(tags []Tag) []id {
	ids := make([]id, 1, 1+3*len(tags))
	ids[0] = c.root
	for i, t := range tags {
		if i == 0 || t.Scope != tags[i-1].Scope {
			ids = append(ids, c.point(kindAll, t.Scope))
		}
		switch {
		case t.Collection == Everything:
			ids = append(ids, c.point(kindAny, t.Scope))
		case t.Item == "":
			ids = append(ids, c.point(kindPart, t.Scope, t.Collection))
		default:
			ids = append(ids, c.point(kindItem, t.Scope, t.Collection, t.Item), c.point(kindWhole, t.Scope, t.Collection))
		}
	}
	if ids = distinct(ids); len(ids) > maxPoints {
		if whole := coarse(tags); len(whole) < len(tags) {
			return c.dependsOn(whole)
		}
	}
	return ids
}

// movedBy lists the points that a change of these tags moves.
func (c *Cache) movedBy(tags []Tag) []id {
	ids := make([]id, 0, 3*len(tags))
	for i, t := range tags {
		if i == 0 || t.Scope != tags[i-1].Scope {
			ids = append(ids, c.point(kindAny, t.Scope))
		}
		switch {
		case t.Collection == Everything:
			ids = append(ids, c.point(kindAll, t.Scope))
		case t.Item == "":
			ids = append(ids, c.point(kindPart, t.Scope, t.Collection), c.point(kindWhole, t.Scope, t.Collection))
		default:
			ids = append(ids, c.point(kindPart, t.Scope, t.Collection), c.point(kindItem, t.Scope, t.Collection, t.Item))
		}
	}
	if ids = distinct(ids); len(ids) > maxPoints {
		if whole := coarse(tags); len(whole) < len(tags) {
			return c.movedBy(whole)
		}
	}
	return ids
}

// maxPoints bounds the points of one answer or change. Beyond, everything in their
// scopes stands for its tags, which can only cost hits.
const maxPoints = 200

// coarse are tags that overlap all that tags overlap, one a scope.
func coarse(tags []Tag) []Tag {
	var out []Tag
	for _, t := range tags {
		if whole := (Tag{Scope: t.Scope, Collection: Everything}); !slices.Contains(out, whole) {
			out = append(out, whole)
		}
	}
	return out
}

// distinct drops repeated ids: a change must not pass through a point twice.
// There are few, so that looking back is quicker than a set.
func distinct(ids []id) []id {
	out := ids[:0]
next:
	for _, n := range ids {
		for _, have := range out {
			if have == n {
				continue next
			}
		}
		out = append(out, n)
	}
	return out
}
