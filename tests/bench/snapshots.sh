#!/bin/sh
# Compares snapshots with `rsync --link-dest`, rsnapshot and `cp -al`: disk use and time.
#
# usage: HASHGET=target/release/hashget tests/bench/snapshots.sh [TREE [WORK]]
#
# TREE (default /usr/share) is copied into the new directory WORK, which is removed at the end, and changed there
# step by step; after each step each program makes a snapshot of it. Needs rsync and rsnapshot.
set -eu
hashget=${HASHGET:-target/release/hashget}
tree=${1:-/usr/share}
work=${2:-$(mktemp -d)}
mkdir -p "$work/rsync" "$work/hashget"
trap 'rm -rf "$work"' EXIT
src=$work/src
cp -a "$tree" "$src"
cp -a "$tree" "$work/other" # for `cp -al`, which changes the ctime of what it links
printf 'files %s, directories %s, symbolic links %s, %s KiB\n' "$(find "$src" -type f | wc -l)" \
    "$(find "$src" -type d | wc -l)" "$(find "$src" -type l | wc -l)" "$(du -sk "$src" | cut -f1)"

printf 'config_version\t1.2\nsnapshot_root\t%s/rsnapshot/\ncmd_cp\t/bin/cp\ncmd_rm\t/bin/rm\n' "$work" > "$work/rs.conf"
printf 'cmd_rsync\t/usr/bin/rsync\nretain\talpha\t90\nlink_dest\t1\nlockfile\t%s/rs.pid\n' "$work" >> "$work/rs.conf"
printf 'rsync_long_args\t--delete --numeric-ids -H -A -X\nbackup\t%s/\tsrc/\n' "$src" >> "$work/rs.conf"

now() { date +%s%N; }
used() { du -sk "$1" | cut -f1; }
number=0

by_hashget() { "$hashget" -q snapshot create --name src "$src" "$work/hashget" >/dev/null; }
by_rsync() {
    # At first there is none to link to.
    mkdir -p "$work/rsync/$((number - 1))"
    rsync -aHAX --delete --link-dest="$work/rsync/$((number - 1))" "$src/" "$work/rsync/$number"
}
by_rsnapshot() { rsnapshot -c "$work/rs.conf" alpha; }

# What the program $1 took for step $2: milliseconds and KiB.
measure() {
    directory=$work/$1
    mkdir -p "$directory"
    before=$(used "$directory")
    sync
    began=$(now)
    "by_$1"
    sync
    took=$(( ($(now) - began) / 1000000 ))
    printf '%-22s %-10s %8s ms %10s KiB\n' "$2" "$1" "$took" "$(( $(used "$directory") - before ))"
}

step() {
    sleep 2 # the next second has another name, and no file changed just now
    for program in hashget rsync rsnapshot; do measure "$program" "$1"; done
    number=$((number + 1))
}

# The files whose number divides by $1, as an argument list of xargs.
some_files() { find "$src" -type f -print0 | sort -z | awk -v n="$1" 'BEGIN { RS = ORS = "\0" } NR % n == 0'; }

step 'first'
step 'unchanged'
# An unchanged snapshot beside walking the tree and making its links, in turns: with what waits for the
# disk, without, and without on one core.
forced() { "$@"; sync -f "$work"; }
links() { cp -al "$work/other" "$work/links"; }
quick() { "$hashget" -q snapshot create --no-sync --name src "$src" "$work/hashget" >/dev/null; }
on_one_core() { taskset -c 0 "$hashget" -q snapshot create --no-sync --name src "$src" "$work/hashget" >/dev/null; }
took() { # NAME COMMAND…: adds the milliseconds to the list NAME
    list=$work/times.$1
    shift
    sync -f "$work"
    began=$(now)
    "$@"
    echo $(( ($(now) - began) / 1000000 )) >> "$list"
}
median() { sort -n "$work/times.$1" | awk '{ line[NR] = $1 } END { print line[int((NR + 1) / 2)] }'; }
for _ in 1 2 3 4 5; do
    took links links
    rm -rf "$work/links"
    took links-forced forced links
    rm -rf "$work/links"
    took quick quick
    took one-core on_one_core
    took forced by_hashget
done
beside() { # TITLE NAME REFERENCE
    awk -v title="$1" -v is="$(median "$2")" -v other="$(median "$3")" \
        'BEGIN { printf "%-40s %6d ms, cp -al %6d ms: %.2f times\n", title, is, other, is / other }'
}
beside 'unchanged, --no-sync' quick links
beside 'unchanged, --no-sync, one core' one-core links
beside 'unchanged, forced to disk' forced links-forced
largest=$(du -sk "$src"/*/ | sort -n | tail -1 | cut -f2)
mv "$largest" "$src/renamed directory"
step 'largest directory renamed'
some_files 100 | xargs -0 -n 50 sh -c 'for file; do echo edited >> "$file"; done' sh
step '1% of files edited'
some_files 20 | xargs -0 touch
step '5% of files touched'
mkdir "$src/copies"
# By names relative to the tree: of others cp cannot find the directories again that it has made.
some_files 10 | (cd "$src" && cut -z -b "$((${#src} + 2))-" | xargs -0 cp --parents -p -t copies)
step '10% of files copied'
some_files 2 | head -z -n 2000 | xargs -0 chmod g+w
step '2000 modes changed'
printf '%-22s' 'all snapshots'
for program in hashget rsync rsnapshot; do printf ' %s %s KiB' "$program" "$(used "$work/$program")"; done
echo
