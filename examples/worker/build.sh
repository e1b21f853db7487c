#!/usr/bin/env bash
# Builds the files that wrangler deploys: `build.sh [DIRECTORY] [MODULE]`. The default directory is `build/`.
# Compiles the Worker, unless a compiled module is named.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/build}
module=${2:-}
if [ -z "$module" ]; then
  target=wasm32-unknown-unknown
  (cd "$here" && cargo build --locked --release --target "$target" -p ccc-worker)
  module=${CARGO_TARGET_DIR:-$here/../../target}/$target/release/ccc_worker.wasm
fi
rm -rf "$out"
"${WASM_BINDGEN:-wasm-bindgen}" --target web --no-typescript --out-dir "$out" --out-name ccc_worker "$module"
# The snippets of wasm-bindgen have names that change with every version. They are renamed, because
# workerd.capnp lists them.
number=0
for piece in "$out"/snippets/*/*.js; do
  sed -i "s#\./snippets/${piece#"$out"/snippets/}#./piece-$number.js#" "$out/ccc_worker.js"
  mv "$piece" "$out/piece-$number.js"
  number=$((number + 1))
done
rm -rf "$out/snippets"
cp "$here/entry.mjs" "$here/workerd.capnp" "$out"
