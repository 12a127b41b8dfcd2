#!/usr/bin/env bash
# A site that a Worker in Rust serves, on this machine. No account is needed. On
# a terminal it stays up until Ctrl-C; elsewhere the script ends.
set -euo pipefail

root="$(cd "$(dirname "$0")/../.." && pwd)"
. "$root/examples/stage.sh"
# This cargo finds a compiler for wasm32 where cargo's own has none.
export PATH="$root/rust/bin:$PATH"
get() { curl --silent --max-time 60 "$url$1" "${@:2}"; } # get PATH, and more for curl
status() { get "$1" --output /dev/null --write-out '%{http_code}' "${@:2}"; }
header() { get "$2" --output /dev/null --dump-header - "${@:3}" | tr -d '\r' | sed -n "s/^$1: //Ip"; } # header NAME PATH

# Cargo.toml names the crate by its place beside this folder.
tar -C "$root" --exclude=target --exclude=data -cf - examples/rust-wasm rust/kv-assets-index | tar -C "$work" -xf -
cd "$work/examples/rust-wasm"
git init --quiet --initial-branch main .
commit "A site and its Worker"

start_platform

say "The files go into KV, their index into the Worker, and the Worker goes live"
run kv-sync deploy --local
url="$(site_url)"

check "$url/ is the page" grep -q "<h1>Tides, in Rust</h1>" <(get /)
check "/docs/ is docs/index.html" grep -q "<h1>How it works</h1>" <(get /docs/)
check "an SVG is served as one" test "$(header content-type /wave.svg)" = image/svg+xml
check "every byte of a file arrives" cmp public/style.css <(get /style.css)
etag="$(header etag /)"
check "its ETag is the hash in its key, $etag" grep -q "index.$(tr -d '"' <<< "$etag").html" data/assets.bin
check "who has that copy gets 304" test "$(status / --header "If-None-Match: $etag")" = 304
check "and no body" test -z "$(get / --header "If-None-Match: $etag")"
check "so does who has it by its date" test "$(status / --header "If-Modified-Since: $(header last-modified /)")" = 304
check "HEAD says what GET does" test "$(header etag / --head)" = "$etag"
check "what is not there is 404" test "$(status /no/such/page)" = 404
check "a file cannot be posted to" test "$(status / --request POST --data x)" = 405

say "One page changes"
replace 's/<h1>Tides, in Rust/&, corrected/' public/index.html
commit "Correct the title"
run kv-sync deploy --local
check "the new page is live" grep -q "corrected</h1>" <(get /)
check "its ETag is another" test "$(header etag /)" != "$etag"

say "KV loses a file"
setting() { sed -n "s/^ *export $1=//p" "$work/dev.log"; }
api() { # api PATH, and more for curl
  curl --silent --fail --config <(printf 'header = "Authorization: Bearer %s"' "$(setting CLOUDFLARE_API_TOKEN)") \
    "$(setting CLOUDFLARE_API_BASE_URL)/accounts/$(setting CLOUDFLARE_ACCOUNT_ID)/storage/kv/namespaces$1" "${@:2}"
}
namespace="$(api "" | sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p')"
lost="$(grep -ao 'robots\.[0-9a-f]*\.txt' data/assets.bin)"
api "/$namespace/values/$lost" --request DELETE > /dev/null
check "that is 503, and no empty page" test "$(status /robots.txt)" = 503
check "nobody keeps that answer" test "$(header cache-control /robots.txt)" = no-store
check "HEAD says so too" test "$(status /robots.txt --head)" = 503

stay "The site: $url"
