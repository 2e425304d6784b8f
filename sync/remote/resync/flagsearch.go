package resync

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
	flag     mail.Flags // one
	not      bool
	known    mail.UIDSet // what the caller expects, the flag set or not
	found    []mail.UIDRange
	ok       bool // answered
	question *Question
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
func (in *Inquiry) planSearch() error {
	if in.Req.Base == nil {
		return nil
	}
	base, err := in.Req.Base()
	if err != nil {
		return err
	}
	in.collect.base = base
	if in.Req.Distrust&DoubtSearch != 0 || in.Req.Reconsidered {
		return nil
	}
	flags := base.names().Union(in.Req.Keywords)
	flags.System |= mail.Draft | mail.Flagged | mail.Answered | mail.Seen | mail.Deleted
	cost := 0
	var searches []*flagSearch
	for _, name := range flags.Names() {
		one := mail.NewFlags(name)
		if !searchable(name) {
			return nil
		}
		s := &flagSearch{flag: one, known: base.where(func(f mail.Flags) bool { return f.Has(one) })}
		if in.able.ESearch {
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
	if base.n*costFetch-cost >= cmp.Or(in.Req.SearchGain, searchGain) {
		in.searches = searches
	}
	return nil
}

// searchable reports whether a flag can be named in a search.
func searchable(name string) bool {
	_, refused := wire.FormatFlags(mail.NewFlags(name))
	return refused.IsEmpty()
}

func (s *flagSearch) line(eSearch bool) string {
	key := "KEYWORD " + s.flag.String()
	if name, system := strings.CutPrefix(s.flag.String(), `\`); system {
		key = strings.ToUpper(name) // SEEN, ANSWERED, FLAGGED, DELETED, DRAFT
	}
	if s.not {
		key = "UN" + key
	}
	if eSearch {
		return "UID SEARCH RETURN (ALL) " + key
	}
	return "UID SEARCH " + key
}

// takeSearch gives an answer to the search that it is of. A server may send the
// answers of several searches before it ends the first, as Dovecot does: an
// ESEARCH names its command (RFC 4731 §3.1), and SEARCHes come in the order of
// the commands. A mix-up would show as differences that there are not.
func (in *Inquiry) takeSearch(r wire.Response) {
	var set mail.UIDSet
	ok, tag := false, ""
	switch r.Kind {
	case "SEARCH":
		set, ok = wire.ParseSearch(r.Rest)
	case "ESEARCH":
		set, ok = wire.ParseESearch(r.Rest)
		tag = wire.ESearchTag(r.Rest)
	default:
		in.Take(r)
		return
	}
	if tag != "" && in.counting != nil && in.counting.Tag() == tag {
		in.count, in.counted = wire.ParseESearchCount(r.Rest)
		return
	}
	for _, s := range in.searches {
		if tag == "" && !s.ok || tag != "" && s.question.Tag() == tag {
			s.found, s.ok = Gather(s.found, set), s.ok || ok
			return
		}
	}
	in.Take(r)
}

// judgeSearch compares the answers with what is known. It reports whether the
// mailbox must be asked in another way instead.
func (in *Inquiry) judgeSearch() (again bool) {
	if in.searches == nil {
		return false
	}
	all := in.collect.base.all()
	asked := in.Req.Keywords
	var look []mail.UIDRange
	for _, s := range in.searches {
		asked = asked.Union(s.flag)
		if !s.ok {
			in.Req.Distrust |= DoubtSearch // it does not answer; not a lie
			return true
		}
		look = append(look, s.known.Differ(mail.MergeUIDs(s.found).Intersect(all))...)
	}
	// Keywords that came up since are named by FLAGS (RFC 3501 §7.2.6).
	if fresh := in.Sel.flags.Union(in.Sel.permanent).Minus(asked); !fresh.IsEmpty() && !in.Req.Reconsidered {
		in.Req.Keywords = in.Req.Keywords.Union(fresh)
		return true
	}
	if in.counted && in.count+in.left(all) < uint64(in.Sel.Cursor.Messages) {
		in.Doubts |= DoubtSearch
		in.Req.Distrust |= DoubtSearch
		return true
	}
	in.Look = mail.MergeUIDs(look)
	return false
}

// TakeLook reads the flags of a message that the searches point to.
func (in *Inquiry) TakeLook(r wire.Response) {
	f, ok := wire.FetchOf(r)
	if !ok || !f.HasFlags || !in.Look.Contains(f.UID) {
		return
	}
	if in.looked == nil {
		in.looked = map[mail.UID]mail.Flags{}
	}
	in.looked[f.UID] = in.collect.Parse(f.Flags)
}

// EndLook turns these flags into changes. Where one is as it is known, the searches
// were wrong, or it changed back meanwhile.
func (in *Inquiry) EndLook() {
	same := 0
	for _, r := range in.Look {
		for uid := uint64(r.Start); uid <= uint64(r.Stop); uid++ {
			flags, told := in.looked[mail.UID(uid)]
			if !told {
				continue
			}
			if was, _ := in.collect.base.find(mail.UID(uid)); was.Equal(flags) {
				same++
				continue
			}
			in.Changes.Flags = append(in.Changes.Flags, MessageFlags{UID: mail.UID(uid), Flags: flags})
		}
	}
	if same > 0 {
		in.Changes.Doubts |= DoubtSearch
	}
}
