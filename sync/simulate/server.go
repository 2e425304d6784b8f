package simulate

import (
	"fmt"
	"slices"
	"time"

	"satchel/sync/imaptest"
)

// onServer is one message there.
type onServer struct {
	box   string
	msg   imaptest.Message
	token int
}

// there lists all messages of the server, by mailbox and UID.
func (w *World) there() (list []onServer) {
	for _, box := range w.mailboxes() {
		list = append(list, w.in(box)...)
	}
	return list
}

func (w *World) in(box string) (list []onServer) {
	for _, m := range w.messages(box) {
		list = append(list, onServer{box, m, w.tree.token(m.Content)})
	}
	return list
}

func flagOf(n int) string {
	return []string{`\Seen`, `\Flagged`, `\Answered`, `\Draft`, "$Forwarded", "todo", "work"}[n%7]
}

func startFlags(n int) []string {
	return [][]string{nil, {`\Seen`}, {`\Flagged`, `\Seen`}, {"todo"}, {`\Seen`, "work"}}[n%5]
}

func (w *World) append(box string, t *token, flags []string) bool {
	if w.mail.Append(w.onWire(box), flags, t.date, t.content) == 0 {
		return false
	}
	w.model.made(Server, t.n, box, flags)
	if w.model.during {
		t.came = box
	}
	w.note("server: %d comes to %s %v", t.n, box, flags)
	return true
}

func serverNew(w *World, e Event) bool {
	box, _ := pick(w.mailboxes(), e.B)
	if w.readers[box] {
		return false
	}
	return w.append(box, w.newMessage(), startFlags(e.C))
}

// serverLabels brings one message to several mailboxes at once.
func serverLabels(w *World, e Event) bool {
	t, boxes := w.newMessage(), w.mailboxes()
	for i := range min(2+e.A%2, len(boxes)) {
		w.append(boxes[(e.B+i)%len(boxes)], t, nil)
	}
	t.copied = true
	return true
}

func serverMany(w *World, e Event) bool {
	box, _ := pick(w.mailboxes(), e.B)
	for range 5 + e.A%4 {
		w.append(box, w.newMessage(), startFlags(e.C))
	}
	return true
}

func (w *World) setFlag(x onServer, flag string, on bool) bool {
	if w.readers[x.box] || slices.Contains(x.msg.Flags, flag) == on {
		return false
	}
	add, remove := []string{flag}, []string(nil)
	if !on {
		add, remove = nil, add
	}
	if !w.mail.StoreFlags(w.onWire(x.box), x.msg.UID, add, remove) {
		return false
	}
	w.model.flagged(Server, x.token, flag, on)
	if !on && w.onItsWay(x) {
		w.model.tokens[x.token].undo(flag)
	}
	w.note("server: %d in %s: %s %v", x.token, x.box, flag, on)
	return true
}

// onItsWay reports whether the run that is at work is to put a message elsewhere because the
// disk has it there, or has done so. A flag that is missing behind that may be one that the
// new mailbox did not store, or one that somebody cleared since the run looked: nothing
// tells, so it may be set again, as the README says.
func (w *World) onItsWay(x onServer) bool {
	if !w.model.during {
		return false
	}
	t := w.model.tokens[x.token]
	came := slices.Contains(t.places[Disk], x.box) && !slices.Contains(w.lag.past.UIDs(w.onWire(x.box)), x.msg.UID)
	return came || slices.Contains(t.left[Disk], x.box)
}

func serverFlag(w *World, e Event) bool {
	x, ok := pick(w.there(), e.A)
	return ok && w.setFlag(x, flagOf(e.B), true)
}

func serverUnflag(w *World, e Event) bool {
	x, ok := pick(w.there(), e.A)
	return ok && w.setFlag(x, flagOf(e.B), false)
}

func serverMark(w *World, e Event) bool {
	x, ok := pick(w.there(), e.A)
	return ok && w.setFlag(x, `\Deleted`, true)
}

func serverFlagAll(w *World, e Event) bool {
	box, _ := pick(w.mailboxes(), e.A)
	for _, x := range w.in(box) {
		w.setFlag(x, flagOf(e.B), true)
	}
	return true
}

func (w *World) expunge(x onServer) bool {
	if w.readers[x.box] || w.mail.Expunge(w.onWire(x.box), x.msg.UID) == 0 {
		return false
	}
	w.model.removed(Server, x.token, x.box)
	w.note("server: %d removed from %s", x.token, x.box)
	return true
}

func serverExpunge(w *World, e Event) bool {
	x, ok := pick(w.there(), e.A)
	return ok && w.expunge(x)
}

func serverDropAll(w *World, e Event) bool {
	box, _ := pick(w.mailboxes(), e.A)
	for _, x := range w.in(box) {
		w.expunge(x)
	}
	return true
}

func (w *World) move(x onServer, to string) bool {
	if w.readers[x.box] || w.readers[to] || x.box == to || w.mail.Move(w.onWire(x.box), x.msg.UID, w.onWire(to)) == 0 {
		return false
	}
	w.model.moved(Server, x.token, x.box, to)
	w.unseenMove(Server, x.token, x.box, to)
	if t := w.model.tokens[x.token]; w.model.during && t.touch[Disk] && w.lacks("MOVE") {
		t.most++ // a run may just have copied it to where the disk has it
	}
	w.note("server: %d moved from %s to %s", x.token, x.box, to)
	return true
}

func serverMove(w *World, e Event) bool {
	x, ok := pick(w.there(), e.A)
	to, _ := pick(w.mailboxes(), e.B)
	return ok && w.move(x, to)
}

func serverMoveAll(w *World, e Event) bool {
	from, _ := pick(w.mailboxes(), e.A)
	to, _ := pick(w.mailboxes(), e.B)
	for _, x := range w.in(from) {
		w.move(x, to)
	}
	return true
}

func serverCopy(w *World, e Event) bool {
	x, ok := pick(w.there(), e.A)
	to, _ := pick(w.mailboxes(), e.B)
	if !ok || w.readers[to] {
		return false
	}
	uid := w.mail.Copy(w.onWire(x.box), x.msg.UID, w.onWire(to))
	if uid == 0 {
		return false
	}
	w.copies[copyOf{x.token, to, uid}] = true
	w.model.copiedTo(Server, x.token, to)
	w.note("server: %d copied from %s to %s", x.token, x.box, to)
	return true
}

// freshName is a mailbox that is on neither side.
func (w *World) freshName(n int) string {
	w.model.last++
	name := fmt.Sprintf("Box %d", w.model.last)
	if n%3 == 0 {
		name = fmt.Sprintf("Lists/n%d", w.model.last)
	}
	return name
}

func serverCreate(w *World, e Event) bool {
	name := w.freshName(e.A)
	w.note("server: mailbox %s", name)
	return w.mail.CreateMailbox(w.onWire(name)) == nil
}

// others are the mailboxes that can be renamed and removed.
func others(names []string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return n == "INBOX" || n == "Trash" })
}

func serverRename(w *World, e Event) bool {
	from, ok := pick(others(w.mailboxes()), e.A)
	if !ok {
		return false
	}
	return w.renameMailbox(from, w.freshName(e.B))
}

func (w *World) renameMailbox(from, to string) bool {
	var moved []onServer
	for _, x := range w.there() {
		if x.box == from || len(x.box) > len(from) && x.box[:len(from)+1] == from+"/" {
			moved = append(moved, x)
		}
	}
	wire := w.onWire(from)
	if w.mail.RenameMailbox(wire, w.onWire(to)) != nil {
		return false
	}
	delete(w.seconds, wire)
	if w.readers[from] {
		delete(w.readers, from)
		w.readers[to] = true
	}
	if !w.h.Setting.ObjectID {
		w.model.voids(from) // nothing proves what the mailbox was
	}
	for _, x := range moved {
		w.model.moved(Server, x.token, x.box, to+x.box[len(from):])
	}
	w.model.disturbed(Server, from, to)
	w.model.renames[Server] = append(w.model.renames[Server], renamed{from, to})
	w.note("server: mailbox %s renamed to %s", from, to)
	return true
}

func serverDelete(w *World, e Event) bool {
	box, ok := pick(others(w.mailboxes()), e.A)
	if !ok || w.readers[box] {
		return false
	}
	w.model.dropped(Server, box)
	for _, x := range w.in(box) {
		w.model.removed(Server, x.token, x.box)
	}
	w.note("server: mailbox %s removed", box)
	wire := w.onWire(box)
	delete(w.seconds, wire)
	return w.mail.DeleteMailbox(wire) == nil
}

// serverAnew removes a mailbox and makes it again with the same mail: another
// UIDVALIDITY, other UIDs, other identities of messages.
func serverAnew(w *World, e Event) bool {
	box, ok := pick(others(w.mailboxes()), e.A)
	if !ok || w.readers[box] {
		return false
	}
	list, wire := w.in(box), w.onWire(box)
	if w.mail.DeleteMailbox(wire) != nil || w.mail.CreateMailbox(wire) != nil {
		return false
	}
	if w.model.trash && box == "Trash" {
		w.srv.SetSpecialUse(w.onWire(box), `\Trash`)
	}
	w.model.voids(box)
	for _, x := range list {
		w.mail.Append(w.onWire(box), x.msg.Flags, x.msg.Date, x.msg.Content)
	}
	w.note("server: mailbox %s made anew with its %d messages", box, len(list))
	return true
}

func (w *World) renumber(box string) {
	v, _, _ := w.mail.UIDState(w.onWire(box))
	w.mail.SetUIDValidity(w.onWire(box), v+100)
	w.model.voids(box)
}

func serverRenumber(w *World, e Event) bool {
	box, _ := pick(w.mailboxes(), e.A)
	w.renumber(box)
	w.note("server: mailbox %s has another UIDVALIDITY", box)
	return true
}

// serverNewWorld is a bridge that was updated: all UIDs are void.
func serverNewWorld(w *World, _ Event) bool {
	for _, box := range w.mailboxes() {
		w.renumber(box)
	}
	w.note("server: all mailboxes have another UIDVALIDITY")
	return true
}

func serverReadOnly(w *World, e Event) bool {
	box, _ := pick(w.mailboxes(), e.A)
	if w.readers[box] {
		return false
	}
	w.srv.SetReadOnly(w.onWire(box), true)
	w.readers[box], w.rights = true, true
	w.note("server: mailbox %s is read-only", box)
	return true
}

func serverWritable(w *World, e Event) bool {
	box, ok := pick(sortedKeys(w.readers), e.A)
	if !ok {
		return false
	}
	w.srv.SetReadOnly(w.onWire(box), false)
	delete(w.readers, box)
	w.note("server: mailbox %s can be written again", box)
	return true
}

func serverForget(w *World, e Event) bool {
	box, _ := pick(w.mailboxes(), e.A)
	w.srv.ForgetExpunged(w.onWire(box))
	w.note("server: %s forgets what was expunged", box)
	return true
}

func timePasses(w *World, e Event) bool {
	d := []time.Duration{time.Millisecond, 3 * time.Second, time.Hour, 26 * time.Hour}[e.A%4]
	time.Sleep(d)
	w.note("%v pass", d)
	return true
}

// bothNew delivers one message to the same mailbox on both sides.
func bothNew(w *World, e Event) bool {
	box, ok := pick(w.tree.folders(), e.A)
	if !ok || w.readers[box] || !slices.Contains(w.mailboxes(), box) {
		return false
	}
	t := w.newMessage()
	return w.append(box, t, startFlags(e.B)) && w.put(box, t, startFlags(e.C))
}
