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
//   - Text that comes from a server, a file name or the command line is made
//     printable, so that it cannot move the cursor.

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

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

// object prints the one object of --json.
func (d *deps) object(v any) error {
	enc := json.NewEncoder(d.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table prints rows whose cells are separated by tabs.
func table(w io.Writer, rows []string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		printLine(t, "%s", row)
	}
	return t.Flush()
}

// printable replaces what a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

func quote(s string) string { return strconv.Quote(s) }

// count is "1 message" or "2 messages".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
