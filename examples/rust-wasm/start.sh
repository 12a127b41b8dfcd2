#!/usr/bin/env bash
# Runs a site on this machine that a Worker in Rust serves. The demo needs no account. On a terminal
# it runs until Ctrl-C.
set -euo pipefail

root="$(cd "$(dirname "$0")/../.." && pwd)"
. "$root/examples/stage.sh"
# rust/bin/cargo finds a cargo that can compile for wasm32.
export PATH="$root/rust/bin:$PATH"
get() { curl --silent --max-time 60 "$url$1" "${@:2}"; } # get PATH [CURL ARGUMENT…]
status() { get "$1" --output /dev/null --write-out '%{http_code}' "${@:2}"; }
header() { get "$2" --output /dev/null --dump-header - "${@:3}" | tr -d '\r' | sed -n "s/^$1: //Ip"; } # header NAME PATH

# Cargo.toml has a relative path to the crate, so copy both folders.
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
check "a client with that ETag gets 304" test "$(status / --header "If-None-Match: $etag")" = 304
check "without a body" test -z "$(get / --header "If-None-Match: $etag")"
check "a client with that date gets the page" test "$(status / --header "If-Modified-Since: $(header last-modified /)")" = 200
check "HEAD has the headers of GET" test "$(header etag / --head)" = "$etag"
check "an unknown page is 404" test "$(status /no/such/page)" = 404
check "POST to a file is refused" test "$(status / --request POST --data x)" = 405

say "One page changes"
replace 's/<h1>Tides, in Rust/&, corrected/' public/index.html
commit "Correct the title"
run kv-sync deploy --local
check "the new page is live" grep -q "corrected</h1>" <(get /)
check "its ETag is different" test "$(header etag /)" != "$etag"

say "KV loses a file"
setting() { sed -n "s/^ *export $1=//p" "$work/dev.log"; }
api() { # api PATH [CURL ARGUMENT…]
  curl --silent --fail --config <(printf 'header = "Authorization: Bearer %s"' "$(setting CLOUDFLARE_API_TOKEN)") \
    "$(setting CLOUDFLARE_API_BASE_URL)/accounts/$(setting CLOUDFLARE_ACCOUNT_ID)/storage/kv/namespaces$1" "${@:2}"
}
namespace="$(api "" | sed -n 's/.*"id":"\([0-9a-f]*\)".*/\1/p')"
lost="$(grep -ao 'robots\.[0-9a-f]*\.txt' data/assets.bin)"
api "/$namespace/values/$lost" --request DELETE > /dev/null
check "the answer is 503, not an empty page" test "$(status /robots.txt)" = 503
check "that answer is not cached" test "$(header cache-control /robots.txt)" = no-store
check "HEAD is 503, too" test "$(status /robots.txt --head)" = 503

stay "The site: $url"
