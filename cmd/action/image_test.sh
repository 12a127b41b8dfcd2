#!/usr/bin/env bash
# Builds the Dockerfile with buildah, checks size and contents of the image, and runs the
# Action's tests with it. It needs root and Linux, and fails without them.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
  echo "image: $*" >&2
  exit 1
}

if ! command -v buildah >/dev/null; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "install buildah first"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah >/dev/null
fi

tmp=$(mktemp -d)
chmod 711 "$tmp" # the files of a job belong to a user who is not root
clean() {
  b rm --all >/dev/null 2>&1 || true
  rm -rf "$tmp"
}
trap clean EXIT
. .ci/buildah.sh

build Dockerfile localhost/kv-sync-action

image=$(b from --pull-never localhost/kv-sync-action)
files=$(b mount "$image")
bytes=$(find "$files" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
packed="$tmp/packed"
b push -q localhost/kv-sync-action "oci:$packed" >/dev/null
download=$(find "$packed" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
echo "image: $bytes bytes on disk, $download to download"
[ "$bytes" -le 25000000 ] || fail "the image has $bytes bytes, more than 25 MB"
found=$(cd "$files" && find . -type f | sort | tr '\n' ' ')
[ "$found" = "./etc/ssl/certs/ca-certificates.crt ./kv-sync-action " ] || fail "the image holds $found"
[ "$(stat -c %a "$files/tmp")" = 1777 ] || fail "/tmp of the image is not writable for all"

# The tests use this as the Action. A shell cannot read variables with names like
# INPUT_API-TOKEN, so this reads them from /proc.
cat >"$tmp/action" <<RUN
#!/bin/bash
export PATH=$PATH TMPDIR=$tmp
args=()
while IFS= read -r -d '' pair; do
  case \$pair in PATH=* | TMPDIR=* | HOME=*) ;; *) args+=(--env "\$pair") ;; esac
done </proc/self/environ
job=\$(dirname "\$GITHUB_WORKSPACE")
exec ${buildah[*]} run --isolation chroot "\${args[@]}" \
  --volume "\$job:\$job" --workingdir "\$GITHUB_WORKSPACE" $image /kv-sync-action
RUN
chmod +x "$tmp/action"
KV_SYNC_ACTION="$tmp/action" go test -count=1 -run 'TestDeployAgainAndRollBack|TestRefusedFilesAreAnnotated|TestForeignCode|TestPull$' ./cmd/action
left=$(find "$files/tmp" -type f)
[ -z "$left" ] || fail "a run left files behind: $left"
