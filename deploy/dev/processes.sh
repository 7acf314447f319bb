# shellcheck shell=bash
# Carillon's own processes: what each is given, start, readiness, stop.

# In the order of their start: who is called stands before who calls.
PROCESSES=(sandbox api worker poller escalator aggregator)

binary_of() { printf 'carillon-%s' "$1"; }
log_of() { printf '%s/carillon-%s.log' "$LOGS" "$1"; }
health_port_of() { printf '%s' "$(<"$DEV/ports/$1.health")"; }

# The path of the binary as it was when the process was started (a later `up` may build elsewhere).
process_mark() { printf ' %s ' "$(<"$RUN/carillon-$1.binary")"; }

process_pid() {
  [[ -s $RUN/carillon-$1.binary ]] && pid_in "$RUN/carillon-$1.pid" "$(process_mark "$1")"
}

# The settings that make a development set-up; whatever the caller has exported wins.
development_settings() {
  local format=$1
  printf '%s\n' \
    "CARILLON__API__LINGER_MS=${CARILLON__API__LINGER_MS:-0}" \
    "CARILLON__RETRY__SCALE=${CARILLON__RETRY__SCALE:-0.02}" \
    "CARILLON__SHUTDOWN__DRAIN_S=${CARILLON__SHUTDOWN__DRAIN_S:-12}" \
    "CARILLON__TELEMETRY__LOG_FORMAT=${CARILLON__TELEMETRY__LOG_FORMAT:-$format}"
}

# Picks the ports; those of a former run stay if they are free.
choose_process_ports() {
  local name
  mkdir -p "$DEV/ports"
  for name in "${PROCESSES[@]}"; do keep_port "$DEV/ports/$name.health" >/dev/null || return; done
  keep_port "$DEV/ports/sandbox" >/dev/null || return
  keep_port "$DEV/ports/api" 6011 >/dev/null
}

start_process() {
  local name=$1 bin_dir=$2 format=$3 binary own=()
  binary=$bin_dir/$(binary_of "$name")
  mapfile -t own < <(development_settings "$format")
  own+=("CARILLON__HEALTH__LISTEN=127.0.0.1:$(health_port_of "$name")" "CARILLON__SANDBOX__URL=$SANDBOX_URL")
  case $name in
    api) own+=("CARILLON__API__LISTEN=${CARILLON_URL#http://}" "CARILLON__API__ADMIN_TOKEN=$ADMIN_TOKEN") ;;
    sandbox)
      own+=("CARILLON__SANDBOX__LISTEN=${SANDBOX_URL#http://}" "CARILLON__SANDBOX__LOG_FILE=$DEV/sandbox.log"
        "CARILLON__SANDBOX__CALLBACK_URL=$CARILLON_URL/callbacks/sandbox")
      ;;
  esac
  printf '%s\n' "$binary" >"$RUN/carillon-$name.binary"
  (cd "$ROOT" && exec env "${own[@]}" setsid "$binary") >>"$(log_of "$name")" 2>&1 </dev/null 9>&- &
  printf '%s\n' "$!" >"$RUN/carillon-$name.pid"
  disown "$!"
}

process_is_ready() {
  curl -fsS -m 2 -o /dev/null "http://127.0.0.1:$(health_port_of "$1")/readyz" 2>/dev/null
}

wait_until_ready() {
  local name=$1 from why=""
  from=$(now_ms)
  until process_is_ready "$name"; do
    if ! process_pid "$name" >/dev/null; then
      why="has ended"
    elif (($(now_ms) - from > 60000)); then
      why="is not ready after 60 s (it answers: $(curl -sS -m 2 "http://127.0.0.1:$(health_port_of "$name")/readyz" 2>&1 | head -c 300))"
    fi
    if [[ -n $why ]]; then
      note "    carillon-$name $why"
      last_lines "$(log_of "$name")" 30
      return 1
    fi
    sleep 0.1
  done
}

# The whole set, restarted: what ran before may be another build with other settings.
start_processes() {
  local bin_dir=$1 format=$2 name
  for name in "${PROCESSES[@]}"; do start_process "$name" "$bin_dir" "$format"; done
  for name in "${PROCESSES[@]}"; do
    step "carillon-$name is ready" wait_until_ready "$name" || return
  done
}

# SIGTERM lets a process drain. The sandbox goes last: a draining worker still calls it.
stop_processes() {
  local name
  for name in api poller escalator aggregator worker; do terminate_process "$name"; done
  for name in api poller escalator aggregator worker; do reap_process "$name"; done
  terminate_process sandbox
  reap_process sandbox
}

terminate_process() {
  local pid
  if pid=$(process_pid "$1"); then kill -TERM "$pid" 2>/dev/null || true; fi
}

reap_process() {
  local name=$1 pid mark
  if pid=$(process_pid "$name"); then
    mark=$(process_mark "$name")
    if ! wait_until_gone "$pid" "$mark" 15; then
      say "  carillon-$name did not drain within 15 s and is killed"
      kill -KILL "$pid" 2>/dev/null || true
      wait_until_gone "$pid" "$mark" 5 || true
    fi
  fi
  rm -f "$RUN/carillon-$name.pid" "$RUN/carillon-$name.binary"
}
