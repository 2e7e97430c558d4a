#!/usr/bin/env bash
# Prepares a fresh Debian 12/13 or Ubuntu 24.04: system packages (skipped when they are there) and a virtual environment.
#   tools/setup.sh VENV
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ cmake ninja-build ccache libfmt-dev libspdlog-dev libcli11-dev nlohmann-json3-dev libhwy-dev libeigen3-dev libopencv-dev libsndfile1-dev libsamplerate0-dev pkg-config
          libgtest-dev libgmock-dev libbenchmark-dev zlib1g-dev libyaml-cpp-dev protobuf-compiler libprotobuf-dev libjs-chart.js python3-venv python3-dev)

missing() {
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || echo "$package"
  done
}

install_missing() {
  command -v dpkg-query >/dev/null || { echo "No Debian or Ubuntu: install the likes of ${packages[*]} yourself." >&2; return; }
  local wanted
  mapfile -t wanted < <(missing)
  [ ${#wanted[@]} -eq 0 ] && return
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Run as root: apt-get install ${wanted[*]}" >&2; exit 1; }
    root=(sudo)
  fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}"
}

# The system's Python first: its headers came with python3-dev.
suitable_python() {
  for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "Python 3.11 or newer with venv is needed." >&2
  exit 1
}

install_missing
[ -x "$1/bin/python" ] || "$(suitable_python)" -m venv "$1"
"$1/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
tools/onnxruntime_headers.sh "$1"
