package wire

import (
	"strings"

	"satchel/sync/mail"
)

// EncodeName writes a mailbox name in modified UTF-7 (RFC 3501 §5.1.3).
func EncodeName(name string) string { return mail.EncodeUTF7(name) }

// DecodeName reads modified UTF-7. ok is false for a name that is not in
// that form; such names exist on servers, and have to be sent as they came.
func DecodeName(name string) (string, bool) { return mail.DecodeUTF7(name) }

// Quote writes s as a quoted string. ok is false when it holds what a quoted
// string cannot carry (RFC 3501 §4.3).
func Quote(s string) (quoted string, ok bool) {
	if strings.ContainsAny(s, "\r\n\x00") {
		return "", false
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`, true
}
