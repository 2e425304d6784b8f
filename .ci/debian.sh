# Sourced by its siblings: how to come by Debian's packages for tests. As root
# they are installed; a normal user gets them unpacked into a folder.
# shellcheck shell=bash

# have_debian: is this a system with such packages?
have_debian() { command -v apt-get >/dev/null && command -v dpkg >/dev/null; }

# Debian starts a server when it installs it. A test machine has no use for a
# public one, so services are told to stay down meanwhile.
install_as_root() { # PACKAGE...
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update &&
    apt-get -qq install -y --no-install-recommends "$@" >&2
}

# The packages, and the libraries among what they need that are not installed.
wanted() { # PACKAGE... [-- APT-OPTIONS]
  local pkg pkgs=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do pkgs+=("$1") && shift; done
  [ $# = 0 ] || shift
  printf '%s\n' "${pkgs[@]}"
  apt-cache "$@" depends --recurse --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances "${pkgs[@]}" |
    grep -E '^(lib|zlib)[a-z0-9.+-]*$' | sort -u | while read -r pkg; do
      case $(dpkg-query -W -f '${Status}' "$pkg" 2>/dev/null) in
        *' installed') ;;
        *) if apt-cache "$@" show "$pkg" >/dev/null 2>&1; then echo "$pkg"; fi ;;
      esac
    done
}

fetch() { # FOLDER PACKAGE... [-- APT-OPTIONS]: download and unpack into FOLDER/root
  local folder=$1 pkgs deb
  shift
  pkgs=$(wanted "$@") || return 1
  while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
  [ $# = 0 ] || shift
  # shellcheck disable=SC2086 # one word per package
  (cd "$folder/debs" && apt-get "$@" -qq download $pkgs) >&2 || return 1
  for deb in "$folder"/debs/*.deb; do
    dpkg -x "$deb" "$folder/root" || return 1
  done
}

# unpack_as_user DEST PROGRAM PACKAGE...: PROGRAM, a path in DEST, has to be there.
unpack_as_user() {
  local dest=$1 program=$2 a
  shift 2
  mkdir -p "$(dirname "$dest")"
  work=$(mktemp -d "$dest.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/debs" "$work/tree"
  if ! fetch "$work" "$@"; then
    # No package lists yet, and the system's are root's: have our own.
    a=$work/apt
    mkdir -p "$a/lists/partial" "$a/cache/archives/partial"
    set -- "$@" -- -o "Dir::State::Lists=$a/lists" -o "Dir::Cache=$a/cache"
    apt-get -o "Dir::State::Lists=$a/lists" -o "Dir::Cache=$a/cache" -qq update >&2 && fetch "$work" "$@" || return 1
  fi
  [ -x "$work/tree/$program" ] || return 1
  chmod 755 "$work/tree"
  rm -rf "$dest"
  mv "$work/tree" "$dest"
}
