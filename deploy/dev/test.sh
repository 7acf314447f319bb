# shellcheck shell=bash
# `test` and `prove`: the suite against servers of its own, which are made for one run.
#
#   .dev/test/postgres   .dev/test/rabbitmq          shared by the whole run
#   .dev/test/instances/{postgres,rabbitmq}-NAME     made by tests that need an outage (server-ctl)
#   .dev/test/binaries/                              what stories start as processes
#   .dev/python                                      stand-ins for AWS and a mail server, kept over runs
#   .dev/test/bin/{postgres,rabbitmq}-ctl            server-ctl with the places filled in

TEST=$DEV/test
TEST_LOGS=$LOGS/test
TEST_TEMPLATE=carillon_template
# Nothing here has to survive a power cut, and hundreds of tests hold connections at once.
TEST_POSTGRES_SETTINGS="fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 256MB
max_wal_size = 2GB
max_connections = 400
max_locks_per_transaction = 256
autovacuum = on"
# The long acceptance lines kill servers and time them, so they write as production does.
PROVE_POSTGRES_SETTINGS="fsync = on
shared_buffers = 512MB
max_wal_size = 4GB
max_connections = 400
max_locks_per_transaction = 256
autovacuum = on"

verb_test() {
  local command=(cargo test --workspace --locked --features "$FAILPOINTS" "$@") argument
  for argument in "$@"; do
    case $argument in
      --) break ;;
      -p | --package | -p?* | --package=*)
        # With --workspace cargo ignores -p and silently tests everything.
        note "With -p, cargo resolves features for that package alone: expect it to recompile some dependencies."
        command=(cargo test --locked "$@")
        break
        ;;
    esac
  done
  run_suite test "$TEST_POSTGRES_SETTINGS" "${command[@]}"
}

verb_prove() {
  export CARILLON_PROVE=1
  # --workspace keeps the features as `test` builds them; only one package has a target of that name.
  run_suite prove "$PROVE_POSTGRES_SETTINGS" cargo test --workspace --locked --features "$FAILPOINTS" \
    --test prove -- "${@//-/_}" --nocapture --test-threads 1
}

run_suite() {
  local what=$1 settings=$2 kind from status=0
  shift 2
  from=$(now_ms)
  kind=$(servers_kind)
  mkdir -p "$TEST_LOGS"
  lock "$DEV/test.lock" "./dev test or prove"
  if [[ $kind == private ]]; then install_missing servers; else install_missing none; fi
  need_command psql "the client of PostgreSQL (postgresql-client)"
  python_environment
  promtool_for_tests

  on_signals_exit
  trap 'finish_suite' EXIT
  destroy_test_servers
  local database=${DATABASE_URL:-} broker=${AMQP_URL:-}
  forget_callers_settings
  # With --tests in the same call cargo settles on one set of features for binaries and tests
  # alike, and compiles every dependency once instead of twice.
  build debug --bins --tests --features "$FAILPOINTS"
  keep_binaries
  say "Servers for the tests"
  write_server_ctl
  if [[ $kind == private ]]; then
    start_pair "$TEST/postgres" "$TEST/rabbitmq" "the tests'" "$TEST_LOGS/postgres.log" "$TEST_LOGS/rabbitmq.log" "$settings" ||
      die "the servers for the tests did not start"
    database=$(pg_url "$TEST/postgres" postgres)
    broker=$(rmq_url "$TEST/rabbitmq")
  fi
  step "template database" make_template_database "$database" || die_with_log test/migrate "the migrations failed"

  export CARILLON_TEST_POSTGRES=$database CARILLON_TEST_TEMPLATE=$TEST_TEMPLATE CARILLON_TEST_AMQP=$broker
  export CARILLON_TEST_BIN_DIR=$TEST/binaries
  export CARILLON_TEST_PYTHON=$PYTHON_ENV/bin/python CARILLON_TEST_STAND_INS=$ROOT/tests/stand-ins
  export CARILLON_TEST_PG_CTL=$TEST/bin/postgres-ctl CARILLON_TEST_RABBITMQ_CTL=$TEST/bin/rabbitmq-ctl
  say "Running: $*"
  interruptible "$@" || status=$?
  if ((status == 0)); then
    say "./dev $what: passed ($(seconds_since "$from"))"
  else
    say "./dev $what: FAILED, exit code $status ($(seconds_since "$from")); logs of the servers are in $TEST_LOGS"
  fi
  exit "$status"
}

finish_suite() {
  local status=$?
  # Asynchronous starters are left to finish, so that what they started is known and stopped.
  trap '' INT TERM HUP
  wait
  destroy_test_servers || true
  exit "$status"
}

# Also clears what a run left behind that was killed before it could clean up.
destroy_test_servers() {
  local dir pid pids=() failed=""
  [[ -d $TEST ]] || return 0
  stop_test_processes
  for dir in "$TEST/rabbitmq" "$TEST"/instances/rabbitmq-*; do
    [[ -d $dir ]] || continue
    rmq_destroy "$dir" &
    pids+=("$!")
  done
  for dir in "$TEST/postgres" "$TEST"/instances/postgres-*; do
    [[ -d $dir ]] || continue
    pg_destroy "$dir" &
    pids+=("$!")
  done
  for pid in ${pids[@]+"${pids[@]}"}; do wait "$pid" || failed=yes; done
  # What still runs must stay findable for the next attempt.
  if [[ -n $failed ]]; then
    note "a server in $TEST did not stop"
    return 1
  fi
  rm -rf "$TEST"
}

# Tests that were cut short cannot stop the processes they had started. Their binaries lie in
# a directory nobody else uses, which is how they are told from all other processes.
stop_test_processes() {
  local proc
  [[ -d /proc/self ]] || return 0
  for proc in /proc/[0-9]*; do
    if [[ $(command_line "${proc#/proc/}") == "$TEST/binaries/"* ]]; then kill -KILL "${proc#/proc/}" 2>/dev/null || true; fi
  done
}

# Links to the binaries just built: another cargo in the same target directory may replace
# those there by a build without fail points while the tests run.
keep_binaries() {
  local target name
  target=$(target_dir)/debug
  mkdir -p "$TEST/binaries"
  for name in "${BINARIES[@]}"; do
    ln -f "$target/$name" "$TEST/binaries/$name" 2>/dev/null || cp -f "$target/$name" "$TEST/binaries/$name"
  done
}

# Tests must not depend on what the caller's shell has evaluated.
forget_callers_settings() {
  local name
  for name in $(compgen -e); do
    case $name in
      CARILLON__* | CARILLON_TEST_* | CARILLON_URL | CARILLON_DEV_PRIVATE | SANDBOX_URL | ADMIN_TOKEN | SERVICE_ID | API_KEY | API_KEY_* | *_TEMPLATE_ID | \
        DATABASE_URL | DATABASE_DIRECT_URL | AMQP_URL | AWS_* | OTEL_* | PG*) unset "$name" ;;
    esac
  done
}

make_template_database() {
  local base=$1
  PGCONNECT_TIMEOUT=10 psql -X -q -v ON_ERROR_STOP=1 -d "$base" \
    -c "drop database if exists $TEST_TEMPLATE" -c "create database $TEST_TEMPLATE" >>"$TEST_LOGS/migrate.log" 2>&1 || return
  DATABASE_URL=$(with_database "$base" "$TEST_TEMPLATE") "$TEST/binaries/carillon" migrate >>"$TEST_LOGS/migrate.log" 2>&1
}

# postgres://user:password@host:port/NAME?options with another NAME.
with_database() {
  local url=$1 name=$2 options="" head
  if [[ $url == *\?* ]]; then options="?${url#*\?}"; fi
  head=${url%%\?*}
  if [[ ${head#*://} == */* ]]; then head=${head%/*}; fi
  printf '%s/%s%s' "$head" "$name" "$options"
}

write_server_ctl() {
  local server
  mkdir -p "$TEST/bin" "$TEST/instances"
  for server in postgres rabbitmq; do
    printf '#!/usr/bin/env bash\nexport CARILLON_DEV_DIR=%s\nexec %s %s "$@"\n' \
      "$(quote "$DEV")" "$(quote "$ROOT/deploy/dev/server-ctl")" "$server" >"$TEST/bin/$server-ctl"
    chmod 755 "$TEST/bin/$server-ctl"
  done
}
