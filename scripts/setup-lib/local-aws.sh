LOCAL_AWS_VERSION=1.5.33
LOCAL_AWS_REQUIREMENTS=scripts/setup-lib/local-aws.txt

# A Python venv with the local AWS; every wheel is pinned by version and hash.
ensure_local_aws() {
  local stamp=.cache/venv/.requirements
  if ! cmp -s "$LOCAL_AWS_REQUIREMENTS" "$stamp" || [ ! -x .cache/venv/bin/ministack ]; then
    has_command python3 && python3 -c 'import ensurepip, venv' 2>/dev/null ||
      install_system_packages python3 python3-venv
    installing "the local AWS (MiniStack $LOCAL_AWS_VERSION) into .cache/venv"
    rm -rf .cache/venv
    quietly python3 -m venv .cache/venv || fail "python3 -m venv .cache/venv did not succeed"
    quietly .cache/venv/bin/python -m pip install --require-hashes --only-binary :all: \
      --no-input -r "$LOCAL_AWS_REQUIREMENTS" || fail "pip could not install $LOCAL_AWS_REQUIREMENTS"
    cp "$LOCAL_AWS_REQUIREMENTS" "$stamp"
  fi
  found "the local AWS, MiniStack $LOCAL_AWS_VERSION"
}
