package main

// How satchel speaks:
//
//   - Results go to stdout: plans, tables, JSON, and on a terminal the line
//     that ends an account. Everything else goes to stderr.
//   - A line on stderr begins with "satchel: ". It has no capitals that are
//     not names and no full stop.
//   - Without a terminal, nothing is printed when all went well.
//   - A problem is one line, place first. What to do about it is the next
//     line, "satchel: hint: ...". What is to be pasted stands alone on lines
//     of its own below it.
//   - Text that comes from a server, a message, a file name or the command line
//     is made printable (mail.Printable): it can neither move the cursor nor turn
//     text round nor hide. In JSON it is escaped, in a log cleaned as well, and a
//     shell is offered only what needs no cleaning.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf16"
	"unicode/utf8"

	mailsync "satchel/sync"
	"satchel/sync/mail"
)

// printLine is the one way to a stream. Nobody is left to tell that it could
// not be written to.
func printLine(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format+"\n", args...)
}

// result prints a line of data.
func (d *deps) result(format string, args ...any) {
	printLine(d.stdout, "%s", printable(fmt.Sprintf(format, args...)))
}

// say prints a line for people.
func (d *deps) say(format string, args ...any) {
	printLine(d.stderr, "satchel: %s", printable(fmt.Sprintf(format, args...)))
}

// note is say for what is no error.
func (d *deps) note(format string, args ...any) {
	if !d.flags.quiet {
		d.say(format, args...)
	}
}

// hint prints what to do next; all but the first line are to be pasted.
func (d *deps) hint(text string) {
	if text == "" {
		return
	}
	first, rest, _ := strings.Cut(text, "\n")
	d.say("hint: %s", first)
	if rest = strings.TrimSuffix(rest, "\n"); rest != "" {
		for line := range strings.SplitSeq(rest, "\n") {
			printLine(d.stderr, "%s", printable(line))
		}
	}
}

// failure prints an error, or each of several that were joined. The account
// may be empty.
func (d *deps) failure(account string, err error) {
	if all := split(err); len(all) > 1 {
		for _, e := range all {
			d.failure(account, e)
		}
		return
	}
	if account != "" {
		d.say("%s: %v", account, err)
	} else {
		d.say("%v", err)
	}
	d.hint(mail.HintOf(err))
}

// split takes apart what errors.Join put together, and nothing else: an error
// with several causes can also be one sentence.
func split(err error) []error {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	var text []string
	for _, e := range many.Unwrap() {
		all, text = append(all, split(e)...), append(text, e.Error())
	}
	if err.Error() != strings.Join(text, "\n") {
		return []error{err}
	}
	return all
}

// problem prints what could not be synced, place first.
func (d *deps) problem(account string, p mailsync.Problem) {
	place := account
	if p.Mailbox != "" {
		place += "/" + p.Mailbox
	}
	if p.Message != "" {
		if _, err := strconv.ParseUint(p.Message, 10, 32); err == nil {
			place += " uid"
		}
		place += " " + p.Message
	}
	d.say("%s: %s", place, p.Error)
	d.hint(p.Hint)
}

// object prints the one object of --json. Names are in it as they are; of their
// characters, those that a terminal would obey are escaped.
func (d *deps) object(v any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := d.stdout.Write(escaped(text.Bytes()))
	return err
}

// escaped is JSON with escapes for what is not to be seen (RFC 8259 §7); all of
// that is within strings.
func escaped(text []byte) []byte {
	if !bytes.ContainsFunc(text, hides) {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for _, r := range string(text) {
		switch {
		case !hides(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// hides is about what json.Encoder leaves as it is; line breaks are its own.
func hides(r rune) bool { return r != '\n' && mail.Unprintable(r) }

// table prints rows whose cells are separated by tabs.
func table(w io.Writer, rows []string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		printLine(t, "%s", row)
	}
	return t.Flush()
}

// maxLine bounds a line, in characters.
const maxLine = 4000

// printable makes text a line that a terminal only shows.
func printable(s string) string { return mail.Shortened(s, maxLine) }

func quote(s string) string { return strconv.Quote(s) }

// count is "1 message" or "2 messages".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
