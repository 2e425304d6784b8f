package judge

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"satchel/sync/simulate"
)

// Tool is a program that keeps an account and a Maildir the same.
type Tool struct {
	Name    string
	Program string   // a path, or a name to be looked for in PATH
	Version []string // arguments that make it say its version
	// Files are its configuration: contents by paths below the folder of the
	// history.
	Files func(Place) map[string]string
	// Args are its arguments for a kind of run; mailbox is for "run box".
	Args func(p Place, kind, mailbox string) []string
	Runs []string // the kinds of run that it knows, beside "run all"
	// Leaves are the kinds of event that it does not claim to understand, with where
	// that is written.
	Leaves map[string]string
	Claims simulate.Claims
	Flags  []int // those of the alphabet's flags that it keeps, by number
	// NewNames: mail programs beside it have to give a file another unique
	// part when they move or copy it.
	NewNames bool
	Alone    bool   // nothing may be changed while it runs
	State    string // where its state is, as sim.db, below the folder of the history; empty: events leave it alone
}

// Place is where a history happens.
type Place struct {
	Dir            string // the folder of the history; the Maildir is Mail in it
	Port           int    // of the server, on 127.0.0.1
	User, Password string
}

func (p Place) maildir() string { return filepath.Join(p.Dir, "Mail") }

// Tools is the table. The first one is the program of this repository, which
// is the file named.
func Tools(satchel string) []Tool {
	return []Tool{satchelTool(satchel), mbsyncTool(), offlineimapTool()}
}

// Installed reports whether the program is there.
func (t Tool) Installed() bool {
	_, err := exec.LookPath(t.Program)
	return err == nil
}

// Says returns the version that the program tells.
func (t Tool) Says() string {
	out, err := exec.Command(t.Program, t.Version...).CombinedOutput()
	if err != nil {
		return "unknown: " + err.Error()
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// configure writes the configuration.
func (t Tool) configure(p Place) error {
	for name, text := range t.Files(p) {
		path := filepath.Join(p.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return os.MkdirAll(p.maildir(), 0o700)
}

// command prepares a run, with nothing of the environment that it is started from.
func (t Tool) command(p Place, kind, mailbox string) *exec.Cmd {
	cmd := exec.Command(t.Program, t.Args(p, kind, mailbox)...)
	cmd.Dir = p.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.Dir, "TMPDIR=" + p.Dir, "LC_ALL=C.UTF-8"}
	return cmd
}

// foreign are events of which no program but satchel says anything.
func foreign(why string) map[string]string {
	m := map[string]string{}
	for _, k := range []string{
		"server rename", "server delete", "server anew", "server renumber", "server new world",
		"disk move folder", "disk drop folder", "disk link", "disk twin", "disk half", "disk no keywords",
		"disk more letters", "disk odd", "disk equal times", "state lost", "state old", "maildir old", "keep a copy",
	} {
		m[k] = why
	}
	return m
}
