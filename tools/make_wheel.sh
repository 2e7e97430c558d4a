#!/usr/bin/env bash
# Makes a wheel that needs nothing but Python and NumPy; OpenVINO, ONNX Runtime and PyTorch are used where they are installed.
# It carries a part for each release of requirements/openvino.txt. Image folders and sounds are left out: the system's OpenCV
# and libsndfile would bring a hundred libraries along. The wheel refuses them with a message; Python's own readers feed a Dataset.
#   tools/make_wheel.sh PYTHON DIST [RELEASE...]      other releases of OpenVINO
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "$1")
dist=$(realpath -m "$2")
shift 2
releases=("$@")
[ ${#releases[@]} -gt 0 ] || mapfile -t releases < <(grep -v '^#' requirements/openvino.txt)
PATH=$(dirname "$python"):$PATH
export PATH

# The SDK of a release is its Python package, which may be installed.
sdks=${EIGHTBIT_OPENVINO_SDKS:-build-openvino}
installed=$("$python" -c 'from importlib import metadata as m; print(m.version("openvino"), m.distribution("openvino").locate_file(""))' 2>/dev/null || true)
packages=
for release in "${releases[@]}"; do
  folder=$(realpath -m "$sdks/$release")
  if [ "$release" = "${installed%% *}" ]; then
    folder=$(realpath -s "${installed#* }")
  elif [ ! -d "$folder/openvino" ]; then
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder" "openvino==$release"
  fi
  packages+="${packages:+;}$folder/openvino"
done

raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
# Built in a folder that stays, by the name that `make build` calls the compiler, whose objects a compiler cache then has.
export CXX=${CXX:-c++}
! command -v ccache >/dev/null || export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
"$python" -m pip wheel --quiet --no-deps --no-build-isolation -w "$raw" \
  --config-settings=build-dir='build-{wheel_tag}' \
  --config-settings=cmake.define.EIGHTBIT_WITH_OPENCV=OFF \
  --config-settings=cmake.define.EIGHTBIT_WITH_SOUND=OFF \
  "--config-settings=cmake.define.EIGHTBIT_OPENVINO_PACKAGES=$packages" .
# OpenVINO is found at run time.
"$python" -m auditwheel repair -w "$dist" --exclude 'libopenvino*' "$raw"/eightbit-*.whl
echo "Parts for OpenVINO: ${releases[*]}"
echo "Folders of pictures and of sounds (--data FOLDER) are not in this wheel; everything else is."
ls -lh "$dist"
