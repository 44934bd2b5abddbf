#!/bin/sh
# Packs a real Debian root against its own packages, restores it in two ways, and compares
# everything: type, mode, owner, times, links, attributes, content, holes.
#
#   tests/real_root.sh [DIRECTORY]     as root; DIRECTORY (default: a temporary one) needs about 1 GB
#
# The root is made with debootstrap where that is installed, from the mirror that apt uses here;
# else it is unpacked from .deb files that apt downloads. A root that is in DIRECTORY/root already is
# used again, with the packages in DIRECTORY/debs. PROFILE=release tests the release build.
set -eu
suite=${SUITE:-bookworm}
profile=${PROFILE:-dev}
sources=$(cd "$(dirname "$0")/.." && pwd)
if [ $# -gt 0 ]; then
    work=$1
    mkdir -p "$work"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
work=$(cd "$work" && pwd)
[ "$(id -u)" = 0 ] || { echo "must be root: owners and devices are compared too" >&2; exit 2; }

(cd "$sources" && cargo build --quiet --profile "$profile" -p hashget -p hashget-tests --bins)
directory=$profile
[ "$profile" = dev ] && directory=debug
programs=${CARGO_TARGET_DIR:-$sources/target}/$directory

make_root() {
    if command -v debootstrap >/dev/null; then
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
        debootstrap --variant=minbase "$suite" "$work/root" $mirror >"$work/debootstrap.log"
        mkdir -p "$work/debs"
        mv "$work/root/var/cache/apt/archives/"*.deb "$work/debs/"
    else
        mkdir -p "$work/root" "$work/debs"
        names=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
            --no-breaks --no-replaces --no-enhances bash coreutils | grep '^[a-z]' | sort -u)
        (cd "$work/debs" && apt-get download --quiet $names)
        for deb in "$work/debs/"*.deb; do
            dpkg-deb -x "$deb" "$work/root"
        done
    fi
    # What a packager leaves out and a living system has.
    mkdir -p "$work/root/srv/own"
    truncate -s 64M "$work/root/srv/own/sparse"
    printf end >>"$work/root/srv/own/sparse"
    ln "$work/root/srv/own/sparse" "$work/root/srv/own/linked"
    cp -p "$work/root/bin/bash" "$work/root/srv/own/copy of bash"
    printf 'one\n' >"$work/root/srv/own/$(printf 'new\nline \377')"
    mkfifo "$work/root/srv/own/fifo"
    touch -d '1969-07-20 20:17:40.123456789 UTC' "$work/root/srv/own" "$work/root/etc"
}
[ -d "$work/root" ] || make_root

export HOME="$work/home" HASHGET_CONFIG=/dev/null
export HASHGET_HASHDB_PATH="$work/home/hashdb" HASHGET_CACHE="$work/home/cache"
rm -rf "${work:?}/home" "$work/restored" "$work/unpacked"
mkdir -p "$work/home"
for deb in "$work/debs/"*.deb; do
    # The address is nobody's: the packages come back from the pool.
    "$programs/hashget" -q --submit "http://localhost:9/$(basename "$deb")" --file "$deb" \
        -p debian --hashserver
done
echo "packages:        $(ls "$work/debs" | wc -l)"

started=$(date +%s)
"$programs/hashget" --pack "$work/root" -zf "$work/root.tar.gz" --hashserver
echo "packed in        $(($(date +%s) - started)) s"
tar -C "$work/root" -czf "$work/plain.tar.gz" --warning=no-file-ignored .
echo "archive:         $(stat -c %s "$work/root.tar.gz") bytes"
echo "tar -cz:         $(stat -c %s "$work/plain.tar.gz") bytes"

started=$(date +%s)
"$programs/hashget" -u "$work/root.tar.gz" -C "$work/restored" --pool "$work/debs" --hashserver
echo "restored in      $(($(date +%s) - started)) s"
"$programs/compare-trees" "$work/root" "$work/restored"

mkdir "$work/unpacked"
tar -C "$work/unpacked" --xattrs --xattrs-include='*' --warning=none -xpf "$work/root.tar.gz"
"$programs/hashget" -u "$work/unpacked" --pool "$work/debs" --hashserver
"$programs/compare-trees" "$work/root" "$work/unpacked"
echo "no differences, neither after hashget -u nor after GNU tar and hashget -u"
