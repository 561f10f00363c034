# npm puts node_modules/.bin first on the PATH of its scripts, so the package `node` decides which Node they run on,
# even when that folder did not exist as npm started.
ensure_node_packages() {
  if ! npm_packages_match_lock; then
    installing "npm packages (npm ci)"
    quietly npm ci --no-audit --no-fund --prefer-offline ||
      fail "npm ci did not succeed; check the network or the registry, then run this again"
  fi
  local version
  version=$(node_modules/.bin/node --version 2>/dev/null || true)
  case "$version" in
  v24.*) found "Node $version, npm packages as locked" ;;
  *) fail "node_modules/.bin/node is '${version:-missing}', expected v24; remove node_modules and run this again" ;;
  esac
}

# Compares versions, not file times: a checkout or a merge touches the lock file without changing it.
npm_packages_match_lock() {
  [ -f node_modules/.package-lock.json ] && [ -x node_modules/.bin/node ] || return 1
  node scripts/setup-lib/match-lock.cjs
}
