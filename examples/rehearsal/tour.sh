#!/usr/bin/env bash
# The whole loop on this machine, without a tenant: read, attack, check, plan, apply, check. Nothing leaves it.
# Needs Rust, a C compiler, git and curl. Run it in a clone: bash examples/rehearsal/tour.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

echo "building connguard and the emulator (the first time takes minutes)…"
cargo build --quiet --bin connguard --example exchange-emulator
bin="${CARGO_TARGET_DIR:-$PWD/target}/debug"
PATH="$bin:$PATH"

# An audit repository of its own, so that nothing is written into the clone.
audit=$(mktemp -d)
cp -r examples/rehearsal/. "$audit"
cp tests/keys/ci "$audit/../connguard-tour-key.$$" && chmod 600 "$audit/../connguard-tour-key.$$"
export CONNGUARD_HISTORY_KEY="$audit/../connguard-tour-key.$$"
cd "$audit"
git init --quiet

"$bin/examples/exchange-emulator" organizations --quiet >emulator.log &
emulator=$!
trap 'kill $emulator; rm -f "$CONNGUARD_HISTORY_KEY"' EXIT
until grep -q '^exchange-emulator: ' emulator.log; do
    kill -0 $emulator || { cat emulator.log; exit 1; }
    sleep 0.1
done

# What the identities prove themselves with; in the real world federated, or a certificate.
export CONNGUARD_SECRET=rehearsal-secret CONNGUARD_APPLY_SECRET=rehearsal-secret
# The pin: the root that your people signed. And a memory of this tour alone.
export CONNGUARD_ROOT="sha256:$(sha256sum trust/root.yaml | cut -d' ' -f1)" CONNGUARD_STATE="$audit/state.json"

# Runs a command and says how it ended, which must be as expected.
step() {
    local wanted=$1 code=0
    shift
    printf '\n$ %s\n' "$*"
    "$@" || code=$?
    echo "# ended with $code"
    [ "$code" -eq "$wanted" ] || { echo "expected $wanted"; exit 1; }
}

step 0 connguard doctor --rehearsal
step 0 connguard snapshot --rehearsal
step 0 bash attack.sh
step 14 connguard check --rehearsal
step 10 connguard plan --rehearsal --report json=plan.json
digest=$(sed -n 's/^  "digest": "\(sha256:[0-9a-f]*\)",*$/\1/p' plan.json)
step 0 connguard apply plan.json --rehearsal --approve "$digest"
step 0 connguard apply plan.json --rehearsal --approve "$digest" --remove
step 0 connguard check --rehearsal
step 0 connguard history log
step 0 connguard history verify
echo
echo "The audit repository of this tour: $audit"
