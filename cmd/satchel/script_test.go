package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"satchel/sync/imaptest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"satchel": main})
}

// TestScript runs the promises of the command line, one script each. Every
// script has a server of its own, user ann and password secret, at
// 127.0.0.1:$IMAP_PORT, and beside the usual commands:
//
//	configure [FILE]            install FILE as the configuration (0600), with $VARIABLES replaced; without
//	                            FILE, an account "home" on the server with its Maildir in mail/
//	exits CODE COMMAND ARG...   run a command and want this exit code
//	imap create MAILBOX
//	imap append MAILBOX FLAGS FILE         flags separated by commas, - for none
//	imap fill MAILBOX N                    append N seen messages
//	imap flag MAILBOX UID +FLAG|-FLAG...
//	imap move MAILBOX UID TO
//	imap expunge MAILBOX UID
//	imap stop MAILBOX                      the server is gone; MAILBOX is ignored
//	imap list MAILBOX                      UID, flags and subject of each message, to stdout
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			srv := imaptest.NewServer(imaptest.Options{})
			env.Defer(srv.Close)
			env.Values["imap"] = srv
			_, port, err := net.SplitHostPort(srv.Addr())
			env.Setenv("IMAP_PORT", port)
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"configure": scriptConfigure,
			"exits":     scriptExits,
			"imap":      scriptIMAP,
		},
	})
}

const homeConfig = `[accounts.home]
host = "127.0.0.1"
port = $IMAP_PORT
tls = "none"
user = "ann"
password = "secret"
maildir = "$WORK/mail"
fsync = false
`

func scriptConfigure(ts *testscript.TestScript, _ bool, args []string) {
	text := homeConfig
	if len(args) > 0 {
		text = ts.ReadFile(args[0])
	}
	path := filepath.Join(ts.Getenv("XDG_CONFIG_HOME"), "satchel", "config.toml")
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, []byte(os.Expand(text, ts.Getenv)), 0o600))
}

func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func scriptIMAP(ts *testscript.TestScript, _ bool, args []string) {
	srv, ok := ts.Value("imap").(*imaptest.Server)
	if !ok || len(args) < 2 {
		ts.Fatalf("usage: imap create|append|fill|flag|move|expunge|stop|list MAILBOX ...")
	}
	mailbox, rest := args[1], args[2:]
	uid := func() uint32 {
		n, err := strconv.ParseUint(rest[0], 10, 32)
		ts.Check(err)
		return uint32(n)
	}
	switch args[0] {
	case "create":
		ts.Check(srv.CreateMailbox(mailbox))
	case "append":
		var flags []string
		if rest[0] != "-" {
			flags = strings.Split(rest[0], ",")
		}
		content := bytes.ReplaceAll([]byte(ts.ReadFile(rest[1])), []byte("\n"), []byte("\r\n"))
		if srv.Append(mailbox, flags, time.Unix(1_700_000_000, 0), content) == 0 {
			ts.Fatalf("append refused")
		}
	case "fill":
		n, err := strconv.Atoi(rest[0])
		ts.Check(err)
		for i := range n {
			srv.Append(mailbox, []string{`\Seen`}, time.Unix(1_700_000_000, 0), fmt.Appendf(nil, "Subject: %s %d\r\n\r\nbody %d\r\n", mailbox, i+1, i+1))
		}
	case "flag":
		var add, remove []string
		for _, f := range rest[1:] {
			if name, ok := strings.CutPrefix(f, "+"); ok {
				add = append(add, name)
			} else {
				remove = append(remove, strings.TrimPrefix(f, "-"))
			}
		}
		if !srv.StoreFlags(mailbox, uid(), add, remove) {
			ts.Fatalf("store refused")
		}
	case "move":
		if srv.Move(mailbox, uid(), rest[1]) == 0 {
			ts.Fatalf("move refused")
		}
	case "expunge":
		if srv.Expunge(mailbox, uid()) != 1 {
			ts.Fatalf("there is no such message")
		}
	case "stop":
		srv.Close()
	case "list":
		stdout := ts.Stdout() // asked for even if nothing is listed, which clears it
		for _, m := range srv.Messages(mailbox) {
			printLine(stdout, "%d [%s] %s", m.UID, strings.Join(m.Flags, " "), subjectOf(m.Content))
		}
	default:
		ts.Fatalf("imap: unknown command %s", args[0])
	}
}
