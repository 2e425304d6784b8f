package maildir

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSpellingNotKnown: while it cannot be found out how a directory is written,
// nothing is known of its folder and those below; afterwards all is as before.
func TestSpellingNotKnown(t *testing.T) {
	for _, o := range []Options{{}, {Layout: MaildirPP}, {Separator: "."}, {UTF7: true}} {
		for _, skip := range []int{0, 1, 2} {
			t.Run(fmt.Sprintf("%v %v %q %d", o.Layout, o.UTF7, o.Separator, skip), func(t *testing.T) {
				// The root is read for the survey, which may fail, and then to learn a spelling.
				reads, left := 0, 0
				o.FS = newHookFS(func(op, name string) error {
					if op != "readdir" || filepath.Base(name) != "mail" {
						return nil
					}
					if reads++; left > 0 && reads > skip {
						left--
						return syscall.EMFILE
					}
					return nil
				})
				s := testStore(t, o)
				for _, name := range []string{"Cafe\u0301", "Cafe\u0301/u\u0308ber"} {
					dir, err := s.naming.encode(name)
					if err != nil {
						t.Fatal(err)
					}
					mkdirs(t, s, dir+"/cur", dir+"/new", dir+"/tmp")
				}
				mustFolder(t, s, "INBOX")
				want, _, known := survey(t, s, nil)
				if !strings.Contains(strings.Join(want, " "), "Caf\u00e9") {
					t.Fatal(want)
				}
				for n := 1; n < 4; n++ {
					for _, with := range []map[string]Stamp{nil, known} {
						reads, left = 0, n
						checkSurvey(t, s, with, want)
						left = 0
						if names, skipped, _ := survey(t, s, with); !cmp.Equal(names, want) || skipped != nil {
							t.Errorf("afterwards %v, left out %v", names, skipped)
						}
					}
				}
			})
		}
	}
}

// checkSurvey surveys, and wants every mailbox to be found, or to be one of which
// nothing is known, unless nothing is known of any.
func checkSurvey(t *testing.T, s *Store, known map[string]Stamp, want []string) {
	t.Helper()
	folders, skipped, err := s.Survey(t.Context(), known)
	if err != nil {
		return
	}
	for _, name := range want {
		seen := false
		for _, f := range folders {
			seen = seen || f.Name == name
		}
		for _, k := range skipped {
			seen = seen || k.Odd == Unseen && k.Name != "" && (name == k.Name || strings.HasPrefix(name, k.Name+"/"))
		}
		if !seen {
			t.Errorf("%s looks removed: %+v, left out %+v", name, folders, skipped)
		}
	}
}
