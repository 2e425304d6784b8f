package main

import (
	"encoding/base64"
	"fmt"
	"mime"
	"strings"
	"time"

	"satchel/sync/imaptest"
)

// sample is one message of the demo.
type sample struct {
	mailbox string
	flags   []string
	from    string
	subject string
	body    string
	attach  bool
}

// The messages that the demo changes, by subject.
const (
	subjectFlag   = "Tickets for Thursday"
	subjectMove   = "Minutes of the reading circle"
	subjectDelete = "Your parcel is on its way"
	subjectMerge  = "Can you look at chapter three?"
	subjectApart  = "Garden plan, second version"
	subjectNew    = "The train leaves at 8:12"
	subjectLocal  = "Re: Can you look at chapter three?"
)

func demoMailboxes() []string {
	return []string{"INBOX", "Archive/2026", "Drafts", "Lists/books", "Sent"}
}

// samples is a small account of a person with an ordinary life.
func samples() []sample {
	seen := []string{`\Seen`}
	answered := []string{`\Answered`, `\Seen`}
	s := []sample{
		{mailbox: "INBOX", flags: seen, from: "Rail Office <tickets@rail.example>", subject: subjectFlag,
			body: "Your two tickets are attached to this booking.\nSeats 41 and 42, coach 7.\n"},
		{mailbox: "INBOX", flags: seen, from: "Bea <bea@example.net>", subject: subjectMove,
			body: "Six of us came. We settled on the novel for December.\n"},
		{mailbox: "INBOX", flags: seen, from: "Parcels <no-reply@parcels.example>", subject: subjectDelete,
			body: "It will arrive between 9 and 18 o'clock. Or the day after.\n"},
		{mailbox: "INBOX", flags: seen, from: "Carl <carl@example.com>", subject: subjectMerge,
			body: "I am not sure about the second half.\n\nFrom here on it drags.\n"},
		{mailbox: "INBOX", flags: seen, from: "Dora <dora@example.org>", subject: subjectApart,
			body: "The drawing is attached; beans go where the peas were.\n", attach: true},
		{mailbox: "INBOX", flags: nil, from: "José Ñandú <jose@example.es>", subject: "¡Feliz cumpleaños! 🎂",
			body: "Querida Ann,\n\n¡que cumplas muchos más! Besos desde Málaga — José\n"},
		{mailbox: "INBOX", flags: nil, from: "Library <desk@library.example>", subject: "A book is waiting for you",
			body: "Please collect it within ten days.\n"},
		{mailbox: "INBOX", flags: []string{`\Flagged`, `\Seen`}, from: "Dentist <praxis@teeth.example>", subject: "Appointment on the 14th",
			body: "14th, 10:30. Please bring your card.\n"},
		{mailbox: "Drafts", flags: []string{`\Draft`, `\Seen`}, from: demoUser, subject: "Letter to the council",
			body: "Dear council,\n\nthe bench at the station\n"},
		{mailbox: "Sent", flags: seen, from: demoUser, subject: "Re: Appointment on the 14th", body: "Thank you, I shall be there.\n"},
		{mailbox: "Sent", flags: seen, from: demoUser, subject: "Keys", body: "They are with the neighbours.\n"},
	}
	for n, month := range []string{"January", "February", "March", "April", "May", "June"} {
		flags := seen
		if n%2 == 0 {
			flags = answered
		}
		s = append(s, sample{mailbox: "Archive/2026", flags: flags, from: "Bookkeeping <books@example.org>",
			subject: "Statement for " + month, body: strings.Repeat("Rent, power, water: as before.\n", n+1)})
	}
	for n := range 8 {
		s = append(s, sample{mailbox: "Lists/books", flags: seen[:n%2], from: fmt.Sprintf("Reader %d <reader%d@lists.example>", n, n),
			subject: fmt.Sprintf("[books] What to read next (%d)", n+1), body: "> has anybody finished it?\n\nI have. Twice.\n"})
	}
	return s
}

const demoUser = "Ann <ann@example.org>"

// fillServer puts the samples on the server, a day apart, the last of them
// yesterday.
func fillServer(srv *imaptest.Server, now time.Time) error {
	for _, name := range demoMailboxes() {
		if name == "INBOX" {
			continue // always there
		}
		if err := srv.CreateMailbox(name); err != nil {
			return fmt.Errorf("create %s on the demo server: %w", name, err)
		}
	}
	all := samples()
	for i, s := range all {
		date := now.AddDate(0, 0, i-len(all)).Truncate(time.Second)
		if srv.Append(s.mailbox, s.flags, date, s.message(i, date)) == 0 {
			return fmt.Errorf("append %q on the demo server: refused", s.subject)
		}
	}
	return nil
}

// message is s with the line endings of a server.
func (s sample) message(n int, date time.Time) []byte {
	head := fmt.Sprintf("Return-Path: <bounce-%d@example.org>\nReceived: from mx.example.org by imap.example.org; %s\nDate: %s\nFrom: %s\nTo: %s\nSubject: %s\nMessage-ID: <demo-%d@example.org>\nMIME-Version: 1.0\n",
		n, date.Format(time.RFC1123Z), date.Format(time.RFC1123Z), encodeFrom(s.from), demoUser, mime.QEncoding.Encode("utf-8", s.subject), n)
	text := "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + s.body
	if !s.attach {
		return crlf(head + text)
	}
	data := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a picture of a garden, in a format of its own\x00\xff", 40)))
	var lines strings.Builder
	for len(data) > 0 {
		n := min(76, len(data))
		lines.WriteString(data[:n] + "\n")
		data = data[n:]
	}
	return crlf(head + "Content-Type: multipart/mixed; boundary=part\n\n--part\n" + text +
		"\n--part\nContent-Type: application/octet-stream; name=garden.bin\nContent-Disposition: attachment; filename=garden.bin\nContent-Transfer-Encoding: base64\n\n" +
		lines.String() + "--part--\n")
}

func encodeFrom(from string) string {
	name, addr, _ := strings.Cut(from, " <")
	return mime.QEncoding.Encode("utf-8", name) + " <" + addr
}

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }
