#!/usr/bin/env bash
# Checks the format of the Rust code, and runs its linter and its tests. On Debian it installs
# cargo if it is missing.
set -euo pipefail
cd "$(dirname "$0")"
root="$PWD"
export PATH="$root/bin:$PATH"

cd "$root/kv-assets-index"
cargo fmt --check
cargo clippy --quiet --locked --all-targets -- -D warnings
cargo test --quiet --locked

# examples/examples_test.go compiles, deploys and requests this example.
cd "$root/../examples/rust-wasm"
cargo fmt --check
if [ ! -f data/assets.bin ]; then # keep a user's own index
  trap 'rm -rf "$root/../examples/rust-wasm/data"' EXIT
  mkdir -p data
  cp "$root/kv-assets-index/testdata/hello.bin" data/assets.bin
fi
cargo clippy --quiet --locked -- -D warnings
