package resync

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"satchel/sync/mail"
	"satchel/sync/remote/wire"
)

// synced is the cursor of a mailbox with nine messages.
var synced = mail.Cursor{UIDValidity: 1, UIDNext: 10, HighestModSeq: 7, Messages: 9}

// answer takes the lines of a server as the answer to SELECT or to a question.
func answer(take func(wire.Response), lines ...string) {
	for _, line := range lines {
		if r, ok := wire.ParseResponse([]byte(line)); ok {
			take(r)
		}
	}
}

// TestQuestions: what is known, and what the server can, decide what is asked.
func TestQuestions(t *testing.T) {
	withoutModSeq := synced
	withoutModSeq.HighestModSeq = 0
	for name, x := range map[string]struct {
		req    Request
		able   Support
		params string
		lines  []string
	}{
		"QRESYNC tells all within SELECT": {Request{Known: synced}, Support{Level: QResync}, "QRESYNC (1 7 1:9)", nil},
		"CONDSTORE tells flags": {Request{Known: synced, Expunges: true}, Support{Level: Condstore, ESearch: true}, "CONDSTORE",
			[]string{"UID FETCH 1:4294967295 (UID FLAGS) (CHANGEDSINCE 7)", "UID SEARCH RETURN (ALL) ALL"}},
		"neither": {Request{Known: synced, Expunges: true}, Support{Level: Plain}, "", []string{"UID FETCH 1:4294967295 (UID FLAGS)"}},
		"a mailbox without mod-sequences": {Request{Known: withoutModSeq, Expunges: true}, Support{Level: QResync}, "CONDSTORE",
			[]string{"UID FETCH 1:4294967295 (UID FLAGS)"}},
		"new messages": {Request{Known: synced, ListNew: true}, Support{Level: QResync, Identity: "EMAILID"}, "QRESYNC (1 7 1:9)",
			[]string{"UID FETCH 10:4294967295 (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ EMAILID)"}},
		"new messages but ours": {Request{Known: synced, ListNew: true, Ours: mail.UIDSetOf([]mail.UID{12})}, Support{Level: Plain}, "",
			[]string{"UID FETCH 1:4294967295 (UID FLAGS)", "UID FETCH 10:11,13:4294967295 (UID FLAGS INTERNALDATE RFC822.SIZE)"}},
		"a window of a mailbox that is new": {Request{ListNew: true, First: 5, Last: 8}, Support{Level: Plain}, "",
			[]string{"UID FETCH 5:8 (UID FLAGS INTERNALDATE RFC822.SIZE)"}},
	} {
		_, params, questions, err := NewInquiry(x.req, x.able.Level, x.able, &Opened{})
		var lines []string
		for _, q := range questions {
			lines = append(lines, q.Line)
		}
		if err != nil || params != x.params || !slices.Equal(lines, x.lines) {
			t.Errorf("%s: (%s) %s, %v", name, params, strings.Join(lines, "; "), err)
		}
	}
}

// TestJudge: what does not add up is not believed.
func TestJudge(t *testing.T) {
	for name, x := range map[string]struct {
		sel, answers string // lines, separated by "; "
		want         func(*Inquiry) bool
	}{
		"all is there": {"9 EXISTS; OK [UIDVALIDITY 1]; OK [UIDNEXT 10]; OK [HIGHESTMODSEQ 8]", "SEARCH 1 2 3 4 5 6 7 8 9",
			func(in *Inquiry) bool { return !in.Changes.Short && in.Changes.HasPresent && in.Changes.Err == nil }},
		"a list that is short": {"9 EXISTS; OK [UIDVALIDITY 1]; OK [UIDNEXT 10]; OK [HIGHESTMODSEQ 8]", "SEARCH 1 2 3",
			func(in *Inquiry) bool { return in.Changes.Short }},
		"a short list that an EXPUNGE would explain": {"9 EXISTS; OK [UIDVALIDITY 1]; OK [UIDNEXT 10]; OK [HIGHESTMODSEQ 8]", "1 EXPUNGE; SEARCH 2 3 4 5 6 7 8 9",
			func(in *Inquiry) bool { return in.Changes.Short }},
		"a FETCH fills a gap of the list": {"2 EXISTS; OK [UIDVALIDITY 1]; OK [UIDNEXT 10]; OK [HIGHESTMODSEQ 8]", "1 FETCH (UID 3 FLAGS (\\Seen)); SEARCH 9",
			func(in *Inquiry) bool { return !in.Changes.Short && len(in.Changes.Flags) == 1 }},
		"no list": {"9 EXISTS; OK [UIDVALIDITY 1]; OK [UIDNEXT 10]; OK [HIGHESTMODSEQ 8]", "",
			func(in *Inquiry) bool { return errors.Is(in.Changes.Err, ErrIncomplete) }},
		"another UIDVALIDITY": {"9 EXISTS; OK [UIDVALIDITY 2]; OK [UIDNEXT 10]; OK [HIGHESTMODSEQ 8]", "SEARCH 1",
			func(in *Inquiry) bool { return in.Changes.UIDValidityChanged && !in.Changes.HasPresent }},
		"no UIDVALIDITY": {"9 EXISTS", "SEARCH 1", func(in *Inquiry) bool { return in.Changes.Err != nil }},
		"HIGHESTMODSEQ goes back": {"9 EXISTS; OK [UIDVALIDITY 1]; OK [UIDNEXT 10]; OK [HIGHESTMODSEQ 6]", "SEARCH 1 2 3 4 5 6 7 8 9",
			func(in *Inquiry) bool { return in.NeedsPlain && in.Doubts == DoubtModSeq && in.Req.Reconsidered }},
		"UIDNEXT goes back": {"9 EXISTS; OK [UIDVALIDITY 1]; OK [UIDNEXT 8]; OK [HIGHESTMODSEQ 8]", "SEARCH 1 2 3 4 5 6 7 8 9",
			func(in *Inquiry) bool { return in.NeedsPlain && in.Doubts == DoubtUIDNext }},
		"no mod-sequences any more": {"9 EXISTS; OK [UIDVALIDITY 1]; OK [UIDNEXT 10]; OK [NOMODSEQ]", "SEARCH 1 2 3 4 5 6 7 8 9",
			func(in *Inquiry) bool { return in.NeedsPlain && in.Doubts == 0 }},
	} {
		able := Support{Level: Condstore}
		sel := &Opened{}
		in, _, _, err := NewInquiry(Request{Mailbox: "INBOX", Known: synced, Expunges: true}, able.Level, able, sel)
		if err != nil {
			t.Fatal(err)
		}
		answer(sel.Take, strings.Split(x.sel, "; ")...)
		answer(in.Take, strings.Split(x.answers, "; ")...)
		sel.End(false)
		if in.Judge(nil, nil); !x.want(in) {
			t.Errorf("%s: %+v, doubts %d", name, *in.Changes, in.Doubts)
		}
	}
}

// TestRefusedQuestion: a refusal is an error of the mailbox, and says whether an
// identity was asked for.
func TestRefusedQuestion(t *testing.T) {
	refused := errors.New("NO")
	for _, identity := range []string{"", "EMAILID"} {
		able := Support{Level: QResync, Identity: identity}
		sel := &Opened{}
		in, _, _, err := NewInquiry(Request{Mailbox: "INBOX", ListNew: true}, able.Level, able, sel)
		if err != nil {
			t.Fatal(err)
		}
		answer(sel.Take, "0 EXISTS", "OK [UIDVALIDITY 1]", "OK [UIDNEXT 1]", "OK [HIGHESTMODSEQ 1]")
		sel.End(false)
		in.Judge(nil, refused)
		if !errors.Is(in.Changes.Err, refused) || (in.Refused != nil) != (identity != "") {
			t.Errorf("identity %q: %v, refused %v", identity, in.Changes.Err, in.Refused)
		}
	}
}
