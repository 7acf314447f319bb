# shellcheck shell=bash
# What every part of ./dev stands on: places, messages, locks, ports and process identity.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# A test of this script may keep its state elsewhere; everybody else gets .dev in the checkout.
DEV=${CARILLON_DEV_DIR:-$ROOT/.dev}
[[ $DEV == /* ]] || DEV=$PWD/$DEV
LOGS=$DEV/logs
RUN=$DEV/run

# PostgreSQL runs under another account when we are root and has to walk into .dev; what must
# stay private (keys, passwords) gets mode 600 by name instead.
umask 022

say() { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }
die() { printf 'dev: %s\n' "$*" >&2; exit 1; }

now_ms() {
  if [[ -n ${EPOCHREALTIME:-} ]]; then
    local t=${EPOCHREALTIME//[!0-9]/}
    printf '%s' "$((t / 1000))"
  else
    printf '%s000' "$(date +%s)"
  fi
}

seconds_since() {
  local ms=$(($(now_ms) - $1))
  printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# Announces a step, runs it, and says how long it took. Its output is the step's own affair;
# a failure is returned, so callers write `step … || die …`.
step() {
  local what=$1 from status=0
  shift
  from=$(now_ms)
  if [[ -t 1 ]]; then printf '  .. %s' "$what"; fi
  "$@" || status=$?
  if [[ -t 1 ]]; then printf '\r'; fi
  if ((status == 0)); then
    printf '  ok %s (%s)\n' "$what" "$(seconds_since "$from")"
  else
    printf '  FAILED %s (%s)\n' "$what" "$(seconds_since "$from")"
  fi
  return "$status"
}

last_lines() {
  local file=$1 count=${2:-30}
  [[ -s $file ]] || { note "    ($file is empty)"; return 0; }
  note "    the last $count lines of $file:"
  tail -n "$count" "$file" | sed 's/^/    | /' >&2
}

# Single quotes, because `./dev env` is also read by shells that are not bash.
quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

random_hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
random_base64() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }
hash_of() { printf '%s' "$1" | sha256sum | cut -c1-10; }

# One holder at a time, on descriptor 9. Long-lived children must be started with 9>&-,
# otherwise they would hold the lock for as long as they live.
lock() {
  local file=$1 what=$2
  mkdir -p "$(dirname "$file")"
  while :; do
    exec 9>>"$file"
    if ! flock -n 9; then
      say "  .. another $what is at work in this checkout; waiting for it (up to an hour)"
      flock -w 3600 9 || die "another $what has held $file for an hour"
    fi
    # `down --wipe` may have removed the file we waited on; a lock nobody else sees is none.
    if [[ $file -ef /dev/fd/9 ]]; then return 0; fi
  done
}

# --- ports -------------------------------------------------------------------------------

port_is_busy() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port is promised to one server between our choice and its bind, also while several are
# started at once. A promise that old servers no longer need lapses after an hour.
promise_port() {
  local promises=$DEV/ports/promised
  mkdir -p "$promises"
  find "$promises" -type f -mmin +60 -delete 2>/dev/null || true
  (set -C && : >"$promises/$1") 2>/dev/null
}

# Below the range the kernel hands out for outgoing connections, so that none of those can
# take the port of a server which is down for a moment.
any_free_port() {
  local port tries
  for ((tries = 0; tries < 200; tries++)); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if ! port_is_busy "$port" && promise_port "$port"; then
      printf '%s' "$port"
      return 0
    fi
  done
  note "no free port between 20000 and 32000"
  return 1
}

# The port remembered in a file if it is still free, else the wanted one or the next free
# after it, else any.
keep_port() {
  local file=$1 wanted=${2:-} port=""
  if [[ -s $file ]]; then port=$(<"$file"); fi
  if [[ -z $port ]] || port_is_busy "$port"; then
    if [[ -n $wanted ]]; then
      port=$wanted
      while port_is_busy "$port"; do port=$((port + 1)); done
    else
      port=$(any_free_port) || return 1
    fi
    mkdir -p "$(dirname "$file")"
    printf '%s\n' "$port" >"$file"
  fi
  printf '%s' "$port"
}

# --- processes ---------------------------------------------------------------------------

command_line() {
  if [[ -d /proc/self ]]; then
    { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null || true
  else
    ps -o args= -p "$1" 2>/dev/null || true
  fi
}

# A number in a pid file proves nothing after a reboot. A process is ours only if its command
# line carries the mark we started it with; a zombie has none and so counts as gone.
is_ours() {
  local pid=$1 mark=$2
  [[ $pid =~ ^[0-9]+$ ]] || return 1
  [[ " $(command_line "$pid")" == *"$mark"* ]]
}

pid_in() {
  local file=$1 mark=$2 pid
  [[ -s $file ]] || return 1
  pid=$(<"$file")
  is_ours "$pid" "$mark" || return 1
  printf '%s' "$pid"
}

wait_until_gone() {
  local pid=$1 mark=$2 limit_ms=$(($3 * 1000)) from
  from=$(now_ms)
  while is_ours "$pid" "$mark"; do
    (($(now_ms) - from < limit_ms)) || return 1
    sleep 0.05
  done
}

children_of() {
  local status
  if [[ -d /proc/self ]]; then
    for status in /proc/[0-9]*/status; do
      if grep -qs "^PPid:[[:space:]]*$1\$" "$status"; then
        status=${status#/proc/}
        printf '%s\n' "${status%/status}"
      fi
    done
  else
    ps -A -o pid=,ppid= | awk -v parent="$1" '$2 == parent { print $1 }'
  fi
}
