#!/usr/bin/env bash
# Tests the hashserver's pages for people in a real headless Chromium: the keyboard alone, the
# accessibility tree, contrast in light and dark, narrow windows, the policy, no script, no request
# to another host.
#   tests/browser.sh [SCREENSHOTS]     puts pictures of every page into the directory SCREENSHOTS
# Wants Debian's `chromium`, `chromium-driver` and `python3`, or others in CHROMIUM and CHROMEDRIVER; builds
# the server unless BIN names it.
set -euo pipefail
shots=${1:+$(realpath -m "$1")}
cd "$(dirname "$0")/.."
bin=$(realpath -m "${BIN:-${CARGO_TARGET_DIR:-target}/debug/hashserver}")
[ -n "${BIN:-}" ] || cargo build -q -p hashget-server
work=$(mktemp -d)
server=
# Until it has ended a server writes.
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server"; } || true; rm -rf "$work"' EXIT

# What a server has after some months: days on which it was looked at, and sources that are gone.
mkdir "$work/data"
python3 tests/browser/past.py "$work/data"
"$bin" --listen 127.0.0.1:0 --data "$work/data" --name "Index <of> example.org" \
    --motd "Packages of example.org & friends." >"$work/out" 2>"$work/log" &
server=$!
until grep -q '^listening on ' "$work/out"; do
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.1
done
url=$(sed -n 's/^listening on //p' "$work/out")
token=$("$bin" token add --scope admin --data "$work/data" 2>/dev/null)
python3 tests/browser/publish.py "$url" "$token"
python3 tests/browser/pages.py "$url" ${shots:+"$shots"}
