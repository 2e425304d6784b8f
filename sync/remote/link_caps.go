package remote

import (
	"slices"
	"strings"

	"satchel/sync/remote/dial"
	"satchel/sync/remote/refusal"
	"satchel/sync/remote/wire"
)

// takeGreeting reads the first line of the server (RFC 3501 §7.1) and hands
// go-imap one that says the same.
func (l *link) takeGreeting(line []byte) error {
	r, ok := wire.Response{}, false
	if strings.HasPrefix(string(line), "* ") {
		r, ok = wire.ParseResponse(line[2:])
	}
	if !ok || (r.Kind != "OK" && r.Kind != "PREAUTH" && r.Kind != "BYE") {
		return dial.NotIMAP(line)
	}
	t := wire.ParseText(r.Rest)
	if r.Kind == "BYE" {
		t = l.answered(t)
		return &refusal.ByeError{Code: t.Code, Text: t.Text, Refused: true}
	}
	if t.Code == "ALERT" {
		l.alert(t)
	}
	l.mu.Lock()
	l.greeted = true
	l.preauth = r.Kind == "PREAUTH"
	l.mu.Unlock()
	if t.Code == "CAPABILITY" {
		l.setCaps(wire.ParseWords(t.Args))
	}
	l.out = append(l.out, "* "+r.Kind+" [CAPABILITY "+l.capsForGoIMAP()+"] hello\r\n"...)
	return nil
}

func (l *link) setCaps(words []string) {
	caps := make([]string, 0, len(words))
	for _, w := range words {
		w = strings.ToUpper(w)
		if slices.ContainsFunc(l.without, func(x string) bool { return strings.EqualFold(x, w) }) {
			continue
		}
		caps = append(caps, w)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.caps = caps
	l.capsSeq++
}

func (l *link) has(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.caps, strings.ToUpper(name))
}

// capsForGoIMAP lists what go-imap may know of. IMAP4rev2 would make it send
// names in another form, and what is no atom would end the connection.
func (l *link) capsForGoIMAP() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	caps := []string{"IMAP4rev1"}
	for _, c := range l.caps {
		if c == "IMAP4REV1" || c == "IMAP4REV2" || strings.ContainsAny(c, `(){%*"\]`) || !wire.IsASCII(c) {
			continue
		}
		caps = append(caps, c)
	}
	return strings.Join(caps, " ")
}
