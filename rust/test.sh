#!/usr/bin/env bash
# Formatting, linter and tests of the Rust code. Installs cargo where it is
# missing, on Debian.
set -euo pipefail
cd "$(dirname "$0")"
root="$PWD"
export PATH="$root/bin:$PATH"

cd "$root/kv-assets-index"
cargo fmt --check
cargo clippy --quiet --locked --all-targets -- -D warnings
cargo test --quiet --locked

# The example is compiled, deployed and asked by ../examples/examples_test.go.
cd "$root/../examples/rust-wasm"
cargo fmt --check
if [ ! -f data/assets.bin ]; then # else it is yours
  trap 'rm -rf "$root/../examples/rust-wasm/data"' EXIT
  mkdir -p data
  cp "$root/kv-assets-index/testdata/hello.bin" data/assets.bin
fi
cargo clippy --quiet --locked -- -D warnings
