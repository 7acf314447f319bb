# shellcheck shell=bash
# Private PostgreSQL servers. One instance is one directory:
#   port  password  pid  location  settings
# `location` names the directory with the cluster itself, which is not always inside: see
# pg_place.

PG_USER=carillon

# What a caller has set for servers of his own must not change how ours are reached.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGDATABASE PGSERVICE PGCLUSTER PGDATA PGOPTIONS PGSSLMODE

# The account that runs the server. PostgreSQL refuses to be root.
pg_account() {
  local account
  for account in postgres nobody; do
    if id "$account" >/dev/null 2>&1; then
      printf '%s' "$account"
      return 0
    fi
  done
  note "neither an account 'postgres' nor 'nobody' exists to run PostgreSQL under"
  return 1
}

# Runs a command of the server as its account, from / (the checkout may be closed to it) and
# with an environment that no PG* or locale variable of the caller can leak into.
pg_exec() {
  cd / || return
  if ((EUID == 0)); then
    local account
    account=$(pg_account) || return
    exec setpriv --reuid="$account" --regid="$(id -g "$account")" --init-groups \
      env -i PATH="$PATH" LANG=C TZ=UTC "$@"
  fi
  exec env -i PATH="$PATH" HOME="$HOME" LANG=C TZ=UTC "$@"
}

pg_data() { printf '%s/data' "$(<"$1/location")"; }
pg_mark() { printf 'postgres -D %s ' "$(pg_data "$1")"; }
pg_pid() { [[ -s $1/location ]] && pid_in "$1/pid" "$(pg_mark "$1")"; }

pg_url() {
  printf 'postgres://%s:%s@127.0.0.1:%s/%s?sslmode=disable' "$PG_USER" "$(<"$1/password")" "$(<"$1/port")" "$2"
}

pg_query() {
  local dir=$1 database=$2
  shift 2
  PGCONNECT_TIMEOUT=5 psql -X -q -At -v ON_ERROR_STOP=1 -d "$(pg_url "$dir" "$database")" "$@"
}

# Where the cluster lives: in the instance's directory, or, if the account of the server
# cannot walk there (a checkout under /root), under /var/tmp.
pg_place() {
  local dir=$1 place=$1/state account parent
  if ((EUID == 0)); then
    account=$(pg_account) || return
    if ! (cd / && setpriv --reuid="$account" --regid="$(id -g "$account")" --init-groups test -x "$dir"); then
      parent=$(outside_place)
      # The name can be guessed and /var/tmp is open to all: a directory of somebody else's is not used.
      mkdir -m 755 "$parent" 2>/dev/null || true
      if [[ ! -d $parent || -L $parent || ! -O $parent ]]; then
        note "$parent exists and does not belong to us"
        return 1
      fi
      place=$parent/$(hash_of "$dir")
    fi
    mkdir -p "$place" && chown "$account" "$place" || return
  else
    mkdir -p "$place" || return
  fi
  chmod 700 "$place"
  printf '%s\n' "$place" >"$dir/location"
}

outside_place() { printf '/var/tmp/carillon-%s' "$(hash_of "$DEV")"; }

# Prepares an instance with the given settings (lines of postgresql.conf); an existing one
# keeps its data, port and password and only takes the settings.
pg_create() {
  local dir=$1 settings=$2 bin place ctype=C.UTF-8
  mkdir -p "$dir" || return
  printf '%s\n' "$settings" >"$dir/settings"
  # Written last, so that an initdb cut short is done again from the start.
  if [[ -e $dir/created ]]; then return 0; fi
  bin=$(find_postgres_bin "") || { note "no PostgreSQL server is installed"; return 1; }
  pg_place "$dir" || return
  place=$(<"$dir/location")
  rm -rf "$place/data"
  (umask 077 && random_hex 16 >"$dir/password") || return
  install -m 600 "$dir/password" "$place/password" || return
  if ((EUID == 0)); then chown "$(pg_account)" "$place/password" || return; fi
  if [[ $(uname) == Darwin ]]; then ctype=C; fi
  # Plain `password` over loopback: the random password keeps other accounts of this machine
  # out, and unoptimised builds are spared SCRAM's thousands of hash rounds per connection.
  (pg_exec "$bin/initdb" -D "$place/data" -U "$PG_USER" --pwfile="$place/password" \
    --auth-local=reject --auth-host=password --encoding=UTF8 --lc-collate=C --lc-ctype="$ctype" \
    --lc-messages=C --no-sync --no-instructions) >&2 || return
  rm -f "$place/password"
  (pg_exec sh -c 'echo "include_if_exists '"'carillon.conf'"'" >>"$1"' sh "$place/data/postgresql.conf") || return
  touch "$dir/created"
}

pg_settings() {
  local dir=$1 port=$2
  cat <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] %d '
timezone = 'UTC'
END
  cat "$dir/settings"
}

# Starts the instance and returns when it answers queries. Keeps its port if it is free.
pg_start() {
  local dir=$1 log=$2 bin data port pid from attempt
  if pg_pid "$dir" >/dev/null; then
    pg_resume "$dir"
    return 0
  fi
  data=$(pg_data "$dir")
  local major
  major=$(<"$data/PG_VERSION")
  bin=$(find_postgres_bin "$major") || {
    note "the data in $dir was written by PostgreSQL $major, which is not installed (./dev down --wipe starts afresh)"
    return 1
  }
  for attempt in 1 2 3; do
    port=$(keep_port "$dir/port") || return
    pg_settings "$dir" "$port" | (pg_exec sh -c 'cat >"$1"' sh "$data/carillon.conf") || return
    # setsid: a Ctrl-C at the terminal must reach us, not the server we stop in order.
    (pg_exec setsid "$bin/postgres" -D "$data") >>"$log" 2>&1 </dev/null 9>&- &
    pid=$!
    printf '%s\n' "$pid" >"$dir/pid"
    # It outlives us on purpose, and bash need not report how it ends.
    disown "$pid"
    from=$(now_ms)
    while kill -0 "$pid" 2>/dev/null; do
      # The password is random, so an answer proves that it is this server and no other.
      if pg_query "$dir" postgres -c 'select 1' >/dev/null 2>&1; then return 0; fi
      if (($(now_ms) - from > 120000)); then
        note "PostgreSQL in $dir did not answer within 120 s"
        pg_stop "$dir" immediate
        break 2
      fi
      sleep 0.1
    done
    # It ended by itself. A port taken between our look and its bind is worth another try.
    tail -n 5 "$log" | grep -q 'could not bind' || break
    rm -f "$dir/port"
  done
  note "PostgreSQL in $dir did not start (attempt $attempt)"
  last_lines "$log"
  return 1
}

# `fast` ends sessions and writes a checkpoint; `immediate` is what a crash looks like.
pg_stop() {
  local dir=$1 mode=${2:-fast} pid mark
  pid=$(pg_pid "$dir") || { rm -f "$dir/pid"; return 0; }
  mark=$(pg_mark "$dir")
  pg_resume "$dir" || true
  if [[ $mode == fast ]]; then
    kill -INT "$pid" 2>/dev/null || true
    wait_until_gone "$pid" "$mark" 60 && { rm -f "$dir/pid"; return 0; }
  fi
  kill -QUIT "$pid" 2>/dev/null || true
  wait_until_gone "$pid" "$mark" 15 || {
    kill -KILL "$pid" 2>/dev/null || true
    wait_until_gone "$pid" "$mark" 5 || return
  }
  rm -f "$dir/pid"
}

# Freezes every process of the server: connections stay open and nothing answers. The
# postmaster goes first, so that it starts no child behind our back.
pg_pause() {
  local pid child
  pid=$(pg_pid "$1") || { note "PostgreSQL in $1 is not running"; return 1; }
  kill -STOP "$pid" || return
  for child in $(children_of "$pid"); do kill -STOP "$child" 2>/dev/null || true; done
}

pg_resume() {
  local pid child
  pid=$(pg_pid "$1") || { note "PostgreSQL in $1 is not running"; return 1; }
  for child in $(children_of "$pid"); do kill -CONT "$child" 2>/dev/null || true; done
  kill -CONT "$pid"
}

pg_destroy() {
  local dir=$1
  pg_stop "$dir" immediate || return
  if [[ -s $dir/location ]]; then rm -rf "$(<"$dir/location")"; fi
  rm -rf "$dir"
}

pg_ensure_database() {
  local dir=$1 database=$2
  if [[ -z $(pg_query "$dir" postgres -c "select 1 from pg_database where datname = '$database'") ]]; then
    pg_query "$dir" postgres -c "create database \"$database\""
  fi
}
