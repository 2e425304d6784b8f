package sync_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

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
