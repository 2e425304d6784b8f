package talk_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"satchel/sync/imaptest"
	"satchel/sync/imaptest/talk"
)

// TestTalk: what is appended is read again, names come back as they were given, and a
// refusal is told from an answer that never came.
func TestTalk(t *testing.T) {
	srv := imaptest.NewServer(imaptest.Options{})
	t.Cleanup(srv.Close)
	c, err := talk.Dial(srv.Addr(), "ann", "secret", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	const odd = `Entwürfe & "mehr"`
	if _, _, err := c.Do("CREATE %s", talk.Name(odd)); err != nil {
		t.Fatal(err)
	}
	want := []imaptest.Message{
		{UID: 1, Flags: []string{`\Seen`, "work"}, Date: time.Unix(1_700_000_000, 0), Content: []byte("Subject: UID 7 {3}\r\n\r\n")},
		{UID: 2, Date: time.Unix(1_000_000_000, 0), Content: []byte("FLAGS (x)\r\na1 OK\r\n")},
	}
	if _, err := c.Append(odd, want...); err != nil {
		t.Fatal(err)
	}
	var names []string
	all, _, err := c.Do(`LIST "" "*"`)
	for _, r := range all {
		if name, ok := r.Listed(); ok {
			names = append(names, name)
		}
	}
	if err != nil || !slices.Contains(names, odd) {
		t.Errorf("listed %q, %v", names, err)
	}
	if _, _, err := c.Do("SELECT %s", talk.Name(odd)); err != nil {
		t.Fatal(err)
	}
	all, _, err = c.Do("UID FETCH 1:* " + talk.Whole)
	var got []imaptest.Message
	for _, r := range all {
		if m, ok := r.Message(); ok {
			got = append(got, m)
		}
	}
	if err != nil || !slices.EqualFunc(got, want, func(a, b imaptest.Message) bool {
		return a.UID == b.UID && slices.Equal(a.Flags, b.Flags) && a.Date.Equal(b.Date) && string(a.Content) == string(b.Content)
	}) {
		t.Errorf("read %v, %v", got, err)
	}
	if _, _, err := c.Do("SELECT none"); !errors.Is(err, talk.ErrNo) {
		t.Errorf("a refusal: %v", err)
	}
	srv.DropConnections()
	if _, _, err := c.Do("NOOP"); err == nil || errors.Is(err, talk.ErrNo) {
		t.Errorf("a lost connection: %v", err)
	}
}

// TestUnselectable: what cannot be selected is not listed; what is subscribed is.
func TestUnselectable(t *testing.T) {
	for text, want := range map[string]string{
		`* LIST (\HasNoChildren) "/" INBOX`:    "INBOX",
		`* LIST (\NoSelect) "/" Lists`:         "",
		`* LIST (\NonExistent) "/" "Old\\er"`:  "",
		`* LSUB (\Noselect) "." "Old\\er"`:     `Old\er`,
		`* LIST () NIL Entw&APw-rfe`:           "Entwürfe",
		`* LIST () "/" &`:                      "invalid: &",
		`* STATUS (MESSAGES) "/" INBOX`:        "",
		`* OK (\HasNoChildren) is no list "x"`: "",
	} {
		if got, _ := (talk.Reply{Text: text}).Listed(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
