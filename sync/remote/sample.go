package remote

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// probeChunk bounds how many parts one command brings into memory.
const probeChunk = 256

// Sample is a piece of a message that shows, without a transfer, whether it is
// the one that somebody takes it for.
type Sample struct {
	UID       mail.UID
	MessageID string // with its angle brackets; empty when it has none
	Part      []byte // nil when the server sent none, or something else than was asked for: then nothing is known
}

// SampleItem asks for Length bytes from Offset of a message. A request holds at
// most one for each UID.
type SampleItem struct {
	UID            mail.UID
	Offset, Length int64
}

// SampleRequest asks for pieces of messages of one mailbox.
type SampleRequest struct {
	Mailbox     string
	UIDValidity mail.UIDValidity
	Items       []SampleItem
}

// FetchSamples reads the Message-ID and a piece of each message. Messages that the
// server does not send are left out; failed is as in FetchBodies.
func (c *Conn) FetchSamples(ctx context.Context, reqs []SampleRequest, yield func(mailbox string, p Sample) error) (failed map[string]error, err error) {
	defer c.guard(ctx)()
	var steps []*step
	for _, req := range reqs {
		v := &visit{mailbox: req.Mailbox, uidValidity: req.UIDValidity}
		p := &sampling{asked: make(map[mail.UID]SampleItem, len(req.Items))}
		for _, it := range req.Items {
			p.asked[it.UID] = it
		}
		for _, group := range groupItems(req.Items) {
			for _, set := range wire.FormatSets(mail.UIDSetOf(group.uids), wire.SetRoom("UID FETCH ", group.items())) {
				steps = append(steps, group.step(c, v, p, set, yield))
			}
		}
	}
	err = c.fly(refusal.OpProbe, steps, nil, nil)
	return failures(steps), err
}

// probeGroup is a set of messages of which the same piece is wanted.
type sampleGroup struct {
	offset, length int64
	uids           []mail.UID
}

func groupItems(items []SampleItem) []sampleGroup {
	items = slices.Clone(items)
	slices.SortFunc(items, func(a, b SampleItem) int {
		for _, d := range []int64{a.Offset - b.Offset, a.Length - b.Length, int64(a.UID) - int64(b.UID)} {
			if d != 0 {
				return int(max(-1, min(1, d)))
			}
		}
		return 0
	})
	var groups []sampleGroup
	for _, it := range items {
		n := len(groups)
		if n == 0 || groups[n-1].offset != it.Offset || groups[n-1].length != it.Length || len(groups[n-1].uids) >= probeChunk {
			groups = append(groups, sampleGroup{offset: it.Offset, length: it.Length})
			n++
		}
		groups[n-1].uids = append(groups[n-1].uids, it.UID)
	}
	return groups
}

// sampling is one request. Its commands share what arrives: a server may send
// the data of several commands before it ends the first of them, as Dovecot
// does, so that data belong to a request and not to a command.
type sampling struct {
	asked map[mail.UID]SampleItem
	mu    sync.Mutex
	found []Sample
}

func (g sampleGroup) items() string {
	items := " (UID " + wire.MessageIDItem
	if g.length > 0 {
		items += fmt.Sprintf(" BODY.PEEK[]<%d.%d>", g.offset, g.length)
	}
	return items + ")"
}

func (g sampleGroup) step(c *Conn, v *visit, p *sampling, set string, yield func(string, Sample) error) *step {
	return &step{
		visit: v,
		line:  "UID FETCH " + set + g.items(),
		setup: func(st *step) { st.cmd.untagged, st.cmd.literal = p.take, passOver },
		done: func(*step) error {
			found := p.collect()
			if !c.usable(v) {
				return nil
			}
			for _, probe := range found {
				if err := yield(v.mailbox, probe); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// collect returns what arrived since it was called last.
func (p *sampling) collect() []Sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.found
	p.found = nil
	return found
}

// take takes a probe out of a FETCH response. One without the header section
// is an update of flags, one for a UID that was not asked for, or was served
// already, nobody's.
func (p *sampling) take(r wire.Response) {
	if r.Kind != "FETCH" {
		return
	}
	f, valid := wire.ParseFetch(r.Rest)
	if !valid || f.UID == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	item, asked := p.asked[f.UID]
	if !asked {
		return
	}
	probe := Sample{UID: f.UID}
	for _, s := range f.Sections {
		if off, is := partial(string(s.Name)); is && !s.Nil && off == item.Offset && int64(len(s.Data)) <= item.Length {
			probe.Part = append([]byte{}, s.Data...)
		}
	}
	var complete bool
	if probe.MessageID, complete = wire.MessageIDOf(&f); complete {
		delete(p.asked, f.UID)
		p.found = append(p.found, probe)
	}
}

// partial reads the label of a part of a message. RFC 3501 §7.4.2 has the first
// octet alone in it; servers repeat the length of the request behind it.
func partial(label string) (offset int64, ok bool) {
	origin, ok := strings.CutPrefix(label, "BODY[]<")
	if !ok {
		return 0, false
	}
	if origin, ok = strings.CutSuffix(origin, ">"); !ok {
		return 0, false
	}
	origin, _, _ = strings.Cut(origin, ".")
	offset, err := strconv.ParseInt(origin, 10, 64)
	return offset, err == nil && offset >= 0
}

// probeLiteral bounds what is read into memory of an answer to a probe: a
// server that sends the whole message instead of a part tells nothing.
const probeLiteral = 1 << 20

// passOver reads past a literal that is too large for what was asked.
func passOver(f *wire.Fetch, r *literalReader) bool {
	if f.PendingLiteral.Size <= probeLiteral {
		return false
	}
	_, _ = r.rest(f) // its error is in r
	return true
}
