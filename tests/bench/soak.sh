#!/bin/sh
# Mixed reads, publishes, purges and sweeps for some minutes, with two kill -9 in between.
#
#   tests/bench/soak.sh [MINUTES]      (default: 20)
#
# Fails if an answer is an error other than 429 or 503 (or 404 where that is the truth), or if a
# write that was acknowledged is not there, at once, after each restart and at the end; or if memory
# or the store still grow: both kills come early, and of the long life of the last process the last
# third is compared with the middle one. Everything stays on the loopback interface.
set -eu

minutes=${1:-20}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/hashget-soak.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$root"
[ -n "${HASHSERVER:-}" ] || cargo build --quiet --release --package hashget-server --bin hashserver
HASHSERVER=${HASHSERVER:-${CARGO_TARGET_DIR:-$root/target}/release/hashserver}
export HASHSERVER
python3 - "$work" "$minutes" <<'PY'
import hashlib, http.client, json, os, random, signal, statistics, subprocess, sys, threading, time

work, minutes = sys.argv[1], float(sys.argv[2])
program, port = os.environ["HASHSERVER"], 8790
data = work + "/data"
token = subprocess.check_output(
    [program, "token", "add", "--scope", "admin", "--data", data], text=True).split()[-1]
end = time.time() + minutes * 60
lock = threading.Lock()
known = {}                 # URL -> (id, digests), acknowledged and not removed
counts, faults = {}, []
running = threading.Event()
process = None


def start():
    global process
    process = subprocess.Popen([
        program, "--data", data, "--listen", f"127.0.0.1:{port}", "--log-level", "warn",
        # Few answers are kept, so that this cache is full soon and does not look like growth.
        "--answer-memory-bytes", str(4 << 20),
        "--sweep-interval-seconds", "5", "--filter-interval-seconds", "5"])
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/config.json")
            connection.getresponse().read()
            break
        except OSError:
            time.sleep(0.02)
    running.set()


class Client:
    """Asks, and waits over a restart; an answer that never came is no error of the server."""

    def __init__(self):
        self.connection = None

    def ask(self, method, path, body=None, expected=(200,)):
        # A change whose answer was lost may have happened: it is sent again.
        while True:
            running.wait()
            generation = process.pid
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                headers = {"Authorization": "Bearer " + token}
                self.connection.request(method, path, body and json.dumps(body), headers)
                answer = self.connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                if running.is_set() and process.pid == generation and process.poll() is None:
                    # An idle connection may be closed at any time: once more, on a new one.
                    if self.connection is None:
                        faults.append(f"{method} {path}: {error!r}")
                self.connection = None
                time.sleep(0.05)
                continue
            with lock:
                counts[answer.status] = counts.get(answer.status, 0) + 1
            if answer.status in (429, 503):
                time.sleep(0.1)
                continue
            if answer.status not in expected:
                faults.append(f"{method} {path}: {answer.status} {text[:200]}")
            return answer.status, text


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def record(name, expires=None):
    files = ["sha256:" + digest(f"{name} {n}") for n in range(random.randint(1, 80))]
    files += ["sha256:" + digest(f"shared {random.randint(0, 300)}")]
    made = {"url": f"http://example.org/{name}", "files": files, "anchors": files[:1],
            "hashes": ["sha256:" + digest(name)], "attrs": {"size": 1000}}
    if expires:
        made["expires"] = expires
    return made


def publish(number):
    client, serial = Client(), 0
    while time.time() < end:
        made = []
        for _ in range(random.randint(1, 20)):
            serial += 1
            expires = "2001-01-01" if random.random() < 0.1 else None
            made.append(record(f"p{number}-{serial}", expires))
        status, text = client.ask("POST", "/api/v1/packages", {"project": f"s{number}", "packages": made})
        if status != 200:
            continue
        ids = json.loads(text)["ids"]
        with lock:
            for one, key in zip(made, ids):
                if "expires" not in one:
                    known[one["url"]] = [file[7:] for file in one["files"]]
        # Memory shall be flat: what comes in goes out again, beyond so many.
        with lock:
            mine = [url for url in known if url.startswith(f"http://example.org/p{number}-")]
        for url in mine[:max(0, len(mine) - 1500)]:
            with lock:
                del known[url]
            client.ask("DELETE", "/api/v1/packages?spec=url:" + url)


def check(client, urls):
    for url in urls:
        with lock:
            files = known.get(url)
        if files is None:
            continue
        _, text = client.ask("POST", "/api/v1/lookup", {"digests": files[:-1]})
        told = json.loads(text)
        found = sum(1 for _, places in told["digests"]
                    if any(told["packages"][place]["url"] == url for place in places))
        with lock:
            still = url in known
        if still and found != len(files) - 1:
            faults.append(f"{url}: {found} of {len(files) - 1} digests are there")


def read():
    client = Client()
    while time.time() < end:
        with lock:
            urls = random.sample(list(known), min(len(known), 10))
        check(client, urls)
        name = digest(f"p0-{random.randint(1, 3000)}")
        path = f"/a/{name[:2]}/{name[2:4]}/{name[4:6]}/{name[6:]}"
        client.ask("GET", path, expected=(200, 404))
        client.ask("GET", "/api/v1/status")
        client.ask("GET", "/api/v1/packages?limit=50")
        client.ask("GET", f"/api/v1/range/12/{random.randint(0, 4095)}")
        client.ask("GET", "/api/v1/filter", expected=(200, 404))
        client.ask("GET", "/nowhere", expected=(404,))


def memory():
    with open(f"/proc/{process.pid}/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))


def store():
    return sum(os.path.getsize(f"{data}/store/{name}") for name in os.listdir(data + "/store")) / 2**20


def judge(what, sizes, slack):
    """Says how it went in the life of the last process; whether it was flat in the end."""
    third = len(sizes) // 3
    middle, last = (statistics.median(some) for some in (sizes[third:2 * third], sizes[2 * third:]))
    every = max(1, round(60 / interval))
    print(f"{what} in MiB, by the minute since the last restart:", *map(round, sizes[::every]))
    print(f"{what}, median of the middle third {middle:.1f}, of the last {last:.1f}: {last / middle:.3f}")
    if last > middle * 1.05 + slack:
        faults.append(f"{what} grows: {middle:.1f} MiB, then {last:.1f}")


start()
threads = [threading.Thread(target=publish, args=(n,)) for n in range(2)]
threads += [threading.Thread(target=read) for _ in range(3)]
for thread in threads:
    thread.start()
began, kills, sizes = time.time(), [0.1, 0.2], []
interval = min(6, minutes)
while time.time() < end:
    time.sleep(min(interval, max(0, end - time.time())))
    sizes.append((memory(), store()))
    if kills and time.time() - began > kills[0] * minutes * 60:
        kills.pop(0)
        running.clear()
        process.send_signal(signal.SIGKILL)
        process.wait()
        start()
        with lock:
            urls = list(known)
        check(Client(), urls)
        print(f"killed and restarted, {len(urls)} records checked, faults {len(faults)}", flush=True)
        sizes.clear()
for thread in threads:
    thread.join()
check(Client(), list(known))
process.send_signal(signal.SIGTERM)
process.wait()
print("answers by status:", dict(sorted(counts.items())))
judge("memory", [memory for memory, _ in sizes], 2)
judge("store", [store for _, store in sizes], 16)
print("records known to be there:", len(known))
for fault in faults[:20]:
    print("fault:", fault)
sys.exit(1 if faults or kills else 0)
PY
