# shellcheck shell=bash
# `lint`: everything is run even after a failure, so that one run shows all there is to mend.

verb_lint() {
  (($# == 0)) || die "lint takes no arguments"
  install_missing none
  on_signals_exit
  LINT_FAILED=() LINT_SKIPPED=()
  check "formatting" cargo fmt --all --check
  check "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
  RUSTDOCFLAGS="-D warnings" check "documentation" cargo doc --workspace --no-deps --locked
  if [[ ! -e $ROOT/deny.toml ]]; then
    LINT_SKIPPED+=("licences and duplicates (there is no deny.toml)")
  elif cargo deny --version >/dev/null 2>&1; then
    check "licences and duplicates" cargo deny --offline check licenses bans sources
  else
    LINT_SKIPPED+=("licences and duplicates (cargo-deny is not installed)")
  fi
  if command -v shellcheck >/dev/null; then
    local scripts
    mapfile -t scripts < <(shell_scripts)
    # Not SC2034 and SC2120: it sees one file at a time, and these are sourced together.
    check "shell scripts" shellcheck -x -S warning -e SC2034,SC2120 "${scripts[@]}"
  else
    LINT_SKIPPED+=("shell scripts (shellcheck is not installed)")
  fi

  if ((${#LINT_SKIPPED[@]} > 0)); then printf 'skipped: %s\n' "${LINT_SKIPPED[@]}"; fi
  if ((${#LINT_FAILED[@]} > 0)); then
    printf 'FAILED: %s\n' "${LINT_FAILED[@]}"
    return 1
  fi
  say "./dev lint: passed"
}

# Every file of the repository whose first line says that it is a shell script, whatever its name.
shell_scripts() (
  cd "$ROOT" || exit
  find . \( -path ./.git -o -path ./.dev -o -path ./target -o -path ./deploy/compose/secrets \) -prune -o -type f \
    -exec awk 'FNR == 1 { if (/^#!.*sh$|^# shellcheck shell=/) print FILENAME; nextfile }' {} + | sort
)

check() {
  local what=$1 from
  shift
  from=$(now_ms)
  say "Checking $what: $*"
  if interruptible "$@"; then
    say "  ok $what ($(seconds_since "$from"))"
  else
    say "  FAILED $what ($(seconds_since "$from"))"
    LINT_FAILED+=("$what")
  fi
}
