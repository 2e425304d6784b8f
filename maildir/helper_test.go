package maildir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gomaildir "github.com/emersion/go-maildir"

	"satchel/sync/mail"
)

// later is a clock that runs an hour ahead, so that what a test has just
// made is old enough to be trusted.
func later() time.Time { return time.Now().Add(time.Hour) }

func testStore(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Now == nil {
		o.Now = later
	}
	s, err := Create(filepath.Join(t.TempDir(), "mail"), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustFolder(t testing.TB, s *Store, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := s.CreateFolder(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
}

// put writes a file directly, as another program would.
func put(t testing.TB, s *Store, f File, content string) {
	t.Helper()
	dir, err := s.Dir(f.Folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, f.sub(), f.Name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, s *Store, f File) string {
	t.Helper()
	p, err := s.path(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// names returns what Scan finds as sub/name.
func names(t testing.TB, s *Store, folder string) []string {
	t.Helper()
	l, err := s.Scan(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range l.Files {
		out = append(out, f.sub()+"/"+f.Name)
	}
	return out
}

func deliver(t testing.TB, s *Store, folder, msg string, flags mail.Flags) File {
	t.Helper()
	sp, err := s.Spool(t.Context(), folder, strings.NewReader(msg), int64(len(msg)), 1e9)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context(), []*Spooled{sp}); err != nil {
		t.Fatal(err)
	}
	to, _ := Keywords{}.Name(File{Folder: folder, New: true}, flags, sp.Base)
	items := []Publication{{Spooled: sp, Target: to}}
	if err := s.Publish(t.Context(), items); err != nil || items[0].Err != nil {
		t.Fatal(err, items[0].Err)
	}
	return to
}

func wantKind(t *testing.T, err error, k mail.Kind) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := mail.KindOf(err); got != k {
		t.Errorf("kind %v, want %v: %v", got, k, err)
	}
}

func wantIs(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error %v, want %v", err, target)
	}
}

// hookFS asks before every call and notes it. The hook's error is returned in
// place of the call.
type hookFS struct {
	FS
	mu    sync.Mutex
	calls []string
	hook  func(op, name string) error
}

func newHookFS(hook func(op, name string) error) *hookFS { return &hookFS{FS: OSFS{}, hook: hook} }

func (h *hookFS) call(op, name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, op+" "+name)
	if h.hook == nil {
		return nil
	}
	if err := h.hook(op, name); err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

func (h *hookFS) reset() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.calls
	h.calls = nil
	return c
}

func (h *hookFS) setHook(f func(op, name string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hook = f
}

func (h *hookFS) Lstat(n string) (Info, error) {
	if err := h.call("lstat", n); err != nil {
		return Info{}, err
	}
	return h.FS.Lstat(n)
}

func (h *hookFS) Stat(n string) (Info, error) {
	if err := h.call("stat", n); err != nil {
		return Info{}, err
	}
	return h.FS.Stat(n)
}

func (h *hookFS) ReadDirNames(n string) ([]string, error) {
	if err := h.call("readdir", n); err != nil {
		return nil, err
	}
	return h.FS.ReadDirNames(n)
}

func (h *hookFS) Open(n string) (Handle, error) {
	if err := h.call("open", n); err != nil {
		return nil, err
	}
	f, err := h.FS.Open(n)
	return &hookHandle{f, h, n}, err
}

func (h *hookFS) Create(n string, p fs.FileMode) (Handle, error) {
	if err := h.call("create", n); err != nil {
		return nil, err
	}
	f, err := h.FS.Create(n, p)
	return &hookHandle{f, h, n}, err
}

func (h *hookFS) RenameNoReplace(a, b string) error {
	if err := h.call("rename", b); err != nil {
		return err
	}
	return h.FS.RenameNoReplace(a, b)
}

func (h *hookFS) Rename(a, b string) error {
	if err := h.call("replace", b); err != nil {
		return err
	}
	return h.FS.Rename(a, b)
}

func (h *hookFS) Link(a, b string) error {
	if err := h.call("link", b); err != nil {
		return err
	}
	return h.FS.Link(a, b)
}

func (h *hookFS) Remove(n string) error {
	if err := h.call("remove", n); err != nil {
		return err
	}
	return h.FS.Remove(n)
}

func (h *hookFS) Rmdir(n string) error {
	if err := h.call("rmdir", n); err != nil {
		return err
	}
	return h.FS.Rmdir(n)
}

func (h *hookFS) Mkdir(n string, p fs.FileMode) error {
	if err := h.call("mkdir", n); err != nil {
		return err
	}
	return h.FS.Mkdir(n, p)
}

func (h *hookFS) Chtimes(n string, m time.Time) error {
	if err := h.call("chtimes", n); err != nil {
		return err
	}
	return h.FS.Chtimes(n, m)
}

func (h *hookFS) SyncDir(n string) error {
	if err := h.call("syncdir", n); err != nil {
		return err
	}
	return h.FS.SyncDir(n)
}

func (h *hookFS) SyncFS(n string) error {
	if err := h.call("syncfs", n); err != nil {
		return err
	}
	return h.FS.SyncFS(n)
}

type hookHandle struct {
	Handle
	h *hookFS
	n string
}

func (f *hookHandle) Write(p []byte) (int, error) {
	if err := f.h.call("write", f.n); err != nil {
		return 0, err
	}
	return f.Handle.Write(p)
}

func (f *hookHandle) Sync() error {
	if err := f.h.call("sync", f.n); err != nil {
		return err
	}
	return f.Handle.Sync()
}

func (f *hookHandle) Close() error {
	err := f.h.call("close", f.n)
	return errors.Join(err, f.Handle.Close())
}

// killAt lets the first n calls pass and fails all that follow, like a
// process that is no more.
var errKilled = errors.New("killed")

func killAt(n int) func(op, name string) error {
	return func(string, string) error {
		if n--; n < 0 {
			return errKilled
		}
		return nil
	}
}

// tree returns all regular files below dir, without their directories, and
// how often each content occurs.
func tree(t testing.TB, dir string) map[string]int {
	t.Helper()
	m := map[string]int{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(p)
		m[string(b)]++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// initOracle makes a Maildir as go-maildir does.
func initOracle(t testing.TB, dir string) {
	t.Helper()
	if err := gomaildir.Dir(dir).Init(); err != nil {
		t.Fatal(err)
	}
}
