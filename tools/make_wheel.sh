#!/usr/bin/env bash
# Makes a wheel that needs nothing but Python and OpenVINO's wheel. Image folders are left out: the system's OpenCV would
# bring a hundred libraries along. The wheel refuses them with a message; Python's own image readers feed a Dataset.
#   tools/make_wheel.sh PYTHON DIST
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "$1")
dist=$(realpath -m "$2")
PATH=$(dirname "$python"):$PATH
export PATH

raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
"$python" -m pip wheel --quiet --no-deps --no-build-isolation -w "$raw" --config-settings=cmake.define.EIGHTBIT_WITH_OPENCV=OFF .
# OpenVINO and its TBB are the neighbour in site-packages, where the RPATH finds them.
"$python" -m auditwheel repair -w "$dist" --exclude 'libopenvino*' --exclude 'libtbb*' "$raw"/eightbit-*.whl
echo "Image folders (--data FOLDER with pictures) are not in this wheel; everything else is."
ls -lh "$dist"
