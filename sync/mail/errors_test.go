package mail_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"satchel/sync/mail"
)

func TestErrorText(t *testing.T) {
	for _, test := range []struct {
		err  *mail.Error
		want string
	}{
		{&mail.Error{Op: "log in"}, "log in"},
		{&mail.Error{Op: "select", Mailbox: "INBOX"}, "select INBOX"},
		{&mail.Error{Op: "fetch", Mailbox: "Lists/go", UID: 7, Err: mail.ErrGone}, "fetch Lists/go uid 7: no longer there"},
		{&mail.Error{Op: "open maildir", Err: fs.ErrPermission, Hint: "chmod it"}, "open maildir: permission denied"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	if err := error(&mail.Error{Op: "rename", Err: fmt.Errorf("x: %w", mail.ErrExists)}); !errors.Is(err, mail.ErrExists) {
		t.Error("the cause is not found")
	}
}

func TestKindAndHint(t *testing.T) {
	e := func(k mail.Kind, hint string, cause error) error {
		return &mail.Error{Op: "x", Kind: k, Hint: hint, Err: cause}
	}
	plain := errors.New("plain")
	for _, test := range []struct {
		name string
		err  error
		kind mail.Kind
		hint string
	}{
		{"nil", nil, mail.KindMessage, ""},
		{"plain", plain, mail.KindMessage, ""},
		{"one", e(mail.KindMailbox, "do", plain), mail.KindMailbox, "do"},
		{"wrapped", fmt.Errorf("w: %w", e(mail.KindBrake, "do", nil)), mail.KindBrake, "do"},
		{"the wider is inside", e(mail.KindMessage, "", e(mail.KindConnection, "inner", plain)), mail.KindConnection, "inner"},
		{"the wider is outside", e(mail.KindAccount, "", fmt.Errorf("w: %w", e(mail.KindMailbox, "inner", nil))), mail.KindAccount, "inner"},
		{"the outer hint wins", e(mail.KindMailbox, "outer", e(mail.KindMailbox, "inner", nil)), mail.KindMailbox, "outer"},
		{"joined", errors.Join(plain, e(mail.KindMessage, "", nil), e(mail.KindBusy, "wait", nil)), mail.KindBusy, "wait"},
		{"joined, wider first", errors.Join(e(mail.KindBrake, "", nil), e(mail.KindMessage, "second", nil)), mail.KindBrake, "second"},
		{"two causes", fmt.Errorf("%w and %w", plain, e(mail.KindConfig, "edit", nil)), mail.KindConfig, "edit"},
	} {
		if k := mail.KindOf(test.err); k != test.kind {
			t.Errorf("%s: kind %v, want %v", test.name, k, test.kind)
		}
		if h := mail.HintOf(test.err); h != test.hint {
			t.Errorf("%s: hint %q, want %q", test.name, h, test.hint)
		}
	}
}

func TestKindNames(t *testing.T) {
	names := map[string]bool{}
	for k := mail.KindMessage; k <= mail.KindBrake; k++ {
		if names[k.String()] || k.String() == "unknown" {
			t.Errorf("kind %d is called %q", k, k)
		}
		names[k.String()] = true
	}
	if s := mail.Kind(99).String(); s != "unknown" {
		t.Errorf("kind 99 is called %q", s)
	}
}

func TestIDs(t *testing.T) {
	r := mail.UIDRange{Start: 5, Stop: ^mail.UID(0)}
	for uid, want := range map[mail.UID]bool{0: false, 4: false, 5: true, 4294967295: true} {
		if r.Contains(uid) != want {
			t.Errorf("%v contains %d: %v", r, uid, !want)
		}
	}
	if d := (mail.Digest{}); !d.IsZero() || (mail.Digest{31: 1}).IsZero() {
		t.Error("IsZero")
	}
	if s := (mail.Digest{0: 0xab, 7: 0xcd, 8: 0xff}).String(); s != "ab000000000000cd" {
		t.Errorf("digest %q", s)
	}
	if mail.FormLF.String() != "lf" || mail.FormRaw.String() != "raw" || mail.FormTidy.String() != "tidy" {
		t.Error("forms")
	}
	at := time.Date(1969, 12, 31, 23, 59, 59, 999, time.FixedZone("", 3600))
	if d := mail.DateOf(at); d != -3601 || !d.Time().Equal(at.Truncate(time.Second)) {
		t.Errorf("%v is %d, %v", at, d, d.Time())
	}
}
