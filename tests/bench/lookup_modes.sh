#!/bin/sh
# What a look-up costs and tells in each of the modes `hashget --lookup digest|filter|range`: bytes sent and received
# on the wire, digests that the server learns, and how many of them it did not know.
#
#   tests/bench/lookup_modes.sh DIR [DIGESTS]      (default: 1000000)
#
# DIR is a directory of data sets that tests/bench/run.sh made: the server gets the records of the Debian packages of
# DIR/debian among DIGESTS generated ones (server/examples/fill.rs), and knows nothing of DIR/linux. Each tree is
# planned (`--pack --dry-run`) through a proxy that counts, with an empty client, then with one that has
# kept the filter and nothing else. BIN names a directory with `hashget`, `hashserver` and `examples/fill`.
# Needs python3. Everything stays on the loopback interface and below ${TMPDIR:-/tmp}.
set -eu

[ $# -gt 0 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
sets=$(cd "$1" && pwd)
digests=${2:-1000000}
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
if [ -z "${BIN:-}" ]; then
    cargo build --quiet --release --package hashget --bin hashget
    cargo build --quiet --release --package hashget-server --bin hashserver --example fill
fi
target=${BIN:-${CARGO_TARGET_DIR:-$root/target}/release}
work=$(mktemp -d "${TMPDIR:-/tmp}/hashget-modes.XXXXXX")
server=
# Until it has ended a server writes.
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server"; } || true; rm -rf "$work"' EXIT INT TERM

"$target/examples/fill" "$work/data" "$digests" "$work/keys"
"$target/hashserver" --data "$work/data" --listen 127.0.0.1:0 --filter-interval-seconds 1 --log-level warn \
    >"$work/out" &
server=$!
until grep -q '^listening on ' "$work/out"; do
    kill -0 "$server"
    sleep 0.1
done
url=$(sed -n 's/^listening on //p' "$work/out")
HASHGET_TOKEN=$("$target/hashserver" token add --scope 'publish:*' --data "$work/data" 2>/dev/null)
export HASHGET_TOKEN
python3 tests/bench/lookup_modes.py "$target/hashget" "$url" "$sets" "$work"
