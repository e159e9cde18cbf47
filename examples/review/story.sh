#!/usr/bin/env bash
# A pull request from its first check to the last empty plan, against an emulator: README.md beside this file shows
# what it says.
#
#   bash examples/review/story.sh [FOLDER]
#
# It needs portkey-sync in the PATH, or in $PORTKEY_SYNC, and git. All it makes lies in FOLDER, which stays, or else in a
# temporary folder, which does not. It ends with 1 if a step ends otherwise than it should.
set -Eeuo pipefail
trap 'echo "the story stopped in line $LINENO" >&2' ERR

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-}
passing=
emulator=
end() {
    if [ -n "$emulator" ]; then kill "$emulator" && wait "$emulator" || true; fi
    if [ -n "$passing" ]; then rm -rf "$passing"; fi
}
trap end EXIT
if [ -z "$folder" ]; then
    passing=$(mktemp -d)
    folder=$passing
fi
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

# The commands below say `portkey-sync`, whatever the file is called.
mkdir -p "$folder/bin" "$folder/repository"
if [ -n "${PORTKEY_SYNC:-}" ]; then ln -sf "$(realpath "$PORTKEY_SYNC")" "$folder/bin/portkey-sync"; fi
export PATH="$folder/bin:$PATH"

# The emulator stands for Portkey. Its secret is one of nothing.
export PORTKEY_ADMIN_API_KEY=emulated-admin-0000
portkey-sync emulator --quiet --listen 127.0.0.1:0 --seed "$here/organisation.yaml" \
    --admin-key "$PORTKEY_ADMIN_API_KEY" >"$folder/emulator.out" 2>"$folder/emulator.err" &
emulator=$!
for _ in $(seq 200); do
    if grep -q listening "$folder/emulator.out"; then break; fi
    sleep 0.05
done
read -r _ _ PORTKEY_BASE_URL <"$folder/emulator.out"
export PORTKEY_BASE_URL
port=${PORTKEY_BASE_URL#http://127.0.0.1:}
port=${port%/v1}

# call METHOD PATH [BODY]: one request to the emulator, and what it answers. bash can do that without curl.
call() {
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf '%s %s HTTP/1.0\r\nx-portkey-api-key: %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s' \
        "$1" "$2" "$PORTKEY_ADMIN_API_KEY" "${#3}" "${3:-}" >&3
    cat <&3
    exec 3>&-
}

# by_hand ID FIELDS: what somebody does in the console.
by_hand() {
    call PUT "/v1/api-keys/$1" "$2" | head -n 1 | grep -q ' 200 '
}

# The writes that the emulator has seen since it was asked last.
writes() {
    call GET /_emulator/requests "" | { grep -oE '"method": ?"(POST|PUT|DELETE)"' || true; } | wc -l
    call DELETE /_emulator/requests "" >"$folder/forgotten"
}

# step NAME CODE WRITES COMMAND…: shows a command, what it says, how it ends and what it wrote.
step() {
    local name=$1 code=$2 expected=$3 ended=0 written
    shift 3
    writes >"$folder/forgotten"
    printf '== %s\n$ %s\n' "$name" "$*"
    "$@" 2>&1 || ended=$?
    written=$(writes | tr -d ' ')
    printf '(exit code: %s; writes: %s)\n' "$ended" "$written"
    if [ "$ended" != "$code" ] || [ "$written" != "$expected" ]; then
        printf 'step %s should end with %s after %s writes\n' "$name" "$code" "$expected" >&2
        exit 1
    fi
}

cd "$folder/repository"
export GIT_CONFIG_GLOBAL=/dev/null
git init -q --initial-branch main .
git config user.name "A. Author"
git config user.email author@acme.example
commit() {
    cp "$here/$1" keys.yaml
    git add keys.yaml
    git commit -q -m "$2"
}

# What is on main is applied. Then somebody lets nightly-eval do ten times as much, in the console.
commit before.yaml "The keys"
portkey-sync apply --yes --quiet >"$folder/first.out" 2>&1
by_hand 9b02c7de-60f4-4d3f-8a61-0f2d7be3c1aa '{"rate_limits": [{"type": "requests", "unit": "rpm", "value": 1000}]}'

# A pull request.
git checkout -q -b refunds
commit after.yaml "Refunds"
step check 0 0 env -u PORTKEY_ADMIN_API_KEY portkey-sync validate --base-ref main
step comment 0 0 portkey-sync plan --base-ref main --out plan.json --format markdown

# It is merged. But somebody has raised the budget of ledger-batch in the console by then.
by_hand 5c1e7f90-31b4-4c1e-b0d5-6f1a2c7d9e88 '{"usage_limits": {"credit_limit": 900}}'
git checkout -q main
git merge -q --ff-only refunds
step refused 4 0 portkey-sync apply plan.json
step again 0 0 portkey-sync plan --base-ref main~1 --out again.json
step applied 0 5 portkey-sync apply again.json
step empty 0 0 portkey-sync plan --detailed-exitcode

# Another pull request takes the first one back. While it is applied, Portkey is out of order for checkout.
git checkout -q -b back
commit before.yaml "No refunds yet"
portkey-sync plan --base-ref main --out back.json >"$folder/back.out" 2>&1
call POST /_emulator/faults '[{"method": "PUT", "path": "/v1/api-keys/183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2",
    "then": {"status": 503, "retry_after": 600}}]' >"$folder/fault.out"
step partial 3 2 portkey-sync apply back.json
step resumed 0 1 portkey-sync apply back.json
step last 0 0 portkey-sync plan --detailed-exitcode
