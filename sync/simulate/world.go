package simulate

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"satchel/conflict"
	"satchel/maildir"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
	"satchel/sync/remote"
)

// World is one account with all that surrounds it.
type World struct {
	h     History
	rng   *rand.Rand // of what no event decides
	dir   string
	srv   *imaptest.Server // nil in an outside world
	mail  Mail             // the same as a second client
	tree  *maildirTree
	acct  mailsync.Account
	model *model
	wire  *wire
	fault fault // of the run that is under way
	trip  tripwire

	half    map[string][]byte // files that a program is still writing, and their whole content
	readers map[string]bool   // mailboxes whose rights were taken away
	damaged *imaptest.Damaged // what the server cannot give
	broken  []onServer        // the messages that are damaged, where they were then
	rights  bool              // rights changed since the last agreement, which a plan that changes nothing cannot see
	alters  atomic.Value      // the name of the alteration that the server makes of what clients store
	altered altered           // what it made one of
	lag     lag
	seconds map[string]string // mailboxes of the server whose name here another one has, by their names there
	saved   saves
	carried carried         // on the wire
	files   map[int]uint64  // the file of each message at the last agreement
	blurred bool            // a list, an answer or a replica showed less than there is since the last agreement
	torn    map[string]bool // folders that lost their keyword table since the last agreement
	copies  map[copyOf]bool // that another client made since the last agreement
	strange bool            // letters may be left of which no table says what they mean
	changed bool            // what is wanted, or which side wins, is another since the last agreement
	stopped bool            // a run was stopped since the last agreement
	lost    bool            // the past was lost: what both sides hold may stay
	met     map[string]bool // kinds since the last run, for the coverage
	cover   *Coverage
	o       Options
	notes   []string // what happened, for people

	agreements int // how often the sides were made to agree
}

// copyOf is a copy of a message on the server.
type copyOf struct {
	token int
	box   string
	uid   uint32
}

func policies() []conflict.Policy {
	return []conflict.Policy{
		{Removal: conflict.Expunge},
		{Removal: conflict.Expunge, EditVsDelete: conflict.Delete},
		{Removal: conflict.Trash},
		{Removal: conflict.Expunge, MailboxDelete: conflict.Never},
		{Removal: conflict.Expunge, MailboxDelete: conflict.Always},
		{Removal: conflict.Auto},
	}
}

// capabilities are what a history can leave out.
func capabilities() map[string]imaptest.Caps {
	return map[string]imaptest.Caps{
		"QRESYNC": imaptest.CapQResync, "CONDSTORE": imaptest.CapCondstore | imaptest.CapQResync, "MOVE": imaptest.CapMove,
		"UIDPLUS": imaptest.CapUIDPlus, "LIST-STATUS": imaptest.CapListStatus, "LITERAL+": imaptest.CapLiteralPlus, "ESEARCH": imaptest.CapESearch,
	}
}

// emptyWorld is one in which nothing is and nothing has happened.
func emptyWorld(h History, dir string) *World {
	return &World{h: h, rng: rand.New(rand.NewPCG(h.Seed, 11)), dir: dir, model: newModel(), half: map[string][]byte{}, readers: map[string]bool{},
		torn: map[string]bool{}, copies: map[copyOf]bool{}, met: map[string]bool{}, seconds: map[string]string{}}
}

// newWorld makes both sides, with the mailboxes of the setting.
func newWorld(h History, o Options) (*World, error) {
	place := ""
	if i, err := os.Stat("/dev/shm"); err == nil && i.IsDir() {
		place = "/dev/shm" // memory, where the system has it
	}
	dir, err := os.MkdirTemp(place, "satchel-simulate-")
	if err != nil {
		return nil, err
	}
	w := emptyWorld(h, dir)
	w.damaged, w.cover, w.o = &imaptest.Damaged{}, o.Cover, o
	s := h.Setting
	caps := imaptest.DefaultCaps
	if s.ObjectID {
		caps = caps.With(imaptest.CapObjectID)
	}
	for _, name := range s.Without {
		caps = caps.Without(capabilities()[name])
	}
	so := imaptest.Options{Caps: caps, NoListen: true, Latency: time.Millisecond, Prefix: s.Prefix, Log: o.Log, Hook: w.hook, Mangle: w.mangle, Damaged: w.damaged, Stores: w.stores}
	if s.Delim != "" {
		so.Delimiter = rune(s.Delim[0])
	}
	w.srv = imaptest.NewServer(so)
	w.mail = w.srv
	w.wire = &wire{dial: w.srv.Dial, w: w}
	w.tree = newTree(filepath.Join(dir, "Mail"), s.PlusPlus)
	w.tree.named = w.misread
	w.acct = mailsync.Account{
		Name: "sim", Host: "127.0.0.1", Port: 143, TLS: remote.TLSMode("none"), User: "ann",
		Password: func(context.Context) (string, error) { return "secret", nil },
		Maildir:  w.tree.root, StateDir: filepath.Join(dir, "state"),
		Connections: s.Lines, Policy: policies()[s.Policy], MaxDeletePct: 100, Dial: w.wire.Dial,
	}
	if s.PlusPlus {
		w.acct.Layout = maildir.MaildirPP
	}
	w.model.trash = w.acct.Policy.Removal != conflict.Expunge
	for _, name := range append(startBoxes()[:s.Boxes:s.Boxes], w.trashName()...) {
		if err := w.mail.CreateMailbox(w.onWire(name)); err != nil {
			return nil, err
		}
	}
	for _, name := range w.trashName() {
		w.srv.SetSpecialUse(w.onWire(name), `\Trash`)
	}
	return w, w.plantOutside()
}

func startBoxes() []string { return []string{"Archive", "Work", "Lists/go", "Lists"} }

func (w *World) trashName() []string {
	if w.acct.Policy.Removal != conflict.Expunge {
		return []string{"Trash"}
	}
	return nil
}

func (w *World) close() error {
	w.srv.Close()
	w.wire.idle()
	return os.RemoveAll(w.dir)
}

// onWire is a mailbox's name as the server has it, canonical the reverse.
func (w *World) onWire(name string) string {
	if name == "INBOX" {
		return name
	}
	for wire, second := range w.seconds {
		if second == name {
			return wire
		}
	}
	if d := w.h.Setting.Delim; d != "" {
		name = strings.ReplaceAll(name, "/", d)
	}
	name = w.h.Setting.Prefix + name
	if other := respelled(name); other != name && w.seconds[other] == "" && w.isThere(other) {
		return other
	}
	return name
}

func (w *World) isThere(wire string) bool { return slices.Contains(w.mail.Mailboxes(), wire) }

func (w *World) canonical(name string) string {
	if name == "INBOX" {
		return name
	}
	if second := w.seconds[name]; second != "" {
		return second
	}
	name = strings.ReplaceAll(strings.TrimPrefix(name, w.h.Setting.Prefix), decomposed, composed)
	if d := w.h.Setting.Delim; d != "" {
		name = strings.ReplaceAll(name, d, "/")
	}
	return name
}

// mailboxes lists the server's by their canonical names, sorted.
func (w *World) mailboxes() (names []string) {
	for _, n := range w.mail.Mailboxes() {
		names = append(names, w.canonical(n))
	}
	slices.Sort(names)
	return names
}

func (w *World) messages(box string) []imaptest.Message { return w.mail.Messages(w.onWire(box)) }

// serverSnapshot is what the server holds.
func (w *World) serverSnapshot() snapshot {
	s := snapshot{}
	for _, box := range w.mailboxes() {
		s[box] = []seen{}
		for _, m := range w.messages(box) {
			flags := slices.DeleteFunc(slices.Clone(m.Flags), func(f string) bool { return strings.EqualFold(f, `\Recent`) })
			slices.Sort(flags)
			s[box] = append(s[box], seen{w.tree.token(m.Content), flags})
		}
	}
	return s
}

// newMessage makes a message that was never there.
func (w *World) newMessage() *token {
	m := w.model
	m.last++
	s := w.h.Setting
	t := &token{n: m.last, set: [2]map[string]bool{{}, {}}, flags: map[string]bool{}}
	id := fmt.Sprintf("<%04d@sim>", m.last)
	if s.SameID && m.last%3 != 0 {
		id = "<same@sim>"
	}
	text := fmt.Sprintf("Message-ID: %s\r\n", id)
	if s.NoID && m.last%2 == 0 {
		text = ""
	}
	text += fmt.Sprintf("X-Sim: %04d\r\nSubject: message %04d\r\nFrom: ann@example.org\r\n\r\nbody %04d\r\n", m.last, m.last, m.last)
	t.date = time.Unix(900_000_000, 0)
	if !s.Alike {
		text += strings.Repeat("filling\r\n", m.last%7)
		t.date = t.date.Add(time.Duration(m.last) * time.Minute)
	}
	t.content = []byte(text)
	m.tokens[m.last] = t
	return t
}

// outside is a folder beside the Maildir that nothing may touch.
func (w *World) outside() string { return filepath.Join(w.dir, "outside") }

func (w *World) plantOutside() error {
	for name, text := range w.canaries() {
		p := filepath.Join(w.outside(), name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) canaries() map[string]string {
	return map[string]string{"secret": "X-Sim: 9999\n\nsecret\n", "cur/one:2,": "X-Sim: 9998\n\nforeign\n", "new/two": "X-Sim: 9997\n\nforeign\n"}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (w *World) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// pick chooses from a list; false when there is nothing to choose.
func pick[T any](list []T, n int) (x T, ok bool) {
	if len(list) == 0 {
		return x, false
	}
	return list[n%len(list)], true
}
