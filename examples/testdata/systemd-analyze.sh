#!/usr/bin/env bash
# Prints the path of systemd-analyze. If there is none, it installs Debian's package.
set -euo pipefail

if ! command -v systemd-analyze; then
  [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null || { echo "there is no systemd-analyze on PATH; install systemd" >&2; exit 1; }
  {
    flock 9 # tests of several packages may install at the same time
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends systemd
  } >&2 9> /tmp/kv-sync-apt.lock
  command -v systemd-analyze
fi
