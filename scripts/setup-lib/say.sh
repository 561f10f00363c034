# To standard error: standard output belongs to the command that runs after it.
found() { printf 'setup: found      %s\n' "$*" >&2; }
installing() { printf 'setup: installing %s\n' "$*" >&2; }
skipping() { printf 'setup: skipping   %s\n' "$*" >&2; }
fail() {
  printf 'setup: failed: %s\n' "$*" >&2
  exit 1
}

# Runs a command quietly; its output is shown only when it fails.
quietly() {
  local log
  log=$(mktemp)
  if "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
    return 0
  fi
  tail -n 40 "$log" >&2
  rm -f "$log"
  return 1
}
