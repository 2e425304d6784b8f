package resync

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// TestNamedBeyondWindow: what was asked for about messages of ours is kept, wherever the
// window of new messages ends; the rest is left for later.
func TestNamedBeyondWindow(t *testing.T) {
	co := Collector{FirstNew: 1, last: 2, ours: mail.UIDSetOf([]mail.UID{4})}
	for _, f := range []wire.Fetch{
		{UID: 1, HasFlags: true, HasSize: true, Size: 10},
		{UID: 3, HasFlags: true, HasSize: true, Size: 30},
		{UID: 4, HasSize: true, Size: 40},
	} {
		co.Take(&f)
	}
	var ch Changes
	co.result(&ch)
	if len(ch.New) != 1 || ch.New[0].UID != 1 {
		t.Errorf("new %+v", ch.New)
	}
	if len(ch.Named) != 1 || ch.Named[0].UID != 4 || ch.Named[0].Size != 40 {
		t.Errorf("named %+v", ch.Named)
	}
}

// tell feeds a FETCH response to an inquiry.
func tell(in *Inquiry, format string, args ...any) {
	r, _ := wire.ParseResponse(fmt.Appendf(nil, format, args...))
	in.Take(r)
}

func inquiryOf(exists uint32) *Inquiry {
	in := &Inquiry{Sel: &Opened{}}
	in.Sel.Cursor.Messages = exists
	in.collect.FirstNew = 1 << 20
	in.collect.most = func() int { return held(in.Sel.Cursor.Messages) }
	return in
}

// TestDescending: messages that are listed backwards cost no more than forwards.
// At the square of this number the test would not end.
func TestDescending(t *testing.T) {
	const n = 400_000
	in := inquiryOf(n)
	in.collect.FirstNew = 1
	for uid := n; uid > 0; uid-- {
		tell(in, "1 FETCH (UID %d FLAGS () RFC822.SIZE 5)", uid)
		tell(in, "1 FETCH (UID %d FLAGS (\\Seen))", uid)
	}
	var ch Changes
	in.collect.result(&ch)
	if len(ch.New) != n || !slices.IsSortedFunc(ch.New, func(a, b NewMessage) int { return int(a.UID) - int(b.UID) }) {
		t.Fatalf("%d messages, or out of order", len(ch.New))
	}
	for _, m := range ch.New {
		if !m.HasMeta || !m.Flags.Has(mail.Flags{System: mail.Seen}) {
			t.Fatalf("%+v is not what was told of it last", m)
		}
	}
}

// TestMoreThanThereAre: what is kept follows what the mailbox holds. A server
// that goes on is not believed; one that repeats itself is.
func TestMoreThanThereAre(t *testing.T) {
	for _, flood := range []string{"1 FETCH (UID %d FLAGS (\\Seen))", "1 FETCH (UID 1%07d FLAGS (\\Seen) RFC822.SIZE 7)"} {
		in := inquiryOf(5)
		for i := range 100_000 {
			tell(in, flood, i+1)
		}
		if kept := len(in.collect.flags) + len(in.collect.fresh); !in.collect.excess || kept > 2*held(5) {
			t.Errorf("%s: %d kept, excess %t", flood, kept, in.collect.excess)
		}
	}
	in := inquiryOf(5)
	for i := range 100_000 {
		tell(in, "1 FETCH (UID %d FLAGS (\\Seen))", i%5+1)
	}
	if cap(in.collect.flags) > 4*held(5) || in.collect.excess {
		t.Errorf("room for %d, excess %t", cap(in.collect.flags), in.collect.excess)
	}
	var ch Changes
	if in.collect.result(&ch); len(ch.Flags) != 5 {
		t.Errorf("%d messages", len(ch.Flags))
	}
}

// TestLongFlags: flags that no message has are not known of it.
func TestLongFlags(t *testing.T) {
	in := inquiryOf(5)
	tell(in, "1 FETCH (UID 5 FLAGS (%s))", strings.Repeat("k ", maxFlagList))
	if len(in.collect.flags) > 0 {
		t.Error("flags that no message has")
	}
}

// TestGather: ranges that are told again and again take no room.
func TestGather(t *testing.T) {
	var list []mail.UIDRange
	for i := range 1_000_000 {
		uid := mail.UID(1 + 2*(i%3000))
		list = Gather(list, []mail.UIDRange{{Start: uid, Stop: uid}})
	}
	if cap(list) > 4*3000 || len(mail.MergeUIDs(list)) != 3000 {
		t.Errorf("room for %d ranges", cap(list))
	}
	list = nil
	for i := range 100_000 {
		list = Gather(list, []mail.UIDRange{{Start: mail.UID(2*i + 1), Stop: mail.UID(2*i + 1)}})
	}
	if mail.UIDSet(list).Count() != 100_000 {
		t.Errorf("%d UIDs", mail.UIDSet(list).Count())
	}
}

// BenchmarkChanges lists 100,000 messages whose answers are ready.
func BenchmarkChanges(b *testing.B) {
	var answer bytes.Buffer
	for i := 1; i <= 100_000; i++ {
		fmt.Fprintf(&answer, "* %d FETCH (UID %d FLAGS (\\Seen $Forwarded) MODSEQ (%d))\r\n", i, 2*i, 5*i)
	}
	lines := bytes.SplitAfter(answer.Bytes(), []byte("\n"))
	b.ReportAllocs()
	for b.Loop() {
		in := &Inquiry{Level: QResync, Req: Request{Known: mail.Cursor{UIDValidity: 1, UIDNext: 300_000}}}
		in.collect.FirstNew = in.firstNew()
		for _, line := range lines {
			if len(line) > 2 {
				r, _ := wire.ParseResponse(line[2:])
				in.Take(r)
			}
		}
		if len(in.collect.flags) != 100_000 {
			b.Fatal(len(in.collect.flags))
		}
	}
}
