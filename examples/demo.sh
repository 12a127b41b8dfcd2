#!/usr/bin/env bash
# Deploys a site from a git commit on this machine. A Worker serves the site from KV. The second
# deploy uploads only the changed file. The third deploy is refused and changes nothing. A rollback
# uploads nothing. The demo needs no account. On a terminal it runs until Ctrl-C.
set -euo pipefail

root="$(cd "$(dirname "$0")/.." && pwd)"
. "$root/examples/stage.sh"
page() { curl --silent --fail --max-time 60 "$url$1"; }

say "A site in a git repository"
cp -r "$root/examples/site" "$work/site"
cd "$work/site"
git init --quiet --initial-branch main .
commit "The site"
run git log --oneline

start_platform

say "The commit goes live"
run kv-sync deploy --local --name tides
url="$(site_url --name tides)"
check "$url serves the page" grep -q "<h1>Tide tables</h1>" <(page /)
check "/start redirects to the guide" grep -q "<h1>Guide</h1>" <(curl --silent --location "$url/start")
check "an unknown page is a 404 with the site's own page" grep -q "Out with the tide" <(curl --silent "$url/no/such/page")

say "A second commit changes one file"
replace 's/Tide tables<\/h1>/Tide tables, corrected<\/h1>/' public/index.html
commit "Correct the title"
run kv-sync deploy --local --name tides
check "the new page is live" grep -q "corrected</h1>" <(page /)

say "A commit with a file that must not be published is refused as a whole"
ln -s /etc/passwd public/passwd.txt
commit "A link out of the site"
if run kv-sync deploy --local --name tides; then echo "the deploy was not refused" >&2; exit 1; fi
check "the site is unchanged" grep -q "corrected</h1>" <(page /)
git reset --quiet --hard HEAD~1

say "One step back"
run kv-sync rollback --local --name tides
check "the first page is live again" grep -q "<h1>Tide tables</h1>" <(page /)
run kv-sync history --local --name tides

stay "The site: $url"
