package sync_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// renameWorld is a world of a few mailboxes with mail in them, ready to be renamed.
func renameWorld(t testing.TB, o imaptest.Options, layout maildir.Layout) *world {
	t.Helper()
	w := openWorld(t, o)
	w.acct.Layout = layout
	for _, b := range []string{"A", "A/x", "A/x/y", "B", "C"} {
		must(w, w.srv.CreateMailbox(b))
		w.srv.Subscribe(b, true)
	}
	for i := range 18 {
		box := []string{"A", "A/x", "A/x/y", "B", "C", "INBOX"}[i%6]
		w.srv.Append(box, [][]string{nil, {`\Seen`}, {"work"}}[i%3], time.Unix(1700000000+int64(i), 0), w.message())
	}
	w.sync()
	w.agree()
	return w
}

// mv renames a folder as a user of the layout would: in Maildir++ with every
// folder below.
func (w *world) mv(from, to string) {
	w.t.Helper()
	for _, name := range w.folders() {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/' && w.acct.Layout == maildir.MaildirPP) {
			src, err := w.disk().Dir(name)
			must(w, err)
			dst, err := w.disk().Dir(to + rest)
			must(w, err)
			must(w, os.MkdirAll(filepath.Dir(dst), 0o700))
			must(w, os.Rename(src, dst))
		}
	}
}

func (w *world) mvServer(from, to string) {
	w.t.Helper()
	must(w, w.srv.RenameMailbox(from, to))
}

func (w *world) rmdir(name string) {
	w.t.Helper()
	dir, err := w.disk().Dir(name)
	must(w, err)
	for _, sub := range []string{"cur", "new", "tmp", "dovecot-keywords"} {
		must(w, os.RemoveAll(filepath.Join(dir, sub)))
	}
	_ = os.Remove(dir)
}

// renameStory is one way in which mailboxes get other names.
type renameStory struct {
	change func(*world)
	// does is what a sync does about it where both sides can prove it.
	does map[string]int
	// has and hasNot are names at the end.
	has, hasNot []string
}

func renameStories() map[string]renameStory {
	return map[string]renameStory{
		"on the server": {func(w *world) { w.mvServer("B", "Z") }, map[string]int{"local-rename": 1}, []string{"Z"}, []string{"B"}},
		"on disk":       {func(w *world) { w.mv("B", "Z") }, map[string]int{"remote-rename": 1}, []string{"Z"}, []string{"B"}},
		"with children, on the server": {func(w *world) { w.mvServer("A", "Z") }, map[string]int{"local-rename": 1},
			[]string{"Z", "Z/x", "Z/x/y"}, []string{"A", "A/x"}},
		"with children, on disk": {func(w *world) { w.mv("A", "Z") }, map[string]int{"remote-rename": 1},
			[]string{"Z", "Z/x", "Z/x/y"}, []string{"A", "A/x"}},
		"down a level, on the server": {func(w *world) { w.mvServer("B", "C/B") }, map[string]int{"local-rename": 1}, []string{"C/B"}, []string{"B"}},
		"down a level, on disk":       {func(w *world) { w.mv("B", "C/B") }, map[string]int{"remote-rename": 1}, []string{"C/B"}, []string{"B"}},
		"up a level, on the server":   {func(w *world) { w.mvServer("A/x", "X") }, map[string]int{"local-rename": 1}, []string{"A", "X/y"}, []string{"A/x"}},
		"up a level, on disk":         {func(w *world) { w.mv("A/x", "X") }, map[string]int{"remote-rename": 1}, []string{"A", "X/y"}, []string{"A/x"}},
		"alike on both sides": {func(w *world) { w.mv("A", "Z"); w.mvServer("A", "Z") }, map[string]int{},
			[]string{"Z", "Z/x"}, []string{"A"}},
		"apart": {func(w *world) { w.mv("B", "Here"); w.mvServer("B", "There") }, map[string]int{"local-rename": 1},
			[]string{"There"}, []string{"B", "Here"}},
		"apart, with children": {func(w *world) { w.mv("A", "Here"); w.mvServer("A", "There") }, map[string]int{"local-rename": 1},
			[]string{"There", "There/x/y"}, []string{"A", "Here"}},
		"two, one on each side": {func(w *world) { w.mv("B", "Bee"); w.mvServer("C", "Cee") }, map[string]int{"local-rename": 1, "remote-rename": 1},
			[]string{"Bee", "Cee"}, []string{"B", "C"}},
		"parent there, child here": {func(w *world) { w.mv("A/x", "A/z"); w.mvServer("A", "Y") }, map[string]int{"local-rename": 1, "remote-rename": 1},
			[]string{"Y", "Y/z", "Y/z/y"}, []string{"A", "A/z", "Y/x"}},
		"chain, on the server": {func(w *world) { w.mvServer("C", "D"); w.mvServer("B", "C") }, map[string]int{"local-rename": 2},
			[]string{"C", "D"}, []string{"B"}},
		"chain, on disk": {func(w *world) { w.mv("C", "D"); w.mv("B", "C") }, map[string]int{"remote-rename": 2},
			[]string{"C", "D"}, []string{"B"}},
		"swapped, on the server": {func(w *world) { w.mvServer("B", "t"); w.mvServer("C", "B"); w.mvServer("t", "C") }, map[string]int{"local-rename": 3},
			[]string{"B", "C"}, []string{"t"}},
		"swapped, on disk": {func(w *world) { w.mv("B", "t"); w.mv("C", "B"); w.mv("t", "C") }, map[string]int{"remote-rename": 3},
			[]string{"B", "C"}, []string{"t"}},
		"and made again, on the server": {func(w *world) { w.mvServer("B", "Z"); serverSide{w}.create("B") }, map[string]int{"local-rename": 1, "local-create": 1},
			[]string{"B", "Z"}, nil},
		"and made again, on disk": {func(w *world) { w.mv("B", "Z"); diskSide{w: w}.create("B") }, map[string]int{"remote-rename": 1, "remote-create": 1},
			[]string{"B", "Z"}, nil},
		"with new mail on both sides": {func(w *world) {
			w.mvServer("B", "Z")
			serverSide{w}.deliver("Z", w.message(), nil)
			diskSide{w, rand.New(rand.NewPCG(1, 1))}.deliver("B", w.message(), []string{`\Seen`})
		}, map[string]int{"local-rename": 1, "download": 1, "upload": 1}, []string{"Z"}, []string{"B"}},
		"with new mail on both sides, on disk": {func(w *world) {
			w.mv("B", "Z")
			serverSide{w}.deliver("B", w.message(), nil)
			diskSide{w, rand.New(rand.NewPCG(1, 1))}.deliver("Z", w.message(), []string{`\Seen`})
			diskSide{w, rand.New(rand.NewPCG(2, 1))}.deliver("Z", w.message(), nil) // both directories changed
		}, map[string]int{"remote-rename": 1, "download": 1, "upload": 2}, []string{"Z"}, []string{"B"}},
		"with messages removed and flagged": {func(w *world) {
			w.mv("B", "Z")
			disk, server := diskSide{w, rand.New(rand.NewPCG(1, 1))}, serverSide{w}
			there := server.list("B")
			server.remove(there[0])
			server.flag(there[1], []string{`\Flagged`}, nil)
			for _, h := range disk.list("Z") {
				if h.id == there[2].id {
					disk.remove(h)
				}
			}
		}, map[string]int{"remote-rename": 1, "local-remove": 1, "remote-remove": 1, "local-flags": 1}, []string{"Z"}, []string{"B"}},
		"removed on the other side": {func(w *world) { w.mvServer("B", "Z"); w.rmdir("B") }, nil, []string{"Z"}, []string{"B"}},
		"removed on the server":     {func(w *world) { w.mv("B", "Z"); must(w, w.srv.DeleteMailbox("B")) }, nil, []string{"Z"}, []string{"B"}},
		"into a name that is taken": {func(w *world) {
			w.mvServer("B", "Z")
			disk := diskSide{w, rand.New(rand.NewPCG(1, 1))}
			disk.create("Z")
			disk.deliver("Z", w.message(), nil)
		}, nil, []string{"Z"}, []string{"B"}},
		"into a name that is taken on the server": {func(w *world) {
			w.mv("B", "Z")
			serverSide{w}.create("Z")
			serverSide{w}.deliver("Z", w.message(), nil)
		}, nil, []string{"Z"}, []string{"B"}},
		"over a mailbox that was removed": {func(w *world) {
			must(w, w.srv.DeleteMailbox("C"))
			w.mvServer("B", "C")
		}, nil, []string{"C"}, []string{"B"}},
		"the inbox, on the server": {func(w *world) { w.mvServer("INBOX", "Old") }, nil, []string{"INBOX", "Old"}, nil},
	}
}

// TestMailboxRenames: renames become renames where both sides prove them, and
// no message is transferred that both have.
func TestMailboxRenames(t *testing.T) {
	servers := map[string]imaptest.Options{
		"objectid":     {Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)},
		"new validity": {Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID), RenameVoidsUIDs: true},
		"no proof":     {},
		"plain":        {Caps: imaptest.DefaultCaps.Without(imaptest.CapQResync, imaptest.CapCondstore, imaptest.CapListStatus, imaptest.CapListExtended)},
	}
	for server, o := range servers {
		for _, layout := range []maildir.Layout{maildir.Nested, maildir.MaildirPP} {
			for name, story := range renameStories() {
				t.Run(fmt.Sprintf("%s/%v/%s", server, layout, name), func(t *testing.T) {
					t.Parallel()
					w := renameWorld(t, o, layout)
					defer w.close()
					story.change(w)
					planned, err := w.trySync(mailsync.Request{DryRun: true})
					must(w, err)
					rep := w.sync()
					end := w.agree()
					w.quiet()
					want := story.does
					proven := server == "objectid" || server == "new validity" && !strings.Contains(name, "removed")
					for _, n := range story.has {
						if !proven {
							break // names that are not known to be one may both stay
						}
						if _, ok := end[n]; !ok {
							t.Errorf("there is no %s", n)
						}
					}
					for _, n := range story.hasNot {
						if !proven {
							break
						}
						if _, ok := end[n]; ok {
							t.Errorf("there is still %s", n)
						}
					}
					switch {
					case want != nil && proven:
						if !sameCounts(rep.Counts, want) {
							t.Errorf("did %v, want %v", rep.Counts, want)
						}
						if server == "objectid" && !sameCounts(planned.Counts, want) {
							t.Errorf("planned %v, want %v:\n%s", planned.Counts, want, fmt.Sprint(planned.Operations))
						}
					default:
						if n := want["download"] + want["upload"]; rep.Counts["download"]+rep.Counts["upload"] > max(n, 3) {
							t.Errorf("did %v", rep.Counts)
						}
					}
					if server == "objectid" && strings.HasPrefix(name, "apart") && (len(rep.Conflicts) != 1 || rep.Conflicts[0].Kind != "mailbox renamed to two names") {
						t.Errorf("conflicts: %v", rep.Conflicts)
					}
				})
			}
		}
	}
}

func sameCounts(got, want map[string]int) bool {
	for k, n := range want {
		if got[k] != n {
			return false
		}
	}
	for k, n := range got {
		if want[k] != n {
			return false
		}
	}
	return true
}

// TestRenameSubscriptions: the subscription goes along, and only there where
// there was one.
func TestRenameSubscriptions(t *testing.T) {
	w := renameWorld(t, imaptest.Options{}, maildir.Nested)
	defer w.close()
	w.srv.Subscribe("A/x", false)
	w.mv("A", "Z")
	w.sync()
	for name, want := range map[string]bool{"A": false, "A/x": false, "A/x/y": false, "Z": true, "Z/x": false, "Z/x/y": true} {
		if w.srv.Subscribed(name) != want {
			t.Errorf("%s: subscribed %v", name, !want)
		}
	}
}

// TestRenameRefused: what the server does not let be renamed is moved message
// by message.
func TestRenameRefused(t *testing.T) {
	o := imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)}
	o.Hook = func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if verb == "RENAME" {
			return imaptest.Action{Reply: "NO [NOPERM] No"}
		}
		return imaptest.Action{}
	}
	w := renameWorld(t, o, maildir.Nested)
	defer w.close()
	w.mv("A", "Z")
	rep := w.sync()
	if rep.Counts["upload"]+rep.Counts["download"] > 0 || rep.Counts["remote-move"] == 0 {
		t.Errorf("did %v", rep.Counts)
	}
	if end := w.agree(); end["Z/x/y"] == nil || end["A"] != nil {
		t.Errorf("ended with %v", end)
	}
	w.quiet()
}

// TestRenameOfExcluded: a rename out of what is included takes the folder
// along, and nothing is removed or transferred.
func TestRenameOfExcluded(t *testing.T) {
	for _, side := range []string{"server", "disk"} {
		t.Run(side, func(t *testing.T) {
			w := renameWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)}, maildir.Nested)
			defer w.close()
			w.acct.Exclude = []string{"Private", "Private/*"}
			there, back := w.mvServer, w.mvServer
			if side == "disk" {
				there, back = w.mv, w.mv
			}
			there("B", "Private/B")
			rep := w.sync()
			if n := rep.Counts["local-rename"] + rep.Counts["remote-rename"]; n != 1 || len(rep.Counts) != 1 {
				t.Errorf("did %v", rep.Counts)
			}
			w.agree()
			w.quiet()
			back("Private/B", "B2")
			rep = w.sync()
			if n := rep.Counts["local-rename"] + rep.Counts["remote-rename"]; n != 1 || len(rep.Counts) != 1 {
				t.Errorf("back again: did %v", rep.Counts)
			}
			w.agree()
			w.quiet()
		})
	}
}

// TestRenameOneWay: --pull and --push leave the other side's names alone.
func TestRenameOneWay(t *testing.T) {
	w := renameWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)}, maildir.Nested)
	defer w.close()
	w.mv("B", "Z")
	_, err := w.trySync(mailsync.Request{Pull: true})
	must(w, err)
	if !slices.Contains(w.srv.Mailboxes(), "B") {
		t.Error("pull renamed on the server")
	}
	rep, err := w.trySync(mailsync.Request{Mailboxes: []string{"B"}})
	must(w, err)
	if rep.Counts["remote-rename"] != 1 || len(rep.Problems) > 0 {
		t.Errorf("named by the old name: did %v %v", rep.Counts, rep.Problems)
	}
	w.agree()
	w.quiet()
}

// TestInodeUsedAgain: a new folder with the inode of one that was removed is
// not that folder.
func TestInodeUsedAgain(t *testing.T) {
	w := renameWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)}, maildir.Nested)
	defer w.close()
	dir, err := w.disk().Dir("B")
	must(w, err)
	before, err := maildir.OSFS{}.Stat(dir)
	must(w, err)
	must(w, os.RemoveAll(dir))
	diskSide{w: w}.create("Fresh")
	fresh, err := w.disk().Dir("Fresh")
	must(w, err)
	w.opts.FS = &inodeFS{FS: maildir.OSFS{}, path: fresh, inode: before.Inode}
	rep := w.sync()
	if rep.Counts["remote-rename"] > 0 {
		t.Errorf("did %v", rep.Counts)
	}
}

// inodeFS shows one directory with another inode.
type inodeFS struct {
	maildir.FS
	path  string
	inode uint64
}

func (f *inodeFS) Lstat(name string) (maildir.Info, error) { return f.as(name, f.FS.Lstat) }
func (f *inodeFS) Stat(name string) (maildir.Info, error)  { return f.as(name, f.FS.Stat) }

func (f *inodeFS) as(name string, stat func(string) (maildir.Info, error)) (maildir.Info, error) {
	i, err := stat(name)
	if name == f.path {
		i.Inode = f.inode
	}
	return i, err
}

// TestSnapshotBroughtBack: a Maildir from before a rename, inodes and all, is
// no rename back.
func TestSnapshotBroughtBack(t *testing.T) {
	w := renameWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)}, maildir.Nested)
	defer w.close()
	mark := filepath.Join(w.acct.Maildir, ".satchel.json")
	old, err := os.ReadFile(mark)
	must(w, err)
	w.mvServer("B", "Z")
	w.sync()
	want := w.agree()
	w.mv("Z", "B")
	must(w, os.WriteFile(mark, old, 0o600))
	rep := w.sync()
	if rep.Counts["remote-rename"] > 0 {
		t.Errorf("did %v", rep.Counts)
	}
	if d := diff(w.agree(), want); d != "" {
		t.Logf("ended otherwise, which is no loss:\n%s", d)
	}
}

// TestRenameInStatusAndCheck: a rename that waits is one change, no damage.
func TestRenameInStatusAndCheck(t *testing.T) {
	w := renameWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)}, maildir.Nested)
	defer w.close()
	w.quiet()
	w.mv("B", "Z")
	e, err := mailsync.New(w.acct, w.opts)
	must(w, err)
	st, err := e.Status(t.Context())
	must(w, err)
	if st.LocalChanges != 1 || st.Messages != 18 {
		t.Errorf("%d changes and %d messages", st.LocalChanges, st.Messages)
	}
	c, err := e.Check(t.Context(), mailsync.CheckRequest{})
	must(w, err)
	if len(c.Findings) > 0 || c.Waiting == 0 {
		t.Errorf("check: %+v", c)
	}
	w.sync()
	w.agree()
	if st, err = e.Status(t.Context()); err != nil || st.LocalChanges != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestUndoAfterRename: what was removed comes back under the name that its
// mailbox had then, and is nowhere lost.
func TestUndoAfterRename(t *testing.T) {
	w := renameWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)}, maildir.Nested)
	defer w.close()
	gone := serverSide{w}.list("B")[0]
	serverSide{w}.remove(gone)
	w.sync()
	w.mvServer("B", "Z")
	w.sync()
	e, err := mailsync.New(w.acct, w.opts)
	must(w, err)
	runs, err := e.UndoRuns(t.Context())
	must(w, err)
	if len(runs) != 1 {
		t.Fatalf("%d runs", len(runs))
	}
	_, err = e.Restore(t.Context(), runs[0].Run, nil)
	must(w, err)
	w.sync()
	if end := w.agree(); len(end["B"]) != 1 || contentID(end["B"][0]) != gone.id {
		t.Errorf("B holds %v", end["B"])
	}
	w.quiet()
}
