// Package decide puts the question to the planner and tells the answer: it
// translates a view into the planner's terms (planning.go), knows where
// removals go (trash.go), adds up removals for the brakes (brakes.go), stops
// before mail would be there twice (doubling.go), and says what the run will do
// (planned.go) and what it holds back (held.go).
//
// Start with [Decide.Plan]. A new brake belongs here, or in package plan when
// it needs nothing but the plan.
//
// It changes neither side. What a dry run tells is what the next run does.
package decide
