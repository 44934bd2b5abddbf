#!/usr/bin/env bash
# The original's own client (`hashget` of PyPI) against our hashserver: it submits a package, finds it by signature
# and by anchor, packs a tree, and restores it from the server's pool while the package's URL is gone. At the end
# the server's access log must have all that the original's client asks a server for.
#   VENV=DIRECTORY tests/original.sh        DIRECTORY: python3 -m venv DIRECTORY && DIRECTORY/bin/pip install hashget
# Wants dpkg-deb, curl and python3; BIN names the hashserver (default: the debug build).
set -euo pipefail
cd "$(dirname "$0")/.."
original=$(realpath "${VENV:?the directory of a venv with hashget}")/bin/hashget
[ -n "${BIN:-}" ] || cargo build -q -p hashget-server
bin=$(realpath "${BIN:-${CARGO_TARGET_DIR:-target}/debug/hashserver}")
work=$(mktemp -d)
pids=()
# shellcheck disable=SC2154 # the trap sets pid itself
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT

# A package with an anchor and small files, and a tree that it is installed in.
sig=demo_1.0-1_all
mkdir -p "$work"/{deb/DEBIAN,deb/usr/share/demo,www/pool/main/d/demo,tree/var/lib/dpkg}
printf 'Package: demo\nSection: misc\nVersion: 1.0-1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: demo\n' \
    >"$work/deb/DEBIAN/control"
head -c 300000 /dev/urandom >"$work/deb/usr/share/demo/anchor"
for n in 1 2 3; do head -c 5000 /dev/urandom >"$work/deb/usr/share/demo/small$n"; done
deb=$work/www/pool/main/d/demo/$sig.deb
dpkg-deb --root-owner-group -Zgzip -b "$work/deb" "$deb" >/dev/null
dpkg-deb -x "$deb" "$work/tree"
{ sed '/^Maintainer/i Status: install ok installed' "$work/deb/DEBIAN/control"; echo; } >"$work/tree/var/lib/dpkg/status"
echo "what nobody else has" >"$work/tree/own"

python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$work/www" >"$work/www.out" 2>"$work/www.log" &
pids+=($!)
web=$!
until [ -s "$work/www.out" ] && grep -q '^Serving' "$work/www.out"; do kill -0 $!; sleep 0.1; done
port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$work/www.out")
cat >"$work/settings.toml" <<SETTINGS
motd = "Hello from our server"
open_submitting = true
accept_url = ['^http://127\.0\.0\.1:$port/.*\.deb\$']
fetch_ports = [$port]
fetch_networks = ["127.0.0.1"]
fetch_pause_seconds = 0
access_log = "$work/access.log"
SETTINGS
"$bin" --settings "$work/settings.toml" --listen 127.0.0.1:0 --data "$work/data" >"$work/out" 2>"$work/log" &
pids+=($!)
until [ -s "$work/out" ] && grep -q '^listening on ' "$work/out"; do kill -0 $!; sleep 0.1; done
url=$(sed -n 's/^listening on //p' "$work/out")
token=$("$bin" token add --scope admin --data "$work/data" 2>/dev/null)
# What anybody submits is found by its name only if the operator says so.
"$bin" token add --scope publish:submitted --scope sign:deb --data "$work/data" >"$work/signing" 2>&1

# Every client has a home of its own, so that none knows what another has learnt. Root's would be below /var/cache.
as_nobody=()
if [ "$(id -u)" = 0 ]; then
    as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
    chmod 755 "$work"
    chown -R 65534:65534 "$work/tree"
fi
client() {
    local home=$work/$1
    shift
    mkdir -p "$home"
    [ ${#as_nobody[@]} = 0 ] || chown 65534:65534 "$home"
    (cd "$home" && HOME=$home "${as_nobody[@]}" "$original" --hashdb_path "$home/hashdb" --hashserver "$url" "$@")
}

client submitter --submit "http://127.0.0.1:$port/pool/main/d/demo/$sig.deb" -p demo | tee "$work/submitted"
grep -q 'Submit 202' "$work/submitted"
number=$(sed -n 's#.*submissions/##p' "$work/submitted")
until curl -fsS "${url}api/v1/submissions/$number" | tee "$work/state" | grep -E '"(done|failed)"' >/dev/null; do sleep 0.1; done
grep -q '"done"' "$work/state"
# The second time it learns from HEAD that the server has it.
client other --submit "http://127.0.0.1:$port/pool/main/d/demo/$sig.deb" -p demo >"$work/again"
if grep Submit "$work/again"; then exit 1; fi

anchor=sha256:$(sha256sum "$work/deb/usr/share/demo/anchor" | cut -c1-64)
client getter --get "$anchor" -o "$work/getter"
cmp "$work/deb/usr/share/demo/anchor" "$work"/getter/anchor

client packer --pack "$work/tree" -zf "$work/packer/archive.tar.gz" --sleep 0
[ "$(stat -c %s "$work/packer/archive.tar.gz")" -lt 100000 ]

# The package is in the pool, and its URL is gone.
sum=$(sha256sum "$deb" | sed -E 's,^(..)(..)(..)([0-9a-f]{58}).*,\1/\2/\3/\4,')
curl -fsS -T "$deb" -H "Authorization: Bearer $token" "${url}pool/sha256/$sum"
kill "$web"
mkdir -p "$work/restorer/tree"
tar -xzf "$work/packer/archive.tar.gz" -C "$work/restorer/tree"
[ ${#as_nobody[@]} = 0 ] || chown -R 65534:65534 "$work/restorer"
client restorer --pool "$url" --user -u "$work/restorer/tree"
rm -f "$work"/{,restorer/}tree/.hashget-restore.json
diff -r "$work/tree" "$work/restorer/tree"

# The log has a thread of its own.
until grep -q '"path":"/pool/.*"status":200' "$work/access.log"; do kill -0 "${pids[1]}"; sleep 0.1; done
asked() {
    python3 -c '
import json, sys
asked = {(line["method"], line["status"], line["path"].split("/")[1]) for line in map(json.loads, open(sys.argv[1]))}
for method, status, first in sorted(asked, key=str):
    print(method, status, first)
' "$work/access.log"
}
asked | tee "$work/asked"
for line in 'GET 200 config.json' 'GET 200 motd.txt' 'HEAD 404 a' 'HEAD 200 a' 'GET 200 a' 'POST 202 submit' 'GET 200 sig' 'GET 200 pool'; do
    grep -qx "$line" "$work/asked" || { echo "never: $line" >&2; exit 1; }
done
echo "the original's client gets along with our server"
