#!/usr/bin/env bash
# Writes the bill of materials (CycloneDX 1.5, JSON) of one binary or of all, from Cargo.lock:
#   deploy/sbom.sh [PACKAGE…] >sbom.json      such as carillon-api; all binaries of production otherwise
# The same source gives the same bytes: no time and no random number is in it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=("$@")
if ((${#packages[@]} == 0)); then
  packages=(carillon-cli carillon-api carillon-worker carillon-poller carillon-escalator carillon-aggregator)
fi
# What is built for Linux, without what only tests and other systems need. Features are those of the whole
# workspace, so a crate too many may be in it, never one too few.
cargo metadata --format-version 1 --locked --filter-platform x86_64-unknown-linux-gnu |
  python3 deploy/sbom.py "${packages[@]}"
