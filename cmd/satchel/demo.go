package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"satchel/sync/imaptest"
	"satchel/sync/mail"
)

func newDemoCommand(d *deps) *cobra.Command {
	var dir string
	keep := true
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "show all of it on an embedded server with sample mail",
		Long: `demo starts an IMAP server with sample mail on this machine, syncs it into a temporary
folder, changes both sides, shows the plan, syncs again and compares every byte. It uses
no account, no configuration and no network, and fails if the sides do not agree.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), d, dir, keep)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "use this new or empty `FOLDER` (default: a temporary one)")
	cmd.Flags().BoolVar(&keep, "keep", true, "keep the folder afterwards")
	return cmd
}

// demo is one performance: the real engine and the real verbs, on a server
// of its own.
type demo struct {
	deps deps // those of the verbs that it runs
	out  io.Writer
	srv  *imaptest.Server
	dir  string
	mail string // the Maildir within dir
}

// demoObject is what --json prints.
type demoObject struct {
	Dir         string   `json:"dir"`
	Kept        bool     `json:"kept"`
	Messages    int      `json:"messages"`
	Mailboxes   int      `json:"mailboxes"`
	Differences []string `json:"differences"`
	Exit        int      `json:"exit"`
}

func runDemo(ctx context.Context, d *deps, dir string, keep bool) (err error) {
	dir, err = demoDir(dir)
	if err != nil {
		return err
	}
	if !keep {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	out := d.stdout
	if d.flags.quiet || d.flags.json {
		out = io.Discard
	}
	srv := imaptest.NewServer(imaptest.Options{})
	defer srv.Close()
	m := &demo{deps: *d, out: out, srv: srv, dir: dir, mail: filepath.Join(dir, "Mail")}
	m.deps.stdout, m.deps.stdoutTTY = out, true
	m.deps.stateDir = filepath.Join(dir, "state", "satchel")
	m.deps.flags = globalFlags{config: filepath.Join(dir, "config.toml"), verbose: d.flags.verbose, noProgress: true}
	for _, act := range []func(context.Context) error{m.prepare, m.first, m.offline, m.meanwhile, m.second} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return m.compare(d, keep)
}

// demoDir makes the folder, and never writes into one with something in it.
func demoDir(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "satchel-demo-")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", &mail.Error{Op: "make the folder of the demo", Kind: mail.KindConfig, Err: err}
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s is not empty", dir)
	}
	if err != nil {
		return "", &mail.Error{Op: "make the folder of the demo", Kind: mail.KindConfig, Hint: "name a new folder", Err: err}
	}
	return dir, nil
}

// tell prints a sentence, and command what a person would type.
func (m *demo) tell(format string, args ...any) { printLine(m.out, "\n"+format, args...) }
func (m *demo) command(line string)             { printLine(m.out, "  $ %s", line) }

// satchel runs a verb as a person would, on the configuration of the demo.
func (m *demo) satchel(ctx context.Context, args ...string) error {
	m.command("satchel " + strings.Join(args, " "))
	verbs := m.deps // flags are parsed anew for each command line
	return exited(execute(ctx, &verbs, append([]string{"--config", m.deps.flags.config, "--no-progress"}, args...)))
}

func (m *demo) prepare(context.Context) error {
	if err := fillServer(m.srv, m.deps.clock()); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(m.srv.Addr())
	if err != nil {
		return err
	}
	text := fmt.Sprintf("[accounts.demo]\nhost = %q\nport = %s\ntls = \"none\"\nuser = \"ann\"\npassword = \"secret\"\nmaildir = %q\n", host, port, m.mail)
	if err := os.WriteFile(m.deps.flags.config, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the configuration of the demo: %w", err)
	}
	printLine(m.out, "An IMAP server with %d messages in %d mailboxes runs on %s while this lasts.",
		len(samples()), len(demoMailboxes()), m.srv.Addr())
	m.tell("This is the whole configuration, in %s:", m.deps.flags.config)
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		printLine(m.out, "  %s", line)
	}
	return nil
}

func (m *demo) first(ctx context.Context) error {
	m.tell("The first sync brings all of it to the disk.")
	if err := m.satchel(ctx, "sync"); err != nil {
		return err
	}
	m.tell("Each message is a file now, in the folder %s.", m.dir)
	m.command("find Mail -type f | sort")
	names, files, err := readMaildir(m.mail)
	if err != nil {
		return err
	}
	for _, name := range names {
		n := 0
		for _, f := range files {
			if f.mailbox != name {
				continue
			}
			if n++; n <= 2 {
				printLine(m.out, "  %-64s %s", m.rel(f.path), f.subject)
			}
		}
		if n > 2 {
			printLine(m.out, "  ... and %d more in %s", n-2, name)
		}
	}
	return nil
}

// offline changes the disk with nothing but renames and removals, as any
// mail program does.
func (m *demo) offline(context.Context) error {
	m.tell("Offline, with a shell in place of a mail program: flag a message, file one, delete one, answer one,\nand file another that somebody else will file elsewhere.")
	for _, act := range []struct {
		subject string
		to      func(path string) string // nil: remove
	}{
		{subjectFlag, func(p string) string { return withFlag(p, "F") }},
		{subjectMove, m.into("Archive/2026")},
		{subjectDelete, nil},
		{subjectMerge, func(p string) string { return withFlag(p, "R") }},
		{subjectApart, m.into("Archive/2026")},
	} {
		from, err := m.find(act.subject)
		if err != nil {
			return err
		}
		if act.to == nil {
			m.command("rm " + m.rel(from))
			err = os.Remove(from)
		} else {
			to := act.to(from)
			m.command("mv " + m.rel(from) + " " + m.rel(to))
			err = os.Rename(from, to)
		}
		if err != nil {
			return err
		}
	}
	s := sample{from: demoUser, subject: subjectLocal, body: "I did. Cut the second half.\n"}
	text := strings.ReplaceAll(string(s.message(1001, m.deps.clock())), "\r\n", "\n")
	answer := filepath.Join(m.dir, "answer.eml")
	reply := filepath.Join(m.mail, "Sent", "cur", "1.answer.demo:2,S")
	m.command("cp " + m.rel(answer) + " " + m.rel(reply))
	return errors.Join(os.WriteFile(answer, []byte(text), 0o600), os.WriteFile(reply, []byte(text), 0o600))
}

func (m *demo) into(mailbox string) func(string) string {
	return func(path string) string { return filepath.Join(m.mail, mailbox, "cur", filepath.Base(path)) }
}

func (m *demo) meanwhile(context.Context) error {
	m.tell("Meanwhile on the server: a message arrives, and a telephone flags one that was answered here\nand files one elsewhere than here.")
	now := m.deps.clock()
	s := sample{from: "Bea <bea@example.net>", subject: subjectNew, body: "Not at 8:21. See you on the platform.\n"}
	if m.srv.Append("INBOX", nil, now, s.message(1000, now)) == 0 {
		return errors.New("append on the demo server: refused")
	}
	for _, msg := range m.srv.Messages("INBOX") {
		switch subjectOf(msg.Content) {
		case subjectMerge:
			if !m.srv.StoreFlags("INBOX", msg.UID, []string{`\Flagged`}, nil) {
				return errors.New("store flags on the demo server: refused")
			}
		case subjectApart:
			if m.srv.Move("INBOX", msg.UID, "Lists/books") == 0 {
				return errors.New("move on the demo server: refused")
			}
		}
	}
	return nil
}

func (m *demo) second(ctx context.Context) error {
	m.tell("What would a sync do now?")
	if err := m.satchel(ctx, "plan"); err != nil {
		return err
	}
	m.tell("Nothing was changed by that. This does it:")
	if err := m.satchel(ctx, "sync"); err != nil {
		return err
	}
	m.tell("Where both sides had changed the same message, it was settled like this:")
	if err := m.satchel(ctx, "conflicts"); err != nil {
		return err
	}
	m.tell("Another sync finds nothing to do.")
	if err := m.satchel(ctx, "sync"); err != nil {
		return err
	}
	return m.satchel(ctx, "status")
}

// compare is the proof, and the end.
func (m *demo) compare(d *deps, keep bool) error {
	messages, mailboxes, differences, err := verify(m.srv, m.mail)
	if err != nil {
		return err
	}
	code := exitOK
	if len(differences) > 0 {
		code = exitPartly
	}
	if d.flags.json {
		err = d.object(demoObject{m.dir, keep, messages, mailboxes, nonNil(differences), code})
		return errors.Join(err, exited(code))
	}
	for _, line := range differences {
		d.say("demo: %s", line)
	}
	if code != exitOK {
		d.say("demo: the sides do not agree; the folder is %s", m.dir)
		return exited(code)
	}
	m.tell("Both sides, compared byte by byte and flag by flag:")
	d.result("verified: %d messages, %d mailboxes agree", messages, mailboxes)
	if keep {
		m.tell("Look around in %s, or ask what is known without the server:", m.dir)
		m.command("XDG_STATE_HOME=" + filepath.Join(m.dir, "state") + " satchel --config " + m.deps.flags.config + " status -v")
		m.tell("Remove it with:")
		m.command("rm -r " + m.dir)
	}
	return nil
}

func (m *demo) find(subject string) (string, error) {
	_, files, err := readMaildir(m.mail)
	if err != nil {
		return "", err
	}
	for _, f := range files {
		if f.subject == subject {
			return f.path, nil
		}
	}
	return "", fmt.Errorf("the message %q did not reach the disk", subject)
}

// rel is a path as seen from the folder of the demo.
func (m *demo) rel(path string) string {
	if rel, err := filepath.Rel(m.dir, path); err == nil {
		return rel
	}
	return path
}
