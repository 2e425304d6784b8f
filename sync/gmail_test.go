package sync_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"satchel/conflict"
	"satchel/sync/imaptest"
)

// gmailWorld is a world on a server in the manner of Gmail, with two labels.
func gmailWorld(t *testing.T, set imaptest.Gmail) (*world, diskSide) {
	t.Helper()
	w := newWorld(t, imaptest.GmailOptions(set))
	w.acct.NoFsync, w.acct.MaxDeletePct = true, 100
	for _, b := range []string{"Work", "Lists/go"} {
		must(w, w.srv.CreateMailbox(b))
	}
	return w, diskSide{w, rand.New(rand.NewPCG(1, 2))}
}

// labelled stores a message with labels and returns its ID.
func (w *world) labelled(flags []string, labels ...string) string {
	w.t.Helper()
	c := w.message()
	for _, l := range labels {
		if w.srv.Append(l, flags, time.Unix(1_700_000_000, 0), c) == 0 {
			w.t.Fatal("append failed")
		}
	}
	return contentID(string(c))
}

// labels returns where both sides have a message; they must agree.
func (w *world) labels(id string) string {
	w.t.Helper()
	return strings.Join(where(w.agree())[id], ", ")
}

// on returns the message on a side.
func on(sd side, box, id string) handle {
	for _, h := range sd.list(box) {
		if h.id == id {
			return h
		}
	}
	return handle{}
}

// TestGmailFiveLabels: a message in five places is downloaded once.
func TestGmailFiveLabels(t *testing.T) {
	w, _ := gmailWorld(t, imaptest.Gmail{})
	var ids []string
	for range 20 {
		ids = append(ids, w.labelled([]string{`\Flagged`}, "INBOX", "Work", "Lists/go"))
	}
	rep := w.sync()
	if rep.Counts["download"] != 20 || rep.Counts["local-copy"] != 80 {
		t.Errorf("did %v", rep.Counts)
	}
	for _, id := range ids {
		if got := w.labels(id); got != "INBOX, Lists/go, Work, [Gmail]/All Mail, [Gmail]/Starred" {
			t.Errorf("%s is in %s", id, got)
		}
	}
	w.srv.ResetStats()
	w.quiet()
	st := w.srv.Stats()
	if st.Commands["UID SEARCH"]+st.Commands["UID FETCH"]+st.Commands["SELECT"] > 0 || st.RoundTrips > 3 {
		t.Errorf("with nothing to do: %v, %d round trips", st.Commands, st.RoundTrips)
	}
	// New mail later, too.
	w.labelled(nil, "INBOX", "Work", "Lists/go")
	if rep := w.sync(); rep.Counts["download"] != 1 {
		t.Errorf("did %v", rep.Counts)
	}
	w.agree()
	w.quiet()
}

// TestGmailLabels: removals and moves on either side are changes of labels.
func TestGmailLabels(t *testing.T) {
	const all, starred, trash = imaptest.GmailAll, imaptest.GmailStarred, imaptest.GmailTrash
	for _, x := range []struct {
		name   string
		labels []string
		flags  []string
		change func(sd side, id string)
		want   string
	}{
		{"label off", []string{"INBOX", "Work"}, nil, func(sd side, id string) { sd.remove(on(sd, "Work", id)) }, "INBOX, " + all},
		{"last label off", []string{"Work"}, nil, func(sd side, id string) { sd.remove(on(sd, "Work", id)) }, all},
		{"move", []string{"INBOX"}, nil, func(sd side, id string) { sd.move(on(sd, "INBOX", id), "Work") }, "Work, " + all},
		{"move to a label that it has", []string{"INBOX", "Work"}, nil, func(sd side, id string) { sd.move(on(sd, "INBOX", id), "Work") }, "Work, " + all},
		{"archive", []string{"INBOX"}, nil, func(sd side, id string) { sd.move(on(sd, "INBOX", id), all) }, all},
		{"label on", []string{"INBOX"}, nil, func(sd side, id string) { sd.copy(on(sd, "INBOX", id), "Work") }, "INBOX, Work, " + all},
		{"label on twice", []string{"INBOX", "Work"}, nil, func(sd side, id string) { sd.copy(on(sd, "INBOX", id), "Work") }, "INBOX, Work, " + all},
		{"out of the archive", []string{"Work"}, nil, func(sd side, id string) { sd.copy(on(sd, all, id), "INBOX") }, "INBOX, Work, " + all},
		{"trash", []string{"INBOX", "Work"}, nil, func(sd side, id string) { sd.move(on(sd, "INBOX", id), trash) }, trash},
		{"star off", []string{"INBOX"}, []string{`\Flagged`}, func(sd side, id string) { sd.remove(on(sd, starred, id)) }, "INBOX, " + all},
		{"delete in All Mail", []string{"INBOX", "Work"}, nil, func(sd side, id string) { sd.remove(on(sd, all, id)) }, "INBOX, Work, " + all},
	} {
		for _, who := range []string{"maildir", "server"} {
			t.Run(x.name+"/"+who, func(t *testing.T) {
				w, disk := gmailWorld(t, imaptest.Gmail{})
				id := w.labelled(x.flags, x.labels...)
				other := w.labelled(nil, "INBOX", "Lists/go")
				w.sync()
				w.agree()
				if who == "maildir" {
					x.change(disk, id)
				} else {
					x.change(serverSide{w}, id)
				}
				rep := w.sync()
				if n := rep.Counts["download"]; n > 0 && x.name != "delete in All Mail" || rep.Counts["upload"] > 0 {
					t.Errorf("transferred: %v", rep.Counts)
				}
				if got := w.labels(id); got != x.want {
					t.Errorf("it is in %s, want %s", got, x.want)
				}
				if got := w.labels(other); got != "INBOX, Lists/go, "+all {
					t.Errorf("the other one is in %s", got)
				}
				w.quiet()
				if rep := w.full(); rep.Changed() {
					t.Errorf("a full run did %v", rep.Counts)
				}
			})
		}
	}
}

// TestGmailDeleteInAllMail: with the other settings of the server.
func TestGmailDeleteInAllMail(t *testing.T) {
	for set, want := range map[imaptest.LastExpunge]string{imaptest.MoveToTrash: imaptest.GmailTrash, imaptest.DeleteForever: ""} {
		w, disk := gmailWorld(t, imaptest.Gmail{OnLastExpunge: set})
		id := w.labelled(nil, "INBOX", "Work")
		w.sync()
		disk.remove(on(disk, imaptest.GmailAll, id))
		rep := w.sync()
		if got := w.labels(id); got != want {
			t.Errorf("setting %d: it is in %q, want %q; did %v", set, got, want, rep.Counts)
		}
		w.quiet()
	}
}

// TestGmailTrash: with delete = "trash" a removal anywhere is a removal.
func TestGmailTrash(t *testing.T) {
	w, disk := gmailWorld(t, imaptest.Gmail{})
	w.acct.Policy.Removal = conflict.Trash
	id := w.labelled(nil, "INBOX", "Work")
	w.sync()
	disk.remove(on(disk, imaptest.GmailAll, id))
	w.sync()
	if got := w.labels(id); got != imaptest.GmailTrash {
		t.Errorf("it is in %s", got)
	}
	w.quiet()
	disk.remove(on(disk, imaptest.GmailTrash, id))
	w.sync()
	if got := w.labels(id); got != "" {
		t.Errorf("it is in %s", got)
	}
	w.quiet()
}

// TestGmailAutoExpunge: the default of Gmail, where \Deleted removes.
func TestGmailAutoExpunge(t *testing.T) {
	w, disk := gmailWorld(t, imaptest.Gmail{AutoExpunge: true})
	id, marked := w.labelled(nil, "INBOX", "Work"), w.labelled(nil, "INBOX", "Work")
	w.sync()
	disk.remove(on(disk, "Work", id))
	disk.flag(on(disk, "Work", marked), []string{`\Deleted`}, nil)
	w.sync()
	for _, x := range []string{id, marked} {
		if got := w.labels(x); got != "INBOX, "+imaptest.GmailAll {
			t.Errorf("it is in %s", got)
		}
	}
	w.quiet()
}

// TestGmailFlags: a flag that is set in one folder is in all of them after
// the same run, and nothing goes to and fro.
func TestGmailFlags(t *testing.T) {
	w, disk := gmailWorld(t, imaptest.Gmail{})
	id := w.labelled(nil, "INBOX", "Work")
	w.sync()
	disk.flag(on(disk, "INBOX", id), []string{`\Seen`, "$Forwarded", "work"}, nil)
	w.sync()
	for _, box := range []string{"INBOX", "Work", imaptest.GmailAll} {
		if f := on(disk, box, id).flags; fmt.Sprint(f) != `[$Forwarded \Seen work]` {
			t.Errorf("%s: %v", box, f)
		}
	}
	w.agree()
	w.quiet()
	// Two folders say opposite things.
	disk.flag(on(disk, "INBOX", id), []string{`\Answered`}, []string{`\Seen`})
	disk.flag(on(disk, "Work", id), []string{`\Draft`}, nil)
	w.sync()
	for _, box := range []string{"INBOX", "Work", imaptest.GmailAll} {
		if f := on(disk, box, id).flags; fmt.Sprint(f) != `[\Draft $Forwarded \Answered work]` {
			t.Errorf("%s: %v", box, f)
		}
	}
	w.agree()
	w.quiet()
	// A star on disk makes a message appear in Starred.
	disk.flag(on(disk, "Work", id), []string{`\Flagged`}, nil)
	w.sync()
	if got := w.labels(id); !strings.Contains(got, imaptest.GmailStarred) {
		t.Errorf("it is in %s", got)
	}
	w.quiet()
}

// TestGmailUpload: a new file gets its place in All Mail without coming down
// again, and a second copy in the folder is no second message.
func TestGmailUpload(t *testing.T) {
	w, disk := gmailWorld(t, imaptest.Gmail{})
	w.labelled(nil, "INBOX")
	w.sync()
	c := w.message()
	id := contentID(string(c))
	disk.deliver("Work", c, []string{`\Seen`})
	disk.deliver("Lists/go", c, nil)
	rep := w.sync()
	if rep.Counts["download"] > 0 || rep.Counts["upload"] > 2 {
		t.Errorf("did %v", rep.Counts)
	}
	if got := w.labels(id); got != "Lists/go, Work, "+imaptest.GmailAll {
		t.Errorf("it is in %s", got)
	}
	w.quiet()
	disk.deliver("Work", c, []string{`\Seen`})
	w.sync()
	if got := w.labels(id); got != "Lists/go, Work, "+imaptest.GmailAll {
		t.Errorf("it is in %s", got)
	}
	w.quiet()
}

// TestGmailLostState: all is recognised, in all its places.
func TestGmailLostState(t *testing.T) {
	w, _ := gmailWorld(t, imaptest.Gmail{})
	for range 5 {
		w.labelled([]string{`\Flagged`}, "INBOX", "Work", "Lists/go")
	}
	w.sync()
	before := w.agree()
	must(w, os.RemoveAll(w.acct.StateDir))
	rep := w.sync()
	if rep.Counts["download"]+rep.Counts["upload"]+rep.Counts["local-copy"]+rep.Counts["remote-copy"] > 0 {
		t.Errorf("did %v", rep.Counts)
	}
	if d := diff(before, w.agree()); d != "" {
		t.Error(d)
	}
	w.quiet()
}
