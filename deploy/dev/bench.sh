# shellcheck shell=bash
# `bench`: optimised binaries against servers of its own, which are made for one run and write as
# production does.
#
#   .dev/bench/NAME.json               the results
#   .dev/bench/postgres  rabbitmq      the servers, while it runs
#   .dev/bench/binaries/               what is measured

BENCH=$DEV/bench
BENCH_LOGS=$LOGS/bench
BENCH_TEMPLATE=carillon_bench_template
BENCH_SCENARIOS=$ROOT/crates/bench/src/scenarios

# A scenario is a file, so that nobody waits for a build to learn that a name is wrong.
bench_names() {
  local file
  for file in "$BENCH_SCENARIOS"/*.rs; do basename "$file" .rs; done
}

bench_help() {
  cat <<END
./dev bench [NAME…] [OPTION…]

Scenarios (all by default): $(bench_names | paste -sd ' ')

  --rows N                pipeline: measure again with N rows in the day's tables, and the ratio
  --quick                 only what CPU per message needs: one run, no floor, no latencies
  --compare DIR_A DIR_B   the binaries in two directories in turns, five --quick runs each; prints
                          medians and differences (keep a build: cp -r target/release /tmp/before)
  --seed N                makes the values that are sent (1)

Prints a table and writes $BENCH/NAME.json. Throughput depends on what else the
machine does; cpu_us_per_message hardly does.
END
}

verb_bench() {
  local argument compared=""
  for argument in "$@"; do
    case $argument in
      -h | --help)
        bench_help
        return 0
        ;;
      --compare) compared=2 ;;
      -*) ;;
      *[!0-9]*)
        if [[ -n $compared ]] && ((compared > 0)); then
          [[ -x $argument/carillon-api ]] || die "bench: there are no binaries in '$argument'"
          compared=$((compared - 1))
        elif [[ ! -e $BENCH_SCENARIOS/$argument.rs ]]; then
          note "bench: there is no scenario '$argument'; there are: $(bench_names | paste -sd ' ')"
          exit 2
        fi
        ;;
    esac
  done
  run_bench "$@"
}

run_bench() {
  local kind from status=0
  from=$(now_ms)
  kind=$(servers_kind)
  mkdir -p "$BENCH" "$BENCH_LOGS"
  lock "$DEV/bench.lock" "./dev bench"
  if [[ $kind == private ]]; then install_missing servers; else install_missing none; fi
  need_command psql "the client of PostgreSQL (postgresql-client)"

  on_signals_exit
  trap 'finish_bench' EXIT
  destroy_bench_servers
  local database=${DATABASE_URL:-} broker=${AMQP_URL:-}
  forget_callers_settings
  build_nicely
  keep_bench_binaries
  say "Servers for the benchmarks"
  if [[ $kind == private ]]; then
    start_pair "$BENCH/postgres" "$BENCH/rabbitmq" "the benchmarks'" "$BENCH_LOGS/postgres.log" "$BENCH_LOGS/rabbitmq.log" "$UP_POSTGRES_SETTINGS" ||
      die "the servers for the benchmarks did not start"
    database=$(pg_url "$BENCH/postgres" postgres)
    broker=$(rmq_url "$BENCH/rabbitmq")
    CARILLON_BENCH_POSTGRES_PID=$(pg_pid "$BENCH/postgres")
    CARILLON_BENCH_RABBITMQ_PID=$(rmq_pid "$BENCH/rabbitmq")
    export CARILLON_BENCH_POSTGRES_PID CARILLON_BENCH_RABBITMQ_PID
  fi
  step "template database" make_bench_template "$database" || die_with_log bench/migrate "the migrations failed"

  export CARILLON_TEST_POSTGRES=$database CARILLON_TEST_TEMPLATE=$BENCH_TEMPLATE CARILLON_TEST_AMQP=$broker
  export CARILLON_TEST_BIN_DIR=$BENCH/binaries CARILLON_BENCH_OUT=$BENCH
  say "Running: carillon-bench $*"
  bench_absolute "$@"
  interruptible "$BENCH/binaries/carillon-bench" "${BENCH_ARGUMENTS[@]}" || status=$?
  if ((status == 0)); then
    say "./dev bench: done ($(seconds_since "$from")); results are in $BENCH"
  else
    say "./dev bench: FAILED, exit code $status ($(seconds_since "$from")); logs of the servers are in $BENCH_LOGS"
  fi
  exit "$status"
}

# Directories as the caller meant them: the benchmark runs from the checkout.
bench_absolute() {
  local argument
  BENCH_ARGUMENTS=()
  for argument in "$@"; do
    if [[ $argument == */* && -d $argument ]]; then argument=$(cd "$argument" && pwd -P); fi
    BENCH_ARGUMENTS+=("$argument")
  done
}

# Others may be at work here: a build can wait, and is not what is measured.
build_nicely() {
  local from
  from=$(now_ms)
  say "Building (release, at the lowest priority): 15 to 20 minutes the first time on 2 cores"
  interruptible nice -n 19 cargo build --release --workspace --bins --locked || die "the build failed"
  say "  ok built ($(seconds_since "$from"))"
}

finish_bench() {
  local status=$?
  # Asynchronous starters are left to finish, so that what they started is known and stopped.
  trap '' INT TERM HUP
  wait
  destroy_bench_servers || true
  exit "$status"
}

# Also clears what a run left behind that was killed before it could clean up. Results stay.
destroy_bench_servers() {
  local proc failed=""
  if [[ -d /proc/self ]]; then
    for proc in /proc/[0-9]*; do
      if [[ $(command_line "${proc#/proc/}") == "$BENCH/binaries/"* ]]; then kill -KILL "${proc#/proc/}" 2>/dev/null || true; fi
    done
  fi
  if [[ -d $BENCH/rabbitmq ]]; then rmq_destroy "$BENCH/rabbitmq" || failed=yes; fi
  if [[ -d $BENCH/postgres ]]; then pg_destroy "$BENCH/postgres" || failed=yes; fi
  # What still runs must stay findable for the next attempt.
  if [[ -n $failed ]]; then
    note "a server in $BENCH did not stop"
    return 1
  fi
  rm -rf "$BENCH/binaries"
}

# Copies, because another build may replace what lies there while it is measured.
keep_bench_binaries() {
  local target name
  target=$(target_dir)/release
  rm -rf "$BENCH/binaries"
  mkdir -p "$BENCH/binaries"
  for name in "${BINARIES[@]}" carillon-bench; do cp -f "$target/$name" "$BENCH/binaries/$name"; done
}

make_bench_template() {
  local base=$1
  PGCONNECT_TIMEOUT=10 psql -X -q -v ON_ERROR_STOP=1 -d "$base" \
    -c "drop database if exists $BENCH_TEMPLATE" -c "create database $BENCH_TEMPLATE" >>"$BENCH_LOGS/migrate.log" 2>&1 || return
  DATABASE_URL=$(with_database "$base" "$BENCH_TEMPLATE") "$BENCH/binaries/carillon" migrate >>"$BENCH_LOGS/migrate.log" 2>&1
}
