package state_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"satchel/state"
	"satchel/sync/mail"
)

// open opens a state that is checked when the test ends.
func open(t testing.TB) *state.DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "state", "home.db"))
}

func openAt(t testing.TB, path string) *state.DB {
	t.Helper()
	db, err := state.Open(t.Context(), path, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sound(t, db)
		for range 2 { // Close may be called twice
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return db
}

func sound(t testing.TB, db *state.DB) {
	t.Helper()
	findings, err := db.Check(context.Background())
	if err != nil || len(findings) > 0 {
		t.Errorf("check: %v\n%s", err, strings.Join(findings, "\n"))
	}
}

func write(t testing.TB, db *state.DB, f func(*state.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func putMailbox(t testing.TB, db *state.DB, name string) *state.Mailbox {
	t.Helper()
	m := &state.Mailbox{Name: name, Cursor: mail.Cursor{UIDValidity: 1, UIDNext: 1}}
	write(t, db, func(tx *state.Tx) error { return tx.PutMailbox(m) })
	return m
}

func message(mb *state.Mailbox, uid mail.UID, base string) *state.Message {
	return &state.Message{MailboxID: mb.ID, UID: uid, Base: base, Info: ":2,S", LocalFlags: mail.NewFlags(`\Seen`),
		RemoteFlags: mail.NewFlags(`\Seen`), Digest: mail.Digest{byte(uid), 1}, Size: 120, DiskSize: 100, Date: 1700000000}
}

func TestOpenMakesPrivateFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b", "st%41te?#", "home.db")
	if there, err := state.Exists(path); there || err != nil {
		t.Fatalf("before: %v %v", there, err)
	}
	db := openAt(t, path)
	putMailbox(t, db, "INBOX")
	if there, err := state.Exists(path); !there || err != nil {
		t.Fatalf("after: %v %v", there, err)
	}
	if db.Path() != path {
		t.Errorf("path %q", db.Path())
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has permissions %v", f.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v %v", info.Mode(), err)
	}
}

// A state that was copied about is made private again.
func TestOpenTightens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "home.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	putMailbox(t, openAt(t, path), "INBOX")
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "home.db")
	db := openAt(t, path)
	mb := putMailbox(t, db, "INBOX")
	write(t, db, func(tx *state.Tx) error { return tx.PutMessage(message(mb, 7, "x")) })
	// As after a crash: the first one was never closed.
	again := openAt(t, path)
	if m, err := again.ByUID(t.Context(), mb.ID, 7); err != nil || m == nil || m.Base != "x" {
		t.Fatalf("%+v %v", m, err)
	}
}

// raw opens the file without satchel.
func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	ours := func(t *testing.T, path string) {
		db, err := state.Open(t.Context(), path, state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		mb := putMailbox(t, db, "INBOX")
		write(t, db, func(tx *state.Tx) error {
			for i := range 500 {
				if err := tx.PutMessage(message(mb, mail.UID(i+1), fmt.Sprint(i))); err != nil {
					return err
				}
			}
			return nil
		})
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		says string
	}{
		{"newer schema", func(t *testing.T, path string) {
			ours(t, path)
			raw(t, path, "PRAGMA user_version=99")
		}, "newer satchel (schema 99"},
		{"another program's database", func(t *testing.T, path string) {
			raw(t, path, "CREATE TABLE status (id INTEGER)", "INSERT INTO status VALUES(1)")
		}, "no state file"},
		{"another program's application id", func(t *testing.T, path string) {
			raw(t, path, "CREATE TABLE x (y)", "PRAGMA application_id=7", "PRAGMA user_version=1")
		}, "no state file"},
		{"text", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("Subject: hello\n", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a database"},
		{"overwritten", func(t *testing.T, path string) {
			ours(t, path)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 100; i < 4096; i++ {
				data[i] = 0xa5
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "home.db")
			test.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			db, err := state.Open(t.Context(), path, state.Options{})
			if err == nil {
				_ = db.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q does not say %q", err, test.says)
			}
			if mail.KindOf(err) != mail.KindConfig || mail.HintOf(err) == "" {
				t.Errorf("kind %v, hint %q", mail.KindOf(err), mail.HintOf(err))
			}
			after, err := os.ReadFile(path)
			if err != nil || !slices.Equal(before, after) {
				t.Errorf("the file was changed (%v)", err)
			}
			if _, err := os.Stat(path + "-wal"); err == nil {
				t.Error("a WAL was left beside it")
			}
		})
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := state.Open(ctx, filepath.Join(t.TempDir(), "home.db"), state.Options{})
	if !errors.Is(err, context.Canceled) || mail.HintOf(err) != "" {
		t.Fatalf("%v, hint %q", err, mail.HintOf(err))
	}
}

// A file that was torn is noticed by check, with words for people.
func TestCheckTornFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "home.db")
	db, err := state.Open(t.Context(), path, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mb := putMailbox(t, db, "INBOX")
	write(t, db, func(tx *state.Tx) error {
		for i := range 2000 {
			if err := tx.PutMessage(message(mb, mail.UID(i+1), fmt.Sprintf("%06d", i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 2; i < len(data)/2+3*4096; i++ {
		data[i] = 0xa5
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err = state.Open(t.Context(), path, state.Options{}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Range(t.Context(), mb.ID, mail.AllUIDs(), func(*state.Message) error { return nil })
	if mail.KindOf(err) != mail.KindConfig || !strings.Contains(mail.HintOf(err), "move it away") || !strings.Contains(err.Error(), path) {
		t.Errorf("reading: %v, hint %q", err, mail.HintOf(err))
	}
	findings, err := db.Check(t.Context())
	if len(findings) == 0 || !strings.HasPrefix(findings[0], "the file is damaged: ") {
		t.Fatalf("findings %q, error %v", findings, err)
	}
}

func TestMailboxes(t *testing.T) {
	db := open(t)
	want := []*state.Mailbox{
		{Name: "Archive"},
		{Name: "INBOX", Cursor: mail.Cursor{UIDValidity: ^mail.UIDValidity(0), UIDNext: ^mail.UID(0), HighestModSeq: 1<<63 - 1, Messages: 1 << 31},
			Permanent: mail.NewFlags(`\Seen`, "work"), PermanentAny: true, ReadOnly: true, Refused: mail.NewFlags("$Forwarded", "x"), MailboxID: "F-1",
			DirMTime: 1, CurMTime: -2, NewMTime: 3, Inode: ^uint64(0)},
		{Name: "Lists/Grüße/日本", PermanentAny: true},
	}
	write(t, db, func(tx *state.Tx) error {
		for _, i := range []int{2, 0, 1} {
			if err := tx.PutMailbox(want[i]); err != nil {
				return err
			}
		}
		return nil
	})
	check := func() {
		t.Helper()
		got, err := db.Mailboxes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(mail.Flags{})); diff != "" {
			t.Fatalf("(-put +got):\n%s", diff)
		}
	}
	check()
	want[0].Name, want[0].Cursor.UIDValidity, want[0].Inode = "Arch", 7, 9 // an update keeps the row
	write(t, db, func(tx *state.Tx) error { return tx.PutMailbox(want[0]) })
	check()
	if err := db.Update(t.Context(), func(tx *state.Tx) error { return tx.PutMailbox(&state.Mailbox{Name: "INBOX"}) }); err == nil {
		t.Fatal("two mailboxes of one name")
	}
	write(t, db, func(tx *state.Tx) error { return tx.PutMessage(message(want[1], 1, "x")) })
	write(t, db, func(tx *state.Tx) error { return tx.DeleteMailbox(want[1].ID) })
	want = slices.Delete(want, 1, 2)
	check()
	if n, err := db.Count(t.Context(), 0); n != 0 || err != nil {
		t.Fatalf("%d messages outlived their mailbox (%v)", n, err)
	}
}

func TestMessages(t *testing.T) {
	db := open(t)
	inbox, archive := putMailbox(t, db, "INBOX"), putMailbox(t, db, "Archive")
	full := &state.Message{MailboxID: inbox.ID, UID: ^mail.UID(0), Base: "1700000000.M1P2.höst\xff", New: true, Info: ":2,abFS",
		LocalFlags: mail.NewFlags(`\Seen`, "work", "$x"), RemoteFlags: mail.NewFlags(`\Flagged`, "work"),
		Digest: mail.Digest{1, 2, 3, 31: 9}, Size: 1 << 40, DiskSize: 1 << 40, Form: mail.FormRaw, Date: -5, EmailID: "M1", Pending: true}
	bare := &state.Message{MailboxID: archive.ID, UID: 1, Base: "b"}
	write(t, db, func(tx *state.Tx) error { return errors.Join(tx.PutMessage(full), tx.PutMessage(bare)) })
	same := func(want *state.Message) {
		t.Helper()
		got, err := db.Get(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(mail.Flags{}), cmpopts.IgnoreUnexported(state.Message{})); diff != "" {
			t.Fatalf("(-put +got):\n%s", diff)
		}
	}
	same(full)
	same(bare)

	if list, err := db.PendingMailboxes(t.Context()); err != nil || !cmp.Equal(list, map[int64]bool{inbox.ID: true}) {
		t.Errorf("pending: %v %v", list, err)
	}
	for name, n := range map[string]func() ([]*state.Message, error){
		"digest": func() ([]*state.Message, error) { return db.ByDigest(t.Context(), full.Digest) },
		"emailid": func() ([]*state.Message, error) {
			found, err := db.ByEmailID(t.Context(), []string{full.EmailID})
			return found[full.EmailID], err
		},
	} {
		if list, err := n(); err != nil || len(list) != 0 {
			t.Errorf("by %s: a pending message is a candidate (%v)", name, err)
		}
	}
	write(t, db, func(tx *state.Tx) error { return tx.Delivered(full.ID) })
	full.Pending = false
	same(full)
	if list, err := db.ByDigest(t.Context(), full.Digest); err != nil || len(list) != 1 {
		t.Errorf("by digest: %d, %v", len(list), err)
	}
	if list, err := db.ByEmailID(t.Context(), []string{""}); err != nil || len(list) != 0 {
		t.Errorf("no EMAILID names %d messages (%v)", len(list), err)
	}

	full.MailboxID, full.UID, full.New, full.Info = archive.ID, 2, false, ":2,"
	write(t, db, func(tx *state.Tx) error { return tx.PutMessage(full) })
	same(full)
	if m, err := db.ByUID(t.Context(), inbox.ID, ^mail.UID(0)); m != nil || err != nil {
		t.Errorf("%+v %v", m, err)
	}
	if counts, err := db.Counts(t.Context()); err != nil || counts[inbox.ID] != 0 || counts[archive.ID] != 2 {
		t.Errorf("counts %v %v", counts, err)
	}
	// One UID, one row; and a failed transaction leaves nothing behind.
	err := db.Update(t.Context(), func(tx *state.Tx) error {
		return errors.Join(tx.DeleteMessages(bare.ID), tx.PutMessage(message(archive, 2, "c")))
	})
	if err == nil {
		t.Fatal("two messages of one UID")
	}
	same(bare)
	write(t, db, func(tx *state.Tx) error { return tx.Detach(archive.ID) })
	if m, err := db.Get(t.Context(), bare.ID); m != nil || err != nil {
		t.Errorf("%+v %v", m, err)
	}
}

func TestNamesAndRange(t *testing.T) {
	db := open(t)
	inbox, other := putMailbox(t, db, "INBOX"), putMailbox(t, db, "Other")
	names := []string{"a", "B", "b", "a.1", "ä", "\xff", "10", "9", "a ", "Z\x01", "aa", "_"}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	write(t, db, func(tx *state.Tx) error {
		for i, n := range names {
			for _, m := range []*state.Message{message(inbox, mail.UID(i*10+1), n), message(other, mail.UID(i+1), n+"x")} {
				m.New, m.Info, m.Pending = i%2 == 0, ":2,"+fmt.Sprint(i), i == 3
				if err := tx.PutMessage(m); err != nil {
					return err
				}
			}
		}
		return nil
	})
	var got []string
	err := db.Names(t.Context(), inbox.ID, func(n *state.Name) error {
		i := slices.Index(names, n.Base)
		if i < 0 || n.New != (i%2 == 0) || n.Info != ":2,"+fmt.Sprint(i) || n.Pending != (i == 3) {
			t.Errorf("%+v", *n)
		}
		if m, err := db.Get(t.Context(), n.ID); err != nil || m == nil || m.Base != n.Base {
			t.Errorf("a read within a read: %v %v", m, err)
		}
		got = append(got, n.Base)
		return nil
	})
	want := slices.Sorted(slices.Values(names)) // by bytes, as Go compares
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("order %q, want %q (%v)", got, want, err)
	}

	uids := func(r mail.UIDRange) (list []mail.UID) {
		t.Helper()
		if err := db.Range(t.Context(), inbox.ID, r, func(m *state.Message) error { list = append(list, m.UID); return nil }); err != nil {
			t.Fatal(err)
		}
		return list
	}
	all := uids(mail.UIDRange{Start: 0, Stop: ^mail.UID(0)})
	if len(all) != len(names) || !slices.IsSorted(all) {
		t.Errorf("all: %v", all)
	}
	for _, test := range []struct {
		r    mail.UIDRange
		want []mail.UID
	}{
		{mail.UIDRange{Start: 11, Stop: 31}, []mail.UID{11, 21, 31}},
		{mail.UIDRange{Start: 12, Stop: 20}, nil},
		{mail.UIDRange{Start: 101, Stop: ^mail.UID(0)}, []mail.UID{101, 111}},
		{mail.UIDRange{Start: 31, Stop: 11}, nil},
	} {
		if got := uids(test.r); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.r, got, test.want)
		}
	}
	var stream []mail.UID
	if err := db.UIDs(t.Context(), inbox.ID, 0, func(u mail.UID) { stream = append(stream, u) }); err != nil || !slices.Equal(stream, all) {
		t.Errorf("%v %v", stream, err)
	}
	stop := errors.New("enough")
	if err := db.Names(t.Context(), inbox.ID, func(*state.Name) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Names: %v", err)
	}
	if err := db.Range(t.Context(), inbox.ID, mail.UIDRange{Stop: 100}, func(*state.Message) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Range: %v", err)
	}
}

func TestJournal(t *testing.T) {
	db := open(t)
	mb := putMailbox(t, db, "INBOX")
	m := message(mb, 7, "x")
	write(t, db, func(tx *state.Tx) error { return tx.PutMessage(m) })
	want := []*state.Intent{
		{Kind: state.IntentAppend, Mailbox: "INBOX", Home: "INBOX", Base: "y", Digest: mail.Digest{1}, Size: 9},
		{Kind: state.IntentRemoteFlags, Message: m.ID, Mailbox: "INBOX", Home: "INBOX", UID: 7,
			Delta: mail.Delta{Add: mail.NewFlags(`\Seen`, "work"), Remove: mail.NewFlags("$x")}},
		{Kind: state.IntentLocalMove, Message: m.ID, Mailbox: "A", Home: "INBOX", UID: ^mail.UID(0)},
		{Kind: state.IntentTrash, Message: m.ID, Mailbox: "Trash", Home: "INBOX", UID: 7},
	}
	write(t, db, func(tx *state.Tx) error { return tx.AddIntents(want) })
	check := func() {
		t.Helper()
		got, err := db.Intents(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(mail.Flags{})); diff != "" {
			t.Fatalf("(-written +read):\n%s", diff)
		}
	}
	check()
	write(t, db, func(tx *state.Tx) error { return tx.DeleteIntents(want[1].ID) })
	want = slices.Delete(want, 1, 2)
	check()
}

func TestHistory(t *testing.T) {
	db := open(t)
	at := time.Unix(1700000000, 0)
	if r, err := db.LastRuns(t.Context()); r != (state.Runs{}) || err != nil {
		t.Fatalf("%v %v", r, err)
	}
	var first, second, third int64
	write(t, db, func(tx *state.Tx) (err error) {
		if first, err = tx.StartRun(at, "all"); err != nil {
			return err
		}
		return tx.FinishRun(first, at.Add(time.Minute), "ok", state.Proof{Scope: "all", Agreed: true})
	})
	write(t, db, func(tx *state.Tx) (err error) {
		if second, err = tx.StartRun(at.Add(time.Hour), "all"); err != nil {
			return err
		}
		return tx.FinishRun(second, at.Add(2*time.Hour), "3 problems", state.Proof{Scope: "all", Here: true})
	})
	write(t, db, func(tx *state.Tx) (err error) { third, err = tx.StartRun(at.Add(3*time.Hour), "all"); return err })
	if third <= second || second <= first {
		t.Errorf("runs %d, %d, %d", first, second, third)
	}
	want := state.Runs{
		Last:   &state.Run{ID: third, Started: at.Add(3 * time.Hour), Proof: state.Proof{Scope: "all"}},
		Agreed: &state.Run{ID: first, Started: at, Finished: at.Add(time.Minute), Outcome: "ok", Proof: state.Proof{Scope: "all", Agreed: true}},
		Here: &state.Run{ID: second, Started: at.Add(time.Hour), Finished: at.Add(2 * time.Hour), Outcome: "3 problems",
			Proof: state.Proof{Scope: "all", Here: true}},
	}
	if r, err := db.LastRuns(t.Context()); err != nil || !cmp.Equal(want, r) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, r))
	}

	conflicts := []state.Conflict{{at, "INBOX", "7", "edited and removed", "kept"}, {at.Add(time.Second), "A", "8", "k", "o"}}
	write(t, db, func(tx *state.Tx) error {
		return errors.Join(tx.AddConflict(conflicts[0]), tx.AddConflict(conflicts[1]))
	})
	slices.Reverse(conflicts)
	if got, err := db.Conflicts(t.Context()); err != nil || !cmp.Equal(conflicts, got) {
		t.Errorf("conflicts: %v\n%s", err, cmp.Diff(conflicts, got))
	}

	write(t, db, func(tx *state.Tx) error {
		for i, want := range []bool{true, false} {
			if is, err := tx.Notice("INBOX: once", at.Add(time.Duration(i)*time.Hour)); err != nil || is != want {
				t.Errorf("notice %d: new %v, %v", i, is, err)
			}
		}
		if is, err := tx.Notice("INBOX: another", at); err != nil || !is {
			t.Errorf("another notice: %v %v", is, err)
		}
		return nil
	})
	write(t, db, func(tx *state.Tx) error {
		if is, err := tx.Notice("INBOX: once", at); err != nil || is {
			t.Errorf("later: %v %v", is, err)
		}
		return nil
	})

	if v, err := db.Meta(t.Context(), state.MetaRoot); v != "" || err != nil {
		t.Errorf("meta %q %v", v, err)
	}
	for _, v := range []string{"one", "two"} {
		write(t, db, func(tx *state.Tx) error { return tx.SetMeta(state.MetaRoot, v) })
		if got, err := db.Meta(t.Context(), state.MetaRoot); got != v || err != nil {
			t.Errorf("meta %q %v", got, err)
		}
	}
}

// Every rule that Check has is broken once, and mended.
func TestCheckFinds(t *testing.T) {
	const insert = `INSERT INTO message(mailbox_id, uid, base, digest, size, disk_size) VALUES`
	const plain = `UPDATE message SET is_new=0, info=''; `
	for _, test := range []struct {
		name, damage, want string
	}{
		{"nothing", `SELECT 1`, ``},
		{"digest", `UPDATE message SET digest=x'0102' WHERE uid=7`, `INBOX: uid 7 (x): a digest of 2 bytes`},
		{"no UID", `UPDATE message SET uid=0 WHERE uid=7`, `INBOX: uid 0 (x): no UID`},
		{"wide UID", `UPDATE message SET uid=4294967296 WHERE uid=7`, `INBOX: uid 4294967296 (x): a UID of more than 32 bits`},
		{"no name", `UPDATE message SET base='' WHERE uid=7`, `INBOX: uid 7 (): no file name`},
		{"size", `UPDATE message SET size=-1 WHERE uid=7`, `INBOX: uid 7 (x): a size of -1 bytes`},
		{"form", `UPDATE message SET form=9 WHERE uid=7`, `INBOX: uid 7 (x): form 9 is not known`},
		{"raw", `UPDATE message SET form=1 WHERE uid=7`, `INBOX: uid 7 (x): kept byte for byte, but of 120 bytes on the server and 100 on disk`},
		{"shrunk", `UPDATE message SET size=99 WHERE uid=7`, `INBOX: uid 7 (x): larger on disk (100 bytes) than on the server (99), where lines end in CRLF`},
		{"mailbox", `UPDATE message SET mailbox_id=99 WHERE uid=7`, `mailbox row 99: uid 7 (x): its mailbox is not in the state`},
		{"one file twice", plain + insert + `(1, 8, 'x', zeroblob(32), 0, 0)`, `INBOX: uid 7 (x): shares its file with uid 8`},
		{"one name twice", plain + `UPDATE message SET info=':2,S'; ` + insert + `(1, 8, 'x', zeroblob(32), 0, 0)`, ``},
		{"one name twice, not known exactly", `UPDATE message SET info='/'; ` + insert + `(1, 8, 'x', zeroblob(32), 0, 0); UPDATE message SET info='/'`, ``},
		{"one file twice, in two mailboxes", plain + `INSERT INTO mailbox(id, name) VALUES(2, 'A'); ` + insert + `(2, 8, 'x', zeroblob(32), 0, 0)`, ``},
		{"one file twice, on its way", plain + insert + `(1, 8, 'x', zeroblob(32), 0, 0); INSERT INTO intent(kind, message_id) VALUES('local-move', 1)`, ``},
		{"pending", `UPDATE message SET pending=1; INSERT INTO run(started, finished, outcome, scope) VALUES(1, 2, 'ok', 'all')`,
			`INBOX: uid 7 (x): called undelivered, though the last run ended well`},
		{"pending after a stopped run", `UPDATE message SET pending=1; INSERT INTO run(started, finished, outcome, scope) VALUES(1, 2, 'ok', 'all'), (3, 0, '', 'all')`, ``},
		{"pending after a run of a part", `UPDATE message SET pending=1; INSERT INTO run(started, finished, outcome) VALUES(1, 2, 'ok')`, ``},
		{"flags", `UPDATE message SET local_flags='SX' WHERE uid=7`, `INBOX: uid 7 (x): local flags "SX" cannot be read`},
		{"flags out of order", `UPDATE message SET remote_flags='SF' WHERE uid=7`, `INBOX: uid 7 (x): remote flags "SF" cannot be read`},
		{"cursor", `UPDATE mailbox SET uidvalidity=0, uidnext=5`, `INBOX: UIDNEXT 5 and mod-sequence 0 without UIDVALIDITY`},
		{"cursor out of range", `UPDATE mailbox SET messages=-1`, `INBOX: cursor out of range`},
		{"UIDs beyond the cursor", `UPDATE mailbox SET uidnext=3`, ``},
		{"nameless", `UPDATE mailbox SET name=''`, `mailbox row 1: no name`},
		{"intent", `INSERT INTO intent(kind, message_id, mailbox) VALUES('trash', 5, 'Trash')`, `Trash: intent 1 (trash): is about row 5, which does not exist`},
		{"intent of a kind", `INSERT INTO intent(kind, mailbox) VALUES('dance', 'A')`, `A: intent 1: its kind "dance" is not known`},
		{"intent's digest", `INSERT INTO intent(kind, mailbox, digest) VALUES('append', 'A', x'00')`, `A: intent 1 (append): a digest of 1 bytes`},
		{"intent's size", `INSERT INTO intent(kind, mailbox, size) VALUES('append', 'A', -3)`, `A: intent 1 (append): a size of -3 bytes`},
		{"intent's flags", `INSERT INTO intent(kind, mailbox, flags_add) VALUES('remote-flags', 'A', '? ?')`, `A: intent 1: added flags "? ?" cannot be read`},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "home.db")
			db, err := state.Open(t.Context(), path, state.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			mb := putMailbox(t, db, "INBOX")
			write(t, db, func(tx *state.Tx) error { return tx.PutMessage(message(mb, 7, "x")) })
			raw(t, path, "PRAGMA foreign_keys=0", test.damage)
			findings, err := db.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(findings, "\n"); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			write(t, db, func(tx *state.Tx) error { return tx.Mend() })
			sound(t, db)
		})
	}
}
