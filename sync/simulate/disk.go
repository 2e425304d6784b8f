package simulate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// stamp gives a file or directory the time of the bubble, where nobody else does.
func stamp(paths ...string) {
	now := time.Now()
	for _, p := range paths {
		_ = os.Chtimes(p, now, now)
	}
}

// stampFolder marks a folder as changed now.
func (d *maildirTree) stampFolder(folder string) {
	stamp(filepath.Join(d.dir(folder), "cur"), filepath.Join(d.dir(folder), "new"))
}

func (w *World) newName() string {
	w.model.last++
	return fmt.Sprintf("%d.sim_%d.elsewhere", time.Now().Unix(), w.model.last)
}

// named writes a name with the letters of flags.
func (w *World) named(folder, base string, flags []string) string {
	var letters []byte
	for _, f := range flags {
		if c := w.tree.letter(folder, f); c != 0 {
			letters = append(letters, c)
		}
	}
	slices.Sort(letters)
	return base + ":2," + string(letters)
}

// put delivers a file as a mail program does.
func (w *World) put(folder string, t *token, flags []string) bool {
	f := file{folder: folder, sub: "new", name: w.newName()}
	if len(flags) > 0 {
		f.sub, f.name = "cur", w.named(folder, f.name, flags)
	}
	content := bytes.ReplaceAll(t.content, []byte("\r\n"), []byte("\n"))
	if os.WriteFile(w.tree.path(f), content, 0o600) != nil {
		return false
	}
	_ = os.Chtimes(w.tree.path(f), t.date, t.date)
	w.tree.stampFolder(folder)
	w.model.made(Disk, t.n, folder, flags)
	w.note("disk: %d comes to %s %v", t.n, folder, flags)
	return true
}

func diskNew(w *World, e Event) bool {
	folder, ok := pick(w.tree.folders(), e.B)
	return ok && w.put(folder, w.newMessage(), startFlags(e.C))
}

func diskMany(w *World, e Event) bool {
	folder, ok := pick(w.tree.folders(), e.B)
	for range 5 + e.A%4 {
		ok = ok && w.put(folder, w.newMessage(), startFlags(e.C))
	}
	return ok
}

// mine lists the files that events act on: messages that are whole.
func (w *World) mine() []file { return w.whole(w.tree.all()) }

func (w *World) whole(list []file) []file {
	return slices.DeleteFunc(list, func(f file) bool { return f.token == 0 || f.token > 9000 || w.half[w.tree.path(f)] != nil })
}

func (w *World) setFile(f file, flag string, on bool) bool {
	flags := w.tree.flags(f)
	if slices.Contains(flags, flag) == on || !w.readable(f, flag) {
		return false
	}
	letters := []byte(f.letters())
	c := w.tree.letter(f.folder, flag)
	if on {
		letters = append(letters, c)
	} else {
		letters = slices.DeleteFunc(letters, func(x byte) bool { return x == c })
	}
	slices.Sort(letters)
	to := file{folder: f.folder, sub: "cur", name: f.base() + ":2," + string(letters)}
	if _, err := os.Lstat(w.tree.path(to)); err == nil { // a file of the same unique part
		return false
	}
	if os.Rename(w.tree.path(f), w.tree.path(to)) != nil {
		return false
	}
	w.tree.stampFolder(f.folder)
	w.model.flagged(Disk, f.token, flag, on)
	w.note("disk: %d in %s: %s %v", f.token, f.folder, flag, on)
	return true
}

// readable reports whether a program can tell what the letters of a file mean.
// While a file has those of the folder that it came from, or the folder has
// lost its table, it cannot.
func (w *World) readable(f file, flag string) bool {
	if !keyword(flag) {
		return true
	}
	t := w.model.tokens[f.token]
	return t != nil && slices.Contains(t.base, f.folder) && !w.torn[f.folder]
}

// keyword reports whether a flag is one that takes a letter of the folder's own.
func keyword(flag string) bool { return flag[0] != '\\' && flag != "$Forwarded" }

// unreadable notes that a file takes letters along of which only the table of the
// folder that it leaves tells what they mean, before a run saw them there.
func (w *World) unreadable(f file) {
	t := w.model.tokens[f.token]
	unseen := func(k string) bool { return keyword(k) && (!slices.Contains(t.base, f.folder) || !t.flags[k]) }
	if t != nil && slices.ContainsFunc(w.tree.flags(f), unseen) {
		w.model.unreadable(Disk, f.token)
	}
}

// misread notes that a letter gets a meaning in a folder, and with it the files that
// brought it there from another one, before a run could name it.
func (w *World) misread(folder string, letter byte) {
	for _, f := range w.tree.files(folder) {
		if f.token > 0 && f.token < 9000 && strings.IndexByte(f.letters(), letter) >= 0 {
			w.model.unreadable(Disk, f.token)
		}
	}
}

func diskFlag(w *World, e Event) bool {
	f, ok := pick(w.mine(), e.A)
	return ok && w.setFile(f, flagOf(e.B), true)
}

func diskUnflag(w *World, e Event) bool {
	f, ok := pick(w.mine(), e.A)
	return ok && w.setFile(f, flagOf(e.B), false)
}

func diskFlagAll(w *World, e Event) bool {
	folder, ok := pick(w.tree.folders(), e.A)
	for _, f := range w.whole(w.tree.files(folder)) {
		w.setFile(f, flagOf(e.B), true)
	}
	return ok
}

func (w *World) remove(f file) bool {
	if os.Remove(w.tree.path(f)) != nil {
		return false
	}
	w.tree.stampFolder(f.folder)
	w.model.removed(Disk, f.token, f.folder)
	unsure := w.stopped || w.lag.now != nil || w.lag.ran != nil || slices.Contains(w.h.Setting.Without, "UIDPLUS")
	if t := w.model.tokens[f.token]; unsure && t.most > len(t.base) {
		// A run may just have sent it, and not know yet which message it became, or not
		// have seen it: what the server shows then is new, and comes down again.
		t.voided = true
	}
	w.note("disk: %d removed from %s", f.token, f.folder)
	return true
}

func diskRemove(w *World, e Event) bool {
	f, ok := pick(w.mine(), e.A)
	return ok && w.remove(f)
}

func diskDropAll(w *World, e Event) bool {
	folder, ok := pick(w.tree.folders(), e.A)
	for _, f := range w.whole(w.tree.files(folder)) {
		w.remove(f)
	}
	return ok
}

// target is the name of a file in another folder: the same, or a new unique
// part as mutt gives. Programs that know nothing of keywords keep the letters;
// those letters say nothing, so the keywords stay what they were.
func (w *World) target(f file, folder string, anew bool) file {
	to := file{folder: folder, sub: f.sub, name: f.name}
	w.strange = w.strange || folder != f.folder && slices.ContainsFunc(w.tree.flags(f), keyword)
	taken := slices.ContainsFunc(w.tree.files(folder), func(x file) bool { return x.base() == f.base() })
	if anew || taken {
		to.name = w.newName()
		if f.sub == "cur" || strings.Contains(f.name, ":2,") {
			to.name += ":2," + f.letters()
		}
	}
	return to
}

func (w *World) moveFile(f file, folder string, anew bool) bool {
	if f.folder == folder {
		return false
	}
	w.unreadable(f)
	if os.Rename(w.tree.path(f), w.tree.path(w.target(f, folder, anew))) != nil {
		return false
	}
	w.tree.stampFolder(f.folder)
	w.tree.stampFolder(folder)
	w.model.moved(Disk, f.token, f.folder, folder)
	w.unseenMove(Disk, f.token, f.folder, folder)
	w.note("disk: %d moved from %s to %s", f.token, f.folder, folder)
	return true
}

func diskMove(w *World, e Event) bool {
	f, ok := pick(w.mine(), e.A)
	to, _ := pick(w.tree.folders(), e.B)
	return ok && w.moveFile(f, to, e.C%2 == 0)
}

func diskMoveAll(w *World, e Event) bool {
	from, ok := pick(w.tree.folders(), e.A)
	to, _ := pick(w.tree.folders(), e.B)
	for _, f := range w.whole(w.tree.files(from)) {
		w.moveFile(f, to, e.C%2 == 0)
	}
	return ok
}

// diskRenameFile gives a file a new unique part where it is.
func diskRenameFile(w *World, e Event) bool {
	f, ok := pick(w.mine(), e.A)
	if !ok || os.Rename(w.tree.path(f), w.tree.path(w.target(f, f.folder, true))) != nil {
		return false
	}
	w.tree.stampFolder(f.folder)
	w.model.begin(Disk, f.token)
	w.note("disk: %d in %s has a new name", f.token, f.folder)
	return true
}

func (w *World) duplicate(f, to file, how func(from, to string) error) bool {
	if how(w.tree.path(f), w.tree.path(to)) != nil {
		return false
	}
	w.tree.stampFolder(to.folder)
	w.model.copiedTo(Disk, f.token, to.folder)
	w.note("disk: %d copied from %s to %s", f.token, f.folder, to.folder)
	return true
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	defer stamp(to)
	return os.WriteFile(to, b, 0o600)
}

func diskCopy(w *World, e Event) bool {
	f, ok := pick(w.mine(), e.A)
	to, _ := pick(w.tree.folders(), e.B)
	return ok && w.duplicate(f, w.target(f, to, e.C%2 == 0), copyFile)
}

func diskLink(w *World, e Event) bool {
	f, ok := pick(w.mine(), e.A)
	to, _ := pick(w.tree.folders(), e.B)
	return ok && w.duplicate(f, w.target(f, to, true), os.Link)
}

// diskTwin makes a second file with the unique part of another in the same
// folder, which no program should do.
func diskTwin(w *World, e Event) bool {
	f, ok := pick(w.mine(), e.A)
	if !ok {
		return false
	}
	to := f
	to.sub = map[string]string{"cur": "new", "new": "cur"}[f.sub]
	to.name = f.base()
	if to.sub == "cur" {
		to.name += ":2,S"
	}
	if _, err := os.Lstat(w.tree.path(to)); err == nil {
		return false
	}
	return w.duplicate(f, to, copyFile)
}

// diskSave moves a message as mutt saves it: another file, with lines of
// mutt's own in its header.
func diskSave(w *World, e Event) bool {
	f, ok := pick(w.mine(), e.A)
	folder, _ := pick(w.tree.folders(), e.B)
	if !ok || folder == f.folder {
		return false
	}
	b, err := os.ReadFile(w.tree.path(f))
	head, body, whole := bytes.Cut(b, []byte("\n\n"))
	if err != nil || !whole {
		return false
	}
	text := fmt.Appendf(nil, "%s\nContent-Length: %d\nLines: %d\n\n%s", head, len(body), bytes.Count(body, []byte("\n")), body)
	if bytes.Contains(head, []byte("Content-Length:")) {
		text = b
	}
	i, err := os.Stat(w.tree.path(f))
	to := w.target(f, folder, true)
	if err != nil || os.WriteFile(w.tree.path(to), text, 0o600) != nil {
		return false
	}
	w.unreadable(f)
	_ = os.Chtimes(w.tree.path(to), i.ModTime(), i.ModTime())
	_ = os.Remove(w.tree.path(f))
	w.tree.stampFolder(f.folder)
	w.tree.stampFolder(folder)
	w.model.moved(Disk, f.token, f.folder, folder)
	w.model.tokens[f.token].saved = true
	w.unseenMove(Disk, f.token, f.folder, folder)
	w.note("disk: %d saved from %s to %s by mutt", f.token, f.folder, folder)
	return true
}

// diskHalf begins to write a file and is not done, as cp and scp do.
func diskHalf(w *World, e Event) bool {
	folder, ok := pick(w.tree.folders(), e.B)
	if !ok {
		return false
	}
	t := w.newMessage()
	content := bytes.ReplaceAll(t.content, []byte("\r\n"), []byte("\n"))
	content = append(content, bytes.Repeat([]byte("more to come\n"), 20)...)
	t.content = bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))
	t.copied = true // its time is that of the copying
	f := file{folder: folder, sub: "cur", name: w.newName() + ":2,S"}
	if os.WriteFile(w.tree.path(f), content[:len(content)/2], 0o600) != nil {
		return false
	}
	t.half = len(bytes.ReplaceAll(content[:len(content)/2], []byte("\n"), []byte("\r\n")))
	t.halfAt = time.Now()
	stamp(w.tree.path(f))
	w.tree.stampFolder(folder)
	w.half[w.tree.path(f)] = content
	w.model.made(Disk, t.n, folder, []string{`\Seen`})
	w.note("disk: half of %d comes to %s", t.n, folder)
	return true
}

func diskComplete(w *World, e Event) bool {
	path, ok := pick(sortedKeys(w.half), e.A)
	if !ok {
		return false
	}
	content := w.half[path]
	delete(w.half, path)
	// The run may have renamed it, or the user has; the writer has it open.
	base, _, _ := strings.Cut(filepath.Base(path), ":2,")
	for _, f := range w.tree.all() {
		if f.base() == base {
			path = w.tree.path(f)
		}
	}
	if t := w.model.tokens[w.tree.token(content)]; t != nil && t.most > 1 {
		w.halved(content)
	}
	h, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		w.halved(content)
		return false
	}
	defer func() { _ = h.Close() }()
	if _, err := h.WriteAt(content, 0); err != nil {
		return false
	}
	stamp(path)
	w.note("disk: %s is whole", filepath.Base(path))
	return true
}
