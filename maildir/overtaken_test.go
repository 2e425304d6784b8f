package maildir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"satchel/sync/mail"
)

// TestOvertaken: another program gives letters while satchel does. Neither's letters
// are lost, and none has two meanings.
func TestOvertaken(t *testing.T) {
	for name, x := range map[string]struct{ before, op, theirs, want string }{
		"while ours is written":          {"0 work\n", "create", "0 work\n1 theirs\n", "0 work\n1 theirs\n2 ours\n"},
		"while ours is synced":           {"0 work\n", "sync", "0 work\n1 theirs\n", "0 work\n1 theirs\n2 ours\n"},
		"the first, when it is written":  {"", "create", "0 theirs\n", "0 theirs\n1 ours\n"},
		"the first, when it gets a name": {"", "rename", "0 theirs\n", "0 theirs\n1 ours\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHookFS(nil)
			s := testStore(t, Options{FS: h, Layout: MaildirPP})
			mustFolder(t, s, "INBOX")
			table := filepath.Join(s.Root(), keywordsFile)
			write := func(text string) error { return os.WriteFile(table, []byte(text), 0o600) }
			if x.before != "" {
				if err := write(x.before); err != nil {
					t.Fatal(err)
				}
			}
			reached := false
			h.setHook(func(op, _ string) error {
				if op != x.op || reached {
					return nil
				}
				reached = true
				return write(x.theirs)
			})
			_, err := s.AddKeywords("INBOX", []string{"ours"})
			if b, _ := os.ReadFile(table); err != nil || !reached || string(b) != x.want {
				t.Errorf("%q, %v; reached: %v", b, err, reached)
			}
			if left, err := os.ReadDir(filepath.Join(s.Root(), "tmp")); err != nil || len(left) > 0 {
				t.Errorf("left in tmp: %v, %v", left, err)
			}
		})
	}
}

// TestLettersChanged: the table is gone, and another program gives a letter of it to
// another keyword before it is restored. What it names by that letter is not seen yet,
// so the letter keeps what the program gave it until the folder is looked at again.
func TestLettersChanged(t *testing.T) {
	for _, when := range []string{"before", "create", "rename"} {
		t.Run(when, func(t *testing.T) {
			h := newHookFS(nil)
			s := testStore(t, Options{FS: h, Layout: MaildirPP})
			mustFolder(t, s, "INBOX")
			table := filepath.Join(s.Root(), keywordsFile)
			write := func() error { return os.WriteFile(table, []byte("0 theirs\n"), 0o600) }
			put(t, s, File{Folder: "INBOX", New: false, Name: "x:2,a"}, "x")
			reached := when == "before"
			if reached {
				if err := write(); err != nil {
					t.Fatal(err)
				}
			}
			h.setHook(func(op, _ string) error {
				if op != when || reached {
					return nil
				}
				reached = true
				return write()
			})
			before := ParseKeywords("0 ours\n")
			_, err := s.GiveLetters("INBOX", nil, before, Keywords{})
			if b, _ := os.ReadFile(table); !errors.Is(err, mail.ErrChanged) || !reached || string(b) != "0 theirs\n" {
				t.Errorf("%q, %v; reached: %v", b, err, reached)
			}
			l, err := s.Scan(t.Context(), "INBOX")
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.GiveLetters("INBOX", nil, before, l.Keywords)
			if b, _ := os.ReadFile(table); err != nil || string(b) != "0 ours\n" {
				t.Errorf("after a look: %q, %v", b, err)
			}
		})
	}
}
