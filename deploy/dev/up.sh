# shellcheck shell=bash
# `up` and what belongs to it: down, env, status, logs, psql, rabbitmqctl.

verb_up() {
  local attach="" profile=debug argument kind from
  for argument in "$@"; do
    case $argument in
      --attach) attach=yes ;;
      --release) profile=release ;;
      *) die "up: unknown argument '$argument' (./dev up [--attach] [--release])" ;;
    esac
  done
  from=$(now_ms)
  kind=$(servers_kind)
  mkdir -p "$LOGS" "$RUN"
  lock "$DEV/up.lock" "./dev up or down"

  if [[ $kind == private ]]; then install_missing servers; else install_missing none; fi
  local bin_dir
  on_signals_exit
  build "$profile" --bins
  bin_dir=$(target_dir)/$profile

  if [[ -n $attach ]]; then trap 'stop_everything' EXIT; fi
  say "Starting"
  stop_processes
  start_servers "$kind" || die "the servers did not start"
  choose_process_ports || die "no free ports"
  record_environment "$kind"
  printf '%s' "$bin_dir" >"$DEV/bin_dir"
  load_environment
  step "carillon migrate" logged migrate "$bin_dir/carillon" migrate || die_with_log migrate "the migrations failed"
  ensure_demo_service "$bin_dir" || die_with_log seed "the demo service could not be created"
  load_environment

  local format=json
  rotate_logs
  if [[ -n $attach ]]; then
    format=pretty
    follow_logs
  fi
  start_processes "$bin_dir" "$format" || die "not every process became ready; ./dev logs shows more, ./dev down stops the rest"

  say "Sending"
  first_light "$bin_dir" || die "the first messages were not delivered; ./dev logs worker and ./dev logs api show more"
  print_next_steps "$(seconds_since "$from")"
  if [[ -n $attach ]]; then stay_attached; fi
}

start_servers() {
  local kind=$1
  if [[ $kind == given ]]; then
    say "  ok using the servers of DATABASE_URL and AMQP_URL; none is started"
    return 0
  fi
  start_pair "$UP_POSTGRES" "$UP_RABBITMQ" private "$LOGS/postgres.log" "$LOGS/rabbitmq.log" "$UP_POSTGRES_SETTINGS" || return
  pg_ensure_database "$UP_POSTGRES" carillon || return
  DATABASE_URL=$(pg_url "$UP_POSTGRES" carillon)
  AMQP_URL=$(rmq_url "$UP_RABBITMQ")
}

# --- the recorded environment ------------------------------------------------------------

# Keys are made once and kept: data encrypted by a former run must stay readable.
record_environment() {
  local kind=$1 admin_token="" encryption_key="" signing_key="" file=$DEV/env
  if [[ -s $file ]]; then
    admin_token=$(recorded ADMIN_TOKEN)
    encryption_key=$(recorded CARILLON__SECURITY__ENCRYPTION_KEY)
    signing_key=$(recorded CARILLON__SANDBOX__SIGNING_KEY)
  fi
  local private=""
  if [[ $kind == private ]]; then private="$DATABASE_URL $AMQP_URL"; fi
  (
    umask 077
    {
      export_line CARILLON_URL "http://127.0.0.1:$(<"$DEV/ports/api")"
      export_line SANDBOX_URL "http://127.0.0.1:$(<"$DEV/ports/sandbox")"
      export_line CARILLON__SANDBOX__URL "http://127.0.0.1:$(<"$DEV/ports/sandbox")"
      export_line DATABASE_URL "$DATABASE_URL"
      export_line AMQP_URL "$AMQP_URL"
      export_line CARILLON_DEV_PRIVATE "$private"
      export_line ADMIN_TOKEN "${admin_token:-$(random_hex 32)}"
      export_line CARILLON__SECURITY__ENCRYPTION_KEY "${encryption_key:-$(random_base64 32)}"
      export_line CARILLON__SANDBOX__SIGNING_KEY "${signing_key:-$(random_hex 32)}"
      # Receivers of callbacks under development listen on this machine.
      export_line CARILLON__CALLBACKS__ALLOW_PRIVATE_TARGETS true
    } >"$file.new"
  )
  mv "$file.new" "$file"
}

export_line() { printf 'export %s=%s\n' "$1" "$(quote "$2")"; }

# One recorded value, without letting the whole file into this shell.
recorded() {
  (
    unset "$1"
    # shellcheck source=/dev/null
    . "$DEV/env"
    printf '%s' "${!1:-}"
  )
}

load_environment() {
  # shellcheck source=/dev/null
  . "$DEV/env"
  if [[ -s $DEV/demo.env ]]; then
    # shellcheck source=/dev/null
    . "$DEV/demo.env"
  fi
}

# The product shows a key once, so what the CLI prints the first time is all there ever is. It
# belongs to one database: another one needs a demo service of its own.
ensure_demo_service() {
  local bin_dir=$1 database=private
  if [[ -z $CARILLON_DEV_PRIVATE ]]; then database=$(hash_of "$DATABASE_URL"); fi
  if [[ -s $DEV/demo.env && -s $DEV/demo.database && $(<"$DEV/demo.database") == "$database" ]]; then return 0; fi
  rm -f "$DEV/demo.env"
  step "demo service, templates and keys" seed_demo "$bin_dir/carillon" || return
  printf '%s\n' "$database" >"$DEV/demo.database"
}

seed_demo() {
  local cli=$1 file=$DEV/demo.env name
  (umask 077 && "$cli" service demo --format env >"$file.new" 2>>"$LOGS/seed.log") || return
  for name in SERVICE_ID API_KEY API_KEY_TEAM API_KEY_TEST EMAIL_TEMPLATE_ID SMS_TEMPLATE_ID; do
    if ! grep -q "^export $name=." "$file.new"; then
      printf 'carillon service demo printed no %s\n' "$name" >>"$LOGS/seed.log"
      return 1
    fi
  done
  mv "$file.new" "$file"
}

logged() {
  local name=$1
  shift
  "$@" >>"$LOGS/$name.log" 2>&1
}

die_with_log() {
  last_lines "$LOGS/$1.log"
  die "$2"
}

# One generation of the processes' logs is kept, so that what is read is of this run.
rotate_logs() {
  local name
  for name in "${PROCESSES[@]}"; do
    if [[ -s $(log_of "$name") ]]; then mv "$(log_of "$name")" "$(log_of "$name").1"; fi
    : >"$(log_of "$name")"
  done
}

# --- the first messages ------------------------------------------------------------------

# With a key for tests: its messages go to the sandbox whatever providers are configured by now.
first_light() {
  local bin_dir=$1 email sms
  email=$(send email "{\"email_address\":\"first.light@example.com\",\"template_id\":\"$EMAIL_TEMPLATE_ID\",\"personalisation\":{\"name\":\"Ada\"}}") || return
  sms=$(send sms "{\"phone_number\":\"07700900123\",\"template_id\":\"$SMS_TEMPLATE_ID\",\"personalisation\":{\"name\":\"Ada\"}}") || return
  step "e-mail $email delivered" wait_until_delivered "$email" || return
  step "SMS $sms delivered" wait_until_delivered "$sms" || return
  say ""
  say "Timeline of the e-mail"
  "$bin_dir/carillon" timeline "$email" || return
  say ""
  say "Timeline of the SMS"
  "$bin_dir/carillon" timeline "$sms"
}

# Prints the id of the accepted notification.
send() {
  local channel=$1 body=$2 answer id
  answer=$(curl -sS -m 15 -X POST "$CARILLON_URL/$channel" -H "Authorization: ApiKey-v1 $API_KEY_TEST" \
    -H 'Content-Type: application/json' -d "$body" 2>&1) || { note "  POST /$channel failed: $answer"; return 1; }
  # The id stands at the end of the notification's own address; other ids are in the answer, too.
  id=$(grep -oE '/notifications/[0-9a-f-]{36}' <<<"$answer" | head -n 1) || true
  id=${id##*/}
  [[ -n $id ]] || { note "  POST /$channel was answered with: $answer"; return 1; }
  printf '%s' "$id"
}

wait_until_delivered() {
  local id=$1 from answer="" status=""
  from=$(now_ms)
  while (($(now_ms) - from < 30000)); do
    answer=$(curl -sS -m 5 "$CARILLON_URL/v2/notifications/$id" -H "Authorization: ApiKey-v1 $API_KEY_TEST" 2>&1) || true
    status=$(grep -oE '"status" *: *"[a-z-]+"' <<<"$answer" | head -n 1 | sed 's/.*"\([a-z-]*\)"$/\1/') || true
    case $status in
      delivered) return 0 ;;
      *failure | *-failed | cancelled) break ;;
    esac
    sleep 0.1
  done
  note "    $id is '${status:-unknown}' after $(seconds_since "$from"); last answer: $(head -c 500 <<<"$answer")"
  return 1
}

print_next_steps() {
  cat <<END

Carillon is up ($1).
  API            $CARILLON_URL
  sandbox        $SANDBOX_URL/messages    (what was "sent")
  logs           $LOGS

Next
  eval "\$(./dev env)"
  curl -X POST "\$CARILLON_URL/email" -H "Authorization: ApiKey-v1 \$API_KEY" -H 'Content-Type: application/json' \\
    -d "{\"email_address\":\"you@example.com\",\"template_id\":\"\$EMAIL_TEMPLATE_ID\",\"personalisation\":{\"name\":\"Ada\"}}"
  carillon send email --to you@example.com --template "\$EMAIL_TEMPLATE_ID" --set name=Ada --watch
  ./dev status    ./dev logs worker    ./dev psql    ./dev down
END
}

# --- in the foreground -------------------------------------------------------------------

FOLLOWERS=()

# In a session of their own: a Ctrl-C must not end them before the processes have drained.
follow_logs() {
  local name
  for name in "${PROCESSES[@]}"; do
    # shellcheck disable=SC2016
    setsid bash -c 'tail -n +1 -F "$2" 2>/dev/null | sed -u "s/^/$(printf "%-10s" "$1") | /"' follow "$name" "$(log_of "$name")" </dev/null 9>&- &
    FOLLOWERS+=("$!")
    disown "$!"
  done
}

stay_attached() {
  local name gone=""
  say ""
  say "Attached: Ctrl-C stops everything."
  while :; do
    for name in "${PROCESSES[@]}"; do
      if [[ " $gone " != *" $name "* ]] && ! process_pid "$name" >/dev/null; then
        say "carillon-$name has ended; the others go on (./dev up --attach restarts all)"
        gone="$gone $name"
      fi
    done
    # In the background, because bash handles a signal only between foreground commands.
    sleep 1 &
    wait "$!"
  done
}

stop_everything() {
  local status=$? follower
  trap '' INT TERM HUP
  # A server that is just being started has to be known before it can be stopped.
  wait
  say ""
  say "Stopping"
  step "Carillon's processes" stop_processes || true
  stop_private_servers || true
  for follower in ${FOLLOWERS[@]+"${FOLLOWERS[@]}"}; do kill -TERM -- "-$follower" 2>/dev/null || true; done
  # Leaving by Ctrl-C is the intended way out.
  if ((status == 130)); then status=0; fi
  exit "$status"
}

stop_private_servers() {
  local failed=""
  if rmq_pid "$UP_RABBITMQ" >/dev/null || [[ -e $UP_RABBITMQ/epmd.pid ]]; then step "RabbitMQ" rmq_stop "$UP_RABBITMQ" || failed=yes; fi
  if pg_pid "$UP_POSTGRES" >/dev/null; then step "PostgreSQL" pg_stop "$UP_POSTGRES" || failed=yes; fi
  [[ -z $failed ]]
}

# --- the other verbs ---------------------------------------------------------------------

verb_down() {
  local wipe=""
  case ${1:-} in
    "") ;;
    --wipe) wipe=yes ;;
    *) die "down: unknown argument '$1' (./dev down [--wipe])" ;;
  esac
  if [[ ! -d $DEV ]]; then
    say "Nothing to stop: ./dev up has not run here."
    return 0
  fi
  lock "$DEV/up.lock" "./dev up or down"
  say "Stopping"
  step "Carillon's processes" stop_processes || true
  stop_private_servers || die "a server did not stop"
  if [[ -n $wipe ]]; then
    exec 8>>"$DEV/test.lock"
    flock -n 8 || die "./dev test is at work in this checkout; its servers live in $DEV, so nothing is removed"
    destroy_test_servers
    if [[ -e $UP_POSTGRES ]]; then pg_destroy "$UP_POSTGRES" || die "PostgreSQL in $UP_POSTGRES did not stop"; fi
    local outside
    outside=$(outside_place)
    if [[ -d $outside && -O $outside ]]; then rm -rf "$outside"; fi
    rm -rf "$DEV"
    say "  ok removed $DEV"
  fi
}

need_up() {
  [[ -s $DEV/env && -s $DEV/demo.env ]] || die "there is nothing to show yet: run ./dev up first"
}

verb_env() {
  need_up
  cat "$DEV/env" "$DEV/demo.env"
  [[ -s $DEV/bin_dir ]] || return 0
  # Written out, not as $PATH, for readers that are no shell.
  local bin_dir
  bin_dir=$(<"$DEV/bin_dir")
  if [[ :$PATH: != *:$bin_dir:* ]]; then export_line PATH "$bin_dir:$PATH"; fi
}

verb_psql() {
  [[ -s $DEV/env ]] || die "there is no database yet: run ./dev up first"
  exec psql "$(recorded DATABASE_URL)" "$@"
}

verb_rabbitmqctl() {
  [[ -s $UP_RABBITMQ/node ]] || die "there is no private RabbitMQ here: run ./dev up first"
  rmq_ctl "$UP_RABBITMQ" "$@"
}

verb_logs() {
  local name=${1:-} files=()
  if [[ -n $name ]]; then
    files=("$LOGS/carillon-${name#carillon-}.log")
    if [[ ! -e ${files[0]} ]]; then files=("$LOGS/$name.log"); fi
    [[ -e ${files[0]} ]] || die "logs: no log of '$name' in $LOGS"
  else
    for name in "${PROCESSES[@]}"; do
      if [[ -e $(log_of "$name") ]]; then files+=("$(log_of "$name")"); fi
    done
    ((${#files[@]} > 0)) || die "there are no logs yet: run ./dev up first"
  fi
  exec tail -n 50 -F "${files[@]}"
}

verb_status() {
  local name pid all=yes
  if [[ ! -s $DEV/env ]]; then
    say "Nothing is up: ./dev up has not run here."
    return 1
  fi
  printf '%-20s %-6s %-8s %-6s %s\n' process state pid port ready
  if [[ -z $(recorded CARILLON_DEV_PRIVATE) ]]; then
    printf '%-20s %-6s\n' postgresql given rabbitmq given
  else
    pid=$(pg_pid "$UP_POSTGRES") || pid=""
    status_row postgresql "$pid" "$UP_POSTGRES/port" pg_query "$UP_POSTGRES" postgres -c 'select 1' || all=""
    pid=$(rmq_pid "$UP_RABBITMQ") || pid=""
    status_row rabbitmq "$pid" "$UP_RABBITMQ/port" rmq_answers "$(<"$UP_RABBITMQ/port")" || all=""
  fi
  for name in "${PROCESSES[@]}"; do
    pid=$(process_pid "$name") || pid=""
    status_row "carillon-$name" "$pid" "$DEV/ports/$name.health" process_is_ready "$name" || all=""
  done
  say ""
  say "API $(recorded CARILLON_URL)   sandbox $(recorded SANDBOX_URL)   (ports above of carillon-*: health)"
  [[ -n $all ]]
}

status_row() {
  local name=$1 pid=$2 port=- state=down ready=no
  if [[ -s $3 ]]; then port=$(<"$3"); fi
  shift 3
  if [[ -n $pid ]]; then
    state=up
    if "$@" >/dev/null 2>&1; then ready=yes; fi
  fi
  printf '%-20s %-6s %-8s %-6s %s\n' "$name" "$state" "${pid:--}" "$port" "$ready"
  [[ $ready == yes ]]
}
