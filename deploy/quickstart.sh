#!/usr/bin/env bash
# The whole loop on real packages, in temporary directories that are removed at the end:
# index packages, publish them to a hashserver, pack a tree against it from a second, empty client,
# restore it elsewhere from a third, and compare.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n--- %s\n' "$*"; }

say "Building hashget and hashserver (release)"
cargo build --release --locked --package hashget --package hashget-server --bins
bin="${CARGO_TARGET_DIR:-$PWD/target}/release"

work=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
mkdir "$work"/{packages,tree,pool,client-a,client-b,client-c}

# Each client has a home of its own, so that none knows what another has learnt.
client() {
    local home="$work/client-$1" program=$2
    shift 2
    env HOME="$home" HASHGET_CONFIG=/dev/null HASHGET_HASHDB_PATH="$home/hashdb" \
        HASHGET_CACHE="$home/cache" "$bin/$program" "$@"
}
bytes() { stat -c %s "$@" | awk '{ sum += $1 } END { print sum + 0 }'; }

say "Taking real packages"
debs="bash coreutils grep gzip perl-base tar util-linux"
fetch_debs() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    # shellcheck disable=SC2086
    (cd "$work/packages" && apt-get download -q $debs) && return
    [ "$(id -u)" = 0 ] && apt-get update -q &&
        (cd "$work/packages" && apt-get download -q $debs)
}
if fetch_debs >"$work/apt.log" 2>&1; then
    for deb in "$work"/packages/*.deb; do dpkg-deb -x "$deb" "$work/tree"; done
else
    echo "(no .deb files to be had here: taking more of the .crate files instead)"
fi
# .crate files, which the build has just fetched, are gzipped tarballs.
crates=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/cache" -name '*.crate' -printf '%s %p\n' |
    sort -rn | cut -d' ' -f2- | sed -n '1,40p')
if ls "$work"/packages/*.deb >/dev/null 2>&1; then crates=$(head -n 3 <<<"$crates"); fi
mkdir -p "$work/tree/srv/vendor"
while read -r crate; do
    cp "$crate" "$work/packages/$(basename "$crate" .crate).tar.gz"
    tar -xzf "$crate" -C "$work/tree/srv/vendor"
done <<<"$crates"
# What nobody else has.
mkdir -p "$work/tree/etc" "$work/tree/home/me"
echo "quickstart" >"$work/tree/etc/hostname"
head -c 20000 /dev/urandom >"$work/tree/home/me/notes.bin"
ls -l "$work/packages" | awk 'NR > 1 { print $5, $9 }'

say "Starting a hashserver on loopback"
mkdir "$work/data"
: >"$work/server.out"
"$bin/hashserver" --listen 127.0.0.1:0 --data "$work/data" >>"$work/server.out" 2>"$work/server.log" &
server=$!
until grep -q '^listening on ' "$work/server.out"; do
    kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
    sleep 0.1
done
url=$(sed -n 's/^listening on //p' "$work/server.out")
HASHGET_TOKEN=$("$bin/hashserver" token add --scope 'publish:*' --data "$work/data")
export HASHGET_TOKEN
echo "$url"

say "Client A indexes the packages and publishes them"
# The server's own pool is where these packages can be downloaded for good. Until they are published,
# client A keeps them in a pool of its own.
for package in "$work"/packages/*; do
    hash=$(sha256sum "$package" | cut -c1-64)
    place="${url}pool/sha256/${hash:0:2}/${hash:2:2}/${hash:4:2}/${hash:6}"
    client a hashget submit "$place" --file "$package" -p quickstart --pool "$work/pool" --no-hashserver
done
client a hashget publish --with-files package -p quickstart --pool "$work/pool" --hashserver "$url"

say "Client B, which knows nothing, packs the tree against the hashserver"
client b hashget pack "$work/tree" -f "$work/backup.tar.gz" --hashserver "$url"

say "Client C restores it elsewhere"
client c hashget restore "$work/backup.tar.gz" "$work/restored" --hashserver "$url"

say "Comparing"
# The size of a directory is the file system's own affair, and so is its count of links.
listing() {
    (cd "$1" && find . \( -type d -printf '%P %y %m %U:%G %T@\n' \) -o \
        -printf '%P %y %m %U:%G %s %T@ %n %l\n' | sort)
}
tar -C "$work/tree" -czf "$work/plain.tar.gz" .
diff -r --no-dereference "$work/tree" "$work/restored"
diff <(listing "$work/tree") <(listing "$work/restored")

tree_bytes=$(du -s --apparent-size --block-size=1 "$work/tree" | cut -f1)
plain=$(bytes "$work/plain.tar.gz")
ours=$(bytes "$work/backup.tar.gz")
printf '\n%-28s %12s\n' "" bytes
printf '%-28s %12d\n' "the tree" "$tree_bytes" "its packages" "$(bytes "$work"/packages/*)" \
    "tar.gz of the tree" "$plain" "hashget archive" "$ours"
echo
echo "The archive is $((plain / ours)) times smaller than tar.gz, and what it restored is"
echo identical
