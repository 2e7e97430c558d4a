#!/usr/bin/env bash
# Makes a wheel that needs nothing but Python and OpenVINO's wheel: OpenCV is linked statically, other libraries that
# are not part of a bare system are copied in.
#   tools/make_wheel.sh PYTHON DIST
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "$1")
dist=$(realpath -m "$2")
export PATH=$(dirname "$python"):$PATH

opencv=$PWD/build-opencv
tools/build_opencv.sh "$opencv" "$python"
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
"$python" -m pip wheel --quiet --no-deps -w "$raw" . \
  -C cmake.define.OpenCV_DIR="$opencv/lib/cmake/opencv4" -C cmake.define.EIGHTBIT_REQUIRE_OPENCV=ON
# OpenVINO and its TBB are the neighbour in site-packages, where the RPATH finds them.
"$python" -m auditwheel repair -w "$dist" --exclude 'libopenvino*' --exclude 'libtbb*' "$raw"/eightbit-*.whl
ls -lh "$dist"
