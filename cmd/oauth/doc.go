// Package oauth gets access tokens for accounts whose servers want OAuth 2.0
// instead of a password, with the user's own client id.
//
// Start with [New]. [Client.Token] is what a sync asks: it exchanges the
// stored refresh token for an access token and never asks a person.
// [Client.Device] (RFC 8628) and [Client.Browser] (RFC 8252) are what the verb
// login does with a person present; both store the refresh token that they
// are given.
//
// Invariants:
//
//   - A refresh token is kept in the keyring, or else in one file that only its
//     owner can read, and the file wins. What a server gives in its place is
//     stored before the access token that came with it is used.
//   - Access tokens are kept in memory only.
//   - A refresh token is neither read from nor written to a folder that others
//     can write to.
//   - Neither the times that a provider tells nor connections of other users of
//     this machine hold up a login.
//   - No error holds a token, a secret, or what an endpoint answered beyond
//     its error code and description (RFC 6749 §5.2).
package oauth
