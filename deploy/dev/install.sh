# shellcheck shell=bash
# Finds out what is missing on this machine and installs it, or says precisely what to install.

find_rabbitmq_bin() {
  # Debian's /usr/sbin/rabbitmq-server switches user and insists on the system's paths. The
  # scripts it wraps take everything from the environment; they are the ones with rabbitmq-env.
  local candidate
  for candidate in /usr/lib/rabbitmq/bin "$(dirname "$(readlink -f "$(command -v rabbitmq-server || echo /none)")")"; do
    if [[ -x $candidate/rabbitmq-server && -e $candidate/rabbitmq-env ]]; then
      printf '%s' "$candidate"
      return 0
    fi
  done
  return 1
}

# The binaries of the major version asked for, or, asked for none (""), of the newest. PATH comes last:
# what is found there may be wrappers of the distribution.
find_postgres_bin() {
  local major=$1 candidate candidates=()
  mapfile -t candidates < <(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV)
  candidates+=("$(dirname "$(command -v initdb || echo /none/initdb)")")
  for candidate in "${candidates[@]}"; do
    [[ -x $candidate/initdb && -x $candidate/postgres ]] || continue
    if [[ -n $major && ! $("$candidate/postgres" --version) =~ \ $major([.[:alpha:]]|$) ]]; then continue; fi
    printf '%s' "$candidate"
    return 0
  done
  return 1
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Asked with `servers` when private servers are wanted, with anything else when they are given.
install_missing() {
  local servers=$1 missing=() reasons=()
  if [[ $servers == servers ]]; then
    find_postgres_bin "" >/dev/null || { missing+=(postgresql); reasons+=("postgresql: the database server"); }
    find_rabbitmq_bin >/dev/null || { missing+=(rabbitmq-server); reasons+=("rabbitmq-server: the message broker"); }
  fi
  command -v cc >/dev/null || { missing+=(gcc libc6-dev); reasons+=("gcc: a C compiler and linker for the build"); }
  command -v openssl >/dev/null || { missing+=(openssl); reasons+=("openssl: certificates that tests are signed with"); }
  command -v curl >/dev/null || { missing+=(curl ca-certificates); reasons+=("curl: talks to the API"); }

  if ((${#missing[@]} > 0)); then
    say "Missing on this machine:"
    printf '  - %s\n' "${reasons[@]}"
    if command -v apt-get >/dev/null; then
      apt_install "${missing[@]}"
    else
      note "This system has no apt, so please install these yourself: PostgreSQL 15 or newer (initdb, postgres,"
      note "psql), RabbitMQ 3.10 or newer, a C compiler, openssl and curl. Or run the servers wherever you like and set"
      note "DATABASE_URL (postgres://…) and AMQP_URL (amqp://…): then neither server is needed here."
      exit 1
    fi
  fi
  need_command flock "util-linux"
  need_command setsid "util-linux"
  find_cargo
}

need_command() {
  command -v "$1" >/dev/null || die "the command '$1' is missing: please install $2"
}

find_cargo() {
  # A fresh rustup is on nobody's PATH until the next login.
  if ! command -v cargo >/dev/null && [[ -x $HOME/.cargo/bin/cargo ]]; then PATH=$HOME/.cargo/bin:$PATH; fi
  command -v cargo >/dev/null && return 0
  note "Rust is missing. The distribution's is too old; install rustup (it then fetches the version in rust-toolchain.toml):"
  note "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal"
  exit 1
}

apt_install() {
  local log=$LOGS/apt.log policy=/usr/sbin/policy-rc.d policy_is_ours="" status=0 from
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    die "please run as root: apt-get install --no-install-recommends $* (there is no sudo here)"
  fi
  mkdir -p "$LOGS"
  say "Installing with apt: $* (about a minute; everything is in $log)"
  from=$(now_ms)
  # We want the programs, not the system's services: these would take ports and memory, and
  # nothing here talks to them. An administrator's own policy stays in force.
  if [[ ! -e $policy ]]; then
    policy_is_ours=yes
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  apt_get update >"$log" 2>&1 || note "  apt-get update failed (see $log); trying with the lists at hand"
  apt_get install -y --no-install-recommends "$@" 2>&1 | tee -a "$log" |
    { grep --line-buffered -E '^(Need to get|Setting up|E:)' || true; } | sed -u 's/^/    /' || status=$?
  if [[ -n $policy_is_ours ]]; then
    as_root rm -f "$policy"
    trap - EXIT
  fi
  if ((status != 0)); then
    last_lines "$log"
    die "apt could not install: $*"
  fi
  hash -r
  say "  ok installed ($(seconds_since "$from"))"
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 "$@" </dev/null
}

# promtool judges alert rules and the dashboards' queries. CI takes it out of Debian's package (20 MB) without
# installing that, for it is a server; elsewhere it is used where it is there.
promtool_for_tests() {
  if command -v promtool >/dev/null; then return 0; fi
  if [[ ! -x $DEV/promtool/promtool ]]; then
    if [[ -z ${CI:-} ]] || ! command -v apt-get >/dev/null; then return 0; fi
    mkdir -p "$LOGS" "$DEV/promtool"
    if ! step "promtool, out of Debian's package prometheus" fetch_promtool; then
      rm -rf "$DEV/promtool"
      note "(see $LOGS/apt.log) Rules and queries are read by the tests' own reader alone."
      return 0
    fi
  fi
  PATH=$DEV/promtool:$PATH
}

fetch_promtool() (
  cd "$DEV/promtool" || exit
  exec >>"$LOGS/apt.log" 2>&1
  apt_get update
  apt-get download prometheus &&
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x --strip-components 3 ./usr/bin/promtool &&
    rm -f prometheus_*.deb && ./promtool --version
)
