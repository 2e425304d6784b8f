package plan_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"satchel/conflict"
	"satchel/sync/mail"
	"satchel/sync/plan"
)

// section is base, local or remote.
type section struct {
	mailboxes map[string]bool
	was       map[string]string // mailbox -> its name in the base, as the side proves
	letters   map[string]letter
}

func newSection() section {
	return section{mailboxes: map[string]bool{}, was: map[string]string{}, letters: map[string]letter{}}
}

type scenario struct {
	// The base as each side held it; only flags may differ.
	baseLocal, baseRemote section
	local, remote         section
	in                    plan.Input // policy and the like
	holds                 map[string]mail.Flags
	readOnly, frozen      map[string]bool
	oneSided              bool
	want                  string
}

func parseScenario(a *txtar.Archive) (*scenario, error) {
	s := &scenario{holds: map[string]mail.Flags{}, readOnly: map[string]bool{}, frozen: map[string]bool{},
		baseLocal: newSection(), baseRemote: newSection(), local: newSection(), remote: newSection()}
	s.in.MaxDeletePercent = 50
	for line := range strings.Lines(string(a.Comment)) {
		s.oneSided = s.oneSided || strings.HasPrefix(line, "one-sided: ")
	}
	for _, f := range a.Files {
		var err error
		text := string(f.Data)
		switch f.Name {
		case "base":
			if err = s.baseLocal.parse(text, "@local"); err == nil {
				err = s.baseRemote.parse(text, "@remote")
			}
		case "local":
			err = s.local.parse(text, "")
		case "remote":
			err = s.remote.parse(text, "")
		case "policy":
			err = s.parsePolicy(text)
		case "want":
			s.want = text
		default:
			err = fmt.Errorf("unknown")
		}
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", f.Name, err)
		}
	}
	return s, nil
}

// parse reads the lines of a section. A flag with a suffix is only for the
// side that the suffix names.
func (sec section) parse(text, suffix string) error {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < 2 {
			return fmt.Errorf("%q: want a name and a mailbox", line)
		}
		sec.mailboxes[f[1]] = true
		if f[0] == "mailbox" {
			if len(f) == 4 && f[2] == "was" {
				sec.was[f[1]] = f[3]
			}
			continue
		}
		var flags []string
		for _, x := range f[2:] {
			name, side, only := strings.Cut(x, "@")
			if !only || "@"+side == suffix {
				flags = append(flags, name)
			}
		}
		name, copyOf, _ := strings.Cut(f[0], "=")
		names, err := expand(name)
		if err != nil {
			return err
		}
		for _, n := range names {
			if _, twice := sec.letters[n]; twice {
				return fmt.Errorf("%s is there twice", n)
			}
			sec.letters[n] = letter{mailbox: f[1], flags: mail.NewFlags(flags...), copyOf: copyOf}
		}
	}
	return nil
}

// expand turns m1..m3 into m1 m2 m3.
func expand(name string) ([]string, error) {
	from, to, many := strings.Cut(name, "..")
	if !many {
		return []string{name}, nil
	}
	stem := strings.TrimRight(from, "0123456789")
	lo, err1 := strconv.Atoi(from[len(stem):])
	hi, err2 := strconv.Atoi(strings.TrimPrefix(to, stem))
	if err1 != nil || err2 != nil || hi < lo {
		return nil, fmt.Errorf("%q is no range", name)
	}
	var names []string
	for i := lo; i <= hi; i++ {
		names = append(names, stem+strconv.Itoa(i))
	}
	return names, nil
}

func (s *scenario) parsePolicy(text string) error {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		p := &s.in.Policy
		switch strings.Join(f[:min(2, len(f))], " ") {
		case "edit_vs_delete keep":
			p.EditVsDelete = conflict.Keep
		case "edit_vs_delete delete":
			p.EditVsDelete = conflict.Delete
		case "delete expunge":
			p.Removal = conflict.Expunge
		case "delete trash", "delete auto":
			p.Removal = map[string]conflict.Removal{"trash": conflict.Trash, "auto": conflict.Auto}[f[1]]
			if len(f) > 2 {
				s.in.Trash = f[2]
			}
		case "mailbox_delete never":
			p.MailboxDelete = conflict.Never
		case "mailbox_delete empty":
			p.MailboxDelete = conflict.WhenEmpty
		case "mailbox_delete always":
			p.MailboxDelete = conflict.Always
		default:
			switch f[0] {
			case "max_delete_percent":
				n, err := strconv.Atoi(f[1])
				if err != nil {
					return err
				}
				s.in.MaxDeletePercent = n
			case "pull":
				s.in.Pull = true
			case "push":
				s.in.Push = true
			case "local-blind":
				s.in.LocalBlind = true
			case "only":
				s.in.Only = f[1:]
			case "holds":
				s.holds[f[1]] = mail.NewFlags(f[2:]...)
			case "read-only":
				s.readOnly[f[1]] = true
			case "frozen":
				s.frozen[f[1]] = true
			default:
				return fmt.Errorf("%q is no policy", line)
			}
		}
	}
	return nil
}
