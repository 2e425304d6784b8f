package sync_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// canonical is a server's mailbox by satchel's name for it.
func canonical(wire, delim, prefix string) string {
	if strings.EqualFold(wire, "INBOX") {
		return "INBOX"
	}
	levels := strings.Split(strings.TrimPrefix(wire, prefix), delim)
	for i, l := range levels {
		levels[i] = strings.ReplaceAll(l, "/", "%2F")
	}
	return strings.Join(levels, "/")
}

// TestNames: whatever the separator, the prefix and the layout, both sides get
// each other's mailboxes, by the same names, and a second run finds nothing.
func TestNames(t *testing.T) {
	names := [][]string{{"Lists", "go"}, {"Entwürfe", "日本語", "😀"}, {"a&b"}, {"50% off"}, {"cur"}, {"a", "new", "tmp"}, {" spaces "},
		{"INBOX", "sub"}, {"inboxes"}, {"trailing%"}, {"%2E"}, {"~"}, {"*"}, {"\\"}, {"\"quoted\""}, {"..."}, {".hidden"}, {"a.b"}, {"x/y"}}
	for _, ns := range [][2]string{{"/", ""}, {".", ""}, {"/", "INBOX/"}, {".", "INBOX."}, {"\\", ""}} {
		for _, layout := range []maildir.Layout{maildir.Nested, maildir.MaildirPP} {
			t.Run(fmt.Sprintf("%q %q %v", ns[0], ns[1], layout), func(t *testing.T) {
				delim, prefix := ns[0], ns[1]
				w := newWorld(t, imaptest.Options{Delimiter: rune(delim[0]), Prefix: prefix})
				w.acct.Layout = layout
				must(w, w.srv.CreateMailbox(prefix+"Empty"))
				w.sync()
				for i, levels := range names {
					if slices.ContainsFunc(levels, func(l string) bool { return strings.Contains(l, delim) }) || prefix != "" && levels[0] == "INBOX" {
						continue
					}
					name := strings.Join(levels, delim)
					if i%2 == 0 {
						must(w, w.srv.CreateMailbox(prefix+name))
						w.srv.Append(prefix+name, []string{`\Seen`}, time.Unix(1_700_000_000, 0), w.message())
						continue
					}
					disk := diskSide{w, rand.New(rand.NewPCG(1, uint64(i)))}
					disk.create(canonical(name, delim, ""))
					disk.deliver(canonical(name, delim, ""), w.message(), []string{`\Flagged`})
				}
				w.sync()
				w.agree()
				w.quiet()
				for _, name := range w.srv.Mailboxes() {
					if c := canonical(name, delim, prefix); c != "INBOX" && !w.srv.Subscribed(name) && slices.ContainsFunc(names, func(l []string) bool {
						i := slices.IndexFunc(names, func(x []string) bool { return slices.Equal(x, l) })
						return i%2 == 1 && canonical(strings.Join(l, delim), delim, "") == c
					}) {
						t.Errorf("%s was made on the server and is not subscribed", name)
					}
				}
			})
		}
	}
}

// TestNoHierarchy: a server without levels (LIST says NIL) takes what has none;
// a folder in a folder is told of, and hurts no other.
func TestNoHierarchy(t *testing.T) {
	w := newWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapNamespace), Delimiter: '\x7f', Mangle: func(_ *imaptest.Conn, line string) string {
		return strings.ReplaceAll(line, "\"\x7f\"", "NIL")
	}})
	must(w, w.srv.CreateMailbox("a/b.c"))
	w.srv.Append("a/b.c", nil, time.Unix(1_700_000_000, 0), w.message())
	w.sync()
	disk := diskSide{w, rand.New(rand.NewPCG(1, 1))}
	disk.create("flat")
	disk.deliver("flat", w.message(), nil)
	disk.create("in/side")
	disk.deliver("in/side", w.message(), nil)
	rep, err := w.trySync(mailsync.Request{})
	must(w, err)
	if len(rep.Problems) != 1 || rep.Problems[0].Mailbox != "in/side" {
		t.Errorf("problems: %v", rep.Problems)
	}
	for _, name := range []string{"a/b.c", "flat"} {
		if len(w.srv.Messages(name)) != 1 {
			t.Errorf("%s has %d messages", name, len(w.srv.Messages(name)))
		}
	}
	if l := w.localSnapshot(); len(l["a%2Fb.c"]) != 1 || len(l["in/side"]) != 1 {
		t.Errorf("on disk: %v", l)
	}
}

// TestHostileNames: a server can call its mailboxes what it likes; nothing is
// made outside of the Maildir, and the others go on.
func TestHostileNames(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, layout := range []maildir.Layout{maildir.Nested, maildir.MaildirPP} {
		t.Run(layout.String(), func(t *testing.T) {
			lines := []string{`"../../../../outside"`, `".."`, `"."`, `"a/../../b"`, `"/absolute"`, `"//"`, `""`, `"&AAA-"`, `"a&AAo-b"`, `"&AC8-etc"`,
				`"&AC4ALg-/x"`, "\"bell\a\"", `"&"`, `"&AGE-"`, `"` + long + `"`, `"cur"`, `"new"`, `"tmp/cur"`, `".satchel.json"`, `".satchel-undo/x"`,
				`"satchel%tmp.1"`, `"INBOX/cur"`, `"%2E%2E"`, `"%2F"`, `NIL`, `"\xff\xfe"`}
			w := newWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.Without(imaptest.CapListStatus), Mangle: func(_ *imaptest.Conn, line string) string {
				if !strings.HasPrefix(line, "* LIST ") || !strings.Contains(line, "Good") {
					return line
				}
				for _, l := range lines {
					line += "\r\n* LIST (\\HasNoChildren) \"/\" " + l
				}
				return line
			}})
			w.acct.Layout = layout
			// Those that the server has indeed.
			for _, name := range []string{"Good", "..", "../../../../outside", ".", "a/../../b", "cur", "new", "tmp/cur", "INBOX/cur", ".satchel.json", ".satchel-undo/x", long} {
				must(w, w.srv.CreateMailbox(name))
				w.srv.Append(name, nil, time.Unix(1_700_000_000, 0), w.message())
			}
			for range 2 {
				if _, err := w.trySync(mailsync.Request{}); err != nil {
					t.Fatal(err)
				}
			}
			if l := w.localSnapshot(); len(l["Good"]) != 1 || len(l["../../../../outside"]) != 1 || len(l[".."]) != 1 || len(l[".satchel.json"]) != 1 {
				t.Errorf("on disk are %d mailboxes, %v of Good", len(l), l["Good"])
			}
			must(w, filepath.WalkDir(w.root, func(path string, _ fs.DirEntry, err error) error {
				if !strings.HasPrefix(path, w.acct.Maildir) && !isState(path) && path != w.root && path != w.acct.StateDir {
					t.Errorf("made %s", path)
				}
				return err
			}))
			for p := filepath.Dir(w.root); p != "/"; p = filepath.Dir(p) {
				if _, err := os.Lstat(filepath.Join(p, "outside")); err == nil {
					t.Errorf("made %s", filepath.Join(p, "outside"))
				}
			}
		})
	}
}

// TestNamesThatFold: on a disk that does not tell upper from lower case, nor
// composed from decomposed letters, two mailboxes that differ in that only stay
// two: the second waits, is told of, and is removed nowhere.
func TestNamesThatFold(t *testing.T) {
	for _, pair := range [][2]string{{"Work", "work"}, {"Caf\u00e9", "Cafe\u0301"}, {"A/Lists", "A/LISTS"}} {
		for _, layout := range []maildir.Layout{maildir.Nested, maildir.MaildirPP} {
			t.Run(fmt.Sprintf("%q %v", pair[1], layout), func(t *testing.T) {
				w := newWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)})
				w.acct.Layout = layout
				w.opts.FS = &foldingFS{FS: maildir.OSFS{}, root: w.acct.Maildir}
				for _, name := range pair {
					must(w, w.srv.CreateMailbox(name))
					w.srv.Append(name, nil, time.Unix(1_700_000_000, 0), w.message())
				}
				for range 3 {
					rep, err := w.trySync(mailsync.Request{})
					must(w, err)
					if len(rep.Problems) == 0 || !slices.Contains(pair[:], rep.Problems[0].Mailbox) {
						t.Fatalf("problems: %v", rep.Problems)
					}
				}
				l, r := w.localSnapshot(), w.remoteSnapshot()
				if len(r[pair[0]]) != 1 || len(r[pair[1]]) != 1 || len(l[pair[0]])+len(l[pair[1]]) != 1 {
					t.Errorf("on the server %v, on disk %v", r, l)
				}
				// Whoever renames one of them gets both.
				must(w, w.srv.RenameMailbox(pair[1], "Other"))
				rep, err := w.trySync(mailsync.Request{})
				if err != nil || len(rep.Problems) > 0 {
					t.Fatalf("%v %v", err, rep.Problems)
				}
				w.agree()
			})
		}
	}
}

// TestNameInAnotherEncoding: a server that lists names in UTF-8, and later in modified
// UTF-7, has the same mailboxes, also where it gives them another UIDVALIDITY meanwhile.
func TestNameInAnotherEncoding(t *testing.T) {
	for _, name := range []string{"Caf\u00e9", "Cafe\u0301"} {
		w := newWorld(t, imaptest.Options{})
		must(w, w.srv.CreateMailbox(name))
		w.srv.Append(name, nil, time.Unix(1_700_000_000, 0), w.message())
		w.srv.SetSpelling(imaptest.Spelling{Plain: true})
		w.sync()
		w.srv.SetSpelling(imaptest.Spelling{})
		w.srv.SetUIDValidity(name, 4711)
		rep, err := w.trySync(mailsync.Request{})
		if err != nil || len(rep.Problems) > 0 || rep.Counts["upload"]+rep.Counts["download"]+rep.Counts["remote-create"] > 0 {
			t.Errorf("%+q: %v, %v, %v", name, err, rep.Problems, rep.Counts)
		}
		w.quiet()
	}
}

// TestRenameOfCase: a new name that differs in case only, on such a disk.
func TestRenameOfCase(t *testing.T) {
	for _, layout := range []maildir.Layout{maildir.Nested, maildir.MaildirPP} {
		w := newWorld(t, imaptest.Options{Caps: imaptest.DefaultCaps.With(imaptest.CapObjectID)})
		w.acct.Layout = layout
		w.opts.FS = &foldingFS{FS: maildir.OSFS{}, root: w.acct.Maildir}
		for _, name := range []string{"work", "work/deep"} {
			must(w, w.srv.CreateMailbox(name))
			w.srv.Append(name, nil, time.Unix(1_700_000_000, 0), w.message())
		}
		w.sync()
		must(w, w.srv.RenameMailbox("work", "Work"))
		rep := w.sync()
		if rep.Counts["download"]+rep.Counts["upload"] > 0 {
			t.Errorf("%v: did %v", layout, rep.Counts)
		}
		w.agree()
		w.quiet()
	}
}

// foldingFS is a disk that keeps the case of names and does not tell it apart.
type foldingFS struct {
	maildir.FS
	root string
	mu   sync.Mutex
}

// fold is a rough equivalence: enough for the names of these tests.
func fold(name string) string {
	return strings.ToLower(strings.NewReplacer("e\u0301", "\u00e9").Replace(name))
}

// at returns the name by which the disk knows a path.
func (f *foldingFS) at(path string) string {
	rel, ok := strings.CutPrefix(path, f.root+"/")
	if !ok {
		return path
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	dir := f.root
	for level := range strings.SplitSeq(rel, "/") {
		names, _ := f.FS.ReadDirNames(dir)
		if i := slices.IndexFunc(names, func(n string) bool { return fold(n) == fold(level) }); i >= 0 {
			level = names[i]
		}
		dir += "/" + level
	}
	return dir
}

func (f *foldingFS) Lstat(name string) (maildir.Info, error)   { return f.FS.Lstat(f.at(name)) }
func (f *foldingFS) Stat(name string) (maildir.Info, error)    { return f.FS.Stat(f.at(name)) }
func (f *foldingFS) ReadDirNames(dir string) ([]string, error) { return f.FS.ReadDirNames(f.at(dir)) }
func (f *foldingFS) Open(name string) (maildir.Handle, error)  { return f.FS.Open(f.at(name)) }
func (f *foldingFS) Mkdir(dir string, perm fs.FileMode) error  { return f.FS.Mkdir(f.at(dir), perm) }
func (f *foldingFS) Rmdir(dir string) error                    { return f.FS.Rmdir(f.at(dir)) }
func (f *foldingFS) Remove(name string) error                  { return f.FS.Remove(f.at(name)) }
func (f *foldingFS) SyncDir(dir string) error                  { return f.FS.SyncDir(f.at(dir)) }
func (f *foldingFS) RenameNoReplace(oldName, newName string) error {
	return f.FS.RenameNoReplace(f.at(oldName), f.at(newName))
}
func (f *foldingFS) Create(name string, perm fs.FileMode) (maildir.Handle, error) {
	return f.FS.Create(f.at(name), perm)
}
