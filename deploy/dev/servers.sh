# shellcheck shell=bash
# Which PostgreSQL and RabbitMQ `up` works with: private ones, or those it is given.

UP_POSTGRES=$DEV/postgres
UP_RABBITMQ=$DEV/rabbitmq
# The demo service's demands are small; the memory is there for benchmarks against this server.
UP_POSTGRES_SETTINGS="fsync = on
shared_buffers = 512MB
max_wal_size = 4GB
max_connections = 200
autovacuum = on"

# `given` if DATABASE_URL and AMQP_URL come from outside, else `private`. A shell that has
# evaluated `./dev env` carries the addresses of private servers, which may be stopped, moved or
# wiped by now; CARILLON_DEV_PRIVATE tells those from addresses a person has chosen.
servers_kind() {
  local given_database=${DATABASE_URL:-} given_broker=${AMQP_URL:-}
  if [[ "$given_database $given_broker" == "${CARILLON_DEV_PRIVATE:-}" ]]; then
    given_database="" given_broker=""
  fi
  if [[ -n $given_database && -n $given_broker ]]; then
    printf 'given'
  elif [[ -n $given_database || -n $given_broker ]]; then
    die "only one of DATABASE_URL and AMQP_URL is set: set both to use your servers, or neither to have private ones started"
  else
    printf 'private'
  fi
}

# Both servers at the same time: neither waits for the other.
start_pair() {
  local pg=$1 rmq=$2 label=$3 postgres_log=$4 rabbitmq_log=$5 settings=$6 pid_pg pid_rmq failed=""
  say "  .. starting $label PostgreSQL and RabbitMQ (a few seconds)"
  # Deaf to Ctrl-C: the cleaning up after it waits for these two, so that no server slips
  # through half started. (The servers themselves install their own handlers.)
  (trap '' INT && start_postgres "$pg" "$settings" "$postgres_log") &
  pid_pg=$!
  (trap '' INT && start_rabbitmq "$rmq" "$rabbitmq_log") &
  pid_rmq=$!
  wait "$pid_pg" || failed=yes
  wait "$pid_rmq" || failed=yes
  [[ -z $failed ]]
}

start_postgres() {
  local dir=$1 settings=$2 log=$3 from
  from=$(now_ms)
  pg_create "$dir" "$settings" 2>>"$log" || { say "  FAILED PostgreSQL"; last_lines "$log"; return 1; }
  pg_start "$dir" "$log" || { say "  FAILED PostgreSQL"; return 1; }
  say "  ok PostgreSQL on 127.0.0.1:$(<"$dir/port") ($(seconds_since "$from"))"
}

start_rabbitmq() {
  local dir=$1 log=$2 from
  from=$(now_ms)
  { rmq_create "$dir" && rmq_start "$dir" "$log"; } || { say "  FAILED RabbitMQ"; return 1; }
  say "  ok RabbitMQ on 127.0.0.1:$(<"$dir/port") ($(seconds_since "$from"))"
}
