# Functions of the demos. A demo sets root to the folder of the repository and sources this file.
# This file creates the temporary folder $work. At the end of the demo it removes the folder and
# stops the local platform.

export PATH="${KV_SYNC_BIN:-$root/bin}:$PATH"
work="$(mktemp -d)"
platform=
end() {
  [ -z "$platform" ] || { kill "$platform" 2>/dev/null && wait "$platform" 2>/dev/null; } || true
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }
check() { # check WHAT COMMAND…: ends the demo with an error if the command fails
  local what=$1; shift
  "$@" > /dev/null || { echo "failed: $what" >&2; exit 1; }
  echo "  ✓ $what"
}
commit() { git add -A; git -c user.name=Demo -c user.email=demo@example.com commit --quiet -m "$1"; }
replace() { sed -i.bak "$1" "$2" && rm "$2.bak"; } # replace SED-COMMAND FILE

start_platform() { # starts the local platform in the current folder
  say "Cloudflare's API on this machine"
  kv-sync dev > "$work/dev.log" 2>&1 &
  platform=$!
  until grep -q "Ctrl-C stops it" "$work/dev.log"; do # the last line that it prints
    kill -0 "$platform" 2>/dev/null || { cat "$work/dev.log" >&2; exit 1; }
    sleep 0.1
  done
  sed -n 1p "$work/dev.log"
}
site_url() { # site_url [FLAG…]: the address of the site in the current folder, without a slash at the end
  kv-sync deploy --local "$@" --json 2> /dev/null | sed -n 's/.*"url":"\(http[^"]*\)".*/\1/p' | sed 's:/$::'
}
stay() { # stay LINE…: prints the lines and waits for Ctrl-C on a terminal; elsewhere the demo ends
  if [ -t 1 ] && [ -z "${CI:-}" ]; then
    printf '\n'
    printf '%s\n' "$@" "Ctrl-C ends the demo."
    wait "$platform"
  else
    say "The demo is over, and its addresses no longer answer."
    echo "On a terminal it runs until Ctrl-C."
  fi
}
