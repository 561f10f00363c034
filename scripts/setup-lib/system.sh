ensure_system_packages() {
  ensure_packages \
    flock:util-linux git:git redis-server:redis-server sshd:openssh-server ssh-keygen:openssh-client \
    sqlite3:sqlite3 openssl:openssl
  found "git, redis-server, sshd, sqlite3, openssl"
}

# Arguments are `command:package`; packages of the commands that are missing are installed together.
ensure_packages() {
  local pair missing=()
  for pair in "$@"; do
    has_command "${pair%%:*}" || missing+=("${pair#*:}")
  done
  [ ${#missing[@]} -eq 0 ] || install_system_packages "${missing[@]}"
}

has_command() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

install_system_packages() {
  local command="apt-get update && apt-get install -y --no-install-recommends $*"
  has_command apt-get || fail "these are missing and there is no apt here: $*; install them, then run this again"
  [ "$(id -u)" = 0 ] || fail "system packages are missing; run this, then set-up again: sudo sh -c '$command'"
  installing "system packages: $*"
  # A fresh machine has no package lists yet; what the first try says of that helps nobody.
  apt_install "$@" 2>/dev/null || {
    quietly apt-get update && apt_install "$@"
  } || fail "apt could not install them; run by hand to see why: $command"
}

# The rehearsal starts its own servers on free ports; the packages' services must not start.
apt_install() {
  local policy=/usr/sbin/policy-rc.d own=no result=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    own=yes
  fi
  DEBIAN_FRONTEND=noninteractive quietly apt-get install -y --no-install-recommends \
    -o DPkg::Lock::Timeout=120 "$@" || result=$?
  [ "$own" = no ] || rm -f "$policy"
  return "$result"
}
