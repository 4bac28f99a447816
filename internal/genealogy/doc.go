// Package genealogy holds what follows from events about what things are made
// of: the order in which events happened, what was on a slot, where a thing
// was, and the walk along the edges from one thing to all that it was made of
// or that was made of it.
//
// It is pure: values in, values out. What it returns depends on the set of
// events, never on the order in which they arrived.
package genealogy
