#!/usr/bin/env bash
# Runs a platform and the projects of two customers on this machine. Each project has its own host
# name and can read only its own assets. The demo needs no account. On a terminal it runs until
# Ctrl-C.
set -euo pipefail

root="$(cd "$(dirname "$0")/../.." && pwd)"
. "$root/examples/stage.sh"
get() { curl --silent --max-time 60 --resolve "*:$port:127.0.0.1" "http://$1:$port$2"; } # get HOST PATH

cp -r "$root/examples/dynamic-workers" "$work/platform"
cd "$work/platform"
git init --quiet --initial-branch main .
commit "A platform and two projects"

start_platform

say "The platform's Worker, then every project"
run kv-sync deploy --local
run kv-sync deploy --local --projects
url="$(site_url)"
port="${url##*:}"

check "the platform serves its own site" grep -q "<h1>Two shops</h1>" <(get localhost /)
check "the bakery serves its page" grep -q "<h1>Bakery</h1>" <(get bakery.localhost /)
check "and its code answers" grep -q '"opens":"07:00"' <(get bakery.localhost /api/hours)
check "the atelier serves its page without code" grep -q "<h1>About the atelier</h1>" <(get atelier.localhost /about)
check "each has its own style sheet" test "$(get bakery.localhost /style.css)" != "$(get atelier.localhost /style.css)"
check "the bakery has no page of the atelier's" test "$(get bakery.localhost /about)" = ""

say "A push that changes one project deploys that one"
replace 's/one wall/two walls/' projects/atelier/public/index.html
commit "More walls"
run kv-sync deploy --local --projects
check "the other one is unchanged" grep -q '"no_change":true' <(kv-sync deploy --local --project bakery --json 2> /dev/null)
echo "  Visitors of the last 30 seconds may still get the old page: the active version is read from KV that often."

stay "The platform: $url" "The bakery:   http://bakery.localhost:$port" "The atelier:  http://atelier.localhost:$port"
