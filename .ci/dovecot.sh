#!/usr/bin/env bash
# Makes sure that the tests find a Dovecot: the one that is there; else, as
# root, Debian's; else Debian's packages unpacked into .cache/dovecot. Where
# none of that works it says so, and the tests that need it are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
dest=$PWD/.cache/dovecot
. .ci/debian.sh

usable() { # DOVECOT-PROGRAM: is there an IMAP part to it?
  local root
  [ -x "$1" ] || return 1
  root=$(dirname "$(dirname "$1")")
  [ -x "$root/lib/dovecot/imap" ] || [ -x "$root/libexec/dovecot/imap" ]
}

present() {
  local p
  for p in "$(command -v dovecot || true)" /usr/sbin/dovecot /usr/local/sbin/dovecot "$dest/usr/sbin/dovecot"; do
    if usable "$p"; then return 0; fi
  done
  return 1
}

give_up() {
  cat >&2 <<EOF

*** There is no Dovecot here, and it could not be fetched:
***   $1
*** All tests against a real IMAP server will be SKIPPED.
*** Install Dovecot 2.3 with its IMAP part, or set SATCHEL_DOVECOT.

EOF
  exit 0
}

if [ -n "${SATCHEL_DOVECOT:-}" ]; then
  exit 0 # the tests say if it is not usable
fi
if present; then
  exit 0
fi
have_debian || give_up "this system has no apt-get"
if [ "$(id -u)" = 0 ]; then
  echo "installing dovecot-imapd" >&2
  install_as_root dovecot-imapd || give_up "apt-get install dovecot-imapd failed"
else
  echo "unpacking dovecot into .cache/dovecot" >&2
  unpack_as_user "$dest" usr/sbin/dovecot dovecot-core dovecot-imapd || give_up "apt-get download failed"
fi
present || give_up "what apt-get delivered is not usable"
