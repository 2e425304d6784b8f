package main

import (
	"os"
	"syscall"
)

// own gives a file to the one whom another file belongs to: Dovecot is
// another user when the test runs as root.
func own(r *rig, path string, like os.FileInfo) {
	r.Helper()
	if st, ok := like.Sys().(*syscall.Stat_t); ok {
		r.must(os.Lchown(path, int(st.Uid), int(st.Gid)))
	}
}
