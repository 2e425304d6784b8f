package sync_test

import (
	"slices"
	"strings"
	"testing"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/imaptest/dovecot"
	"satchel/sync/remote"
)

// A mailbox that was deleted, and that the server still lists because there is
// one below it, is gone when the server says that it does not exist, and not
// when it says something else.
func TestGhost(t *testing.T) {
	replies := map[string]string{
		"said":    "NO [NONEXISTENT] No such mailbox",
		"words":   "NO Mailbox doesn't exist: Lists", // may be anything: it goes on with the APPEND
		"in use":  "NO [INUSE] Locked",
		"unknown": "NO [UNAVAILABLE] Later",
		"bad":     "BAD What",
	}
	for name, reply := range replies {
		for _, empty := range []bool{false, true} {
			level, caps := "qresync", levels()["qresync"]
			if empty {
				level, caps = "plain", levels()["plain"].Without(imaptest.CapListStatus)
			}
			t.Run(name+"/"+level, func(t *testing.T) {
				t.Parallel()
				appended, gone := false, false
				w := newWorld(t, imaptest.Options{Caps: caps, BareParents: true, Hook: func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
					switch {
					case !strings.Contains(line, `Lists"`):
					case verb == "CREATE":
						gone = false
					case gone && (verb == "SELECT" || verb == "EXAMINE" || verb == "STATUS"):
						return imaptest.Action{Reply: reply}
					case gone && verb == "APPEND":
						appended = true
					}
					return imaptest.Action{}
				}})
				w.acct.NoFsync = true
				must(w, w.srv.CreateMailbox("Lists"))
				must(w, w.srv.CreateMailbox("Lists/sub"))
				server, disk := w.hands()
				server.deliver("Lists/sub", w.message(), nil)
				server.deliver("Lists", w.message(), nil)
				w.sync()
				if empty {
					server.remove(server.list("Lists")[0])
					w.sync()
				}
				before := w.agree()
				must(w, w.srv.DeleteMailbox("Lists"))
				gone = true
				if name != "said" {
					for range 3 {
						if rep, err := w.trySync(mailsync.Request{}); err == nil && len(rep.Problems) == 0 {
							t.Error("nothing was said")
						}
					}
					if d := diff(w.localSnapshot(), before); d != "" || appended || !gone {
						t.Errorf("%s; sent: %v, made again: %v", d, appended, !gone)
					}
					return
				}
				w.sync()
				if is := !slices.Contains(w.folders(), "Lists"); is != empty || gone != empty {
					t.Errorf("removed here: %v, made again there: %v", is, !gone) // mailbox_delete = "empty"
				}
				if !empty {
					w.quiet()
				}
				disk.create("Lists")
				disk.deliver("Lists", w.message(), nil)
				w.sync()
				if s := w.agree(); len(s["Lists"]) != len(before["Lists"])+1 || len(s["Lists/sub"]) != 1 {
					t.Errorf("%q", s)
				}
				w.quiet()
			})
		}
	}
}

// One that has nothing below it, or where nothing below answers either, is
// there: all may be unreachable.
func TestGhostOfAll(t *testing.T) {
	var down switchable
	w := newWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapListStatus), Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if down.is() && (verb == "SELECT" || verb == "EXAMINE" || verb == "STATUS") {
			return imaptest.Action{Reply: "NO [NONEXISTENT] No such mailbox"}
		}
		return imaptest.Action{}
	}})
	server, _ := w.hands()
	for _, b := range []string{"Lists", "Lists/sub", "Other"} {
		must(w, w.srv.CreateMailbox(b))
		server.deliver(b, w.message(), nil)
	}
	w.sync()
	before := w.agree()
	down.set(true)
	for range 2 {
		_, _ = w.trySync(mailsync.Request{})
	}
	down.set(false)
	w.sync()
	if d := diff(w.agree(), before); d != "" {
		t.Error(d)
	}
	w.quiet()
}

// Dovecot lists what it deleted, without \Noselect, and has no code to say
// that it does not exist.
func TestGhostOnDovecot(t *testing.T) {
	w := onDovecot(t, dovecot.Options{Storage: dovecot.Maildir})
	w.acct.NoFsync = true
	w.sync()
	_, disk := w.hands()
	for _, b := range []string{"Lists", "Lists/sub"} {
		disk.create(b)
		disk.deliver(b, w.message(), nil)
	}
	w.sync()
	cl, err := remote.New(remote.Options{Host: w.acct.Host, Port: w.acct.Port, TLS: w.acct.TLS, User: w.acct.User, Password: w.acct.Password})
	must(w, err)
	c, err := cl.Connect(t.Context())
	must(w, err)
	defer c.Close()
	must(w, c.Delete(t.Context(), "Lists"))
	w.sync()
	w.quiet()
	disk.deliver("Lists", w.message(), nil)
	w.sync()
	w.quiet()
	m := w.mirror("mirror")
	m.sync()
	sameMail(t, w, m)
	if n := len(m.files("Lists")); n != 2 {
		t.Errorf("%d messages in the mailbox that was made again", n)
	}
}
