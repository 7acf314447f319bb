# shellcheck shell=bash
# An environment of Python's own with the stand-ins for AWS and for a mail server that tests use.

PYTHON_ENV=$DEV/python

# Prints nothing; `$PYTHON_ENV/bin/python` works afterwards. Done once for each list of packages.
python_environment() {
  local wanted=$ROOT/deploy/dev/python-requirements.txt stamp=$PYTHON_ENV/requirements.txt
  if [[ -x $PYTHON_ENV/bin/python ]] && cmp -s "$wanted" "$stamp"; then return 0; fi
  need_command python3 "Python 3.9 or newer"
  mkdir -p "$LOGS"
  rm -rf "$PYTHON_ENV"
  if ! python3 -m venv "$PYTHON_ENV" >"$LOGS/python.log" 2>&1; then
    # Debian packs venv apart.
    rm -rf "$PYTHON_ENV"
    command -v apt-get >/dev/null || die "python3 cannot make a virtual environment: please install its venv module"
    apt_install python3-venv
    python3 -m venv "$PYTHON_ENV" >>"$LOGS/python.log" 2>&1 || die "python3 cannot make a virtual environment; see $LOGS/python.log"
  fi
  step "Python packages for tests (half a minute, once)" install_python_packages "$wanted" ||
    die "pip could not install the packages of $wanted; see $LOGS/python.log"
  cp "$wanted" "$stamp"
}

install_python_packages() {
  "$PYTHON_ENV/bin/python" -m pip install --disable-pip-version-check --no-input --quiet --requirement "$1" >>"$LOGS/python.log" 2>&1
}
