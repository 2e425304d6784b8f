package remote

import (
	"slices"
	"testing"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// leavingOut lists the mailboxes and asks for the identity of one that is left out.
func leavingOut(t *testing.T, o Options, name string) Mailbox {
	t.Helper()
	o.Wanted = func(n string) bool { return n != name }
	_, c := connect(t, o)
	boxes, err := c.ListMailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(boxes, func(m Mailbox) bool { return m.Name == name })
	if i < 0 {
		t.Fatalf("no %s in %v", name, boxes)
	}
	if err := c.Identify(t.Context(), []*Mailbox{&boxes[i]}); err != nil {
		t.Fatal(err)
	}
	return boxes[i]
}

// TestIdentifyLeftOut: a mailbox that is left out, as an overview does not ask for it,
// tells its identity and its UIDs when it is asked.
func TestIdentifyLeftOut(t *testing.T) {
	for level, without := range lowered() {
		t.Run(level, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)})
			fill(srv, "INBOX", 1)
			if err := srv.CreateMailbox("Old"); err != nil {
				t.Fatal(err)
			}
			fill(srv, "Old", 2)
			o := dialOptions(srv.Dial)
			o.Without = slices.Concat(without, []string{"LIST-STATUS"})
			m := leavingOut(t, o, "Old")
			v, next, _ := srv.UIDState("Old")
			if m.MailboxID != srv.MailboxID("Old") || uint32(m.Status.UIDNext) != next || uint32(m.Status.UIDValidity) != v {
				t.Errorf("%+v", m)
			}
		})
	}
}

// TestIdentifyLeftOutOnDovecot: the same where the server has identities and does not
// announce them.
func TestIdentifyLeftOutOnDovecot(t *testing.T) {
	m := leavingOut(t, dialOptions(script(t, func(s *scripted) {
		s.login("IMAP4rev1 ID")
		s.expect(`ID ("name"`, `* ID ("name" "Dovecot")`, "OK")
		s.expect("LIST", `* LIST () "/" INBOX`, `* LIST () "/" Old`, "OK")
		s.expect("LSUB", "OK")
		s.expect("LIST", "OK")
		s.expect(`STATUS "INBOX"`, "* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1)", "OK")
		s.expect(`STATUS "Old" (UIDNEXT UIDVALIDITY X-GUID)`, "* STATUS Old (UIDNEXT 3 UIDVALIDITY 7 X-GUID abc)", "OK")
		s.logout()
	})), "Old")
	if want := (mail.Cursor{UIDNext: 3, UIDValidity: 7}); m.MailboxID != "abc" || m.Status != want {
		t.Errorf("%+v", m)
	}
}
