#!/bin/bash
# The table of docs/deltas.md: sizes and times of deltas beside rdiff and xdelta3.
#
# Usage: tests/bench/deltas.sh WORK_DIR [HASHGET]
#
# Needs rdiff, xdelta3, zstd, python3, dpkg-deb; takes pairs of .deb from WORK_DIR/debs (put two
# versions of a package there, for instance by `apt-get download PACKAGE=VERSION`).
set -euo pipefail
work=$1
hashget=${2:-hashget}
mkdir -p "$work"
cd "$work"

python3 - <<'PYTHON'
import os, random
def mutated():
    rng = random.Random(1)
    data = bytearray()
    for directory, _, names in sorted(os.walk('/usr/lib')):
        for name in sorted(names):
            path = os.path.join(directory, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, 'rb') as file:
                    data += file.read()
            if len(data) >= 100 << 20:
                break
        if len(data) >= 100 << 20:
            break
    del data[100 << 20:]
    yield 'old', bytes(data)
    for _ in range(300):
        at = rng.randrange(len(data))
        kind = rng.randrange(3)
        new = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200)))
        if kind == 0:
            data[at:at + len(new)] = new
        elif kind == 1:
            data[at:at] = new
        else:
            del data[at:at + 200]
    yield 'new', bytes(data)
def dump():
    rng = random.Random(2)
    words = [''.join(rng.choice('abcdefghijklmnopqrstuvwxyz') for _ in range(rng.randrange(3, 10))) for _ in range(5000)]
    row = lambda key: "INSERT INTO orders VALUES (%d,'%s','%s',%d,'2024-%02d-%02d');\n" % (
        key, ' '.join(rng.choice(words) for _ in range(6)), '%032x' % rng.getrandbits(128), rng.randrange(10**6), rng.randrange(1, 13), rng.randrange(1, 29))
    rows = [row(key) for key in range(500000)]
    yield 'old', ''.join(rows).encode()
    for _ in range(5000):
        at = rng.randrange(len(rows))
        rows[at] = row(at)
    del rows[1000:1500]
    rows += [row(key) for key in range(500000, 505000)]
    yield 'new', ''.join(rows).encode()
for name, states in (('mutated', mutated), ('dump', dump)):
    for state, data in states():
        os.makedirs(f'{name}/{state}', exist_ok=True)
        path = f'{name}/{state}/file'
        if not os.path.exists(path):
            with open(path, 'wb') as file:
                file.write(data)
PYTHON

if compgen -G 'debs/*.deb' > /dev/null; then
    for package in $(ls debs | sed 's/_.*//' | sort -u); do
        mapfile -t pair < <(ls -v debs/"$package"_*.deb)
        rm -rf "$package"; mkdir -p "$package"
        dpkg-deb -x "${pair[0]}" "$package/old"
        dpkg-deb -x "${pair[1]}" "$package/new"
    done
fi

now() { date +%s.%N; }
row() { # label, start, sizes
    printf '| %s | %s | %.2f |\n' "$1" "$3" "$(echo "$(now) - $2" | bc)"
}
size() { stat -c %s "$@" | paste -sd+ | bc; }

rm -rf out
for case in */old; do
    case=${case%/old}
    rm -rf out; mkdir out
    # One file each for the tools that know single files.
    for state in old new; do
        if [ -f "$case/$state/file" ]; then
            ln "$case/$state/file" "out/$state"
        else
            tar --sort=name --mtime=@0 --owner=0 --group=0 -C "$case/$state" -cf "out/$state" .
        fi
    done
    echo
    echo "### $case: $(size out/old) -> $(size out/new) bytes"
    echo
    echo '| | bytes | s |'
    echo '|---|---|---|'
    start=$(now); zstd -q -3 -c out/new > out/whole; row 'whole, zstd -3' "$start" "$(size out/whole)"
    start=$(now); rdiff signature out/old out/rdiff.sig; row 'rdiff signature' "$start" "$(size out/rdiff.sig)"
    start=$(now); rdiff delta out/rdiff.sig out/new - | gzip > out/rdiff.gz
    row 'rdiff delta, gzip' "$start" "$(size out/rdiff.gz)"
    start=$(now); gunzip < out/rdiff.gz > out/rdiff; rdiff patch out/old out/rdiff out/got; row 'rdiff patch' "$start" ''
    cmp out/got out/new
    start=$(now); xdelta3 -e -s out/old out/new out/xdelta; row 'xdelta3 -e (old file at hand)' "$start" "$(size out/xdelta)"
    rm out/got; start=$(now); xdelta3 -d -s out/old out/xdelta out/got; row 'xdelta3 -d' "$start" ''
    start=$(now); zstd -q -3 --long=27 --patch-from=out/old out/new -o out/patch-from; row 'zstd --patch-from (old file at hand)' "$start" "$(size out/patch-from)"
    start=$(now); "$hashget" -q delta index "$case/old" -o out/index > /dev/null; row 'hashget delta index' "$start" "$(size out/index)"
    start=$(now); "$hashget" -q delta diff out/index "$case/new" -o out/delta.tgz; row 'hashget delta diff' "$start" "$(size out/delta.tgz)"
    start=$(now); "$hashget" -q delta diff out/index "$case/new" --old-directory "$case/old" -o out/files.tgz; row 'hashget delta diff --old-directory' "$start" "$(size out/files.tgz)"
    for delta in delta files; do
        rm -rf out/copy; cp -a "$case/old" out/copy
        start=$(now); "$hashget" -q delta apply out/copy "out/$delta.tgz"; row "hashget delta apply ($delta.tgz)" "$start" ''
        diff -r --no-dereference out/copy "$case/new"
    done
done
rm -rf out
