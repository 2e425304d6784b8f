package remote

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"satchel/sync/mail"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// Header is the header of a message, or some of its lines.
type Header struct {
	UID  mail.UID
	Data []byte // with the empty line behind it
}

// FetchHeaders reads the headers of messages: the lines with one of the names, or all
// of it without any. Messages that the server does not send are left out; failed
// is as in FetchBodies.
func (c *Conn) FetchHeaders(ctx context.Context, reqs []BodyRequest, names []string, yield func(mailbox string, h Header) error) (failed map[string]error, err error) {
	defer c.guard(ctx)()
	section, items := "BODY[HEADER]", " (UID BODY.PEEK[HEADER])"
	if len(names) > 0 {
		section = "BODY[HEADER.FIELDS"
		items = " (UID BODY.PEEK[HEADER.FIELDS (" + strings.ToUpper(strings.Join(names, " ")) + ")])"
	}
	var steps []*step
	for _, req := range reqs {
		v := &visit{mailbox: req.Mailbox, uidValidity: req.UIDValidity}
		h := &headers{asked: make(map[mail.UID]bool, len(req.UIDs)), section: section}
		for _, uid := range req.UIDs {
			h.asked[uid] = true
		}
		const verb = "UID FETCH "
		for _, set := range wire.FormatSets(mail.UIDSetOf(req.UIDs), wire.SetRoom(verb, items)) {
			steps = append(steps, h.step(c, v, verb+set+items, yield))
		}
	}
	err = c.fly(refusal.OpHeader, steps, nil, nil)
	return failures(steps), err
}

// headers is one request. Its commands share what arrives, as in sampling.
type headers struct {
	section string
	mu      sync.Mutex // guards the rest
	asked   map[mail.UID]bool
	found   []Header
}

func (h *headers) step(c *Conn, v *visit, line string, yield func(string, Header) error) *step {
	return &step{
		visit: v,
		line:  line,
		setup: func(st *step) { st.cmd.untagged = h.take },
		done: func(*step) error {
			h.mu.Lock()
			found := h.found
			h.found = nil
			h.mu.Unlock()
			if !c.usable(v) {
				return nil
			}
			for _, x := range found {
				if err := yield(v.mailbox, x); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (h *headers) take(r wire.Response) {
	if r.Kind != "FETCH" {
		return
	}
	f, valid := wire.ParseFetch(r.Rest)
	if !valid || f.UID == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.asked[f.UID] {
		return
	}
	for _, s := range f.Sections {
		if !s.Nil && strings.HasPrefix(strings.ToUpper(string(s.Name)), h.section) {
			delete(h.asked, f.UID)
			h.found = append(h.found, Header{f.UID, bytes.Clone(s.Data)})
			return
		}
	}
}
