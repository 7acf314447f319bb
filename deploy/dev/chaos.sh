# shellcheck shell=bash
# `chaos`: a fault run against processes and servers of its own, which are made for one run.
#
#   .dev/chaos/SEED/report.{txt,json}  what came of it; with logs and ledgers if a promise was broken
#   .dev/test/…                        its servers and binaries, as those of `test`: one of the two at a time

CHAOS=$DEV/chaos

# Answers --help and refuses what is unknown before anything is built.
chaos_help() {
  cat <<END
./dev chaos [OPTION…]

Kills, pauses and deletes parts of a running installation under load, and judges from outside whether
anything that was accepted was lost or sent twice without a reason (docs/chaos.md).

  --seed N        what is sent and what goes wrong, and when (from the clock)
  --messages N    messages in all, a quarter of them rows of jobs (2000)
  --kills N       processes killed; each successor is armed with a crash point, so about twice as many
                  die (8). A pause or crash of a server for every fourth, a deleted queue for every eighth
  --short         only faults that are made good within seconds, as in ./dev test

Writes $CHAOS/SEED/report.txt and .json. Exit status: 0 every promise was kept,
1 one was broken, 2 the run could not be set up. It always uses private servers.
END
}

verb_chaos() {
  local arguments=("$@") argument
  while (($# > 0)); do
    argument=$1
    shift
    case $argument in
      -h | --help)
        chaos_help
        return 0
        ;;
      --short) ;;
      --seed | --messages | --kills)
        if (($# == 0)) || [[ $1 == "" || $1 == *[!0-9]* ]]; then
          note "chaos: $argument needs a whole number"
          exit 2
        fi
        shift
        ;;
      --seed=* | --messages=* | --kills=*)
        if [[ ${argument#*=} == "" || ${argument#*=} == *[!0-9]* ]]; then
          note "chaos: ${argument%%=*} needs a whole number"
          exit 2
        fi
        ;;
      *)
        note "chaos: there is no option '$argument'"
        chaos_help >&2
        exit 2
        ;;
    esac
  done
  run_chaos ${arguments[@]+"${arguments[@]}"}
}

run_chaos() {
  local status=0
  mkdir -p "$CHAOS" "$TEST_LOGS"
  lock "$DEV/test.lock" "./dev test, prove or chaos"
  trap 'chaos_not_set_up' EXIT
  install_missing servers
  need_command psql "the client of PostgreSQL (postgresql-client)"
  python_environment

  on_signals_exit
  destroy_test_servers
  forget_callers_settings
  # The same features as `test`, so that neither compiles anew what the other has compiled.
  build debug --bins --tests --features "$FAILPOINTS"
  keep_binaries
  cp -f "$(target_dir)/debug/carillon-chaos" "$TEST/binaries/carillon-chaos"
  write_server_ctl

  export CARILLON_TEST_TEMPLATE=$TEST_TEMPLATE CARILLON_TEST_BIN_DIR=$TEST/binaries
  export CARILLON_TEST_PYTHON=$PYTHON_ENV/bin/python CARILLON_TEST_STAND_INS=$ROOT/tests/stand-ins
  export CARILLON_TEST_PG_CTL=$TEST/bin/postgres-ctl CARILLON_TEST_RABBITMQ_CTL=$TEST/bin/rabbitmq-ctl
  trap 'finish_suite' EXIT
  interruptible "$TEST/binaries/carillon-chaos" --out "$CHAOS" "$@" || status=$?
  exit "$status"
}

# `die` ends with 1, which here would mean that a promise was broken.
chaos_not_set_up() {
  local status=$?
  if ((status == 1)); then status=2; fi
  exit "$status"
}
