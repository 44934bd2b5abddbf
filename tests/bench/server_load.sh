#!/bin/sh
# How fast a hashserver answers, as ratios to nginx serving the original's static tree of the
# same packages on the same machine. Needs nginx and wrk.
#
#   tests/bench/server_load.sh [DIGESTS] [SECONDS]      (default: 10000000 10)
#
# BIN names a directory with `hashserver` and `examples/fill` that are built already; FILLED a directory
# that `fill` filled before (data, keys, web).
#
# Fills a new directory below ${TMPDIR:-/tmp}, measures, and removes it. Everything stays on
# the loopback interface.
set -eu

digests=${1:-10000000}
seconds=${2:-10}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/hashget-load.XXXXXX")
server=
web=
clean() {
    for pid in $server $web; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean EXIT INT TERM

cd "$root"
if [ -z "${BIN:-}" ]; then
    cargo build --quiet --release --package hashget-server --bin hashserver --example fill
fi
target=${BIN:-${CARGO_TARGET_DIR:-$root/target}/release}
filled=${FILLED:-$work}
if [ -z "${FILLED:-}" ]; then
    "$target/examples/fill" "$work/data" "$digests" "$work/keys" "$work/web"
fi
du -sm "$filled/data/store" | awk '{print "store_mib " $1}'

# Root's nginx would read as another user, who may not enter the temporary directory.
[ "$(id -u)" -ne 0 ] || user="user $(id -un);"
cat >"$work/nginx.conf" <<CONF
${user:-}
worker_processes 2;
pid $work/nginx.pid;
error_log $work/nginx.log;
daemon off;
events { worker_connections 1024; }
http {
    access_log off;
    default_type application/json;
    sendfile on;
    open_file_cache max=50000 inactive=60s;
    keepalive_requests 1000000;
    client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
    uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
    server { listen 127.0.0.1:8781; root $filled/web; }
}
CONF
nginx -c "$work/nginx.conf" &
web=$!

began=$(date +%s%3N)
"$target/hashserver" --data "$filled/data" --listen 127.0.0.1:8780 --log-level warn &
server=$!
until curl -sf -o /dev/null http://127.0.0.1:8780/config.json; do
    sleep 0.05
done
echo "start_ms $(($(date +%s%3N) - began))"
began=$(date +%s%3N)
until curl -sf -o "$work/filter.json" http://127.0.0.1:8780/api/v1/filter; do
    sleep 0.5
done
echo "filter_built_ms $(($(date +%s%3N) - began))"
began=$(date +%s%3N)
until curl -sf http://127.0.0.1:8780/metrics | grep -q '^hashserver_index_memory_bytes [1-9]'; do
    sleep 0.2
done
echo "index_in_memory_ms $(($(date +%s%3N) - began)) after that"
curl -sf http://127.0.0.1:8780/metrics | grep '^hashserver_index_memory_bytes'
python3 - "$work/filter.json" <<'PY'
import json, sys
told = json.load(open(sys.argv[1]))
print("filter_shards", len(told["shards"]))
print("filter_bytes", sum(shard["bytes"] for shard in told["shards"]))
PY
memory() {
    awk '/VmRSS/ {print "'"$1"'_rss_mib " int($2 / 1024)} /VmHWM/ {print "'"$1"'_peak_mib " int($2 / 1024)}' \
        "/proc/$server/status"
}
memory started

# Single GETs of random keys, the same for both.
cat >"$work/get.lua" <<'LUA'
local keys = {}
for line in io.lines(os.getenv("KEYS")) do keys[#keys + 1] = "/" .. line end
function init() math.randomseed(os.time()) end
function request() return wrk.format("GET", keys[math.random(#keys)]) end
LUA
# Batches of 10,000 digests, half of them known: of packages one behind the other, as in a tree that
# is packed, or of packages picked at random. In JSON and in the compact form.
python3 - "$work" "$digests" <<'PY'
import hashlib, json, random, struct, sys
work, digests = sys.argv[1], int(sys.argv[2])
random.seed(1)
def digest(number):
    return hashlib.sha256(struct.pack(">Q", number)).digest()
for kind in ("tree", "random"):
    for number in range(8):
        first = random.randint(1, digests - 5000)
        known = range(first, first + 5000) if kind == "tree" else random.sample(range(1, digests), 5000)
        keys = [digest(n) for n in known]
        keys += [digest(digests * 2 + random.randint(1, 10**9)) for _ in keys]
        random.shuffle(keys)
        open(f"{work}/{kind}{number}.bin", "wb").write(b"".join(keys))
        open(f"{work}/{kind}{number}.json", "w").write(json.dumps({"digests": [k.hex() for k in keys]}))
PY
cat >"$work/post.lua" <<'LUA'
local bodies, turn = {}, 0
local form = os.getenv("FORM")
for number = 0, 7 do
    local file = io.open(os.getenv("BATCH") .. number .. "." .. form, "rb")
    bodies[number] = file:read("*a")
    file:close()
end
local headers = { ["Content-Type"] = "application/json" }
if form == "bin" then
    headers["Content-Type"] = "application/vnd.hashget.digests"
    headers["Accept"] = "application/vnd.hashget.matches"
end
function request()
    turn = (turn + 1) % 8
    return wrk.format("POST", nil, headers, bodies[turn])
end
LUA
# Time of the processors that a server and its children have used, in microseconds: told beside the
# rates, because it means the same on a machine that does other things, too.
spent() {
    for pid in $1 $(cat "/proc/$1/task/$1/children"); do
        sed 's/.*) //' "/proc/$pid/stat"
    done | awk -v tick="$(getconf CLK_TCK)" '{ sum += $12 + $13 } END { printf "%.0f", sum * 1000000 / tick }'
}
export KEYS="$filled/keys" BATCH FORM
# load PID SCRIPT CONNECTIONS URL: requests a second, and microseconds of processor time a request.
load() {
    before=$(spent "$1")
    wrk -t1 "-c$3" "-d$seconds" -s "$work/$2" --timeout 60 "$4" >"$work/told"
    after=$(spent "$1")
    awk -v spent=$((after - before)) '/requests in/ {made = $1} /Requests\/sec/ {rate = $2}
        /Non-2xx/ {print "BAD", $0 > "/dev/stderr"}
        END {printf "%.1f %.1f", rate, spent / made}' "$work/told"
}
for round in 1 2 3; do
    nginx=$(load "$web" get.lua 16 http://127.0.0.1:8781)
    ours=$(load "$server" get.lua 16 http://127.0.0.1:8780)
    echo "$round $nginx $ours" | awk '{
        printf "round %d: nginx %.0f GET/s of %.1f us, hashserver %.0f GET/s of %.1f us: ", $1, $2, $3, $4, $5
        printf "ratio %.2f, by processor time %.2f\n", $4 / $2, $3 / $5
    }'
    for kind in tree random; do
        for FORM in bin json; do
            BATCH=$work/$kind
            ours=$(load "$server" post.lua 4 http://127.0.0.1:8780/api/v1/lookup)
            echo "$round $nginx $ours $kind $FORM" | awk '{
                printf "round %d: batches (%s %s) %.1f/s = %.0f digests/s: ", $1, $6, $7, $4, $4 * 10000
                printf "ratio %.0f, by processor time %.0f\n", $4 * 10000 / $2, $3 / $5 * 10000
            }'
        done
    done
done
memory loaded
