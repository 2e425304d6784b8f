package imaptest

import "strings"

// Caps is a set of capabilities. The zero value stands for [DefaultCaps]; a server with none at all is given [CapIMAP4rev1].
type Caps uint64

// The capabilities that can be switched. What is off is really off: its command answers BAD, its codes and
// data items are neither sent nor understood.
const (
	CapIMAP4rev1       Caps = 1 << iota // always on
	CapAuthPlain                        // AUTH=PLAIN
	CapChildren                         // CHILDREN, RFC 3348
	CapCompress                         // COMPRESS=DEFLATE, RFC 4978
	CapCondstore                        // CONDSTORE, RFC 7162
	CapEnable                           // ENABLE, RFC 5161
	CapESearch                          // ESEARCH, RFC 4731
	CapID                               // ID, RFC 2971
	CapIdle                             // IDLE, RFC 2177
	CapListExtended                     // LIST-EXTENDED, RFC 5258
	CapListStatus                       // LIST-STATUS, RFC 5819
	CapLiteralPlus                      // LITERAL+, RFC 7888
	CapLiteralMinus                     // LITERAL-, RFC 7888; ignored beside LITERAL+
	CapLoginDisabled                    // LOGINDISABLED, until TLS is active
	CapMove                             // MOVE, RFC 6851
	CapMultiAppend                      // MULTIAPPEND, RFC 3502
	CapNamespace                        // NAMESPACE, RFC 2342
	CapObjectID                         // OBJECTID, RFC 8474
	CapQResync                          // QRESYNC, RFC 7162; needs CONDSTORE, and ENABLE to be of use
	CapSASLIR                           // SASL-IR, RFC 4959
	CapSpecialUse                       // SPECIAL-USE, RFC 6154
	CapStartTLS                         // STARTTLS
	CapStatusSize                       // STATUS=SIZE, RFC 8438
	CapUIDPlus                          // UIDPLUS, RFC 4315
	CapUnselect                         // UNSELECT, RFC 3691
	CapAuthLogin                        // AUTH=LOGIN
	CapAuthCRAMMD5                      // AUTH=CRAM-MD5, RFC 2195
	CapAuthSCRAMSHA1                    // AUTH=SCRAM-SHA-1, RFC 5802
	CapAuthSCRAMSHA256                  // AUTH=SCRAM-SHA-256, RFC 7677
	CapAuthExternal                     // AUTH=EXTERNAL, RFC 4422; for those who show a certificate, see Options.ClientCA
	CapAuthOAuthBearer                  // AUTH=OAUTHBEARER, RFC 7628; see Options.Tokens
	CapAuthXOAuth2                      // AUTH=XOAUTH2
	capEnd
)

// capsAuth are the mechanisms, which are of no use after a login.
const capsAuth = CapAuthPlain | CapAuthLogin | CapAuthCRAMMD5 | CapAuthSCRAMSHA1 | CapAuthSCRAMSHA256 | CapAuthExternal |
	CapAuthOAuthBearer | CapAuthXOAuth2

// DefaultCaps resembles Dovecot 2.3: everything but COMPRESS, LITERAL-, LOGINDISABLED, OBJECTID and STARTTLS, and of the
// mechanisms PLAIN only.
const DefaultCaps = (capEnd-1)&^(CapCompress|CapLiteralMinus|CapLoginDisabled|CapObjectID|CapStartTLS|capsAuth) | CapAuthPlain

// With adds capabilities. Of LITERAL+ and LITERAL- a server announces the former, so take that away to test the latter.
func (c Caps) With(more ...Caps) Caps {
	c = c.orDefault()
	for _, m := range more {
		c |= m
	}
	return c
}

// Without takes capabilities away; IMAP4rev1 stays.
func (c Caps) Without(less ...Caps) Caps {
	c = c.orDefault()
	for _, l := range less {
		c &^= l
	}
	return c | CapIMAP4rev1
}

// Has reports whether all of want are in the set.
func (c Caps) Has(want Caps) bool { return c&want == want }

func (c Caps) orDefault() Caps {
	if c == 0 {
		return DefaultCaps
	}
	return c
}

// settle removes what cannot stand alone: RFC 7162 §3.2 makes QRESYNC imply CONDSTORE, RFC 7888 §5 forbids both LITERALs at once.
func (c Caps) settle() Caps {
	c = c.orDefault() | CapIMAP4rev1
	if !c.Has(CapCondstore) {
		c &^= CapQResync
	}
	if c.Has(CapLiteralPlus) {
		c &^= CapLiteralMinus
	}
	return c
}

// capWord is what stands for one capability in the CAPABILITY response.
type capWord struct {
	is   Caps
	text string
}

// capWords are those of all capabilities, in the order of the response.
func capWords() [32]capWord {
	return [...]capWord{
		{CapIMAP4rev1, "IMAP4rev1"},
		{CapAuthPlain, "AUTH=PLAIN"},
		{CapChildren, "CHILDREN"},
		{CapCompress, "COMPRESS=DEFLATE"},
		{CapCondstore, "CONDSTORE"},
		{CapEnable, "ENABLE"},
		{CapESearch, "ESEARCH"},
		{CapID, "ID"},
		{CapIdle, "IDLE"},
		{CapListExtended, "LIST-EXTENDED"},
		{CapListStatus, "LIST-STATUS"},
		{CapLiteralPlus, "LITERAL+"},
		{CapLiteralMinus, "LITERAL-"},
		{CapLoginDisabled, "LOGINDISABLED"},
		{CapMove, "MOVE"},
		{CapMultiAppend, "MULTIAPPEND"},
		{CapNamespace, "NAMESPACE"},
		{CapObjectID, "OBJECTID"},
		{CapQResync, "QRESYNC"},
		{CapSASLIR, "SASL-IR"},
		{CapSpecialUse, "SPECIAL-USE"},
		{CapStartTLS, "STARTTLS"},
		{CapStatusSize, "STATUS=SIZE"},
		{CapUIDPlus, "UIDPLUS"},
		{CapUnselect, "UNSELECT"},
		{CapAuthLogin, "AUTH=LOGIN"},
		{CapAuthCRAMMD5, "AUTH=CRAM-MD5"},
		{CapAuthSCRAMSHA1, "AUTH=SCRAM-SHA-1"},
		{CapAuthSCRAMSHA256, "AUTH=SCRAM-SHA-256"},
		{CapAuthExternal, "AUTH=EXTERNAL"},
		{CapAuthOAuthBearer, "AUTH=OAUTHBEARER"},
		{CapAuthXOAuth2, "AUTH=XOAUTH2"},
	}
}

// String lists the capabilities as the CAPABILITY response does.
func (c Caps) String() string {
	var has []string
	for _, w := range capWords() {
		if c.Has(w.is) {
			has = append(has, w.text)
		}
	}
	return strings.Join(has, " ")
}
