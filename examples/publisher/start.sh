#!/usr/bin/env bash
# start.sh [COMMAND…] runs a news site and its editor on this machine. The demo needs no account. On
# a terminal it runs until Ctrl-C. With a command, it runs the command with PUBLISHER_URL,
# PUBLISHER_PASSWORD and PUBLISHER_FOLDER in the environment, and ends.
set -euo pipefail

start="$PWD"
root="$(cd "$(dirname "$0")/../.." && pwd)"
. "$root/examples/stage.sh"
setting() { sed -n "s/^ *export $1=//p" "$work/dev.log"; }
status() { curl --silent --output /dev/null --write-out '%{http_code}' --max-time 60 "$1"; }

cp -r "$root/examples/publisher" "$work/publisher"
cd "$work/publisher"

start_platform

say "The site, its editor, and the companion that stores what is written"
run kv-sync deploy --local
url="$(site_url)"
check "there is no editor without a password" test "$(status "$url/edit/login")" = 404

say "A secret: the editors' password"
# At Cloudflare: wrangler secret put PUBLISHER_PASSWORD
password="$(LC_ALL=C tr -dc a-z0-9 < <(head -c 4096 /dev/urandom) | cut -c 1-20)"
printf '{"name":"PUBLISHER_PASSWORD","text":"%s","type":"secret_text"}' "$password" |
  curl --silent --fail --request PUT --data @- --header "Content-Type: application/json" \
    --config <(printf 'header = "Authorization: Bearer %s"' "$(setting CLOUDFLARE_API_TOKEN)") \
    "$(setting CLOUDFLARE_API_BASE_URL)/accounts/$(setting CLOUDFLARE_ACCOUNT_ID)/workers/scripts/publisher/secrets" > /dev/null
check "now there is an editor" test "$(status "$url/edit/login")" = 200

if [ $# -gt 0 ]; then
  cd "$start"
  PUBLISHER_URL="$url" PUBLISHER_PASSWORD="$password" PUBLISHER_FOLDER="$work/publisher" "$@"
else
  stay "The site:   $url" "The editor: $url/edit/" "Password:   $password   (any name)"
fi
