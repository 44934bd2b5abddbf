#!/bin/bash
# Indexes, packs and restores three data sets, and runs tar, restic and borg (where installed) and the limits
# of the machine side by side; prints medians, ratios, peak memory and sizes, and writes DIR/bench.json.
#
#   tests/bench/run.sh DIR [--quick] [--rounds N] [--sets linux,debian,wordpress] [--ours-only]
#
# DIR keeps the data sets, about 3 GB, for the next run: the sources of linux and WordPress by `apt-get source`, and a
# Debian root with apache, mariadb and php by debootstrap (as root), with its packages. What apt is told lies in
# DIR; the system's own lists stay as they are. --quick needs neither apt nor root: it takes this
# source tree, and packages built from it. HASHGET names the program (default: the release build), ORIGINAL
# the Python program: then its archives are compared with ours, too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sources=$(cd "$here/../.." && pwd)
[ $# -gt 0 ] && [ "${1#-}" = "$1" ] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
quick=
sets=linux,debian,wordpress
rest=()
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=1 ;;
    --sets) sets=$2; shift ;;
    *) rest+=("$1") ;;
    esac
    shift
done
export HASHGET=${HASHGET:-${CARGO_TARGET_DIR:-$sources/target}/release/hashget}
[ -x "$HASHGET" ] || { echo "no $HASHGET: cargo build --release, or HASHGET=..." >&2; exit 2; }

# apt with lists of its own, which know sources, too.
apt() {
    local what=$1
    shift
    "$what" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$dir/apt/parts" \
        -o Dir::State::lists="$dir/apt/lists" -o Dir::Cache="$dir/apt/cache" -o APT::Sandbox::User=root "$@"
}

mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1; }

prepare_apt() {
    [ -d "$dir/apt/lists" ] && return
    mkdir -p "$dir/apt/"{parts,lists/partial,cache/archives/partial}
    printf 'Types: deb-src\nURIs: %s\nSuites: bookworm\nComponents: main\nSigned-By: %s\n' "$(mirror)" \
        /usr/share/keyrings/debian-archive-keyring.gpg >"$dir/apt/parts/bench.sources"
    apt apt-get -q update
}

# The tree and the upstream tarball of the source package $1, as the set $2.
source_set() {
    local set=$dir/$2
    [ -f "$set/ready" ] && return
    prepare_apt
    rm -rf "$set"
    mkdir -p "$set/tree" "$set/packages" "$set/download"
    (cd "$set/download" && apt apt-get -q source --download-only --only-source "$1")
    mv "$set/download/"*.orig.tar.xz "$set/packages/"
    rm -rf "$set/download"
    tar -xf "$set/packages/"*.orig.tar.xz -C "$set/tree" --strip-components=1
    touch "$set/ready"
}

# The oldest of the suite, so that runs months apart read the same bytes.
oldest() {
    prepare_apt
    apt apt-cache showsrc --only-source "$1" | sed -n 's/^Version: //p' | sort -V | head -n 1
}

debian_set() {
    local set=$dir/debian
    [ -f "$set/ready" ] && return
    rm -rf "$set"
    mkdir -p "$set/packages"
    debootstrap --include=apache2,mariadb-server,php bookworm "$set/tree" "$(mirror)" >"$dir/debootstrap.log"
    mv "$set/tree/var/cache/apt/archives/"*.deb "$set/packages/"
    touch "$set/ready"
}

# This source tree, its tarball in several blocks, and three packages that hold parts of it.
quick_sets() {
    local set=$dir/quick-tar
    if [ ! -f "$set/ready" ]; then
        mkdir -p "$set/tree" "$set/packages"
        tar -C "$sources" -cf - client common docs server | tar -xf - -C "$set/tree"
        tar -C "$set/tree" -cf - . | xz -T2 --block-size=1MiB >"$set/packages/quick.orig.tar.xz"
        echo own >"$set/tree/own file"
        touch "$set/ready"
    fi
    set=$dir/quick-debs
    if [ ! -f "$set/ready" ]; then
        mkdir -p "$set/tree" "$set/packages"
        for part in client common server; do
            mkdir -p "$dir/deb/DEBIAN" "$dir/deb/srv"
            cp -r "$sources/$part" "$dir/deb/srv/"
            printf 'Package: quick-%s\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: %s\n' \
                $part $part >"$dir/deb/DEBIAN/control"
            dpkg-deb --root-owner-group -Zxz -b "$dir/deb" "$set/packages/quick-$part.deb" >/dev/null
            dpkg-deb -x "$set/packages/quick-$part.deb" "$set/tree"
            rm -rf "$dir/deb"
        done
        touch "$set/ready"
    fi
}

if [ -n "$quick" ]; then
    quick_sets
    sets="quick-tar,quick-debs"
    rest=(--rounds 1 "${rest[@]}")
else
    for set in ${sets//,/ }; do
        case $set in
        linux) [ -f "$dir/linux/ready" ] || source_set "linux=$(oldest linux)" linux ;;
        wordpress) source_set wordpress wordpress ;;
        debian) debian_set ;;
        *) echo "no data set $set" >&2; exit 2 ;;
        esac
    done
fi
exec python3 "$here/run.py" "$dir" --sets "$sets" "${rest[@]}"
