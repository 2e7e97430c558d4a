#!/usr/bin/env bash
# Puts the C and C++ headers of ONNX Runtime into PREFIX/include/onnxruntime, where the build looks for them. They are
# Debian's libonnxruntime-dev, which Debian has from release 13 on. On an older one the package is taken from release
# 13 of the mirror that apt uses, its signature checked by apt, and unpacked; nothing of the system changes.
#   tools/onnxruntime_headers.sh PREFIX
set -euo pipefail

mkdir -p "$1"
target=$(cd "$1" && pwd)/include/onnxruntime
for folder in "$target" /usr/include/onnxruntime; do
  [ -e "$folder/onnxruntime_cxx_api.h" ] && exit 0
done

give_up() {
  echo "The headers of ONNX Runtime were not found ($1): ONNX models will not run." >&2
  exit 0
}

command -v apt-get >/dev/null || give_up "no apt-get"
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/*$' | sort -u | head -n 1)
[ -n "$mirror" ] || give_up "no Debian mirror in apt's configuration"

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkdir -p "$state/lists/partial" "$state/archives/partial" "$state/none"
echo "deb $mirror trixie main" > "$state/sources.list"
options=(-qq -o Dir::State::lists="$state/lists" -o Dir::Cache="$state" -o Dir::Cache::archives="$state/archives"
         -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts="$state/none"
         -o Dir::Etc::preferencesparts="$state/none"
         -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none)
cd "$state"
apt-get "${options[@]}" update || give_up "the mirror has no release trixie"
apt-get "${options[@]}" download libonnxruntime-dev || give_up "the package cannot be loaded"
dpkg-deb -x libonnxruntime-dev_*.deb unpacked
mkdir -p "$target"
cp unpacked/usr/include/onnxruntime/*.h "$target/"
