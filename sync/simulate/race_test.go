//go:build race

package simulate_test

// raced: the race detector looks at a sample; the mass of histories is lived
// through without it.
const raced = true
