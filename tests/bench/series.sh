#!/bin/bash
# Sizes of a 30-day series of a real tree, beside tar, rdiff-backup and restic (the last two where
# they are installed). usage: series.sh HASHGET [TREE]; everything happens in a temporary directory.
# The tree gets what changes on a real machine: one text file in a hundred gets a line each day, a
# "database" has 20 of its pages of 4 KiB overwritten, a "mailbox" grows, files come and go.
set -eu
hashget=$(realpath "$1")
tree=${2:-/usr/share/perl}
days=${DAYS:-30}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -a "$tree" "$work/source"
export HOME="$work/home" HASHGET_CONFIG=/dev/null RESTIC_PASSWORD=bench
mkdir -p "$HOME"
# The same bytes in every run of this script.
noise() { openssl enc -aes-128-ctr -pass "pass:$1" -nosalt -md sha256 < /dev/zero 2> /dev/null | head -c "$2"; }
find "$tree" -type f | sort | xargs cat 2> /dev/null | head -c 4194304 > "$work/source/database" || true
find "$tree" -type f | sort -r | xargs cat 2> /dev/null | head -c 1048576 > "$work/source/mailbox" || true
find "$tree" -type f | sort | xargs cat 2> /dev/null | tail -c 4194304 > "$work/text" || true
pages=$(($(stat -c %s "$work/source/database") / 4096))
section() {
    cat > "$work/$1.toml" <<END
[profile.bench.$1]
source = "$work/source"
destination = "$work/$1"
mode = "$2"
delta = $3
max_series = 6
max_series_length = 7
index = false
self_sufficient = true
END
}
section differential differential false
section differential-delta differential true
section incremental incremental false
section incremental-delta incremental true
kinds="differential differential-delta incremental incremental-delta"
has() { command -v "$1" > /dev/null; }
if has restic; then restic init -q -r "$work/restic"; fi
mkdir "$work/tar"
day=0
while [ "$day" -lt "$days" ]; do
    find "$work/source" -name '*.p[lm]' -type f | sort | awk -v d="$day" 'NR % 100 == d % 100' | while read -r file; do
        chmod u+w "$file"
        echo "# day $day" >> "$file"
    done
    noise "$day" 81920 > "$work/pages"
    page=0
    while [ $page -lt 20 ]; do
        dd if="$work/pages" of="$work/source/database" bs=4096 count=1 conv=notrunc status=none \
            skip=$page seek=$(((day * 977 + page * 131) % pages))
        page=$((page + 1))
    done
    tail -c +$((day * 30000 + 1)) "$work/text" | head -c 30000 >> "$work/source/mailbox" || true
    noise "new $day" 20000 > "$work/source/new-$day"
    if [ "$day" -gt 9 ]; then rm -f "$work/source/new-$((day - 10))"; fi
    for kind in $kinds; do
        "$hashget" series run -q --series-file "$work/$kind.toml"
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
for kind in $kinds; do
    "$hashget" series verify -q --series-file "$work/$kind.toml" > /dev/null
    last=$(printf '%03d.%02d' $(((days - 1) / 7 + 1)) $(((days - 1) % 7)))
    "$hashget" series restore -q --series-file "$work/$kind.toml" "$last" "$work/out"
    diff -r "$work/source" "$work/out"
    rm -rf "$work/out"
done
version() { has "$1" && "$1" "$2" | head -n 1; }
version rdiff-backup --version || true
version restic version || true
echo "source: $(du -sb "$work/source" | cut -f1) bytes, $(find "$work/source" -type f | wc -l) files; $days days"
one=$(du -sb "$work/tar" | cut -f1)
for kind in tar rdiff restic $kinds; do
    if [ -d "$work/$kind" ]; then
        bytes=$(du -sb "$work/$kind" | cut -f1)
        echo "$kind: $bytes bytes, $((bytes * 1000 / one)) thousandths of tar"
    fi
done
