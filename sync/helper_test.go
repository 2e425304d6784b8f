package sync_test

import (
	"context"
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
	"satchel/sync/mail"
	"satchel/sync/remote"
)

// world is a server in memory, a Maildir in a temporary folder, and what is
// needed to sync them.
type world struct {
	t     testing.TB
	srv   *imaptest.Server
	acct  mailsync.Account
	opts  mailsync.Options
	lines *lines         // the connections to srv
	root  string         // holds the Maildir and the state
	store *maildir.Store // opened on first use, after the first sync
	n     int            // numbers messages
	small int            // new messages planned together, if not as many as usual
	// proves: the server tells the identity of mailboxes.
	proves bool

	prefix, delim string // of the server's names
}

// wire returns a mailbox's name as the server has it, canonical the reverse.
func (w *world) wire(name string) string {
	if name == "INBOX" {
		return name
	}
	return w.prefix + strings.ReplaceAll(name, "/", w.delim)
}

func (w *world) canonical(name string) string {
	if name == "INBOX" {
		return name
	}
	return canonical(name, w.delim, w.prefix)
}

// mailboxes lists the server's by their canonical names.
func (w *world) mailboxes() []string {
	var names []string
	for _, n := range w.srv.Mailboxes() {
		names = append(names, w.canonical(n))
	}
	slices.Sort(names)
	return names
}

// newWorld makes a world that is gone at the end of the test.
func newWorld(t testing.TB, o imaptest.Options) *world {
	t.Helper()
	w := openWorld(t, o)
	t.Cleanup(w.close)
	return w
}

// openWorld makes a world that the caller closes. It lives in memory where
// the system has a place for that.
func openWorld(t testing.TB, o imaptest.Options) *world {
	t.Helper()
	place := ""
	if i, err := os.Stat("/dev/shm"); err == nil && i.IsDir() {
		place = "/dev/shm"
	}
	dir, err := os.MkdirTemp(place, "satchel-test-")
	if err != nil {
		t.Fatal(err)
	}
	o.NoListen = true
	w := &world{t: t, srv: imaptest.NewServer(o), lines: &lines{}, root: dir, prefix: o.Prefix, delim: "/", proves: o.Caps.Has(imaptest.CapObjectID)}
	if o.Delimiter != 0 {
		w.delim = string(o.Delimiter)
	}
	w.lines.dial = w.srv.Dial
	w.acct = mailsync.Account{
		Name: "test", Host: "127.0.0.1", Port: 143, TLS: remote.TLSMode("none"), User: "ann",
		Password: func(context.Context) (string, error) { return "secret", nil },
		Maildir:  filepath.Join(dir, "Mail"), StateDir: filepath.Join(dir, "state"),
		Timeout:  20 * time.Second,
		Compress: remote.CompressAlways, // where a test has the server offer it
		Dial:     w.lines.Dial,
	}
	return w
}

func (w *world) close() {
	w.srv.Close()
	w.lines.idle()
	if err := os.RemoveAll(w.root); err != nil {
		w.t.Error(err)
	}
}

// sync runs once and fails the test on any error or problem.
func (w *world) sync() *mailsync.Report {
	w.t.Helper()
	rep, err := w.trySync(mailsync.Request{})
	if err != nil {
		w.t.Fatalf("sync: %v", err)
	}
	for _, p := range rep.Problems {
		w.t.Fatalf("sync: %s %s: %s", p.Mailbox, p.Message, p.Error)
	}
	return rep
}

func (w *world) trySync(req mailsync.Request) (*mailsync.Report, error) {
	w.t.Helper()
	opts := w.opts
	opts.AfterUpload = time.Nanosecond // tests wait for the server themselves
	opts.Window = w.small
	if opts.Sleep == nil {
		opts.Sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}
	e, err := mailsync.New(w.acct, opts)
	if err != nil {
		w.t.Fatal(err)
	}
	defer e.Close()
	return e.Sync(context.Background(), req)
}

// quiet syncs and fails the test if that changed anything.
func (w *world) quiet() *mailsync.Report {
	w.t.Helper()
	rep := w.sync()
	if rep.Changed() {
		w.t.Fatalf("a run with nothing to do did %v", rep.Counts)
	}
	return rep
}

func (w *world) disk() *maildir.Store {
	w.t.Helper()
	if w.store == nil {
		store, err := maildir.Open(w.acct.Maildir, maildir.Options{Layout: w.acct.Layout, UTF7: w.acct.UTF7Folders, Separator: w.acct.Separator, Folders: w.acct.Folders, NoFsync: true})
		if err != nil {
			w.t.Fatal(err)
		}
		w.store = store
	}
	return w.store
}

// message returns a new message of its own content.
func (w *world) message() []byte {
	w.n++
	return fmt.Appendf(nil, "Message-ID: <%d@test>\r\nSubject: message %d\r\nFrom: ann@example.org\r\n\r\nbody %d\r\n%s", w.n, w.n, w.n,
		strings.Repeat("filling\r\n", w.n%7))
}

// snapshot is mailbox -> sorted "content flags".
type snapshot map[string][]string

func describe(content string, flags []string) string {
	slices.SortFunc(flags, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return content + " | " + strings.Join(flags, " ")
}

func (w *world) remoteSnapshot() snapshot {
	s := snapshot{}
	for _, name := range w.srv.Mailboxes() {
		box := w.canonical(name)
		s[box] = []string{}
		for _, m := range w.srv.Messages(name) {
			flags := slices.DeleteFunc(slices.Clone(m.Flags), func(f string) bool { return strings.EqualFold(f, `\Recent`) })
			s[box] = append(s[box], describe(string(m.Content), flags))
		}
		slices.Sort(s[box])
	}
	return s
}

func (w *world) localSnapshot() snapshot {
	w.t.Helper()
	ctx := context.Background()
	s := snapshot{}
	folders, skipped, err := w.disk().Survey(ctx, nil)
	if err != nil || len(skipped) > 0 {
		w.t.Fatal(err, skipped)
	}
	for _, f := range folders {
		s[f.Name] = []string{}
		for _, file := range w.files(f.Name) {
			s[f.Name] = append(s[f.Name], describe(w.content(file.file), file.flags.Names()))
		}
		slices.Sort(s[f.Name])
	}
	return s
}

type diskFile struct {
	file  maildir.File
	flags mail.Flags
}

func (w *world) files(folder string) []diskFile {
	w.t.Helper()
	l, err := w.disk().Scan(context.Background(), folder)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []diskFile
	for _, f := range l.Files {
		list = append(list, diskFile{f, l.Keywords.Flags(f)})
	}
	return list
}

func (w *world) path(f maildir.File) string {
	w.t.Helper()
	dir, err := w.disk().Dir(f.Folder)
	if err != nil {
		w.t.Fatal(err)
	}
	sub := "cur"
	if f.New {
		sub = "new"
	}
	return filepath.Join(dir, sub, f.Name)
}

// content returns a file in server form.
func (w *world) content(f maildir.File) string {
	w.t.Helper()
	b, err := os.ReadFile(w.path(f))
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.Contains(string(b), "\r\n") {
		return string(b)
	}
	return strings.ReplaceAll(string(b), "\n", "\r\n")
}

// agree fails the test unless both sides hold the same.
func (w *world) agree() snapshot {
	w.t.Helper()
	l, r := w.localSnapshot(), w.remoteSnapshot()
	if d := diff(l, r); d != "" {
		w.t.Fatalf("the sides differ:\n%s", d)
	}
	return r
}

func diff(local, rem snapshot) string {
	var b strings.Builder
	short := func(s string) string {
		if i := strings.Index(s, ">"); i > 0 {
			return s[:i] + "..." + s[strings.LastIndex(s, " | "):]
		}
		return s
	}
	names := map[string]bool{}
	for n := range local {
		names[n] = true
	}
	for n := range rem {
		names[n] = true
	}
	for n := range names {
		l, lok := local[n]
		r, rok := rem[n]
		if lok != rok {
			fmt.Fprintf(&b, "%s: on disk %v, on the server %v\n", n, lok, rok)
		}
		count := map[string]int{}
		for _, m := range l {
			count[m]++
		}
		for _, m := range r {
			count[m]--
		}
		for m, c := range count {
			if c > 0 {
				fmt.Fprintf(&b, "%s: only on disk: %s\n", n, short(m))
			} else if c < 0 {
				fmt.Fprintf(&b, "%s: only on the server: %s\n", n, short(m))
			}
		}
	}
	return b.String()
}

func (w *world) hands() (serverSide, diskSide) {
	return serverSide{w}, diskSide{w, rand.New(rand.NewPCG(1, 1))}
}

// full syncs and compares everything, and fails the test on any problem.
func (w *world) full() *mailsync.Report {
	w.t.Helper()
	rep, err := w.trySync(mailsync.Request{Full: true})
	if err != nil || len(rep.Problems) > 0 {
		w.t.Fatalf("full sync: %v %v", err, rep.Problems)
	}
	return rep
}

func noticeAbout(notices []string, what string) bool {
	return slices.ContainsFunc(notices, func(n string) bool { return strings.Contains(n, what) })
}

// waits records how long runs of w wait, without waiting.
func (w *world) waits() *[]time.Duration {
	var list []time.Duration
	w.opts.Sleep = func(ctx context.Context, d time.Duration) error {
		list = append(list, d)
		return ctx.Err()
	}
	return &list
}

// large fills a mailbox so that four connections are worth their while.
func (w *world) large(mailbox string, n int) {
	for range n {
		w.srv.Append(mailbox, nil, time.Unix(1700000000, 0), append(w.message(), strings.Repeat(filler, 4000)...))
	}
}

// renameWorld is a world of a few mailboxes with mail in them, ready to be renamed.
func renameWorld(t testing.TB, o imaptest.Options, layout maildir.Layout) *world {
	t.Helper()
	w := openWorld(t, o)
	w.acct.Layout = layout
	for _, b := range []string{"A", "A/x", "A/x/y", "B", "C"} {
		must(w, w.srv.CreateMailbox(b))
		w.srv.Subscribe(b, true)
	}
	for i := range 18 {
		box := []string{"A", "A/x", "A/x/y", "B", "C", "INBOX"}[i%6]
		w.srv.Append(box, [][]string{nil, {`\Seen`}, {"work"}}[i%3], time.Unix(1700000000+int64(i), 0), w.message())
	}
	w.sync()
	w.agree()
	return w
}

// mv renames a folder as a user of the layout would: in Maildir++ with every
// folder below.
func (w *world) mv(from, to string) {
	w.t.Helper()
	for _, name := range w.folders() {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/' && w.acct.Layout == maildir.MaildirPP) {
			src, err := w.disk().Dir(name)
			must(w, err)
			dst, err := w.disk().Dir(to + rest)
			must(w, err)
			must(w, os.MkdirAll(filepath.Dir(dst), 0o700))
			must(w, os.Rename(src, dst))
		}
	}
}

func (w *world) mvServer(from, to string) {
	w.t.Helper()
	must(w, w.srv.RenameMailbox(from, to))
}

func (w *world) rmdir(name string) {
	w.t.Helper()
	dir, err := w.disk().Dir(name)
	must(w, err)
	for _, sub := range []string{"cur", "new", "tmp", "dovecot-keywords"} {
		must(w, os.RemoveAll(filepath.Join(dir, sub)))
	}
	_ = os.Remove(dir)
}
