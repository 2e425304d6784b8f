// Package conflict holds what satchel does when both sides changed the same
// message: the kinds of conflict, and the policies that settle them.
//
// It is pure. The rules themselves, which combination of changes is a
// conflict at all, are the decision table of package plan; start there, and
// come here for [Policy].
package conflict
