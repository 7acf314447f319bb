# shellcheck shell=bash
# Building, and where the binaries end up.

BINARIES=(carillon carillon-api carillon-worker carillon-poller carillon-escalator carillon-aggregator carillon-sandbox)
FAILPOINTS=carillon-api/failpoints,carillon-worker/failpoints,carillon-poller/failpoints

# Asks cargo, because CARGO_TARGET_DIR, a config file or a relative path may all have a say.
target_dir() {
  (cd "$ROOT" && cargo metadata --format-version 1 --no-deps --locked) |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# Shows cargo's own progress. $1 is debug or release, the rest goes to cargo.
build() {
  local profile=$1 target from
  shift
  target=$(target_dir) || die "cargo metadata failed"
  if [[ ! -x $target/$profile/carillon-api ]]; then
    if [[ $profile == release ]]; then
      say "First optimised build: about 15 to 20 minutes on 2 cores, less on more; later ones are quick."
    else
      say "First build: about 5 to 8 minutes on 2 cores, less on more; later ones are quick."
    fi
  fi
  if [[ $profile == release ]]; then set -- --release "$@"; fi
  from=$(now_ms)
  say "Building ($profile): cargo build --workspace --locked $*"
  interruptible cargo build --workspace --locked "$@" || die "the build failed"
  say "  ok built ($(seconds_since "$from"))"
}

# Runs a long command so that Ctrl-C and SIGTERM reach it at once and all of it: bash would
# otherwise see a SIGTERM only after the command has ended. Job control gives it a process
# group of its own, which is then ours to signal.
interruptible() {
  local pid status=0
  set -m
  (cd "$ROOT" && exec "$@") </dev/null 9>&- &
  pid=$!
  set +m
  FOREGROUND=$pid
  wait "$pid" || status=$?
  FOREGROUND=""
  return "$status"
}

FOREGROUND=""
stop_foreground() {
  [[ -n $FOREGROUND ]] || return 0
  kill -INT -- "-$FOREGROUND" 2>/dev/null || true
  local from
  from=$(now_ms)
  while kill -0 -- "-$FOREGROUND" 2>/dev/null && (($(now_ms) - from < 10000)); do sleep 0.1; done
  kill -KILL -- "-$FOREGROUND" 2>/dev/null || true
  FOREGROUND=""
}

# A signal ends the script through its EXIT trap, so that there is one place that cleans up.
on_signals_exit() {
  trap 'stop_foreground; exit 130' INT
  trap 'stop_foreground; exit 143' TERM
  trap 'stop_foreground; exit 129' HUP
}
