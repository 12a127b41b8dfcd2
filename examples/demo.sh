#!/usr/bin/env bash
# A real site goes from a git commit to a Worker that serves it out of KV, on
# this machine: a second commit uploads only what changed, a refused one leaves
# the site as it is, a rollback uploads nothing. No account is needed.
# On a terminal the site stays up until Ctrl-C; elsewhere the demo ends by itself.
set -euo pipefail

here="$(cd "$(dirname "$0")/.." && pwd)"
export PATH="${KV_SYNC_BIN:-$here/bin}:$PATH"
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
page() { curl --silent --fail --max-time 10 "$url$1"; }
check() { # check WHAT COMMAND…: the demo shows nothing that is not so
  local what=$1; shift
  "$@" > /dev/null || { echo "not so: $what" >&2; exit 1; }
  echo "  ✓ $what"
}
commit() { git add -A; git -c user.name=Demo -c user.email=demo@example.com commit --quiet -m "$1"; }

say "A site in a git repository"
cp -r "$here/examples/site" "$work/site"
cd "$work/site"
git init --quiet --initial-branch main .
commit "The site"
run git log --oneline

say "Cloudflare's API on this machine"
kv-sync dev > "$work/dev.log" 2>&1 &
dev=$!
for _ in $(seq 600); do
  grep -q "is running" "$work/dev.log" && break
  kill -0 "$dev" 2>/dev/null || { cat "$work/dev.log" >&2; exit 1; }
  sleep 0.1
done
sed -n 1p "$work/dev.log"

say "The commit goes live"
run kv-sync deploy --local --name tides
url="$(kv-sync deploy --local --name tides --json 2> /dev/null | sed -n 's/.*"url":"\(http[^"]*\)".*/\1/p')"
check "$url serves the page" grep -q "<h1>Tide tables</h1>" <(page /)
check "/start redirects to the guide" grep -q "<h1>Guide</h1>" <(curl --silent --location "$url/start")
check "what is not there is a 404 with the site's own page" grep -q "Out with the tide" <(curl --silent "$url/no/such/page")

say "A second commit changes one file"
sed -i.bak 's/Tide tables<\/h1>/Tide tables, corrected<\/h1>/' public/index.html && rm public/index.html.bak
commit "Correct the title"
run kv-sync deploy --local --name tides
check "the new page is live" grep -q "corrected</h1>" <(page /)

say "A commit that must not go out is refused, whole"
ln -s /etc/passwd public/passwd.txt
commit "A link out of the site"
if run kv-sync deploy --local --name tides; then echo "it was not refused" >&2; exit 1; fi
check "the site is as it was" grep -q "corrected</h1>" <(page /)
git reset --quiet --hard HEAD~1

say "One step back"
run kv-sync rollback --local --name tides
check "the first page is live again" grep -q "<h1>Tide tables</h1>" <(page /)
run kv-sync history --local --name tides

if [ -t 1 ] && [ -z "${CI:-}" ]; then
  say "The site: $url"
  echo "Open it. Ctrl-C ends the demo."
  wait "$dev"
else
  say "That was the demo; it is over, and $url answers no more."
  echo "On a terminal the site stays up until Ctrl-C."
fi
