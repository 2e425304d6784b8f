package sync_test

import (
	"cmp"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// TestHistoriesOnEveryServer runs random histories on servers that lack one
// extension or another.
func TestHistoriesOnEveryServer(t *testing.T) {
	const all = imaptest.DefaultCaps
	servers := map[string]imaptest.Options{
		"condstore only": {Caps: all.Without(imaptest.CapQResync)},
		"plain":          {Caps: all.Without(imaptest.CapCondstore, imaptest.CapQResync)},
		"objectid":       {Caps: all.With(imaptest.CapObjectID)},
		"compressed":     {Caps: all.With(imaptest.CapCompress)},
		"nothing":        {Caps: imaptest.CapIMAP4rev1},
		"prefix":         {Prefix: "INBOX.", Delimiter: '.'},
		"late caps":      {NoGreetingCaps: true, NoLoginCaps: true},
	}
	for name, c := range map[string]imaptest.Caps{
		"uidplus": imaptest.CapUIDPlus, "idle": imaptest.CapIdle, "special-use": imaptest.CapSpecialUse, "children": imaptest.CapChildren,
		"unselect": imaptest.CapUnselect, "multiappend": imaptest.CapMultiAppend, "status=size": imaptest.CapStatusSize,
		"move": imaptest.CapMove, "list-extended": imaptest.CapListExtended,
		"list-status": imaptest.CapListStatus, "literal+": imaptest.CapLiteralPlus, "namespace": imaptest.CapNamespace,
		"enable": imaptest.CapEnable, "esearch": imaptest.CapESearch, "sasl-ir": imaptest.CapSASLIR, "id": imaptest.CapID,
	} {
		servers["without "+name] = imaptest.Options{Caps: all.Without(c)}
	}
	servers["without uidplus and move"] = imaptest.Options{Caps: all.Without(imaptest.CapUIDPlus, imaptest.CapMove)}
	servers["literal-"] = imaptest.Options{Caps: all.Without(imaptest.CapLiteralPlus).With(imaptest.CapLiteralMinus)}
	n := 2
	if testing.Short() {
		n = 1
	}
	for name, o := range servers {
		for i := range n {
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
				t.Parallel()
				history(t, uint64(1000+i), o)
			})
		}
	}
}

// TestScenariosOnEveryLevel plays each scenario at each level; the end must be
// the same.
func TestScenariosOnEveryLevel(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "plan", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	list := scenarios()
	for _, f := range files {
		s, ok, err := planned(f)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if ok {
			list = append(list, s)
		}
	}
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			end := func(level mailsync.Level) (local, rem snapshot) {
				w, _ := s.open(t)
				defer w.close()
				w.acct.Level = level
				rep, err := w.trySync(mailsync.Request{})
				if err != nil {
					t.Fatalf("%s: %v", level, err)
				}
				if want := cmp.Or(level, mailsync.LevelQResync); rep.Level != string(want) {
					t.Errorf("level %s, want %s", rep.Level, want)
				}
				return w.localSnapshot(), w.remoteSnapshot()
			}
			local, rem := end(mailsync.LevelAuto)
			for _, level := range []mailsync.Level{mailsync.LevelCondstore, mailsync.LevelPlain} {
				l, r := end(level)
				if d := gocmp.Diff(local, l) + gocmp.Diff(rem, r); d != "" {
					t.Errorf("%s ends otherwise:\n%s", level, d)
				}
			}
		})
	}
}

// TestLevelIsRemembered: status says without the network at which level each
// mailbox is.
func TestLevelIsRemembered(t *testing.T) {
	for _, level := range []mailsync.Level{mailsync.LevelAuto, mailsync.LevelQResync, mailsync.LevelCondstore, mailsync.LevelPlain} {
		w := newWorld(t, imaptest.Options{})
		w.acct.Level = level
		must(w, w.srv.CreateMailbox("Old"))
		w.srv.SetNoModSeq("Old", true)
		w.srv.Append("INBOX", nil, time.Now(), w.message())
		w.srv.Append("Old", nil, time.Now(), w.message())
		w.sync()
		w.quiet()
		want := string(cmp.Or(level, mailsync.LevelQResync))
		st := w.status()
		if st.Level != want {
			t.Errorf("%q: level %q", level, st.Level)
		}
		for _, mb := range st.Mailboxes {
			if mb.Name == "Old" && mb.Level != "plain" || mb.Name == "INBOX" && mb.Level != want {
				t.Errorf("%q: %s has level %q", level, mb.Name, mb.Level)
			}
		}
	}
}

// TestLevelsChange: what one level noted, the next one goes on with.
func TestLevelsChange(t *testing.T) {
	w := newWorld(t, imaptest.Options{})
	w.opts.SearchGain = 1
	server := serverSide{w}
	for range 40 {
		server.deliver("INBOX", w.message(), nil)
	}
	w.sync()
	all := []mailsync.Level{mailsync.LevelPlain, mailsync.LevelQResync, mailsync.LevelCondstore, mailsync.LevelPlain, mailsync.LevelCondstore, mailsync.LevelAuto}
	for i, level := range all {
		w.acct.Level = level
		list := server.list("INBOX")
		server.flag(list[i], []string{`\Flagged`, "work"}, nil)
		server.flag(list[i+10], []string{fmt.Sprintf("key%d", i)}, nil)
		server.remove(list[len(list)-1])
		server.deliver("INBOX", w.message(), nil)
		w.sync()
		w.agree()
		w.quiet()
	}
}

// TestCondstoreNothingToDo: no list of UIDs is transferred when nothing went.
func TestCondstoreNothingToDo(t *testing.T) {
	const n = 2000
	w := newWorld(t, imaptest.Options{Caps: levels()["condstore"]})
	w.acct.NoFsync = true
	for range n {
		w.srv.Append("INBOX", nil, time.Now(), w.message())
	}
	w.sync()
	w.quiet()
	for name, change := range map[string]func(){
		"nothing": func() {},
		"flags":   func() { w.srv.StoreFlags("INBOX", 7, []string{`\Seen`}, nil) },
	} {
		change()
		w.srv.ResetStats()
		w.sync()
		if st := w.srv.Stats(); st.Commands["UID SEARCH"] > 0 || st.BytesOut > 3000 {
			t.Errorf("%s: %d bytes received, commands %v", name, st.BytesOut, st.Commands)
		}
	}
	w.agree()
}

// TestPlainNothingToDo: a server without mod-sequences is not asked for every
// message's flags.
func TestPlainNothingToDo(t *testing.T) {
	n := 3000
	if !testing.Short() {
		n = 8000
	}
	for name, x := range map[string]struct {
		caps imaptest.Caps
		most int64 // bytes a run with nothing to do may receive
	}{
		"esearch":    {levels()["plain"], 3000},
		"no esearch": {levels()["plain"].Without(imaptest.CapESearch), int64(3000 + n/10*7)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, imaptest.Options{Caps: x.caps})
			w.acct.NoFsync = true
			for i := range n {
				flags := []string{`\Seen`}
				if i < n/10 {
					flags = []string{`\Seen`, "work"}
				}
				w.srv.Append("INBOX", flags, time.Now(), w.message())
			}
			w.sync()
			w.quiet()
			w.srv.ResetStats()
			w.quiet()
			if st := w.srv.Stats(); st.BytesOut > x.most {
				t.Errorf("%d bytes received for %d messages in which nothing happened, commands %v", st.BytesOut, n, st.Commands)
			}
			w.srv.StoreFlags("INBOX", 5, []string{`\Flagged`, "new"}, []string{"work"})
			w.srv.StoreFlags("INBOX", uint32(n), nil, []string{`\Seen`})
			w.srv.Expunge("INBOX", 77)
			w.srv.ResetStats()
			w.sync()
			w.agree()
			if st := w.srv.Stats(); name == "esearch" && st.BytesOut > 3*x.most {
				t.Errorf("%d bytes received for three changes, commands %v", st.BytesOut, st.Commands)
			}
			w.quiet()
		})
	}
}
