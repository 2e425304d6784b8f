package sync_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/maildir/faultfs"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// TestOneClock: a run takes its time, its process and its machine from its
// options, and so does the Maildir. With a disk of the same clock, folders
// become old enough to be trusted when that clock says so.
func TestOneClock(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	now := time.Date(2000, 1, 1, 0, 0, 0, 1, time.UTC)
	var read int
	disk := &faultfs.FS{Now: func() time.Time { return now }, Before: func(op faultfs.Op, name string) error {
		if base := filepath.Base(name); op == faultfs.ReadDir && (base == "cur" || base == "new") {
			read++
		}
		return nil
	}}
	w.opts = mailsync.Options{FS: disk, Now: disk.Now, Process: 7, Host: "ship"}
	w.srv.Append("INBOX", nil, time.Time{}, w.message())
	w.sync()
	files := w.files("INBOX")
	if len(files) != 1 || !strings.HasPrefix(files[0].file.Name, "946684800.M000000P7Q") || !strings.HasSuffix(files[0].file.Base(), ".ship") {
		t.Fatalf("the files are %v", files)
	}
	read = 0
	w.quiet()
	if read == 0 {
		t.Error("a folder that changed at this very moment was not read again")
	}
	now = now.Add(time.Hour)
	w.quiet()
	read = 0
	w.quiet()
	if read != 0 {
		t.Errorf("%d directories were read an hour after the last change", read)
	}
}
