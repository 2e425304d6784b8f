package remote

import (
	"cmp"
	"strings"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// A server without mod-sequences does not say which flags changed. Fetching
// the flags of all messages costs some forty bytes each. Asking instead which
// messages have a flag, one flag after the other, costs next to nothing where
// the answer is a set (RFC 4731), and little where it is a list, because the
// rarer half can be asked for. What differs from what the caller knows is then
// fetched, so a search decides where to look and never what is so.

// flagSearch asks for the messages that have a flag, or have it not.
type flagSearch struct {
	flag  mail.Flags // one
	not   bool
	known mail.UIDSet // what the caller expects, the flag set or not
	found []mail.UIDRange
	ok    bool // answered
	cmd   *command
}

// Rough costs in bytes.
const (
	costFetch  = 44 // of a message's flags
	costSearch = 80 // of a search, with its command
	costNumber = 7  // of a number in an answer

	// searchGain is what searching must save to be worth its commands, and a
	// turn of the line when something changed.
	searchGain = 16 << 10
)

// planSearch decides how the flags are compared, and prepares the searches if
// those are cheaper.
func (in *inquiry) planSearch(c *Conn) error {
	if in.req.Base == nil {
		return nil
	}
	base, err := in.req.Base()
	if err != nil {
		return err
	}
	in.collect.base = base
	if in.req.Distrust&DoubtSearch != 0 || in.req.reconsidered {
		return nil
	}
	flags := base.names().Union(in.req.Keywords)
	flags.System |= mail.Draft | mail.Flagged | mail.Answered | mail.Seen | mail.Deleted
	cost := 0
	var searches []*flagSearch
	for _, name := range flags.Names() {
		one := mail.NewFlags(name)
		if !searchable(name) {
			return nil
		}
		s := &flagSearch{flag: one, known: base.where(func(f mail.Flags) bool { return f.Has(one) })}
		if c.Has("ESEARCH") {
			cost += costSearch + 2*costNumber*len(s.known)
		} else {
			n := int(s.known.Count())
			if s.not = n > base.n-n; s.not {
				n = base.n - n
				s.known = base.where(func(f mail.Flags) bool { return !f.Has(one) })
			}
			cost += costSearch + costNumber*n
		}
		searches = append(searches, s)
	}
	if base.n*costFetch-cost >= cmp.Or(in.req.SearchGain, searchGain) {
		in.searches = searches
	}
	return nil
}

// searchable reports whether a flag can be named in a search.
func searchable(name string) bool {
	_, refused := flagList(mail.NewFlags(name))
	return refused.IsEmpty()
}

func (s *flagSearch) line(c *Conn) string {
	key := "KEYWORD " + s.flag.String()
	if name, system := strings.CutPrefix(s.flag.String(), `\`); system {
		key = strings.ToUpper(name) // SEEN, ANSWERED, FLAGGED, DELETED, DRAFT
	}
	if s.not {
		key = "UN" + key
	}
	if c.Has("ESEARCH") {
		return "UID SEARCH RETURN (ALL) " + key
	}
	return "UID SEARCH " + key
}

// takeSearch gives an answer to the search that it is of. A server may send the
// answers of several searches before it ends the first, as Dovecot does: an
// ESEARCH names its command (RFC 4731 §3.1), and SEARCHes come in the order of
// the commands. A mix-up would show as differences that there are not.
func (in *inquiry) takeSearch(r wire.Response) {
	var set mail.UIDSet
	ok, tag := false, ""
	switch r.Kind {
	case "SEARCH":
		set, ok = wire.ParseSearch(r.Rest)
	case "ESEARCH":
		set, ok = wire.ParseESearch(r.Rest)
		tag = wire.ESearchTag(r.Rest)
	default:
		in.take(r)
		return
	}
	if tag != "" && in.counting != nil && in.counting.tag == tag {
		in.count, in.counted = wire.ParseESearchCount(r.Rest)
		return
	}
	for _, s := range in.searches {
		if tag == "" && !s.ok || tag != "" && s.cmd.tag == tag {
			s.found, s.ok = gather(s.found, set), s.ok || ok
			return
		}
	}
	in.take(r)
}

// judgeSearch compares the answers with what is known. It reports whether the
// mailbox must be asked in another way instead.
func (in *inquiry) judgeSearch() (again bool) {
	if in.searches == nil {
		return false
	}
	all := in.collect.base.all()
	asked := in.req.Keywords
	var look []mail.UIDRange
	for _, s := range in.searches {
		asked = asked.Union(s.flag)
		if !s.ok {
			in.req.Distrust |= DoubtSearch // it does not answer; not a lie
			return true
		}
		look = append(look, s.known.Differ(mail.MergeUIDs(s.found).Intersect(all))...)
	}
	// Keywords that came up since are named by FLAGS (RFC 3501 §7.2.6).
	if fresh := in.sel.flags.Union(in.sel.permanent).Minus(asked); !fresh.IsEmpty() && !in.req.reconsidered {
		in.req.Keywords = in.req.Keywords.Union(fresh)
		return true
	}
	if in.counted && in.count+in.left(all) < uint64(in.sel.cursor.Messages) {
		in.doubts |= DoubtSearch
		in.req.Distrust |= DoubtSearch
		return true
	}
	in.look = mail.MergeUIDs(look)
	return false
}

// lookAt fetches the flags of the messages that the searches point to.
func (c *Conn) lookAt(list []*inquiry) error {
	var steps []*step
	visits := map[*inquiry]*visit{}
	got := map[*inquiry]map[mail.UID]mail.Flags{}
	for _, in := range list {
		v := &visit{mailbox: in.req.Mailbox, uidValidity: in.changes.Cursor.UIDValidity}
		visits[in], got[in] = v, map[mail.UID]mail.Flags{}
		for _, set := range wire.FormatSets(in.look, setRoom("UID FETCH ", " (UID FLAGS)")) {
			steps = append(steps, &step{visit: v, line: "UID FETCH " + set + " (UID FLAGS)", setup: func(st *step) {
				st.cmd.untagged = func(r wire.Response) {
					if f, ok := fetchOf(r); ok && f.HasFlags && in.look.Contains(f.UID) {
						got[in][f.UID] = in.collect.parse(f.Flags)
					}
				}
			}})
		}
	}
	if err := c.fly(opMessages, steps, nil, nil); err != nil {
		return err
	}
	failed := failures(steps)
	for _, in := range list {
		if err := failed[in.req.Mailbox]; err != nil {
			in.changes.Err = err
			continue
		}
		in.tookLook(got[in])
	}
	return nil
}

// tookLook turns the answers into changes. That nothing differs which the
// searches said does means that they are wrong; a few may have changed back
// meanwhile.
func (in *inquiry) tookLook(got map[mail.UID]mail.Flags) {
	same := 0
	for _, r := range in.look {
		for uid := uint64(r.Start); uid <= uint64(r.Stop); uid++ {
			flags, told := got[mail.UID(uid)]
			if !told {
				continue
			}
			if was, _ := in.collect.base.find(mail.UID(uid)); was.Equal(flags) {
				same++
				continue
			}
			in.changes.Flags = append(in.changes.Flags, MessageFlags{UID: mail.UID(uid), Flags: flags})
		}
	}
	if same > 0 {
		in.changes.Doubts |= DoubtSearch
	}
}
