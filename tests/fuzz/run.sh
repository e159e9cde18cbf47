#!/usr/bin/env bash
# Runs schemathesis against a fresh emulator, once as an administrative key and once as a key of the data plane.
# Needs curl and `st` of schemathesis 4 (`pip install schemathesis`), or its path in SCHEMATHESIS. Arguments go on to `st run`.
set -euo pipefail
cd "$(dirname "$0")/../.."
st=${SCHEMATHESIS:-st}

cargo build --quiet --locked
work=$(mktemp -d)
target/debug/portkey-sync emulator --listen 127.0.0.1:0 --admin-key administrators-secret-00000fuzz --seed tests/fuzz/seed.yaml >"$work/out" 2>"$work/log" &
emulator=$!
trap 'kill $emulator; rm -r "$work"' EXIT
until grep -q http "$work/out"; do kill -0 $emulator; sleep 0.1; done
url=$(sed -n 's/^listening on //p' "$work/out")

for key in administrators-secret-00000fuzz data-plane-secret-0000000fuzz; do
    # The run before has deleted what it found.
    curl --silent --fail --output /dev/null --request POST "${url%/v1}/_emulator/reset"
    echo "== as the key with the secret $key"
    FUZZ_KEY=$key "$st" --no-color --config-file tests/fuzz/schemathesis.toml run docs/emulator.openapi.json \
        --url "$url" "$@"
done
