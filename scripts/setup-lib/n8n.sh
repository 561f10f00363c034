# The real n8n, in a folder of its own: 2.8 GB and some six minutes, so nothing but `npm run test:n8n` asks for it.
# 2.41.3 does not install. Its packages may run no script of theirs but the two that it cannot start without.
readonly N8N_VERSION=2.40.5

ensure_n8n() {
  local folder=.cache/n8n
  if [ "$(cat "$folder/installed" 2>/dev/null)" != "$N8N_VERSION" ]; then
    installing "n8n $N8N_VERSION (6 minutes, 2.8 GB)"
    mkdir -p "$folder"
    echo '{"private":true}' >"$folder/package.json"
    (
      cd "$folder" &&
        quietly npm install --ignore-scripts --no-audit --no-fund "n8n@$N8N_VERSION" node@24.21.0 &&
        quietly npm rebuild sqlite3 node
    ) || fail "n8n did not install; check the network or the registry, then run this again"
    echo "$N8N_VERSION" >"$folder/installed"
  fi
  found "n8n $N8N_VERSION"
}
