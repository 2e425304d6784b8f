package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"satchel/cmd/config"
	mailsync "satchel/sync"
	"satchel/sync/imaptest"
)

// satchelCommand is this test's own binary under the name that makes it satchel
// (see TestMain), in surroundings of its own.
func satchelCommand(t testing.TB, home string, wrapper ...string) func(args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "satchel")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	return func(args ...string) *exec.Cmd {
		argv := append(append(wrapper[:len(wrapper):len(wrapper)], link), args...)
		cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
		cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"),
			"XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_STATE_HOME=" + filepath.Join(home, "state")}
		return cmd
	}
}

// TestVersionDoesLittle: what a start costs is what packages do before main and
// what building the commands does. Times belong to the machine; these do not.
func TestVersionDoesLittle(t *testing.T) {
	d := &deps{
		stdout: io.Discard, stderr: io.Discard, configPath: "/nowhere/config.toml", stateDir: "/nowhere/state", env: config.Env{Home: "/nowhere"},
		newEngine: func(mailsync.Account, mailsync.Options) (engine, error) {
			t.Error("version made an engine")
			return nil, io.EOF
		},
	}
	got := testing.AllocsPerRun(5, func() {
		if code := execute(t.Context(), d, []string{"version"}); code != exitOK {
			t.Errorf("exit code %d", code)
		}
	})
	if most := 375.0; got > most { // 339, and up to 363 with -race
		t.Errorf("version allocates %v times, at most %v", got, most)
	}

	// What all packages do before main, those of the tests included.
	cmd := satchelCommand(t, t.TempDir())("version")
	cmd.Env = append(cmd.Env, "GODEBUG=inittrace=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	// 2,244 of them are the tables that SCRAM prepares passwords with
	// (RFC 4013), which take 0.2 ms; 1,286 are everybody else's.
	allocs, most := 0, 3570
	worst := ""
	for _, m := range regexp.MustCompile(`init (\S+) .* (\d+) allocs`).FindAllStringSubmatch(stderr.String(), -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		allocs += n
		if n > 50 {
			worst += fmt.Sprintf(" %s %d", m[1], n)
		}
	}
	if allocs == 0 || allocs > most {
		t.Errorf("packages allocate %d times before main, at most %d:%s", allocs, most, worst)
	}
}

// TestVersionOpensNothing: no file of the user and no socket, as the kernel
// sees it.
func TestVersionOpensNothing(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	home := t.TempDir()
	trace := filepath.Join(t.TempDir(), "trace")
	out, err := satchelCommand(t, home, strace, "-f", "-qq", "-e", "signal=none", "-e", "trace=open,openat,socket,connect", "-o", trace)("version").CombinedOutput()
	if err != nil {
		t.Skipf("strace cannot trace here: %v\n%s", err, out)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		// The loader and Go's runtime look at the system; the XDG package
		// at a file that need not exist.
		system := regexp.MustCompile(`"(/etc|/proc|/sys|/dev|/lib|/lib64|/usr)/|ENOENT`).MatchString(line)
		if strings.Contains(line, "socket(") || strings.Contains(line, "connect(") || !system {
			t.Error(line)
		}
	}
}

// BenchmarkStart runs whole processes: version, and status of 500 mailboxes.
// They should take less than 10 and 30 ms.
func BenchmarkStart(b *testing.B) {
	home := b.TempDir()
	srv := imaptest.NewServer(imaptest.Options{})
	defer srv.Close()
	for i := range 500 {
		name := fmt.Sprintf("box%03d", i)
		if err := srv.CreateMailbox(name); err != nil {
			b.Fatal(err)
		}
		srv.Append(name, nil, time.Unix(1_700_000_000, 0), fmt.Appendf(nil, "Subject: %d\r\n\r\nx\r\n", i))
	}
	_, port, err := net.SplitHostPort(srv.Addr())
	if err != nil {
		b.Fatal(err)
	}
	text := os.Expand(homeConfig, func(name string) string { return map[string]string{"IMAP_PORT": port, "WORK": home}[name] })
	path := filepath.Join(home, "config", "satchel", "config.toml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	satchel := satchelCommand(b, home)
	for range 2 { // the second trusts the folders' stamps
		if out, err := satchel("sync").CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	for _, verb := range []string{"version", "status"} {
		b.Run(verb, func(b *testing.B) {
			for b.Loop() {
				if out, err := satchel(verb).CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
		})
	}
}
