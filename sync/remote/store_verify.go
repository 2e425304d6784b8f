package remote

import (
	"slices"

	"satchel/sync/mail"
	"satchel/sync/remote/resync"
	"satchel/sync/remote/wire"
)

// A server may answer OK to STORE and keep the flags as they were. One that
// knows of mod-sequences names each message that it changed (RFC 7162 §3.1.3),
// and is believed; of the others the flags are asked for.

// verifyStored finds the messages for which a STORE did nothing, tries those
// once more, and notes what is left in results.
func (s *Selection) verifyStored(flight []*storing, results []StoreResult) error {
	undone, err := s.undone(flight, results)
	if err != nil || len(undone) == 0 {
		return err
	}
	s.c.log.Warn("STORE answered OK and changed nothing; trying once more", "mailbox", s.mailbox)
	if err := s.storeFlight(undone, results); err != nil {
		return err
	}
	for _, st := range undone {
		st.told = nil
	}
	if undone, err = s.undone(undone, results); err != nil {
		return err
	}
	for _, st := range undone {
		res := &results[st.index]
		res.NotDone = append(res.NotDone, st.uids...)
		slices.Sort(res.NotDone)
		res.NotDone = slices.Compact(res.NotDone)
	}
	return nil
}

// toldElsewhere returns the messages that one command of the flight changes,
// and that the server told of while another one was the oldest: Dovecot answers
// several before it ends the first.
func toldElsewhere(flight []*storing) map[mail.UID]bool {
	in := map[mail.UID]int{}
	for _, st := range flight {
		for _, uid := range st.uids {
			in[uid]++
		}
	}
	told := map[mail.UID]bool{}
	for _, st := range flight {
		for uid := range st.told {
			if in[uid] == 1 {
				told[uid] = true
			}
		}
	}
	return told
}

// undone returns, as commands that are ready to be sent again, what did not
// happen. Messages that are gone, which STORE passes over without a word (RFC
// 3501 §6.4.8), are Gone; those that the server does not speak of are Unknown.
func (s *Selection) undone(flight []*storing, results []StoreResult) ([]*storing, error) {
	doubtful := map[*storing][]mail.UID{}
	var uids []mail.UID
	elsewhere := toldElsewhere(flight)
	for _, st := range flight {
		if st.failed() {
			continue
		}
		for _, uid := range st.uids {
			if !st.told[uid] && !elsewhere[uid] && !st.modified.Contains(uid) {
				doubtful[st] = append(doubtful[st], uid)
				uids = append(uids, uid)
			}
		}
	}
	if len(uids) == 0 {
		return nil, nil
	}
	have := map[mail.UID]mail.Flags{}
	var parse resync.Collector
	refused, err := s.ask("store", uids, "(UID FLAGS)", func(f *wire.Fetch) {
		if f.HasFlags {
			have[f.UID] = parse.Parse(f.Flags)
		}
	})
	if err != nil {
		return nil, err
	}
	var again []*storing
	for _, st := range flight {
		var left []mail.UID
		for _, uid := range doubtful[st] {
			switch flags, there := have[uid]; {
			case slices.Contains(refused, uid):
				results[st.index].Unknown = append(results[st.index].Unknown, uid)
			case !there:
				results[st.index].Gone = append(results[st.index].Gone, uid)
			case !flags.Apply(st.delta).Equal(flags):
				left = append(left, uid)
			}
		}
		if len(left) > 0 {
			again = append(again, storeCommands(st.index, left, st.delta, st.since, true)...)
		}
	}
	return again, nil
}
