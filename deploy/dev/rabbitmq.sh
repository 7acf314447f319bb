# shellcheck shell=bash
# Private RabbitMQ nodes. One instance is one directory:
#   port  dist.port  epmd.port  pid  epmd.pid  node  rabbitmq.conf  home/.erlang.cookie  mnesia/
# Each has an epmd of its own, so that nothing done here is seen by another Erlang node; the nodes of one
# cluster share that of the first, and its cookie.

rmq_mark() { printf -- '-carillon_instance %s ' "$(<"$1/node")"; }
rmq_pid() { [[ -s $1/node ]] && pid_in "$1/pid" "$(rmq_mark "$1")"; }
rmq_epmd_mark() { printf -- 'epmd -port %s ' "$(<"$1/epmd.port")"; }
rmq_url() { printf 'amqp://guest:guest@127.0.0.1:%s/%%2f' "$(<"$1/port")"; }

# Everything the scripts of RabbitMQ would otherwise take from /etc, /var or the caller.
rmq_exec() {
  local dir=$1
  shift
  cd "$dir" || return
  exec env -i PATH="$PATH" LANG=C.UTF-8 HOME="$dir/home" TZ=UTC \
    ERL_EPMD_PORT="$(<"$dir/epmd.port")" ERL_EPMD_ADDRESS=127.0.0.1 ERL_CRASH_DUMP="$dir/erl_crash.dump" \
    RABBITMQ_NODENAME="$(<"$dir/node")" RABBITMQ_CONF_ENV_FILE="$dir/rabbitmq-env.conf" \
    RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" RABBITMQ_CONFIG_FILES="$dir/conf.d/*.conf" \
    RABBITMQ_ADVANCED_CONFIG_FILE="$dir/advanced.config" RABBITMQ_GENERATED_CONFIG_DIR="$dir/generated" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins" RABBITMQ_SCHEMA_DIR="$dir/schema" \
    RABBITMQ_MNESIA_BASE="$dir/mnesia" RABBITMQ_LOG_BASE="$dir/log" RABBITMQ_LOGS=- \
    RABBITMQ_DIST_PORT="$(<"$dir/dist.port")" "$@"
}

rmq_create() {
  local dir=$1
  mkdir -p "$dir"/{home,mnesia,log,conf.d,generated,schema} || return
  printf 'carillon-%s@localhost\n' "$(hash_of "$dir")" >"$dir/node"
  : >"$dir/rabbitmq-env.conf"
  printf '[].\n' >"$dir/enabled_plugins"
  if [[ ! -s $dir/home/.erlang.cookie ]]; then
    (umask 077 && random_hex 16 >"$dir/home/.erlang.cookie" && chmod 400 "$dir/home/.erlang.cookie") || return
  fi
}

# Makes an instance that is to be a node of the cluster of another, which runs.
rmq_create_beside() {
  local dir=$1 first=$2
  rmq_create "$dir" || return
  install -m 400 "$first/home/.erlang.cookie" "$dir/home/.erlang.cookie" || return
  cp "$first/epmd.port" "$first/epmd.pid" "$dir/" || return
  # While any of them is down, the others need it.
  touch "$first/shares-epmd" "$dir/shares-epmd"
}

# Returns when the node is a member.
rmq_join() {
  local dir=$1 first=$2
  rmq_ctl "$dir" -q stop_app && rmq_ctl "$dir" -q join_cluster "$(<"$first/node")" && rmq_ctl "$dir" -q start_app
}

rmq_start() {
  local dir=$1 log=$2 bin port pid from attempt
  if rmq_pid "$dir" >/dev/null; then
    rmq_resume "$dir"
    return 0
  fi
  bin=$(find_rabbitmq_bin) || { note "no RabbitMQ server is installed"; return 1; }
  for attempt in 1 2 3; do
    port=$(keep_port "$dir/port") || return
    keep_port "$dir/dist.port" >/dev/null || return
    rmq_start_epmd "$dir" "$log" || return
    cat >"$dir/rabbitmq.conf" <<END
listeners.tcp.1 = 127.0.0.1:$port
vm_memory_high_watermark.relative = 0.3
disk_free_limit.absolute = 50MB
log.console = true
log.console.level = info
log.file = false
END
    # `detached` makes the script become the virtual machine instead of waiting for it, so the
    # pid we get is the server. The unknown flag is how we recognise the process later.
    (rmq_exec "$dir" detached=yes \
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} -carillon_instance $(<"$dir/node")" \
      setsid "$bin/rabbitmq-server") >>"$log" 2>&1 </dev/null 9>&- &
    pid=$!
    printf '%s\n' "$pid" >"$dir/pid"
    # It outlives us on purpose, and bash need not report how it ends.
    disown "$pid"
    from=$(now_ms)
    while kill -0 "$pid" 2>/dev/null; do
      if rmq_answers "$port"; then return 0; fi
      if (($(now_ms) - from > 120000)); then
        note "RabbitMQ in $dir did not answer within 120 s"
        rmq_stop "$dir" kill
        break 2
      fi
      sleep 0.1
    done
    tail -n 40 "$log" | grep -q 'eaddrinuse' || break
    rm -f "$dir/port" "$dir/dist.port"
  done
  note "RabbitMQ in $dir did not start (attempt $attempt)"
  last_lines "$log"
  if [[ ! -e $dir/shares-epmd ]]; then rmq_stop_epmd "$dir"; fi
  return 1
}

# Speaks the first eight bytes of AMQP: a listener of RabbitMQ opens last at its start, and
# answers with a method frame (type 1).
rmq_answers() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf 'AMQP\0\0\011\001' >&3
    IFS= read -r -t 5 -n 1 first <&3 && [[ $first == $'\001' ]]
  ) 2>/dev/null
}

rmq_start_epmd() {
  local dir=$1 log=$2 port from
  if [[ -s $dir/epmd.port ]] && pid_in "$dir/epmd.pid" "$(rmq_epmd_mark "$dir")" >/dev/null; then return 0; fi
  port=$(keep_port "$dir/epmd.port") || return
  (rmq_exec "$dir" setsid epmd -port "$port" -address 127.0.0.1) >>"$log" 2>&1 </dev/null 9>&- &
  printf '%s\n' "$!" >"$dir/epmd.pid"
  disown "$!"
  from=$(now_ms)
  until port_is_busy "$port"; do
    if (($(now_ms) - from > 10000)); then
      note "epmd did not open port $port within 10 s"
      return 1
    fi
    sleep 0.05
  done
}

rmq_stop_epmd() {
  local dir=$1 pid mark
  [[ -s $dir/epmd.port ]] || return 0
  mark=$(rmq_epmd_mark "$dir")
  if pid=$(pid_in "$dir/epmd.pid" "$mark"); then
    kill -TERM "$pid" 2>/dev/null || true
    wait_until_gone "$pid" "$mark" 5 || kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$dir/epmd.pid"
}

# Without a mode the node closes its queues in order; `kill` is what a crash looks like.
rmq_stop() {
  local dir=$1 mode=${2:-orderly} pid mark
  [[ -s $dir/node ]] || return 0
  mark=$(rmq_mark "$dir")
  if pid=$(rmq_pid "$dir"); then
    rmq_resume "$dir" || true
    if [[ $mode == orderly ]]; then
      kill -TERM "$pid" 2>/dev/null || true
      wait_until_gone "$pid" "$mark" 60 || mode="kill"
    fi
    if [[ $mode == kill ]]; then
      kill -KILL "$pid" 2>/dev/null || true
      wait_until_gone "$pid" "$mark" 10 || return
    fi
  fi
  rm -f "$dir/pid"
  if [[ ! -e $dir/shares-epmd ]]; then rmq_stop_epmd "$dir"; fi
}

rmq_pause() {
  local pid
  pid=$(rmq_pid "$1") || { note "RabbitMQ in $1 is not running"; return 1; }
  kill -STOP "$pid"
}

rmq_resume() {
  local pid
  pid=$(rmq_pid "$1") || { note "RabbitMQ in $1 is not running"; return 1; }
  kill -CONT "$pid"
}

rmq_destroy() {
  local dir=$1
  rmq_stop "$dir" kill || return
  rmq_stop_epmd "$dir"
  rm -rf "$dir"
}

rmq_ctl() {
  local dir=$1 bin
  shift
  bin=$(find_rabbitmq_bin) || { note "no RabbitMQ is installed here"; return 1; }
  rmq_pid "$dir" >/dev/null || { note "RabbitMQ in $dir is not running"; return 1; }
  (rmq_exec "$dir" "$bin/rabbitmqctl" "$@")
}
