package dovecot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// builtinModules is the folder for loadable modules that Debian compiles into
// Dovecot's libraries.
const builtinModules = "/usr/lib/dovecot/modules"

// install is a Dovecot found on this machine.
type install struct {
	dovecot, doveconf, doveadm string // programs; doveadm may be ""

	// relocated: packages unpacked under prefix, while the programs believe to
	// be under /. Then libexec, modules and libs say where things really are.
	relocated bool
	libexec   string
	modules   string
	libs      []string
}

// find looks for a Dovecot that this package can drive.
func find() (install, error) {
	if runtime.GOOS != "linux" {
		return install{}, fmt.Errorf("tests with Dovecot need Linux, not %s", runtime.GOOS)
	}
	var candidates []string
	reason := errors.New("dovecot is neither in PATH nor in /usr/sbin or .cache/dovecot")
	if p := os.Getenv("SATCHEL_DOVECOT"); p != "" {
		candidates = []string{p} // what the user names is not replaced by another
		reason = fmt.Errorf("SATCHEL_DOVECOT names %s, which is no file", p)
	} else {
		if p, err := exec.LookPath("dovecot"); err == nil {
			candidates = append(candidates, p)
		}
		candidates = append(candidates, "/usr/sbin/dovecot", "/usr/local/sbin/dovecot")
		if root := repository(); root != "" {
			candidates = append(candidates, filepath.Join(root, ".cache/dovecot/usr/sbin/dovecot"))
		}
	}
	for _, c := range candidates {
		if st, err := os.Stat(c); err != nil || st.IsDir() {
			continue
		}
		in, err := probe(c)
		if err == nil {
			return in, nil
		}
		reason = err
	}
	return install{}, reason
}

// probe describes the installation that a dovecot program belongs to.
func probe(binary string) (install, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return install{}, err
	}
	in := install{dovecot: binary}
	// PREFIX/usr/sbin/dovecot with a PREFIX comes from unpacked packages; any
	// other place, such as /usr/local/sbin, is one that Dovecot was built for.
	bin := filepath.Join(filepath.Dir(filepath.Dir(binary)), "bin")
	if prefix, ok := strings.CutSuffix(binary, "/usr/sbin/dovecot"); ok && prefix != "" {
		in.relocated = true
		in.libexec = filepath.Join(prefix, "usr/lib/dovecot")
		in.modules = filepath.Join(in.libexec, "modules")
		in.libs = []string{in.libexec, filepath.Join(in.modules, "old-stats")}
		for _, pattern := range []string{"usr/lib/*-linux-*", "lib/*-linux-*"} {
			dirs, err := filepath.Glob(filepath.Join(prefix, pattern))
			if err != nil {
				return install{}, err
			}
			in.libs = append(in.libs, dirs...)
		}
	}
	in.doveconf = filepath.Join(bin, "doveconf")
	if p := filepath.Join(bin, "doveadm"); exists(p) {
		in.doveadm = p
	}
	// Debian packages the server and its IMAP part separately.
	root := filepath.Dir(bin)
	if !exists(filepath.Join(root, "lib/dovecot/imap")) && !exists(filepath.Join(root, "libexec/dovecot/imap")) {
		return install{}, fmt.Errorf("%s has no imap program in lib/dovecot or libexec/dovecot", binary)
	}
	if in.relocated && !exists(in.doveconf) {
		return install{}, fmt.Errorf("%s has no doveconf beside it", binary)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "--version")
	if in.relocated {
		cmd.Env = []string{"LD_LIBRARY_PATH=" + strings.Join(in.libs, ":")}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return install{}, fmt.Errorf("%s --version: %w: %s", binary, err, out)
	}
	if !strings.HasPrefix(string(out), "2.3.") {
		return install{}, fmt.Errorf("%s is version %s; these tests write a configuration for 2.3", binary, bytes.TrimSpace(out))
	}
	return in, nil
}

// relocate makes what unpacked packages need to run outside of their place:
// copies of the libraries that have the folder for modules compiled in, with that name
// overwritten by a shorter one, a link to the real folder.
func (s *Server) relocate() error {
	link := filepath.Join(s.dir, "m")
	if len(link) > len(builtinModules) {
		return fmt.Errorf("%s is longer than %s, which it has to replace", link, builtinModules)
	}
	if err := os.Symlink(s.in.modules, link); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(s.dir, "lib"), 0o755); err != nil {
		return err
	}
	if err := s.id.own(filepath.Join(s.dir, "lib")); err != nil {
		return err
	}
	libs, err := filepath.Glob(filepath.Join(s.in.libexec, "libdovecot*.so.0"))
	if err != nil {
		return err
	}
	old := []byte(builtinModules + "\x00")
	repl := make([]byte, len(old))
	copy(repl, link)
	for _, lib := range libs {
		b, err := os.ReadFile(lib)
		if err != nil {
			return err
		}
		if !bytes.Contains(b, old) {
			continue
		}
		if err := s.writeFile(filepath.Join("lib", filepath.Base(lib)), bytes.ReplaceAll(b, old, repl), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// libraryPath is LD_LIBRARY_PATH for a relocated installation.
func (s *Server) libraryPath() string {
	return strings.Join(append([]string{filepath.Join(s.dir, "lib")}, s.in.libs...), ":")
}

// repository is the folder of the checkout that the test runs in, "" when
// there is none: go test starts a test in the folder of its package.
func repository() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(b, []byte("module satchel\n")) {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
