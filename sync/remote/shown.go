package remote

import (
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// What a server says to people ends in errors, and from there in logs, in the
// state and on the screen. Here is the border: behind it the text is safe to
// show, has a bound, and holds nothing that was sent to the server in
// confidence.

// maxText is how much of a text is looked at, in bytes.
const maxText = 4 << 10

// said is text of the server's, as it may be shown.
func (cl *Client) said(text string) string {
	return mail.Said(cl.secrets.Hide(text[:min(len(text), maxText)]))
}

// answered is the text of a condition, as it may be shown (RFC 3501 §7.1). A
// code that is known stays what it is.
func (cl *Client) answered(t wire.Text) wire.Text {
	t.Text = cl.said(t.Text)
	if !slices.Contains(knownCodes(), t.Code) {
		t.Code = mail.Shortened(cl.secrets.Hide(t.Code[:min(len(t.Code), maxText)]), 40)
	}
	return t
}

// knownCodes are the response codes that decide something.
func knownCodes() []string {
	return []string{"", "ALERT", "CAPABILITY", refusal.CodeTryCreate, refusal.CodeOverQuota, refusal.CodeTooBig, refusal.CodeNonExistent, refusal.CodeAlreadyExists, refusal.CodeUnavailable, refusal.CodeInUse,
		refusal.CodeAuthorizationFailed, refusal.CodeExpired, refusal.CodePrivacyRequired, refusal.CodeContactAdmin, refusal.CodeCannot, refusal.CodeNoPerm, refusal.CodeReadOnly, refusal.CodeLimit, refusal.CodeServerBug, refusal.CodeThrottled,
		refusal.CodeModified}
}

// told is err as it may be shown: libraries and tunnel commands quote what they
// read. The tree below stays as it is, for those who ask what err is.
func (cl *Client) told(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if safe := cl.said(text); safe != text {
		return &shownError{text: safe, err: err}
	}
	return err
}

type shownError struct {
	text string
	err  error
}

func (e *shownError) Error() string { return e.text }
func (e *shownError) Unwrap() error { return e.err }
