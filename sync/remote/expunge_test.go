package remote

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

// Without UIDPLUS an EXPUNGE takes everything marked: not ours to take.
func TestExpungeWithoutUIDPlus(t *testing.T) {
	srv := newServer(t, imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus, imaptest.CapMove)})
	uids := fill(srv, "INBOX", 4)
	if err := srv.CreateMailbox("dest"); err != nil {
		t.Fatal(err)
	}
	srv.StoreFlags("INBOX", uint32(uids[3]), []string{`\Deleted`}, nil) // somebody else's
	_, c := connect(t, dialOptions(srv.Dial))
	sel := selectBox(t, c, "INBOX")
	for what, err := range map[string]error{
		"remove":  sel.Remove(t.Context(), uids[:1]),
		"expunge": sel.Expunge(t.Context(), uids[:1]),
	} {
		if !errors.Is(err, ErrOthersDeleted) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := sel.Move(t.Context(), uids[:1], "dest"); !errors.Is(err, ErrOthersDeleted) || len(srv.Messages("dest")) != 0 {
		t.Errorf("move: %v", err)
	}
	if n := len(srv.Messages("INBOX")); n != 4 {
		t.Fatalf("%d left", n)
	}
	if err := sel.Remove(t.Context(), []mail.UID{uids[0], uids[3]}); err != nil || len(srv.Messages("INBOX")) != 2 {
		t.Errorf("%v, %d left", err, len(srv.Messages("INBOX")))
	}
}

func TestExpunge(t *testing.T) {
	srv := newServer(t, imaptest.Options{})
	uids := fill(srv, "INBOX", 4)
	srv.StoreFlags("INBOX", uint32(uids[3]), []string{`\Deleted`}, nil)
	_, c := connect(t, dialOptions(srv.Dial))
	sel := selectBox(t, c, "INBOX")
	if err := sel.Remove(t.Context(), uids[:2]); err != nil {
		t.Fatal(err)
	}
	if n := len(srv.Messages("INBOX")); n != 2 {
		t.Errorf("%d left", n)
	}
}

// A search that does not list a marked message is no leave to expunge it.
func TestExpungeNeedsProof(t *testing.T) {
	for name, lie := range map[string]imaptest.Lie{"search": imaptest.LieSearch, "exists": imaptest.LieExists} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				liar := imaptest.NewLiar(seed, 1, 0)
				srv := newServer(t, liar.Install(imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus, imaptest.CapMove)}))
				uids := fill(srv, "INBOX", 4)
				srv.StoreFlags("INBOX", uint32(uids[0]), []string{`\Deleted`}, nil)
				srv.StoreFlags("INBOX", uint32(uids[3]), []string{`\Deleted`}, nil) // somebody else's
				_, c := connect(t, dialOptions(srv.Dial))
				sel := selectBox(t, c, "INBOX")
				liar.Tell(lie)
				if err := sel.Expunge(t.Context(), uids[:1]); err == nil {
					t.Error("no error")
				}
				if _, there := srv.Message("INBOX", uint32(uids[3])); !there {
					t.Error("another's message was expunged")
				}
				if liar.Told()[lie] == 0 {
					t.Error("the lie was not told")
				}
				liar.Tell(0)
				srv.StoreFlags("INBOX", uint32(uids[3]), nil, []string{`\Deleted`})
				if err := sel.Expunge(t.Context(), uids[:1]); err != nil || len(srv.Messages("INBOX")) != 3 {
					t.Errorf("an honest server: %v, %d left", err, len(srv.Messages("INBOX")))
				}
			})
		}
	}
}

// TestExpungeOfAll: where all messages go, no other is left to be found, and some
// servers then send no SEARCH at all.
func TestExpungeOfAll(t *testing.T) {
	left := 0
	srv := newServer(t, imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapUIDPlus, imaptest.CapMove),
		Mangle: func(_ *imaptest.Conn, line string) string {
			if strings.TrimSpace(line) == "* SEARCH" {
				left++
				return ""
			}
			return line
		}})
	uids := fill(srv, "INBOX", 3)
	for _, uid := range uids {
		srv.StoreFlags("INBOX", uint32(uid), []string{`\Deleted`}, nil)
	}
	_, c := connect(t, dialOptions(srv.Dial))
	if err := selectBox(t, c, "INBOX").Expunge(t.Context(), uids); err != nil || len(srv.Messages("INBOX")) != 0 || left == 0 {
		t.Errorf("%v, %d messages, %d answers left out", err, len(srv.Messages("INBOX")), left)
	}
}

// What others expunge meanwhile does not confirm ours.
func TestExpungeBesideOthers(t *testing.T) {
	for name, without := range lowered() {
		t.Run(name, func(t *testing.T) {
			var srv *imaptest.Server
			var uids []mail.UID
			srv = newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
				if verb == "UID EXPUNGE" { // which does nothing, while another client expunges as many
					srv.Expunge("INBOX", uint32(uids[3]))
					return imaptest.Action{Before: "* 4 EXPUNGE\r\n", Reply: "OK Expunge completed"}
				}
				return imaptest.Action{}
			}})
			uids = fill(srv, "INBOX", 4)
			o := dialOptions(srv.Dial)
			o.Without = without
			_, c := connect(t, o)
			if err := selectBox(t, c, "INBOX").Remove(t.Context(), uids[:1]); len(NotDone(err)) != 1 {
				t.Errorf("taken for done: %v", err)
			}
		})
	}
}

// A server may refuse to speak of a message that is gone.
func TestExpungeWithoutFetch(t *testing.T) {
	for name, without := range lowered() {
		for _, search := range []bool{true, false} {
			t.Run(fmt.Sprint(name, search), func(t *testing.T) {
				srv := newServer(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
					if verb == "UID FETCH" || verb == "UID SEARCH" && !search {
						return imaptest.Action{Reply: "BAD No matching messages"}
					}
					return imaptest.Action{}
				}})
				uids := fill(srv, "INBOX", 4)
				o := dialOptions(srv.Dial)
				o.Without = without
				_, c := connect(t, o)
				if err := selectBox(t, c, "INBOX").Remove(t.Context(), uids[:2]); err != nil || len(srv.Messages("INBOX")) != 2 {
					t.Errorf("%v, %d left", err, len(srv.Messages("INBOX")))
				}
			})
		}
	}
}
