package remote

import (
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"sync"

	"satchel/sync/mail"
	"satchel/sync/remote/dial"
	"satchel/sync/remote/names"
)

// Client knows one account: how to reach it and, once [Conn.ListMailboxes] ran,
// how its mailboxes are called. It is shared by all connections and safe for
// concurrent use.
type Client struct {
	opts  Options
	roots *x509.CertPool // nil: the system's
	// secrets are what was sent to the server in confidence; see shown.go.
	secrets mail.Secrets

	mu    sync.Mutex // guards all below
	names *names.Naming
	bound map[string]string // see [Client.Bind]
	out   []names.LeftOut   // of the last list
	// namespace is what the server told last, or what Remember was told; known
	// are the mailboxes of the caller, strangers those of Disown.
	namespace *names.Namespace
	known     func() (map[string]bool, error)
	strangers map[string]bool
	// limits are the largest messages that mailboxes take, in bytes (RFC 7889
	// §4), by canonical name.
	limits map[string]int64
	stats  Stats
	wrong  map[string]bool // capabilities that the server announces and gets wrong
	aside  map[string]bool // mailboxes that are not asked for their state; see SetAside

	dovecot    bool // by its answer to ID
	noIdentity bool // asking for an identity was refused
}

// Stats counts what went over all connections of a Client.
type Stats struct {
	BytesIn, BytesOut int64 // inside TLS
	// RoundTrips counts the turns of the line after the greeting: how often
	// a command had to wait for an earlier answer, plus one for the first.
	// Pipelined commands share a turn.
	RoundTrips    int64 // summed over connections
	MaxRoundTrips int64 // of the connection that took most
	Connections   int64 // opened so far
}

// New checks the options. It does no I/O.
func New(o Options) (*Client, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	cl := &Client{opts: o, names: names.NewNaming("", 0)}
	if len(o.RootCA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(o.RootCA) {
			return nil, &mail.Error{Op: "account options", Kind: mail.KindConfig,
				Hint: "tls_ca must name a PEM file", Err: errors.New("tls_ca holds no certificate")}
		}
		cl.roots = pool
	}
	return cl, nil
}

// dialer reaches the account.
func (cl *Client) dialer() *dial.Dialer {
	d := cl.opts.dialer()
	d.Roots, d.Answered = cl.roots, cl.answered
	return d
}

// Stats returns the counters as they stand.
func (cl *Client) Stats() Stats {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.stats
}

// Distrusted lists the capabilities that the server announces and gets wrong,
// as far as was found out.
func (cl *Client) Distrusted() []string {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if len(cl.wrong) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(cl.wrong))
}

// Distrust makes the client do without a capability for which it knows another
// way: MOVE and [Pipelining].
func (cl *Client) Distrust(capability string) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.wrong == nil {
		cl.wrong = map[string]bool{}
	}
	cl.wrong[capability] = true
}

func (cl *Client) distrusts(capability string) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.wrong[capability]
}

func (cl *Client) count(f func(*Stats)) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	f(&cl.stats)
}

func (cl *Client) mailboxNames() *names.Naming {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.names
}

func (cl *Client) mailboxLimit(name string) (int64, bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	n, ok := cl.limits[name]
	return n, ok
}

func (cl *Client) setLimits(limits map[string]int64) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.limits = limits
}

// setNames takes what a list told of names.
func (cl *Client) setNames(n *names.Naming, out []names.LeftOut) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.names, cl.out = n, out
}

// Bind tells which of several spellings a mailbox had until now, by canonical
// name, before the first list. Only what [Client.Spelling] returned needs to be told.
func (cl *Client) Bind(spellings map[string]string) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.bound = maps.Clone(spellings)
}

func (cl *Client) boundNames() map[string]string {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.bound
}

// Spelling returns how the server spells a mailbox, where that is not how
// satchel would spell a new one of that name; else "".
func (cl *Client) Spelling(name string) string {
	n := cl.mailboxNames()
	spelled, err := n.ToWire(name)
	if err != nil {
		return ""
	}
	if own, err := n.Spell(name); err == nil && own == spelled {
		return ""
	}
	return spelled
}

// Spells reports whether a mailbox of the last list is spelled as the caller
// knows it.
func (cl *Client) Spells(box *Mailbox) bool {
	wire, err := cl.mailboxNames().Expected(box.Name)
	return box.Name == names.Inbox || err == nil && wire == box.Wire
}

// Reads reports whether a mailbox of the last list reads as the caller knows it, letter
// for letter: modified UTF-7 and UTF-8 are two ways to write one name.
func (cl *Client) Reads(box *Mailbox) bool {
	wire, err := cl.mailboxNames().Expected(box.Name)
	return err == nil && !box.Foreign && names.DecodeName(wire) == names.DecodeName(box.Wire)
}

// Nameable returns why the server cannot have a mailbox of a name.
func (cl *Client) Nameable(name string) error {
	wire, err := cl.mailboxNames().ToWire(name)
	if err == nil {
		_, err = names.Quote(name, wire)
	}
	return err
}

// LeftOut lists the mailboxes that the last list of the server had and that
// have no name here.
func (cl *Client) LeftOut() []names.LeftOut {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return slices.Clone(cl.out)
}

// connectError says where the connection was to go, and what to try.
func (cl *Client) connectError(err error) error {
	return &mail.Error{Op: "connect to " + cl.opts.dialer().Address(), Kind: mail.KindConnection,
		Hint: cl.dialer().Hint(err), Err: cl.told(err)}
}
