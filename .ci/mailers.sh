#!/usr/bin/env bash
# Makes sure that the tests find the mail programs that they run beside syncs:
# notmuch, neomutt, and tmux to drive it. Those that are there; else, as root,
# Debian's; else Debian's packages unpacked into .cache/mailers. Where none of
# that works it says so, and the tests that need them are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
dest=$PWD/.cache/mailers
. .ci/debian.sh

missing() {
  local p
  for p in notmuch neomutt tmux; do
    if ! command -v $p >/dev/null && [ ! -x "$dest/usr/bin/$p" ]; then echo $p; fi
  done
}

give_up() {
  cat >&2 <<EOT

*** There is no $(missing | xargs) here, and it could not be fetched:
***   $1
*** The tests beside these programs will be SKIPPED.

EOT
  exit 0
}

want=$(missing)
[ -n "$want" ] || exit 0
have_debian || give_up "this system has no apt-get"
if [ "$(id -u)" = 0 ]; then
  echo "installing" $want >&2
  # shellcheck disable=SC2086 # one word per package
  install_as_root $want || give_up "apt-get install failed"
else
  echo "unpacking notmuch, neomutt and tmux into .cache/mailers" >&2
  unpack_as_user "$dest" usr/bin/neomutt notmuch neomutt tmux || give_up "apt-get download failed"
fi
[ -z "$(missing)" ] || give_up "what apt-get delivered is not usable"
