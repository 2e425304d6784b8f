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

// heldWorld has one message that both sides hold, and a hand for the Maildir.
func heldWorld(t *testing.T, o imaptest.Options, flags ...string) (*world, diskSide) {
	t.Helper()
	w := newWorld(t, o)
	w.acct.NoFsync = true
	w.srv.Append("INBOX", flags, time.Now(), w.message())
	w.sync()
	w.quiet()
	return w, diskSide{w, rand.New(rand.NewPCG(1, 2))}
}

// flagsHere returns the flags of the only file, flagsThere those of the only
// message of the server.
func (w *world) flagsHere() string {
	w.t.Helper()
	files := w.files("INBOX")
	if len(files) != 1 {
		w.t.Fatalf("%d files", len(files))
	}
	return files[0].flags.String()
}

func (w *world) flagsThere() string {
	w.t.Helper()
	m := w.srv.Messages("INBOX")
	if len(m) != 1 {
		w.t.Fatalf("%d messages", len(m))
	}
	return strings.Join(slices.DeleteFunc(m[0].Flags, func(f string) bool { return f == `\Recent` }), " ")
}

// stays checks that runs with nothing new leave the flags on both sides alone
// and say nothing more, even when everything is compared.
func (w *world) stays(here, there string) {
	w.t.Helper()
	for range 2 {
		if rep := w.quiet(); len(rep.Notices) > 0 {
			w.t.Errorf("said again: %v", rep.Notices)
		}
	}
	if rep := w.full(); rep.Changed() {
		w.t.Errorf("a full run did %v", rep.Counts)
	}
	if h, r := w.flagsHere(), w.flagsThere(); h != here || r != there {
		w.t.Errorf("here %q, there %q; want %q and %q", h, r, here, there)
	}
}

// TestPermanentFlags: what PERMANENTFLAGS leaves out stays on its side, in
// both directions, and is never taken for removed.
func TestPermanentFlags(t *testing.T) {
	for _, x := range []struct {
		name  string
		perm  []string
		drop  bool // leave PERMANENTFLAGS out altogether
		there string
	}{
		{"some", []string{`\Seen`, `\Deleted`}, false, `\Seen`},
		{"system", []string{`\Seen`, `\Flagged`, `\Answered`, `\Deleted`, `\Draft`}, false, `\Flagged \Seen`},
		{"star", []string{`\Seen`, `\Deleted`, `\*`}, false, `\Seen $Forwarded work`},
		{"none", []string{}, false, ``},
		{"absent", nil, true, `\Flagged \Seen $Forwarded work`},
	} {
		for level, caps := range levels() {
			t.Run(x.name+"/"+level, func(t *testing.T) {
				o := imaptest.Options{PermanentFlags: x.perm, Caps: caps}
				if x.drop {
					o.Mangle = func(_ *imaptest.Conn, line string) string {
						if strings.Contains(line, "PERMANENTFLAGS") {
							return ""
						}
						return line
					}
				}
				w, disk := heldWorld(t, o)
				disk.flag(disk.list("INBOX")[0], []string{`\Seen`, `\Flagged`, "$Forwarded", "work"}, nil)
				rep := w.sync()
				full := x.there == `\Flagged \Seen $Forwarded work`
				if noticeAbout(rep.Notices, "does not store") == full {
					t.Errorf("notices: %v", rep.Notices)
				}
				there := strings.Fields(x.there)
				slices.Sort(there)
				w.stays(`\Flagged $Forwarded \Seen work`, strings.Join(there, " "))
				// What only the Maildir holds is cleared there alone.
				disk.flag(disk.list("INBOX")[0], nil, []string{`\Seen`, "work"})
				w.sync()
				there = slices.DeleteFunc(there, func(f string) bool { return f == `\Seen` || f == "work" })
				w.stays(`\Flagged $Forwarded`, strings.Join(there, " "))
			})
		}
	}
}

// TestFlagThatCannotBeCleared: set by the server itself, it stays there.
func TestFlagThatCannotBeCleared(t *testing.T) {
	w, disk := heldWorld(t, imaptest.Options{PermanentFlags: []string{`\Seen`, `\Deleted`}}, `\Flagged`, "junk")
	disk.flag(disk.list("INBOX")[0], []string{`\Seen`}, []string{`\Flagged`, "junk"})
	if rep := w.sync(); !noticeAbout(rep.Notices, "cleared") {
		t.Errorf("notices: %v", rep.Notices)
	}
	w.stays(`\Seen`, `\Flagged \Seen junk`)
}

// TestRefusedKeyword: the server refuses a change that has $Forwarded in it.
// The other flags go through, the keyword stays in the Maildir.
func TestRefusedKeyword(t *testing.T) {
	for _, reply := range []string{"BAD Command Argument Error. 11", "NO [CANNOT] Keyword not supported"} {
		for level, caps := range levels() {
			t.Run(reply[:3]+level, func(t *testing.T) {
				stores := 0
				w, disk := heldWorld(t, imaptest.Options{Caps: caps, Hook: refuses(&stores, reply, "$Forwarded")})
				disk.flag(disk.list("INBOX")[0], []string{`\Flagged`, "$Forwarded", "work"}, nil)
				rep := w.sync()
				if !noticeAbout(rep.Notices, "$Forwarded") {
					t.Errorf("notices: %v", rep.Notices)
				}
				w.stays(`\Flagged $Forwarded work`, `\Flagged work`)
				// It is remembered for the mailbox: the next message does not ask.
				before := stores
				disk.deliver("INBOX", w.message(), []string{`\Seen`, "$Forwarded"})
				w.sync()
				w.quiet()
				w.full()
				if stores != before {
					t.Errorf("the keyword was sent %d times more", stores-before)
				}
				for _, m := range w.srv.Messages("INBOX")[1:] {
					if !slices.Contains(m.Flags, `\Seen`) {
						t.Errorf("uploaded with %v", m.Flags)
					}
				}
				if n := strings.Count(fmt.Sprint(w.localSnapshot()["INBOX"]), "$Forwarded"); n != 2 {
					t.Errorf("%d of 2 files have the keyword still", n)
				}
			})
		}
	}
}

// refuses makes a server answer reply whenever it is to store the flag.
func refuses(count *int, reply, flag string) func(*imaptest.Conn, string, string, string) imaptest.Action {
	return func(_ *imaptest.Conn, _, verb, line string) imaptest.Action {
		if (verb == "UID STORE" || verb == "APPEND") && strings.Contains(line, flag) {
			*count++
			return imaptest.Action{Reply: reply}
		}
		return imaptest.Action{}
	}
}

// TestRefusedForAnotherReason: a server that refuses every STORE minds no
// flag in particular, so nothing is remembered and the change waits.
func TestRefusedForAnotherReason(t *testing.T) {
	var busy switchable
	w, disk := heldWorld(t, imaptest.Options{Hook: func(_ *imaptest.Conn, _, verb, _ string) imaptest.Action {
		if busy.is() && verb == "UID STORE" {
			return imaptest.Action{Reply: "NO [INUSE] Mailbox is locked"}
		}
		return imaptest.Action{}
	}})
	disk.flag(disk.list("INBOX")[0], []string{`\Flagged`, "work"}, nil)
	busy.set(true)
	if rep, err := w.trySync(mailsync.Request{}); err != nil || len(rep.Problems) == 0 {
		t.Fatalf("problems %v, error %v", rep.Problems, err)
	}
	busy.set(false)
	w.sync()
	w.stays(`\Flagged work`, `\Flagged work`)
}

// TestDroppedKeyword: the server says that it takes keywords, answers OK, and
// keeps none.
func TestDroppedKeyword(t *testing.T) {
	for level, caps := range levels() {
		t.Run(level, func(t *testing.T) {
			w, disk := heldWorld(t, imaptest.Options{
				Caps:           caps,
				PermanentFlags: []string{`\Seen`, `\Flagged`, `\Answered`, `\Deleted`, `\Draft`},
				Mangle: func(_ *imaptest.Conn, line string) string {
					return strings.Replace(line, `\Draft)] Flags`, `\Draft \*)] Flags`, 1)
				},
			})
			disk.flag(disk.list("INBOX")[0], []string{`\Flagged`, "work"}, nil)
			if rep := w.sync(); !noticeAbout(rep.Notices, "work") {
				t.Errorf("notices: %v", rep.Notices)
			}
			w.stays(`\Flagged work`, `\Flagged`)
			// A new message with another keyword.
			disk.remove(disk.list("INBOX")[0])
			disk.deliver("INBOX", w.message(), []string{`\Seen`, "other"})
			w.sync()
			w.stays(`\Seen other`, `\Seen`)
		})
	}
}

// TestMoreKeywordsThanLetters: what has no letter stays on the server, and
// letters are shared with other programs that use the folder.
func TestMoreKeywordsThanLetters(t *testing.T) {
	var kws []string
	for i := range 30 {
		kws = append(kws, fmt.Sprintf("kw%02d", i))
	}
	w, disk := heldWorld(t, imaptest.Options{}, kws...)
	have := len(strings.Fields(w.flagsHere()))
	if have != 26 {
		t.Fatalf("%d keywords on disk", have)
	}
	// The user clears one of them and sets a flag; the four without a letter
	// are nobody's removal.
	disk.flag(disk.list("INBOX")[0], []string{`\Seen`}, []string{"kw03"})
	w.sync()
	if got := len(strings.Fields(w.flagsThere())); got != 30 || strings.Contains(w.flagsThere(), "kw03") {
		t.Errorf("on the server: %s", w.flagsThere())
	}
	// The server clears one that has a letter and one that has none.
	w.srv.StoreFlags("INBOX", w.srv.Messages("INBOX")[0].UID, nil, []string{"kw05", "kw29"})
	w.sync()
	if strings.Contains(w.flagsHere(), "kw05") {
		t.Errorf("here: %s", w.flagsHere())
	}
	w.stays(w.flagsHere(), w.flagsThere())
}

// TestKeywordFileOfOthers: Dovecot gave letters in the same file.
func TestKeywordFileOfOthers(t *testing.T) {
	w, _ := heldWorld(t, imaptest.Options{})
	dir, err := w.disk().Dir("INBOX")
	must(w, err)
	must(w, os.WriteFile(filepath.Join(dir, "dovecot-keywords"), []byte("0 theirs\n2 Other\n"), 0o600))
	f := w.files("INBOX")[0].file
	base, _, _ := strings.Cut(f.Name, ":2,")
	must(w, os.Rename(w.path(f), w.path(maildir.File{Folder: "INBOX", Name: base + ":2,ac"})))
	w.srv.StoreFlags("INBOX", w.srv.Messages("INBOX")[0].UID, []string{"mine"}, nil)
	w.sync()
	w.stays("mine Other theirs", "Other mine theirs")
	data, err := os.ReadFile(filepath.Join(dir, "dovecot-keywords"))
	must(w, err)
	if !strings.HasPrefix(string(data), "0 theirs\n2 Other\n") || !strings.Contains(string(data), "1 mine\n") {
		t.Errorf("dovecot-keywords: %q", data)
	}
}

// TestFlagsInUse: a server that announces the flags in use only, with \* or
// without. What can be done all the same is done, moves and removals too.
func TestFlagsInUse(t *testing.T) {
	for name, announced := range map[string]string{"any": `\Seen \*`, "only those": `\Seen`} {
		for server, caps := range map[string]imaptest.Caps{
			"qresync": imaptest.DefaultCaps, "plain": levels()["plain"],
			"without MOVE":             imaptest.DefaultCaps.Without(imaptest.CapMove),
			"without MOVE and UIDPLUS": imaptest.DefaultCaps.Without(imaptest.CapMove, imaptest.CapUIDPlus),
		} {
			t.Run(name+"/"+server, func(t *testing.T) {
				w, disk := heldWorld(t, imaptest.Options{Caps: caps, Mangle: func(_ *imaptest.Conn, line string) string {
					if strings.HasPrefix(line, "* OK [PERMANENTFLAGS ") {
						return "* OK [PERMANENTFLAGS (" + announced + ")] Limited"
					}
					return line
				}})
				must(w, w.srv.CreateMailbox("Archive"))
				for range 2 {
					serverSide{w}.deliver("INBOX", w.message(), []string{`\Seen`})
				}
				w.sync()
				files := disk.list("INBOX")
				disk.remove(files[0])
				must(w, disk.keep(files[1], "Archive"))
				if rep := w.sync(); rep.Counts["remote-move"]+rep.Counts["remote-remove"] < 2 {
					t.Errorf("did %v, said %v", rep.Counts, rep.Notices)
				}
				if have := w.agree(); len(have["INBOX"]) != 1 || len(have["Archive"]) != 1 {
					t.Errorf("INBOX %d, Archive %d", len(have["INBOX"]), len(have["Archive"]))
				}
				w.quiet()
			})
		}
	}
}
