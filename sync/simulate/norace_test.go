//go:build !race

package simulate_test

// raced: see race_test.go.
const raced = false
