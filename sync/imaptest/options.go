package imaptest

import (
	"io"
	"maps"
	"time"
)

// Options describe a server. The zero value is a server in the manner of Dovecot 2.3 with one empty INBOX.
type Options struct {
	// Users maps names to passwords; nil means ann with the password secret. All users see the same mailboxes.
	Users map[string]string
	// Tokens maps names to the access tokens that OAUTHBEARER and XOAUTH2 take.
	Tokens map[string]string
	// ClientCA is PEM that signs the certificates of clients; the common name of one is who EXTERNAL lets in. nil means that
	// none is asked for.
	ClientCA []byte
	// Caps are the capabilities; zero means [DefaultCaps].
	Caps Caps
	// Delimiter separates the levels of mailbox names; zero means '/'.
	Delimiter rune
	// Prefix of the personal namespace with its delimiter, such as "INBOX."; clients can create mailboxes only below it.
	Prefix string
	// Spell gives the name under which a mailbox is stored that a command names, for servers that do not tell all names
	// apart: upper and lower case, a space at the end, an alias. LIST knows the stored names only, unless EchoNames makes
	// it answer for a pattern without wildcards with the name that was asked for. Nil: names are stored as they are.
	Spell     func(name string) string
	EchoNames bool
	// PermanentFlags replaces the list that SELECT announces; nil means the five system flags and \*. A flag
	// that a client sets and that is not in the list is dropped without a word, as some servers do.
	PermanentFlags []string
	// AppendLimit is the size of the largest message that is taken, in bytes, announced as APPENDLIMIT=n (RFC 7889); zero means
	// no limit. Mailboxes in AppendLimits have their own; then a client is told to ask STATUS for it.
	AppendLimit  int64
	AppendLimits map[string]int64
	// MaxConnections is how many connections there may be at once; zero means any number. One more is refused with
	// TooMany: at its login when that is a tagged reply without its tag, in place of the greeting when it begins with "* BYE",
	// without a word when it is empty.
	MaxConnections int
	TooMany        string
	// Gmail makes the server behave as Gmail does; see [GmailOptions]. Nil: an ordinary server.
	Gmail *Gmail
	// Exchange makes the server behave as Exchange Online does; see [ExchangeOptions]. Nil: an ordinary server.
	Exchange *Exchange
	// NoGreetingCaps and NoLoginCaps leave the CAPABILITY code out of the greeting and of the answer to a login.
	NoGreetingCaps, NoLoginCaps bool

	// Damaged says what is broken in the store; nil means nothing.
	Damaged *Damaged
	// RefusesIdentity answers BAD to a FETCH of the identity of messages, although it is announced.
	RefusesIdentity bool
	// Disorder exchanges the tagged answers of the last two of the commands that came together, as a proxy may.
	Disorder bool
	// UIDLast puts the UID behind everything else in a FETCH response.
	UIDLast bool

	// Preauth greets with PREAUTH, as the first of Users by name.
	Preauth bool
	// AppendsBackwards stores the messages of one APPEND in the reverse of their order, and says of APPENDUID nothing else,
	// against RFC 4315 §3.
	AppendsBackwards bool
	// Stores makes of what a client appends what is stored; nil keeps it as it is. [Alterations] are what servers do there.
	Stores func(data []byte) []byte
	// Words makes of a message what is sent of it, the nth time that a client asks for any of its content, for a server that words
	// messages anew at each FETCH; nil sends it as it is.
	Words func(n int, data []byte) []byte
	// BareParents leaves \Noselect out of LIST for levels that are no mailboxes, as Dovecot does.
	BareParents bool
	// RenameVoidsUIDs gives mailboxes a new UIDVALIDITY when they are renamed, as some servers do; MAILBOXID stays.
	RenameVoidsUIDs bool

	// TLS makes the listener speak TLS from the first byte. Connections of [Server.Dial] stay plain, and count as protected.
	TLS bool
	// NoListen leaves out the listener: the server is reached by Dial alone, which testing/synctest needs.
	NoListen bool
	// Latency delays what travels over a connection of Dial, in each direction; zero means none. With
	// testing/synctest it makes round trips measurable by the clock.
	Latency time.Duration

	// Now is the clock for messages without a date; nil means time.Now.
	Now func() time.Time
	// Log receives a transcript of all connections; nil means none. Literals of more than 200 bytes are left out.
	Log io.Writer

	// Hook is asked before each command is executed, once all of it was read. The verb is in capitals and for
	// UID commands of two words ("UID FETCH"); line is the command with its literals left out. It is called without locks
	// held, from the goroutine of the connection, and may use the methods of the server.
	Hook func(c *Conn, tag, verb, line string) Action
	// Mangle sees each response before it is sent, without its final CRLF but with its literals inline, and
	// returns what is sent instead; "" suppresses it. That simulates servers that lie: drop an APPENDUID, widen a VANISHED.
	// It is called under the same conditions as Hook, during IDLE from a second goroutine.
	Mangle func(c *Conn, line string) string
}

// Action is what a hook wants done with a command. The zero value executes it.
type Action struct {
	// Delay waits before anything else happens.
	Delay time.Duration
	// Before is sent as it is before the responses of the command; include the CRLFs. Mangle does not see it.
	Before string
	// Reply, such as "NO [OVERQUOTA] Full" or "BAD No", is the tagged reply without its tag; the command is not executed.
	Reply string
	// Fault breaks the connection.
	Fault Fault
}

// Fault is a way in which a connection fails.
type Fault int

// The faults. Those that come after the command execute it and keep all its responses back.
const (
	NoFault     Fault = iota
	DropBefore        // close the connection, the command was not executed
	DropAfter         // execute the command, close the connection instead of replying
	StallBefore       // say nothing for ever, the command was not executed
	StallAfter        // execute the command, then say nothing for ever
)

// appendLimit is 0 for a mailbox without a limit.
func (o Options) appendLimit(mailbox string) int64 {
	if n, ok := o.AppendLimits[mailbox]; ok {
		return n
	}
	return o.AppendLimit
}

func (o Options) withDefaults() Options {
	if o.Users == nil {
		o.Users = map[string]string{"ann": "secret"}
	}
	o.Users, o.Tokens = maps.Clone(o.Users), maps.Clone(o.Tokens)
	o.Caps = o.Caps.settle()
	if o.Delimiter == 0 {
		o.Delimiter = '/'
	}
	if o.PermanentFlags == nil {
		sys := systemFlags()
		o.PermanentFlags = append(sys[:], `\*`)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
