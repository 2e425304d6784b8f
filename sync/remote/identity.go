package remote

import (
	"errors"
	"strings"

	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// A server's own identity of a message is the one proof of equal content that
// costs no transfer. Three kinds are known: EMAILID (RFC 8474 §5.1), Gmail's
// X-GM-MSGID, and X-GUID, which Dovecot has without announcing it; a server
// that names itself Dovecot (ID, RFC 2971) is asked for it.
const (
	itemEmailID = "EMAILID"
	itemGmail   = "X-GM-MSGID"
	itemGUID    = "X-GUID"
)

// itemMailboxID is the STATUS item for the identity of a mailbox (RFC 8474 §4.3).
const itemMailboxID = "MAILBOXID"

// isDovecot reads an ID response: ("name" "Dovecot").
func isDovecot(r wire.Response) bool {
	return r.Kind == "ID" && strings.Contains(strings.ToLower(string(r.Rest)), `"name" "dovecot"`)
}

// refusedIdentity reports whether a FETCH may have been refused for the
// identity's sake, as by a proxy that names itself after its maker; then the
// identity is not asked for again.
func (c *Conn) refusedIdentity(err error) bool {
	var re *refusal.ResponseError
	if c.can().identity == "" || !errors.As(err, &re) {
		return false
	}
	c.cl.refuseIdentity(true)
	return true
}

// What one connection finds out about identities holds for all of the account:
// a message has the same one over each of them.

func (cl *Client) isDovecot() bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.dovecot
}

func (cl *Client) setDovecot(is bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.dovecot = is
}

// identityRefused reports whether asking for an identity was refused.
func (cl *Client) identityRefused() bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.noIdentity
}

func (cl *Client) refuseIdentity(is bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.noIdentity = is
}
