#!/usr/bin/env bash
# Runs schemathesis (PyPI) against a server of its own: every address of /openapi.json with
# thousands of odd requests; no 5xx, and every answer as described.
#   tests/openapi.sh [options of schemathesis]
# Wants `schemathesis` on the PATH, or its directory in VENV; builds the server unless BIN names it.
set -euo pipefail
cd "$(dirname "$0")/.."
schemathesis=${VENV:+$(realpath "$VENV")/bin/}schemathesis
bin=$(realpath -m "${BIN:-target/debug/hashserver}")
[ -n "${BIN:-}" ] || cargo build -q -p hashget-server
work=$(mktemp -d)
server=
# Until it has ended a server writes.
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server"; } || true; rm -rf "$work"' EXIT

"$bin" --listen 127.0.0.1:0 --data "$work/data" --fetch-pause-seconds 3600 \
    >"$work/out" 2>"$work/log" &
server=$!
until grep -q '^listening on ' "$work/out"; do
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.1
done
url=$(sed -n 's/^listening on //p' "$work/out")
token=$("$bin" token add --scope admin --data "$work/data" 2>/dev/null)
# Something to find.
curl -fsS "${url}api/v1/packages" -H "Authorization: Bearer $token" -d '{"project": "p",
    "packages": [{"url": "http://example.org/a.deb", "signatures": {"deb": "a_1_all"},
    "files": ["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]}]}' >/dev/null

# Names that the store refuses and dates that are none are described as plain strings, so a
# request that fits the description may still be refused with 400.
cd "$work" && "$schemathesis" run "${url}openapi.json" --header "Authorization: Bearer $token" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance \
    --workers 2 "$@"
kill -0 "$server" 2>/dev/null || { echo "the server died" >&2; cat "$work/log" >&2; exit 1; }
! grep -i panicked "$work/log"
