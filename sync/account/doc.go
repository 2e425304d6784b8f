// Package account says what an account is and what a run is asked for: values
// without I/O.
//
// Start with [Account] and [Request]. [Account.Wanted] applies include and
// exclude, [Direction] joins what an account allows with what a run asks for,
// [Level] bounds how changes are asked for.
//
// Everything here is decided before a run begins and never changes in it.
package account
