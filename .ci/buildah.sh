# Functions for the tests of the container images. A test sources this file at the top of the
# repository. $tmp is a temporary folder of the test. The functions pull no image: the base of the
# build stage has this machine's shell, and Go and its modules are mounted.

export BUILDAH_ISOLATION=chroot TMPDIR="$tmp"
buildah=(buildah --storage-driver vfs --root "$tmp/images" --runroot "$tmp/run")
b() { "${buildah[@]}" "$@"; }

# build DOCKERFILE TAG [FLAG…] builds an image. Go has no network access in the build.
build() {
  local dockerfile=$1 tag=$2
  shift 2
  b images -q localhost/go-of-this-machine > /dev/null 2>&1 || go_image
  go mod download
  b build -q --isolation chroot --layers=false --pull-never --build-arg GO_IMAGE=localhost/go-of-this-machine \
    --build-arg VERSION=image-test --file "$dockerfile" \
    --volume "$(go env GOROOT):/usr/local/go:ro" --volume "$(go env GOMODCACHE):/modules" --volume "$(go env GOCACHE):/cache" \
    -t "$tag" "$@" . > /dev/null
}

# go_image makes the base of the build stage. It has sh, the programs that the RUN lines of the
# Dockerfiles use with their libraries, and the CA certificates.
go_image() {
  local base="$tmp/go-base" name file lib certificates=/etc/ssl/certs/ca-certificates.crt container
  mkdir -p "$base"/{bin,tmp,root,usr/local,etc/ssl/certs}
  for name in sh mkdir chmod cp; do
    file=$(readlink -f "$(command -v "$name")")
    cp "$file" "$base/bin/$name"
    ldd "$file" | grep -o '/[^ ]*' | while read -r lib; do cp -nL --parents "$lib" "$base"; done
  done
  [ -s "$certificates" ] || fail "install ca-certificates first"
  cp -L "$certificates" "$base$certificates"
  container=$(b from scratch)
  b copy -q "$container" "$base" / > /dev/null
  b config --env PATH=/usr/local/go/bin:/bin --env HOME=/root --env GOPROXY=off --env GOTOOLCHAIN=local \
    --env GOMODCACHE=/modules --env GOCACHE=/cache "$container"
  b commit -q "$container" localhost/go-of-this-machine > /dev/null
}
