package dovecot

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Tunnel is a shell command that runs Dovecot's imap program by itself, as a
// client behind ssh does: it greets with PREAUTH, as the user, with the mail of
// this server. The test is skipped where that program cannot be run.
func (s *Server) Tunnel(t testing.TB, user string) string {
	t.Helper()
	imap := filepath.Join(filepath.Dir(s.in.doveconf), "../lib/dovecot/imap")
	if s.in.relocated || !exists(imap) {
		t.Skip("dovecot: this installation has no imap program that runs by itself")
	}
	as := ""
	if s.id.uid != os.Getuid() {
		if _, err := exec.LookPath("setpriv"); err != nil {
			t.Skipf("dovecot: cannot run imap as another user: %v", err)
		}
		as = fmt.Sprintf("setpriv --reuid %d --regid %d --clear-groups", s.id.uid, s.id.gid)
	}
	return fmt.Sprintf("cd '%s' && exec env -i PATH=/usr/bin:/bin USER='%s' HOME='%s' %s '%s' -c '%s/dovecot.conf'",
		s.dir, user, s.Home(user), as, imap, s.dir)
}
