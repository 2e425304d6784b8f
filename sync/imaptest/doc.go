// Package imaptest provides an IMAP server in the process of a test, in the manner of net/http/httptest.
//
//	srv := imaptest.NewServer(imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapQResync)})
//	defer srv.Close()
//	uid := srv.Append("INBOX", []string{`\Seen`}, time.Time{}, []byte("Subject: hello\r\n\r\nHello.\r\n"))
//	conn, err := srv.Dial() // or net.Dial("tcp", srv.Addr())
//	// ... let the client under test work on conn as ann, password secret ...
//	msg, ok := srv.Message("INBOX", uid)
//
// Start with [Server]. Mailboxes live in memory and are shared by all users. They are reached by IMAP and, from the test, by
// methods such as [Server.Append], [Server.StoreFlags] and [Server.Expunge], whose effects open sessions learn of as of those
// of any other client.
//
// # What it speaks
//
// IMAP4rev1 (RFC 3501) and the extensions that [Caps] lists, above all CONDSTORE and QRESYNC (RFC 7162). Each can be
// switched off, and then it is off: its commands and arguments answer BAD, its codes are not sent. The server resembles
// Dovecot unless told otherwise. It is strict in what it takes, since a lenient one hides the faults of clients: malformed
// commands, sequence numbers out of range, an ENABLE too late, all that is BAD.
//
// MIME is not parsed: BODYSTRUCTURE calls each message plain text, and SEARCH does not decode what it looks through.
//
// # Manners
//
// [GmailOptions] and [ExchangeOptions] describe servers that behave as those two are documented to.
//
// # Faults
//
// [Options].Hook can refuse, delay or stall a command or drop its connection, before or after the command had its effect.
// [Options].Mangle can rewrite responses. Together they make the servers that one does not want to meet:
//
//	srv := imaptest.NewServer(imaptest.Options{
//		Hook: func(c *imaptest.Conn, tag, verb, line string) imaptest.Action {
//			if verb == "UID MOVE" {
//				return imaptest.Action{Fault: imaptest.DropAfter}
//			}
//			return imaptest.Action{}
//		},
//	})
//
// A [Liar] tells the lies that are known from the field, one by one or all of them, always or at random, and can be made
// honest again:
//
//	liar := imaptest.NewLiar(seed, 0.3, imaptest.LieMove|imaptest.LieVanishedMost)
//	srv := imaptest.NewServer(liar.Install(imaptest.Options{}))
//
// # Invariants
//
// UIDs only grow; a UIDVALIDITY is never used twice for one name; each change has a mod-sequence above all those before
// it in its mailbox; sequence numbers mean to a client what it was last told, whatever others do; content never changes
// and is shared between copies.
//
// The package must never import an IMAP library, and least of all the one that the client under test uses: two
// sides that share a parser share its faults.
package imaptest
