#!/usr/bin/env bash
# Makes the source distribution: what pip builds for the OpenVINO that is installed, where no part of the wheel fits. It
# carries the headers of ONNX Runtime, which pip's environments for building lack. Nothing is compiled here.
#   tools/make_sdist.sh PYTHON DIST
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "$1")
mkdir -p "$2"
dist=$(realpath "$2")

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
git ls-files -z -c -o --exclude-standard | while IFS= read -r -d '' file; do
  [ ! -e "$file" ] || cp --parents "$file" "$stage"  # removed, and not yet committed
done

prefix=$("$python" -c 'import sys; print(sys.prefix)')
headers=$prefix/include/onnxruntime
[ -e "$headers/onnxruntime_cxx_api.h" ] || headers=/usr/include/onnxruntime
[ -e "$headers/onnxruntime_cxx_api.h" ] || { echo "The headers of ONNX Runtime are missing. Run tools/setup.sh" >&2; exit 1; }
target=$stage/third_party/onnxruntime
mkdir -p "$target"
cp "$headers"/*.h "$target"
cp "$("$python" -c 'import onnxruntime, os; print(os.path.dirname(onnxruntime.__file__))')/LICENSE" "$target"

cd "$stage"
"$python" -c 'import sys; from scikit_build_core.build import build_sdist; print(build_sdist(sys.argv[1]))' "$dist"
