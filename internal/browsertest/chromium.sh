#!/usr/bin/env bash
# Prints the path of Chromium. If it is missing, installs Debian's package.
set -euo pipefail

find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

if ! find_chromium; then
  [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null || { echo "there is no Chromium on PATH; install chromium" >&2; exit 1; }
  {
    flock 9 # tests of several packages may install at the same time
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends chromium
  } >&2 9> /tmp/kv-sync-apt.lock
  find_chromium
fi
