package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"slices"
	"strconv"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/resync"
	"satchel/sync/remote/wire"
)

// BodyRequest asks for whole messages of a mailbox.
type BodyRequest struct {
	Mailbox     string
	UIDValidity mail.UIDValidity
	UIDs        []mail.UID // sorted
}

// Body is a message on its way. Reader gives exactly Size bytes, or an error
// that is not io.EOF.
type Body struct {
	Mailbox  string
	UID      mail.UID
	Flags    mail.Flags
	HasFlags bool      // the server told the flags
	Date     mail.Date // 0: unknown
	Size     int64
	io.Reader
}

// Digest reads the whole message for its digest.
func (b *Body) Digest() (d mail.Digest, err error) {
	h := sha256.New()
	if _, err := io.Copy(h, b); err != nil {
		return d, err
	}
	h.Sum(d[:0])
	return d, nil
}

// FetchBodies reads messages and gives each to sink as it arrives; sink must
// read it to its end. An error of sink ends the connection, because the rest
// of the flight is on its way.
//
// A message that the server does not send, or sends as NIL, is left out
// without an error: the caller compares. failed says for a mailbox why it
// could not be read at all, or not to the end.
func (c *Conn) FetchBodies(ctx context.Context, reqs []BodyRequest, sink func(Body) error) (failed map[string]error, err error) {
	defer c.guard(ctx)()
	events := make(chan *bodyEvent)
	var steps []*step
	var fetches []*bodyFetch
	for _, req := range reqs {
		bf := newBodyFetch(c.link, req, events)
		fetches = append(fetches, bf)
		for _, set := range wire.FormatSets(mail.UIDSetOf(bf.uids), wire.SetRoom(bodyVerb, bodyItems)) {
			steps = append(steps, bf.step(set))
		}
	}
	handle := func(ev *bodyEvent) error {
		v := ev.step.visit
		if !c.usable(v) || !ev.from.claim(ev.body.UID) {
			return nil
		}
		ev.body.Mailbox = v.mailbox
		return sink(ev.body)
	}
	err = c.fly(refusal.OpFetch, steps, events, handle)
	for _, bf := range fetches {
		for _, st := range bf.alone() {
			if err == nil {
				err = c.fly(refusal.OpFetch, []*step{st}, events, handle) // one at a time: what comes is of this one
				steps = append(steps, st)
			}
		}
	}
	return failures(steps), err
}

const (
	bodyVerb  = "UID FETCH "
	bodyItems = " (UID FLAGS INTERNALDATE BODY.PEEK[])"
)

func newBodyFetch(l *link, req BodyRequest, events chan<- *bodyEvent) *bodyFetch {
	uids := slices.Clone(req.UIDs)
	slices.Sort(uids)
	uids = slices.Compact(uids)
	return &bodyFetch{link: l, visit: &visit{mailbox: req.Mailbox, uidValidity: req.UIDValidity},
		uids: uids, served: make([]bool, len(uids)), events: events}
}

func (bf *bodyFetch) step(set string) *step {
	return &step{
		visit: bf.visit,
		line:  bodyVerb + set + bodyItems,
		setup: func(st *step) {
			st.cmd.untagged = func(r wire.Response) { bf.untagged(st, r) }
			st.cmd.literal = func(f *wire.Fetch, r *literalReader) bool { return bf.literal(st, f, r) }
		},
	}
}

// alone asks one by one for what did not come, when something came that is too
// large to be kept until the server says what it is.
func (bf *bodyFetch) alone() (steps []*step) {
	if !bf.nameless {
		return nil
	}
	for i, uid := range bf.uids {
		if !bf.served[i] {
			st := bf.step(strconv.FormatUint(uint64(uid), 10))
			st.only = uid
			steps = append(steps, st)
		}
	}
	return steps
}

// bodyEvent hands a message from the reading goroutine to the caller's, which
// closes done when it has read it.
type bodyEvent struct {
	step *step
	from *bodyFetch
	body Body
	done chan struct{}
}

// bodyFetch is one request: what was asked for and what arrived.
type bodyFetch struct {
	link   *link
	visit  *visit
	uids   []mail.UID // sorted
	served []bool     // by index in uids; caller's goroutine only
	events chan<- *bodyEvent

	// Reading goroutine only. Some servers send flags in a response of their
	// own before the message.
	flags    map[mail.UID]mail.Flags
	parse    resync.Collector
	nameless bool // a message was passed over, because its UID came behind it
}

// claim accepts each UID that was asked for once.
func (bf *bodyFetch) claim(uid mail.UID) bool {
	i, found := slices.BinarySearch(bf.uids, uid)
	if !found || bf.served[i] {
		return false
	}
	bf.served[i] = true
	return true
}

// untagged takes responses without a literal: flags, and messages short
// enough for the server to quote them. NIL means that the server has no
// message to give, which is never an empty message.
func (bf *bodyFetch) untagged(st *step, r wire.Response) {
	if r.Kind != "FETCH" {
		return
	}
	f, ok := wire.ParseFetch(r.Rest)
	if !ok || f.UID == 0 {
		return
	}
	for _, s := range f.Sections {
		if string(s.Name) == "BODY[]" && !s.Nil {
			body := bf.body(&f)
			body.Size = int64(len(s.Data))
			body.Reader = bytes.NewReader(bytes.Clone(s.Data))
			bf.hand(st, body)
			return
		}
	}
	if _, asked := slices.BinarySearch(bf.uids, f.UID); asked && f.HasFlags {
		if bf.flags == nil {
			bf.flags = map[mail.UID]mail.Flags{}
		}
		bf.flags[f.UID] = bf.parse.Parse(f.Flags)
	}
}

func (bf *bodyFetch) body(f *wire.Fetch) Body {
	b := Body{UID: f.UID, Date: f.Date}
	if f.HasFlags {
		b.Flags, b.HasFlags = bf.parse.Parse(f.Flags), true
	} else if flags, ok := bf.flags[f.UID]; ok {
		b.Flags, b.HasFlags = flags, true
	}
	delete(bf.flags, f.UID)
	return b
}

// literal takes every literal of a FETCH, so that none has to fit in memory;
// what is not a whole message is passed over.
func (bf *bodyFetch) literal(st *step, f *wire.Fetch, r *literalReader) bool {
	if string(f.Pending.Name) != "BODY[]" {
		_, _ = r.rest(f) // its error is in r
		return true
	}
	size := f.PendingLiteral.Size
	switch {
	case f.UID != 0 && (f.HasFlags && f.HasDate || size > maxResponse):
		body := bf.body(f)
		body.Size, body.Reader = size, r
		bf.hand(st, body)
		_, _ = r.rest(f)
		return true
	case size > maxResponse && st.only == 0:
		bf.nameless = true
		_, _ = r.rest(f)
		return true
	case size > maxResponse:
		body := bf.body(f)
		named := &namedReader{r: r, f: f, want: st.only}
		body.UID, body.Size, body.Reader = st.only, size, named
		bf.hand(st, body)
		_ = named.end()
		return true
	}
	// What the message is called may come behind it.
	early := bf.body(f)
	f.HasFlags = false
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return true
	}
	if ok, err := r.rest(f); err != nil || !ok || f.UID == 0 {
		return true
	}
	body := bf.body(f)
	if early.HasFlags {
		body.Flags, body.HasFlags = early.Flags, true
	}
	body.Size, body.Reader = size, bytes.NewReader(data)
	bf.hand(st, body)
	return true
}

// hand gives the message to the caller's goroutine and waits until it is
// read: both would read from the same connection otherwise.
func (bf *bodyFetch) hand(st *step, body Body) {
	ev := &bodyEvent{step: st, from: bf, body: body, done: make(chan struct{})}
	select {
	case bf.events <- ev:
		<-ev.done
	case <-bf.link.dead:
	}
}

// namedReader reads a message that was asked for alone and whose UID comes
// behind it. Its last bytes are given only when that is the right one.
type namedReader struct {
	r    *literalReader
	f    *wire.Fetch
	want mail.UID
	read bool // the rest of the response was read
}

func (n *namedReader) Read(p []byte) (int, error) {
	k, err := n.r.Read(p)
	if err == nil && n.r.left == 0 && !n.read {
		if err := n.end(); err != nil {
			return 0, err
		}
	}
	return k, err
}

// end reads the rest of the response, once.
func (n *namedReader) end() error {
	if n.read {
		return n.r.err
	}
	n.read = true
	ok, err := n.r.rest(n.f)
	if err == nil && (!ok || n.f.UID != n.want) {
		n.r.err = n.r.l.fail(errOtherUID)
		err = n.r.err
	}
	return err
}
