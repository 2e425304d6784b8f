#!/usr/bin/env bash
# Makes sure that the tests find a Dovecot: the one that is there; else, as
# root, Debian's; else Debian's packages unpacked into .cache/dovecot. Where
# none of that works it says so, and the tests that need it are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
dest=$PWD/.cache/dovecot

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

# Debian starts a server when it installs it. A test machine has no use for a
# public one, so services are told to stay down meanwhile.
install_as_root() {
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update &&
    apt-get -qq install -y --no-install-recommends dovecot-imapd >&2
}

# The packages, and the libraries among what they need that are not installed.
wanted() {
  local pkg
  echo dovecot-core
  echo dovecot-imapd
  apt-cache "$@" depends --recurse --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances dovecot-core dovecot-imapd |
    grep -E '^(lib|zlib)[a-z0-9.+-]*$' | sort -u | while read -r pkg; do
      case $(dpkg-query -W -f '${Status}' "$pkg" 2>/dev/null) in
        *' installed') ;;
        *) if apt-cache "$@" show "$pkg" >/dev/null 2>&1; then echo "$pkg"; fi ;;
      esac
    done
}

fetch() { # APT-OPTIONS: download and unpack into $work/root
  local pkgs deb
  pkgs=$(wanted "$@") || return 1
  # shellcheck disable=SC2086 # one word per package
  (cd "$work/debs" && apt-get "$@" -qq download $pkgs) >&2 || return 1
  for deb in "$work"/debs/*.deb; do
    dpkg -x "$deb" "$work/root" || return 1
  done
}

unpack_as_user() {
  local a
  work=$(mktemp -d "$dest.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/debs" "$work/root"
  if ! fetch; then
    # No package lists yet, and the system's are root's: have our own.
    a=$work/apt
    mkdir -p "$a/lists/partial" "$a/cache/archives/partial"
    set -- -o "Dir::State::Lists=$a/lists" -o "Dir::Cache=$a/cache"
    apt-get "$@" -qq update >&2 && fetch "$@" || return 1
  fi
  usable "$work/root/usr/sbin/dovecot" || return 1
  chmod 755 "$work/root"
  rm -rf "$dest"
  mv "$work/root" "$dest"
}

if [ -n "${SATCHEL_DOVECOT:-}" ]; then
  exit 0 # the tests say if it is not usable
fi
if present; then
  exit 0
fi
command -v apt-get >/dev/null && command -v dpkg >/dev/null || give_up "this system has no apt-get"
if [ "$(id -u)" = 0 ]; then
  echo "installing dovecot-imapd" >&2
  install_as_root || give_up "apt-get install dovecot-imapd failed"
else
  echo "unpacking dovecot into .cache/dovecot" >&2
  mkdir -p .cache
  unpack_as_user || give_up "apt-get download failed"
fi
present || give_up "what apt-get delivered is not usable"
