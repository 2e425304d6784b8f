package sync_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// tree describes a folder: names, modes, times and contents.
func tree(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var sum [32]byte
		if !d.IsDir() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum = sha256.Sum256(data)
		}
		fmt.Fprintf(&b, "%s %v %d %x\n", path, info.Mode(), info.ModTime().UnixNano(), sum)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDryRunChangesNothing: neither the Maildir nor the server, before the
// first sync and after it, whatever there is to do.
func TestDryRunChangesNothing(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	for _, b := range []string{"Archive", "Old"} {
		must(w, w.srv.CreateMailbox(b))
	}
	for range 10 {
		w.srv.Append("INBOX", nil, time.Now(), w.message())
	}
	rep, err := w.trySync(mailsync.Request{DryRun: true})
	must(w, err)
	if rep.Counts["download"] != 10 || len(rep.Operations) != 13 {
		t.Errorf("planned %v: %v", rep.Counts, rep.Operations)
	}
	if _, err := os.Stat(w.acct.Maildir); !os.IsNotExist(err) {
		t.Errorf("the Maildir was made: %v", err)
	}
	w.sync()
	files := w.files("INBOX")
	must(w, os.Rename(w.path(files[0].file), w.path(files[0].file)+":2,F"))
	must(w, os.Remove(w.path(files[1].file)))
	moved := files[2].file
	moved.Folder = "Archive"
	must(w, os.Rename(w.path(files[2].file), w.path(moved)))
	w.srv.Append("INBOX", nil, time.Now(), w.message())
	w.srv.StoreFlags("INBOX", 5, []string{`\Seen`, "work"}, nil)
	w.srv.Move("INBOX", 6, "Archive")
	w.srv.Expunge("INBOX", 7)
	before, server := tree(t, w.acct.Maildir), fmt.Sprint(w.remoteSnapshot())
	rep, err = w.trySync(mailsync.Request{DryRun: true})
	must(w, err)
	if len(rep.Operations) < 6 {
		t.Errorf("planned only %v", rep.Operations)
	}
	if after := tree(t, w.acct.Maildir); after != before {
		t.Errorf("the Maildir changed:\n%s\n%s", before, after)
	}
	if after := fmt.Sprint(w.remoteSnapshot()); after != server {
		t.Error("the server changed")
	}
	done := w.sync()
	if fmt.Sprint(done.Counts) != fmt.Sprint(rep.Counts) {
		t.Errorf("planned %v, did %v", rep.Counts, done.Counts)
	}
	w.agree()
	w.quiet()
}

// TestOneMessageInManyMailboxes: a message that the server says is one is
// downloaded once.
func TestOneMessageInManyMailboxes(t *testing.T) {
	w := newWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)})
	uid := w.srv.Append("INBOX", nil, time.Now(), w.message())
	for i := range 4 {
		name := fmt.Sprintf("label%d", i)
		must(w, w.srv.CreateMailbox(name))
		w.srv.Copy("INBOX", uid, name)
	}
	rep := w.sync()
	if rep.Counts["download"] != 1 || rep.Counts["local-copy"] != 4 {
		t.Errorf("did %v", rep.Counts)
	}
	w.agree()
	w.quiet()
}
