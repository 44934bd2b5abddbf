"""Counts what look-ups send, receive and tell. See lookup_modes.sh."""

import functools
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HASHGET, SERVER, SETS, WORK = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
HOST = urllib.parse.urlsplit(SERVER).netloc
# The parts of the API that look-ups are made of; the rest is the records of what was found.
LOOKUP = ("status", "filter", "lookup", "range")


class Counts:
    """What went through the proxy."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent_bytes = self.received_bytes = self.record_bytes = self.requests = 0
        self.told = set()
        self.prefixes = {}
        self.known = 0

    def add(self, path, headers, sent, sent_bytes, received, received_bytes):
        endpoint = path.removeprefix("/api/v1/").split("?")[0].split("/")[0]
        with self.lock:
            if endpoint not in LOOKUP:
                self.record_bytes += sent_bytes + received_bytes
                return
            self.requests += 1
            self.sent_bytes += sent_bytes
            self.received_bytes += received_bytes
            if endpoint == "range":
                asked = json.loads(sent)
                self.prefixes.setdefault(asked["bits"], set()).update(asked["prefixes"])
            elif endpoint == "lookup" and headers.get("Content-Type") == "application/vnd.hashget.digests":
                self.told.update(sent[at : at + 32] for at in range(0, len(sent), 32))
                self.known += found_digests(received)
            elif endpoint == "lookup":
                asked, answer = json.loads(sent), json.loads(received)
                self.told.update(map(bytes.fromhex, asked.get("digests", [])))
                self.known += len(answer["digests"])


def found_digests(answer):
    """How many digests a compact answer says that the server knows (docs/http-api.md)."""
    at = 4

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = answer[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    assert answer[:4] == b"HGL1"
    for _ in range(number()):
        number()  # id
        for _ in range(2):  # project, url
            length = number()
            at += length
        flags = answer[at]
        at += 1
        at += 32 if flags & 1 else 0
        if flags & 2:
            number()
        at += 10 if flags & 4 else 0
        number()
        number()
    return number()


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def forward(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection = http.client.HTTPConnection(HOST)
        connection.request(self.command, self.path, sent or None, headers)
        answer = connection.getresponse()
        received = answer.read()
        connection.close()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in ("transfer-encoding", "content-length")]
        head = "".join(f"{name}: {value}\r\n" for name, value in answer.getheaders())
        self.server.counts.add(
            self.path,
            self.headers,
            sent,
            len(self.raw_requestline) + len(str(self.headers)) + len(sent),
            received,
            len(f"HTTP/1.1 {answer.status} {answer.reason}\r\n{head}\r\n") + len(received),
        )
        self.send_response_only(answer.status, answer.reason)
        for name, value in kept:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(received)))
        self.end_headers()
        self.wfile.write(received)

    do_GET = do_POST = do_HEAD = forward


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def hashget(home, *arguments):
    env = {"HOME": home, "HASHGET_CONFIG": "/dev/null", "HASHGET_HASHDB_PATH": home / "hashdb", "HASHGET_CACHE": home / "cache"}
    subprocess.run([HASHGET, "-q", *arguments], env={**os.environ, **env}, check=True, stdout=subprocess.DEVNULL)


def status():
    return json.load(urllib.request.urlopen(SERVER + "api/v1/status"))


def publish_packages():
    """The records of the packages of the Debian tree."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    packages = serve(functools.partial(Quiet, directory=str(SETS / "debian/packages")))
    for number, package in enumerate(sorted((SETS / "debian/packages").iterdir())):
        hint = WORK / "hints" / str(number)
        hint.mkdir(parents=True)
        url = f"http://127.0.0.1:{packages.server_port}/" + urllib.parse.quote(package.name)
        (hint / "hashget-hint.json").write_text(json.dumps({"url": url}))
    hashget(WORK / "publisher", "--hashserver", "--index", WORK / "hints", "-p", "bench", "--private-hints")
    hashget(WORK / "publisher", "--publish", "-p", "bench", "--hashserver", SERVER)
    packages.shutdown()
    # The filter follows: shards with everything in them, nothing that came since.
    give_up = time.monotonic() + 300
    while True:
        time.sleep(1)
        try:
            told = json.load(urllib.request.urlopen(SERVER + "api/v1/filter"))
        except urllib.error.HTTPError:
            continue
        if told["complete"] and not told.get("recent"):
            return told
        assert time.monotonic() < give_up, "the filter does not follow"


def measure(tree, mode, home):
    proxy = serve(Proxy)
    proxy.counts = Counts()
    url = f"http://127.0.0.1:{proxy.server_port}/"
    # Pieces of filters are kept for each server by its URL, which is another one here each time.
    kept = home / "kept"
    directory = home / "cache/filters"
    if kept.exists():
        name = next(kept.iterdir()).name
        shutil.copytree(kept / name, directory / hashlib.sha256(url.encode()).hexdigest())
    hashget(home, "--heuristics", "--hashserver", url, "--lookup", mode, "--pack", tree, "--dry-run", "-zf", WORK / "none")
    proxy.shutdown()
    if directory.exists() and not kept.exists():
        shutil.copytree(directory, kept)
    shutil.rmtree(home / "hashdb", ignore_errors=True)
    shutil.rmtree(home / "cache", ignore_errors=True)
    return proxy.counts


def main():
    manifest = publish_packages()
    held = status()
    print(f"server: {held['packages']} packages, {held['digests']} entries; filter: {len(manifest['shards'])} shards, "
          f"{sum(shard['bytes'] for shard in manifest['shards'])} bytes")
    print("| tree | mode | requests | sent bytes | received bytes | told | of them not known | records, bytes |")
    print("|---|---|---|---|---|---|---|---|")
    for name in ("debian", "linux"):
        tree = SETS / name / "tree"
        if not tree.exists():
            continue
        for mode in ("digest", "filter", "range"):
            home = WORK / f"{name}-{mode}"
            home.mkdir()
            for turn in ("", ", kept") if mode == "filter" else ("",):
                found = measure(tree, mode, home)
                told = f"{len(found.told):,} digests"
                unknown = f"{len(found.told) - found.known:,}"
                for bits, prefixes in found.prefixes.items():
                    told, unknown = f"{len(prefixes):,} prefixes of {bits} bits", "-"
                print(f"| {name} | {mode}{turn} | {found.requests} | {found.sent_bytes:,} | {found.received_bytes:,} | "
                      f"{told} | {unknown} | {found.record_bytes:,} |", flush=True)


main()
