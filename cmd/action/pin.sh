#!/usr/bin/env bash
# pin.sh ACTION.YML IMAGE@sha256:DIGEST
# Makes action.yml name the image by its digest instead of the Dockerfile.
set -euo pipefail
file=$1 image=$2
[[ $image =~ ^[a-z0-9./_-]+@sha256:[0-9a-f]{64}$ ]] || {
  echo "pin: $image is not IMAGE@sha256:DIGEST" >&2
  exit 1
}
[ "$(grep -c '^  image: Dockerfile$' "$file")" = 1 ] || {
  echo "pin: $file must name the Dockerfile exactly once" >&2
  exit 1
}
sed -i "s|^  image: Dockerfile\$|  image: docker://$image|" "$file"
