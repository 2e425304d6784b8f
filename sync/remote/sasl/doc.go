// Package sasl holds the client's side of the SASL mechanisms that satchel
// speaks (RFC 4422), without any I/O.
//
// Start with the constructors, [Plain], [Login], [CRAMMD5], [SCRAM],
// [External], [OAuthBearer] and [XOAuth2]. Each returns a [Dialogue] for one
// login.
//
// Invariants:
//
//   - A dialogue always ends: what a server sends out of turn makes it give
//     up, and giving up is an answer too, the "*" that cancels AUTHENTICATE
//     (RFC 3501 §6.2.2). go-imap, which drives it, would leave the command
//     open if it were an error.
//   - [Dialogue.Err] must be asked after the server's answer, also after an
//     OK: only then is it known whether the server proved what SCRAM wants
//     proved (RFC 5802 §5).
//   - No error holds a password or a token.
package sasl
