#!/usr/bin/env bash
# A browser for the test of the report's page: Debian's Chromium, unless there is one. Where it cannot be installed (Ubuntu
# has it as a snap), the test is skipped and says why.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done
root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "No browser: the report's page is not opened in one." >&2; exit 0; }
  root=(sudo)
fi
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium ||
  echo "Chromium could not be installed: the report's page is not opened in a browser." >&2
