#!/bin/sh
# Sizes of a 30-day series of a real tree, beside tar, rdiff-backup and restic (the last two where
# they are installed). usage: series.sh HASHGET [TREE]; everything happens in a temporary folder.
set -eu
hashget=$(realpath "$1")
tree=${2:-/usr/share/doc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -a "$tree" "$work/source"
export HOME="$work/home" HASHGET_CONFIG=/dev/null RESTIC_PASSWORD=bench
mkdir -p "$HOME"
for mode in differential incremental; do
    cat > "$work/$mode.toml" <<END
[profile.bench.$mode]
source = "$work/source"
destination = "$work/$mode"
mode = "$mode"
max_series = 5
max_series_length = 7
index = false
self_sufficient = true
END
done
has() { command -v "$1" > /dev/null; }
if has restic; then restic init -q -r "$work/restic"; fi
mkdir "$work/tar"
day=0
while [ $day -lt 30 ]; do
    # About one file in a hundred changes each day, some are new, some go.
    find "$work/source" -type f | sort | awk -v d=$day 'NR % 100 == d % 100' | while read -r file; do
        echo "day $day" >> "$file"
    done
    head -c 20000 /dev/urandom > "$work/source/new-$day"
    if [ $day -gt 9 ]; then rm -f "$work/source/new-$((day - 10))"; fi
    for mode in differential incremental; do
        "$hashget" series run -q --series-file "$work/$mode.toml"
    done
    tar -C "$work/source" -czf "$work/tar/$day.tar.gz" .
    if has rdiff-backup; then
        # Its increments have a resolution of one second.
        sleep 1
        rdiff-backup -v1 backup "$work/source" "$work/rdiff" > /dev/null 2>&1
    fi
    if has restic; then restic backup -q -r "$work/restic" "$work/source"; fi
    day=$((day + 1))
done
echo "source: $(du -sb "$work/source" | cut -f1) bytes, $(find "$work/source" -type f | wc -l) files"
for kind in tar rdiff restic differential incremental; do
    if [ -d "$work/$kind" ]; then
        echo "$kind: $(du -sb "$work/$kind" | cut -f1) bytes"
    fi
done
