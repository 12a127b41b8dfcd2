#!/usr/bin/env bash
# Builds the Dockerfile with buildah, holds the image to its size and contents,
# and runs the Action's tests through it. It needs root and Linux, and fails where
# it cannot run.
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
chmod 711 "$tmp" # a job's files are those of a user who is not root
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
[ "$(stat -c %a "$files/tmp")" = 1777 ] || fail "the image has no /tmp that all may write to"

# The tests take this for the Action. Names like INPUT_API-TOKEN do not fit into
# a shell's variables, so they are read where the kernel keeps them.
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
