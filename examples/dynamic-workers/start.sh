#!/usr/bin/env bash
# Two customers' projects and the platform that loads them, on this machine: each
# answers at its own host name and sees its own assets alone. No account is
# needed. On a terminal they stay up until Ctrl-C; elsewhere the script ends.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
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
get() { curl --silent --max-time 10 --resolve "*:$port:127.0.0.1" "http://$1:$port$2"; } # get HOST PATH
check() { # check WHAT COMMAND…: nothing is shown that is not so
  local what=$1; shift
  "$@" > /dev/null || { echo "not so: $what" >&2; exit 1; }
  echo "  ✓ $what"
}
commit() { git add -A; git -c user.name=Demo -c user.email=demo@example.com commit --quiet -m "$1"; }

cp -r "$here" "$work/platform"
cd "$work/platform"
git init --quiet --initial-branch main .
commit "A platform and two projects"

say "Cloudflare's API on this machine"
kv-sync dev > "$work/dev.log" 2>&1 &
dev=$!
for _ in $(seq 600); do
  grep -q "is running" "$work/dev.log" && break
  kill -0 "$dev" 2>/dev/null || { cat "$work/dev.log" >&2; exit 1; }
  sleep 0.1
done
sed -n 1p "$work/dev.log"

say "The platform's Worker, then every project"
run kv-sync deploy --local
run kv-sync deploy --local --projects
url="$(kv-sync deploy --local --json 2> /dev/null | sed -n 's/.*"url":"\(http[^"]*\)".*/\1/p')"
port="$(sed 's/.*:\([0-9]*\).*/\1/' <<< "$url")"

check "the platform serves its own site" grep -q "<h1>Two shops</h1>" <(get localhost /)
check "the bakery serves its page" grep -q "<h1>Bakery</h1>" <(get bakery.localhost /)
check "and its code answers" grep -q '"opens":"07:00"' <(get bakery.localhost /api/hours)
check "the atelier serves its page without code" grep -q "<h1>About the atelier</h1>" <(get atelier.localhost /about)
check "each has its own style sheet" test "$(get bakery.localhost /style.css)" != "$(get atelier.localhost /style.css)"
check "the bakery has no page of the atelier's" test "$(get bakery.localhost /about)" = ""

say "A push that changes one project deploys that one"
sed -i.bak 's/one wall/two walls/' projects/atelier/public/index.html && rm projects/atelier/public/index.html.bak
commit "More walls"
run kv-sync deploy --local --projects
check "the other one was left alone" grep -q '"no_change":true' <(kv-sync deploy --local --project bakery --json 2> /dev/null)
echo "  Who asked within the last half minute may see the page before: what is active is read from KV that often."

if [ -t 1 ] && [ -z "${CI:-}" ]; then
  say "$url"
  echo "http://bakery.localhost:$port and http://atelier.localhost:$port"
  echo "Open them. Ctrl-C ends the demo."
  wait "$dev"
else
  say "That was the demo; it is over, and $url answers no more."
  echo "On a terminal the platform stays up until Ctrl-C."
fi
