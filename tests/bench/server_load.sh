#!/bin/sh
# How fast a hashserver answers, as ratios to nginx serving the original's static tree of the
# same packages on the same machine. Needs nginx and wrk.
#
#   tests/bench/server_load.sh [DIGESTS] [SECONDS]      (default: 10000000 10)
#
# BIN names a folder with `hashserver` and `examples/fill` that are built already; FILLED a folder
# that `fill` filled before (data, keys, web).
#
# Fills a new folder below ${TMPDIR:-/tmp}, measures, and removes it. Everything stays on
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

cat >"$work/nginx.conf" <<CONF
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
# Batches of 10,000 digests, half of them known.
python3 - "$work" "$digests" <<'PY'
import hashlib, json, random, struct, sys
work, digests = sys.argv[1], int(sys.argv[2])
random.seed(1)
def digest(number):
    return hashlib.sha256(struct.pack(">Q", number)).hexdigest()
keys = []
for _ in range(5000):
    keys.append(digest(random.randint(1, digests)))
    keys.append(digest(digests * 2 + random.randint(1, 10**9)))
open(work + "/batch.json", "w").write(json.dumps({"digests": keys}))
PY
cat >"$work/post.lua" <<'LUA'
local file = io.open(os.getenv("BATCH"), "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
LUA
rate() {
    awk '/Requests\/sec/ {print $2} /Non-2xx/ {print "BAD", $0 > "/dev/stderr"}'
}
export KEYS="$filled/keys" BATCH="$work/batch.json"
for round in 1 2; do
    nginx_rate=$(wrk -t1 -c16 -d"$seconds" -s "$work/get.lua" http://127.0.0.1:8781 | rate)
    get_rate=$(wrk -t1 -c16 -d"$seconds" -s "$work/get.lua" http://127.0.0.1:8780 | rate)
    post_rate=$(wrk -t1 -c4 -d"$seconds" -s "$work/post.lua" --timeout 60 \
        http://127.0.0.1:8780/api/v1/lookup | rate)
    awk -v n="$nginx_rate" -v g="$get_rate" -v p="$post_rate" -v r="$round" 'BEGIN {
        printf "round %d: nginx %.0f GET/s, hashserver %.0f GET/s (ratio %.2f), ", r, n, g, g / n
        printf "batches %.2f/s = %.0f digests/s (ratio %.1f)\n", p, p * 10000, p * 10000 / n
    }'
done
memory loaded
