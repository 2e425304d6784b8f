package remote

import (
	"testing"

	"satchel/sync/remote/imaptest"
)

func TestOverview(t *testing.T) {
	for name, without := range lowered() {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{Delimiter: '.', Prefix: "INBOX.", Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)})
			for _, m := range []string{"INBOX.Lists", "INBOX.Lists.go", "INBOX.Entwürfe", "INBOX.a/b", "INBOX.100%"} {
				if err := srv.CreateMailbox(m); err != nil {
					t.Fatal(err)
				}
			}
			srv.Subscribe("INBOX.Lists.go", true)
			srv.SetSpecialUse("INBOX.Entwürfe", `\Drafts`)
			fill(srv, "INBOX.Lists.go", 3)
			o := dialOptions(srv.Dial)
			o.Without = without
			cl, c := connect(t, o)
			boxes, err := c.Overview(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			byName := map[string]Mailbox{}
			for _, m := range boxes {
				byName[m.Name] = m
			}
			for _, want := range []string{"INBOX", "Lists", "Lists/go", "Entwürfe", "a%2Fb", "100%"} {
				if name == "bare" && want != "INBOX" {
					want = "INBOX/" + want // nothing tells the prefix
				}
				if m, ok := byName[want]; !ok || !m.Selectable {
					t.Errorf("no %s in %v", want, boxes)
				}
			}
			if name == "bare" {
				return
			}
			got := byName["Lists/go"]
			v, next, modseq := srv.UIDState("INBOX.Lists.go")
			if !got.Subscribed || got.Status.Messages != 3 || uint32(got.Status.UIDNext) != next || uint32(got.Status.UIDValidity) != v {
				t.Errorf("Lists/go is %+v", got)
			}
			if name == "qresync" && (uint64(got.Status.HighestModSeq) != modseq || got.MailboxID != srv.MailboxID("INBOX.Lists.go")) {
				t.Errorf("Lists/go is %+v, want modseq %d", got, modseq)
			}
			if byName["Entwürfe"].SpecialUse != `\Drafts` {
				t.Errorf("Entwürfe is %+v", byName["Entwürfe"])
			}
			if s := cl.Stats(); name == "qresync" && s.RoundTrips != 2 {
				t.Errorf("login and overview took %d turns, want 2", s.RoundTrips)
			}
			if name == "qresync" && srv.Stats().RoundTrips != 2 {
				t.Errorf("the server counted %d turns", srv.Stats().RoundTrips)
			}
		})
	}
}

func TestLevel(t *testing.T) {
	for name, want := range map[string]Level{"qresync": QResync, "condstore": Condstore, "plain": Plain, "bare": Plain} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, imaptest.Options{})
			o := dialOptions(srv.Dial)
			o.Without = lowered()[name]
			_, c := connect(t, o)
			if _, err := c.Overview(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c.Level() != want {
				t.Errorf("level %v", c.Level())
			}
		})
	}
}

// A server that offers QRESYNC and does not confirm it is not believed.
func TestEnabledMissing(t *testing.T) {
	srv := newServer(t, imaptest.Options{Mangle: func(_ *imaptest.Conn, line string) string {
		if len(line) > 9 && line[:9] == "* ENABLED" {
			return ""
		}
		return line
	}})
	_, c := connect(t, dialOptions(srv.Dial))
	if _, err := c.Overview(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.Level() != Condstore {
		t.Errorf("level %v", c.Level())
	}
}
