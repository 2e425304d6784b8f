package maildir

import (
	"os"
	"path/filepath"
	"testing"
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
