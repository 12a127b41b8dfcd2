#!/usr/bin/env bash
# A paper and its editor, on this machine: log in, write, preview, publish. No
# account is needed. On a terminal they stay up until Ctrl-C; elsewhere the
# script ends. With a command behind it, that command is run while they are up,
# with PUBLISHER_URL, PUBLISHER_PASSWORD and PUBLISHER_FOLDER in its environment.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
start="$PWD"
export PATH="${KV_SYNC_BIN:-$here/../../bin}:$PATH"
work="$(mktemp -d)"
dev=
end() {
  [ -z "$dev" ] || { kill "$dev" 2>/dev/null && wait "$dev" 2>/dev/null; } || true
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }
setting() { sed -n "s/^ *export $1=//p" "$work/dev.log"; }
status() { curl --silent --output /dev/null --write-out '%{http_code}' --max-time 10 "$1"; }
check() { # check WHAT COMMAND…: nothing is shown that is not so
  local what=$1; shift
  "$@" > /dev/null || { echo "not so: $what" >&2; exit 1; }
  echo "  ✓ $what"
}

cp -r "$here" "$work/publisher"
cd "$work/publisher"

say "Cloudflare's API on this machine"
kv-sync dev > "$work/dev.log" 2>&1 &
dev=$!
for _ in $(seq 600); do
  grep -q "is running" "$work/dev.log" && break
  kill -0 "$dev" 2>/dev/null || { cat "$work/dev.log" >&2; exit 1; }
  sleep 0.1
done
sed -n 1p "$work/dev.log"

say "The site, its editor, and the companion that keeps what is written"
run kv-sync deploy --local
url="$(kv-sync deploy --local --json 2> /dev/null | sed -n 's/.*"url":"\(http[^"]*\)".*/\1/p')"
url="${url%/}"
check "there is no editor without a password" test "$(status "$url/edit/login")" = 404

say "A secret: the editors' password"
# At Cloudflare: wrangler secret put PUBLISHER_PASSWORD
password="$(LC_ALL=C tr -dc a-z0-9 < <(head -c 4096 /dev/urandom) | cut -c 1-20)"
printf '{"name":"PUBLISHER_PASSWORD","text":"%s","type":"secret_text"}' "$password" |
  curl --silent --fail --request PUT --data @- --header "Content-Type: application/json" \
    --config <(printf 'header = "Authorization: Bearer %s"' "$(setting CLOUDFLARE_API_TOKEN)") \
    "$(setting CLOUDFLARE_API_BASE_URL)/accounts/$(setting CLOUDFLARE_ACCOUNT_ID)/workers/scripts/publisher/secrets" > /dev/null
check "now there is one" test "$(status "$url/edit/login")" = 200

if [ $# -gt 0 ]; then
  cd "$start"
  PUBLISHER_URL="$url" PUBLISHER_PASSWORD="$password" PUBLISHER_FOLDER="$work/publisher" "$@"
elif [ -t 1 ] && [ -z "${CI:-}" ]; then
  say "The site:   $url"
  echo "The editor: $url/edit/"
  echo "Password:   $password   (any name)"
  echo "Ctrl-C ends the demo."
  wait "$dev"
else
  say "That was the demo; it is over, and $url answers no more."
  echo "On a terminal the site and its editor stay up until Ctrl-C."
fi
