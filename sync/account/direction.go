package account

import (
	"errors"
	"fmt"

	"satchel/sync/mail"
)

// Direction says which side of an account may change.
type Direction string

// The directions of SPEC §3. The empty one is both.
const (
	Both Direction = "both"
	Pull Direction = "pull" // only the Maildir: the account is a backup of the server
	Push Direction = "push" // only the server
)

// Allows refuses a request that would change the side that is to stay as it
// is.
func (d Direction) Allows(req Request) error {
	switch {
	case d != "" && d != Both && d != Pull && d != Push:
		return &mail.Error{Op: "account options", Kind: mail.KindConfig, Hint: "use both, pull or push",
			Err: fmt.Errorf("unknown direction %q", string(d))}
	case req.Pull && req.Push:
		return &mail.Error{Op: "sync", Kind: mail.KindConfig, Err: errors.New("pull and push exclude each other")}
	case d == Pull && req.Push, d == Push && req.Pull:
		asked, kept := "--push", "server"
		if req.Pull {
			asked, kept = "--pull", "Maildir"
		}
		return &mail.Error{Op: "sync", Kind: mail.KindConfig,
			Err:  fmt.Errorf("%s would change the %s, and direction = %q keeps it as it is", asked, kept, string(d)),
			Hint: "leave " + asked + " out, or name the accounts that it is meant for"}
	}
	return nil
}

// Narrow returns the request without what the direction leaves out.
func (d Direction) Narrow(req Request) (Request, error) {
	if err := d.Allows(req); err != nil {
		return req, err
	}
	req.Pull = req.Pull || d == Pull
	req.Push = req.Push || d == Push
	return req, nil
}
