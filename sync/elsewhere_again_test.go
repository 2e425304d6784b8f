package sync_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/maildir"
	mailsync "satchel/sync"
)

// movedAway is what happens to a folder after it was moved to an excluded one.
type movedAway struct {
	then                  func(w *world, lists, private string)
	here, there, excluded int    // messages that are left in Lists and Private
	op                    string // what the run does with the two
}

// TestFolderMovedToExcludedFolder: a folder is gone, and of three files two are where nobody
// syncs. What comes to its mailbox then is delivered, and so is the third. The messages of the two stay
// on the server, and are not downloaded, for as long as the files are there.
func TestFolderMovedToExcludedFolder(t *testing.T) {
	for name, x := range map[string]movedAway{
		"removed there": {func(w *world, _, private string) {
			must(w, os.RemoveAll(private))
			must(w, os.Mkdir(private, 0o700))
		}, 4, 4, 0, "download"},
		"put back": {func(w *world, lists, private string) {
			list, err := os.ReadDir(private)
			must(w, err)
			for _, e := range list {
				must(w, os.Rename(filepath.Join(private, e.Name()), filepath.Join(lists, e.Name())))
			}
		}, 4, 4, 0, ""},
		"included": {func(w *world, _, _ string) { w.acct.Exclude = nil }, 2, 2, 2, "remote-move"},
		"others removed": {func(w *world, _, _ string) {
			for _, f := range w.files("Lists") {
				must(w, os.Remove(w.path(f.file)))
			}
		}, 0, 2, 0, "remote-remove"},
	} {
		t.Run(name, x.happens)
	}
}

func (x movedAway) happens(t *testing.T) {
	w := excludedWorld(t, maildir.Nested, 1)
	must(w, w.srv.CreateMailbox("Lists"))
	for range 3 {
		w.srv.Append("Lists", []string{`\Seen`}, time.Time{}, w.message())
	}
	w.sync()
	dir := func(folder string) string {
		d, err := w.disk().Dir(folder)
		must(w, err)
		return filepath.Join(d, "cur")
	}
	must(w, os.Remove(w.path(w.mine("Lists"))))
	must(w, os.Remove(dir("Private")))
	must(w, os.Rename(dir("Lists"), dir("Private")))
	must(w, os.RemoveAll(filepath.Dir(dir("Lists"))))
	w.srv.Append("Lists", nil, time.Time{}, w.message())
	for n := range 3 {
		rep, err := w.trySync(mailsync.Request{Full: n == 2})
		must(w, err)
		if all := strings.Join(texts(rep), "\n"); strings.Count(all, "its file is in Private") != 1 || len(rep.Problems) != 1 {
			t.Errorf("run %d says %q", n, all)
		}
		if files := w.files("Lists"); len(files) != 2 {
			t.Fatalf("run %d: %d files, want 2", n, len(files))
		}
		w.srvHolds("Lists", 4)
	}
	x.then(w, dir("Lists"), dir("Private"))
	rep, err := w.trySync(mailsync.Request{})
	must(w, err)
	if (rep.Counts[x.op] == 0) != (x.op == "") || rep.Counts["upload"] > 0 || x.op != "download" && rep.Counts["download"] > 0 {
		t.Errorf("then the run did %v", rep.Counts)
	}
	if files := w.files("Lists"); len(files) != x.here {
		t.Errorf("then %d files, want %d", len(files), x.here)
	}
	w.srvHolds("Lists", x.there)
	w.srvHolds("Private", x.excluded)
	if x.op != "remote-remove" {
		w.quiet()
	}
}
