package maildir

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRecognise: what other programs leave is recognised by the mailboxes of
// the server, and what no layout reads is named.
func TestRecognise(t *testing.T) {
	server := []string{"INBOX", "Work", "Archive/2026", "Entwürfe", "Café"}
	for _, tt := range []struct {
		name    string
		n       Naming
		dirs    string
		exclude string
		better  string // settings, "" for none
		misfits string
	}{
		{"as configured", naming(t, Nested, false, "", nil), "Inbox Work Archive/2026 Entwürfe Cafe\u0301 Own.One", "", "", ""},
		{"own as configured", naming(t, MaildirPP, true, "", nil), " .Work .Archive.2026 .Entw&APw-rfe .New", "", "", ""},
		{"Maildir++ with nested", naming(t, Nested, false, "", nil), " .Work .Archive.2026 .Entwürfe", "", `layout = "maildir++", folder_names = "utf-8"`, " .Archive.2026 .Entwürfe .Work"},
		{"Dovecot with nested", naming(t, Nested, false, "", nil), " .Work .Entw&APw-rfe", "", `layout = "maildir++", folder_names = "utf-7"`, " .Entw&APw-rfe .Work"},
		{"nested with Maildir++", naming(t, MaildirPP, false, "", nil), "INBOX Work", "", `layout = "nested", folder_names = "utf-8"`, "INBOX Work"},
		{"mbsync's names", naming(t, Nested, false, "", nil), "INBOX Entw&APw-rfe", "", `layout = "nested", folder_names = "utf-7"`, "Entw&APw-rfe"},
		{"offlineimap's", naming(t, Nested, false, "", nil), "INBOX Archive.2026 Work", "", `layout = "nested", separator = ".", folder_names = "utf-8"`, "Archive.2026"},
		{"offlineimap's, all", naming(t, Nested, false, "", nil), "INBOX Archive.2026 Entw&APw-rfe", "", `layout = "nested", separator = ".", folder_names = "utf-7"`, "Archive.2026 Entw&APw-rfe"},
		{"KMail's", naming(t, Nested, false, "", nil), "INBOX Work .Work.directory/Sub", "", "", ".Work.directory/Sub"},
		{"a percent sign", naming(t, Nested, false, "", nil), "INBOX 50%", "", "", "50%"},
		{"hidden, and left out", naming(t, Nested, false, "", nil), "INBOX .old Work", ".old", "", ""},
		{"misread, and left out", naming(t, Nested, false, "", nil), "INBOX Archive.2026 Work", "Archive.2026", "", ""},
		{"an empty server", naming(t, Nested, false, "", nil), " .One .Two", "", `layout = "maildir++", folder_names = "utf-8"`, " .One .Two"},
	} {
		var have []string
		if tt.name == "an empty server" {
			have = []string{"INBOX"}
		} else {
			have = server
		}
		m := tt.n.Recognise(split(tt.dirs), func(n string) bool { return slices.Contains(have, n) },
			func(dir, _ string) bool { return tt.exclude != "" && dir == tt.exclude })
		if (m == nil) != (tt.misfits == "" && tt.better == "") {
			t.Errorf("%s: %+v", tt.name, m)
			continue
		}
		if m == nil {
			continue
		}
		slices.Sort(m.Dirs)
		if d := cmp.Diff(split(tt.misfits), m.Dirs); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
		if got := ""; m.Better != nil {
			if got = m.Better.Settings(); got != tt.better {
				t.Errorf("%s: proposes %s", tt.name, got)
			}
		} else if tt.better != "" {
			t.Errorf("%s: proposes nothing", tt.name)
		}
	}
}

// split divides a list of directories, of which the first may be the root.
func split(list string) []string { return strings.Split(list, " ") }

func TestWithMail(t *testing.T) {
	s := testStore(t, Options{})
	mustFolder(t, s, "INBOX", "a/b", "empty")
	mkdirs(t, s, ".x/cur", ".x/new", ".x/tmp", ".satchel-undo/run/cur", ".satchel-undo/run/new", "half/cur", "cur", "new", ".Work.directory/Sub/cur", ".Work.directory/Sub/new")
	for _, name := range []string{"INBOX/cur/1", "a/b/new/1", ".x/new/1", ".satchel-undo/run/cur/1", "half/cur/1", "empty/cur/.hidden", "new/1", ".Work.directory/Sub/cur/1"} {
		if err := os.WriteFile(filepath.Join(s.Root(), name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"", ".Work.directory/Sub", ".x", "INBOX", "a/b"}
	dirs, cut, err := s.WithMail(t.Context())
	if d := cmp.Diff(want, dirs); d != "" || err != nil || cut {
		t.Error(d, err, cut)
	}
	deep := strings.Repeat("d/", Deepest-1) + "d"
	mkdirs(t, s, deep+"/cur", deep+"/new")
	if dirs, cut, err = s.WithMail(t.Context()); !slices.Equal(dirs, want) || cut || err != nil {
		t.Error(dirs, cut, err)
	}
	mkdirs(t, s, deep+"/e")
	if dirs, cut, err = s.WithMail(t.Context()); !slices.Equal(dirs, want) || !cut || err != nil {
		t.Error(dirs, cut, err)
	}
}
