package remote

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// whole fails the test unless each of the messages is in one of the mailboxes.
func whole(t *testing.T, srv *imaptest.Server, n int, boxes ...string) {
	t.Helper()
	for i := range n {
		found := false
		for _, box := range boxes {
			found = found || slices.ContainsFunc(srv.Messages(box), func(m imaptest.Message) bool { return bytes.Equal(m.Content, message(i+1)) })
		}
		if !found {
			t.Errorf("message %d is lost", i+1)
		}
	}
}

// Whatever a server says of a copy, an original goes only when its copy was
// seen, and what is said of where it is, is so.
func TestCopyIsProven(t *testing.T) {
	servers := map[string]imaptest.Caps{
		"without MOVE":    imaptest.DefaultCaps.Without(imaptest.CapMove),
		"condstore":       imaptest.DefaultCaps.Without(imaptest.CapMove, imaptest.CapQResync),
		"plain":           imaptest.DefaultCaps.Without(imaptest.CapMove, imaptest.CapQResync, imaptest.CapCondstore),
		"without UIDPLUS": imaptest.DefaultCaps.Without(imaptest.CapMove, imaptest.CapUIDPlus),
		"with MOVE":       imaptest.DefaultCaps, // which moves nothing
	}
	for server, caps := range servers {
		for name, lie := range imaptest.Lies() {
			if !strings.HasPrefix(name, "copy") && !strings.HasPrefix(name, "uidnext") && name != "fetch" && name != "status" {
				continue
			}
			t.Run(server+"/"+name, func(t *testing.T) {
				liar := imaptest.NewLiar(1, 1, 0)
				srv := newServer(t, liar.Install(imaptest.Options{Caps: caps}))
				uids := fill(srv, "INBOX", 5)
				if err := srv.CreateMailbox("dest"); err != nil {
					t.Fatal(err)
				}
				fill(srv, "dest", 2) // the same as two of them
				_, c := connect(t, dialOptions(srv.Dial))
				sel := selectBox(t, c, "INBOX")
				liar.Tell(lie | imaptest.LieMove)
				res, err := sel.Move(t.Context(), uids[:4], "dest")
				if err != nil {
					t.Fatal(err)
				}
				whole(t, srv, 5, "INBOX", "dest")
				moved := srv.Messages("dest")[2:]
				for i, uid := range uids[:4] {
					_, there := srv.Message("INBOX", uint32(uid))
					arrived := slices.ContainsFunc(moved, func(m imaptest.Message) bool { return bytes.Equal(m.Content, message(i+1)) })
					if !there && !arrived {
						t.Errorf("message %d was expunged, and no copy of it came to dest", uid)
					}
					if !there != slices.Contains(res.Arrived, uid) || there && !slices.Contains(res.Unproven, uid) {
						t.Errorf("message %d: in INBOX %t, result %+v", uid, there, res)
					}
				}
				for _, p := range res.Pairs {
					if m, ok := srv.Message("dest", uint32(p.To)); !ok || !bytes.Equal(m.Content, message(int(p.From-uids[0])+1)) {
						t.Errorf("%v is another message", p)
					}
				}
			})
		}
	}
}

// An honest server loses no pair by it, and needs no more turns than there are
// steps.
func TestMoveByHalves(t *testing.T) {
	for _, n := range []int{1, 300} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			srv := newServer(t, imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapMove)})
			uids := fill(srv, "INBOX", n)
			if err := srv.CreateMailbox("dest"); err != nil {
				t.Fatal(err)
			}
			cl, c := connect(t, dialOptions(srv.Dial))
			sel := selectBox(t, c, "INBOX")
			before := cl.Stats().RoundTrips
			res, err := sel.Move(t.Context(), uids, "dest")
			if err != nil || len(res.Pairs) != n || len(res.Arrived) != n || len(res.Unproven) > 0 || len(srv.Messages("INBOX")) > 0 {
				t.Errorf("%d pairs of %d, %d unproven, %v", len(res.Pairs), n, len(res.Unproven), err)
			}
			if turns := cl.Stats().RoundTrips - before; turns > 6 {
				t.Errorf("%d turns for %d messages", turns, n)
			}
			// The selection holds on.
			if _, err := sel.Flags(t.Context(), uids); err != nil {
				t.Error(err)
			}
		})
	}
}

// named is the set in a UID FETCH.
func named(line string) mail.UIDSet {
	_, rest, _ := strings.Cut(line, "UID FETCH ")
	set, _, _ := strings.Cut(rest, " ")
	ranges, _ := wire.ParseSet([]byte(set))
	return mail.MergeUIDs(ranges)
}

// One message that cannot be described stays; the others go.
func TestMoveBesideABadMessage(t *testing.T) {
	srv := newServer(t, imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapMove),
		Hook: func(c *imaptest.Conn, _, verb, line string) imaptest.Action {
			if verb == "UID FETCH" && c.Mailbox() == "INBOX" && named(line).Contains(3) {
				return imaptest.Action{Reply: "NO [SERVERBUG] Internal error"}
			}
			return imaptest.Action{}
		}})
	uids := fill(srv, "INBOX", 6)
	if err := srv.CreateMailbox("dest"); err != nil {
		t.Fatal(err)
	}
	_, c := connect(t, dialOptions(srv.Dial))
	res, err := selectBox(t, c, "INBOX").Move(t.Context(), uids, "dest")
	if err != nil || !slices.Equal(res.Unproven, uids[2:3]) || len(res.Arrived) != 5 {
		t.Errorf("%+v, %v", res, err)
	}
	whole(t, srv, 6, "INBOX", "dest")
}

// Alike messages of which fewer came than were sent prove none.
func TestMatchCopies(t *testing.T) {
	a, b := portrait{size: 10, id: "<a>"}, portrait{size: 20, id: "<b>"}
	worded := portrait{size: 21, id: "<b>"}
	type m = map[mail.UID]portrait
	for name, x := range map[string]struct {
		originals, arrived m
		told               []UIDPair
		proven             string
		pairs              string
	}{
		"told rightly":           {m{1: a, 2: b}, m{8: a, 9: b}, []UIDPair{{1, 8}, {2, 9}}, "[1 2]", "[{1 8} {2 9}]"},
		"not told":               {m{1: a, 2: b}, m{8: a, 9: b}, nil, "[1 2]", "[{1 8} {2 9}]"},
		"told the wrong way":     {m{1: a, 2: b}, m{8: a, 9: b}, []UIDPair{{1, 9}, {2, 8}}, "[1 2]", "[{1 8} {2 9}]"},
		"told of what is absent": {m{1: a, 2: b}, m{8: a}, []UIDPair{{1, 8}, {2, 9}}, "[1]", "[{1 8}]"},
		"two as one":             {m{1: a, 2: a}, m{8: a}, []UIDPair{{1, 8}, {2, 8}}, "[1]", "[{1 8}]"},
		"alike, one came":        {m{1: a, 2: a}, m{8: a}, nil, "[]", "[]"},
		"alike, both came":       {m{1: a, 2: a}, m{8: a, 9: a}, nil, "[1 2]", "[]"},
		"worded anew":            {m{1: a, 2: b}, m{8: a, 9: worded}, []UIDPair{{1, 8}, {2, 9}}, "[1 2]", "[{1 8} {2 9}]"},
		"nothing came":           {m{1: a}, nil, []UIDPair{{1, 8}}, "[]", "[]"},
		"a stranger came":        {m{1: a}, m{8: b}, []UIDPair{{1, 8}}, "[]", "[]"},
	} {
		proven, pairs := matchCopies(x.originals, x.arrived, x.told)
		if got := fmt.Sprint(slices.Sorted(maps.Keys(proven))); got != x.proven {
			t.Errorf("%s: proven %s, want %s", name, got, x.proven)
		}
		if got := fmt.Sprint(pairs); got != x.pairs {
			t.Errorf("%s: pairs %s, want %s", name, got, x.pairs)
		}
	}
}

// Messages without a Message-ID are told apart by their date.
func TestMoveWithoutMessageID(t *testing.T) {
	srv := newServer(t, imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapMove)})
	if err := srv.CreateMailbox("dest"); err != nil {
		t.Fatal(err)
	}
	var uids []mail.UID
	for i := range 3 {
		uids = append(uids, mail.UID(srv.Append("INBOX", nil, time.Unix(1700000000+int64(i), 0), fmt.Appendf(nil, "Subject: x\r\n\r\n%d\r\n", i))))
	}
	_, c := connect(t, dialOptions(srv.Dial))
	res, err := selectBox(t, c, "INBOX").Move(t.Context(), uids, "dest")
	if err != nil || len(res.Pairs) != 3 || len(res.Arrived) != 3 {
		t.Errorf("%+v, %v", res, err)
	}
}
