"""Measures what run.sh has made: every program in turn, several rounds, medians. See run.sh."""

import argparse
import functools
import http.server
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HASHGET = os.environ["HASHGET"]
# The Python program of the same name; without it nothing is compared with it.
ORIGINAL = os.environ.get("ORIGINAL")


class Bench:
    """Runs commands and keeps what they took."""

    def __init__(self, work, fast):
        self.work = work
        # Where trees are restored: creating files on a disk drifts too much.
        self.fast = fast
        self.runs = {}
        self.sizes = {}

    def run(self, name, command, cwd=None, env=None):
        """Runs `command` in a shell; its wall time, CPU time and peak memory count for `name`."""
        start = time.monotonic()
        child = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        errors = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - start
        if child.returncode != 0:
            sys.exit(f"{name} failed ({child.returncode}): {command}\n{errors.decode(errors='replace')}")
        run = (took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
        self.runs.setdefault(name, []).append(run)
        print(f"  {name:<34} {took:8.2f} s  {run[1]:8.2f} s CPU  {run[2] / 1e6:6.0f} MB", file=sys.stderr)

    def size(self, name, path):
        """Counts the bytes of a file, or of all files in a directory."""
        path = pathlib.Path(path)
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        self.sizes[name] = sum(file.stat().st_size for file in files)

    def fresh(self, name):
        """An empty directory in the fast place."""
        directory = self.fast / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        return directory

    def result(self):
        """Medians."""
        table = {}
        for name, runs in self.runs.items():
            wall, cpu, memory = (statistics.median(column) for column in zip(*runs))
            table[name] = {"seconds": wall, "cpu_seconds": cpu, "peak_bytes": int(memory), "rounds": len(runs)}
        return {"runs": table, "sizes": self.sizes}


def quoted(path):
    return "'" + str(path).replace("'", "'\\''") + "'"


def serve(directory):
    """A web server on loopback for the packages."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(directory))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def hashget(bench, data, packages, check):
    """Index, pack twice, restore."""
    home = bench.work / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    env = {
        "HOME": str(home),
        "HASHGET_CONFIG": "/dev/null",
        "HASHGET_HASHDB_PATH": str(home / "hashdb"),
        "HASHGET_CACHE": str(home / "cache"),
    }
    program = f"{quoted(HASHGET)} -q --hashserver"
    server = None
    if len(packages) == 1:
        url = f"http://localhost:9/{packages[0].name}"
        bench.run("hashget index", f"{program} --submit {url} --file {quoted(packages[0])} -p bench", env=env)
    else:
        server = serve(packages[0].parent)
        for number, package in enumerate(packages):
            hint = bench.work / "hints" / str(number)
            hint.mkdir(parents=True, exist_ok=True)
            name = package.name.replace("%", "%25")
            url = f"http://127.0.0.1:{server.server_port}/{name}"
            (hint / "hashget-hint.json").write_text(json.dumps({"url": url}))
        bench.run("hashget index", f"{program} --index {quoted(bench.work / 'hints')} -p bench --private-hints", env=env)
        server.shutdown()
    shutil.rmtree(home / "cache", ignore_errors=True)
    archive = bench.work / "hashget.tar.gz"
    # Files that changed in this instant cannot be cached.
    for name in ("hashget pack", "hashget pack again"):
        archive.unlink(missing_ok=True)
        bench.run(name, f"{program} --heuristics --pack {quoted(data)} -zf {quoted(archive)}", env=env)
    bench.size("hashget.tar.gz", archive)
    kinds = [("hashget.tar.zst", "")]
    if b"--compact" in subprocess.run([HASHGET, "--pack", "x", "--help"], capture_output=True, check=True).stdout:
        # It needs the packages themselves.
        kinds.append(("hashget-compact.tar.zst", f"--compact --pool {quoted(packages[0].parent)} "))
    for name, option in kinds:
        other = bench.work / name
        bench.run(f"pack {name}", f"{program} --heuristics {option}--pack {quoted(data)} -f {quoted(other)}", env=env)
        bench.size(name, other)
    out = bench.fresh("out")
    pool = quoted(packages[0].parent)
    bench.run("hashget restore", f"{program} --pool {pool} -u {quoted(archive)} -C {quoted(out)}", env=env)
    if check:
        # Sockets and devices cannot be compared like this.
        subprocess.run(["diff", "-rq", "--no-dereference", "--exclude=dev", str(data), str(out)], check=True)


def original(bench, data):
    """The original and ours pack the same copy of the tree, with the same records; it writes into what it packs."""
    env = {
        "HOME": str(bench.work / "home"),
        "HASHGET_CONFIG": "/dev/null",
        "HASHGET_HASHDB_PATH": str(bench.work / "home" / "hashdb"),
        "HASHGET_CACHE": str(bench.work / "home" / "cache"),
    }
    export = [f"{HASHGET}-admin", "--export", "-"]
    records = subprocess.run(export, env={**os.environ, **env}, stdout=subprocess.PIPE, check=True).stdout
    known = bench.work / "original" / "bench" / "p"
    known.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(records.splitlines()):
        (known / f"{number}.json").write_text(json.dumps(json.loads(line)["package"]))
    # What apt keeps there is in no package, and outweighs everything else.
    listed = [name for name in ("var/lib/apt/lists", "var/cache") if (data / name).exists()]
    for note, without in [("", []), (", without apt's lists", listed)][: 2 if listed else 1]:
        copy = bench.fresh("copy")
        subprocess.run(["cp", "-a", f"{data}/.", copy], check=True)
        for name in without:
            shutil.rmtree(copy / name)
        for suffix in ("gz", "zst"):
            ours = bench.work / f"beside.tar.{suffix}"
            command = f"{quoted(HASHGET)} -q --hashserver --heuristics --pack {quoted(copy)} -f {quoted(ours)}"
            bench.run(f"hashget.tar.{suffix}{note}", command + (" -z" if suffix == "gz" else ""), env=env)
            bench.size(f"hashget.tar.{suffix}{note}", ours)
        theirs = bench.work / "original.tar.gz"
        theirs.unlink(missing_ok=True)
        command = f"{quoted(ORIGINAL)} -q --hashserver --heuristics hint --hashdb_path {quoted(known.parent.parent)}"
        bench.run(f"original pack -z{note}", f"{command} --pack {quoted(copy)} -zf {quoted(theirs)}", env=env)
        bench.size(f"original.tar.gz{note}", theirs)
        shutil.rmtree(copy)


def limits(bench, data, packages):
    """What no program that reads or writes these files can go below."""
    bench.run("read the tree", f"tar -C {quoted(data)} -cf - . | cat >/dev/null")
    bench.run("stat the tree", f"find {quoted(data)} -printf '%s %T@\\n' >/dev/null")
    out = quoted(bench.fresh("out"))
    if packages[0].suffix == ".deb":
        parts = bench.work / "parts"
        if not parts.exists():
            parts.mkdir()
            for number, package in enumerate(packages):
                members = subprocess.run(["ar", "t", package], capture_output=True, text=True, check=True).stdout
                member = next(name for name in members.split() if name.startswith("data.tar"))
                with open(parts / f"{number}.{member}", "wb") as part:
                    subprocess.run(["ar", "p", package, member], stdout=part, check=True)
        every = f"find {quoted(parts)} -name '*.xz' -printf '%s %p\\0' | sort -znr | cut -zd' ' -f2-"
        bench.run("decompress, 2 processes", f"{every} | xargs -0 -n 4 -P 2 xz -T1 -dc >/dev/null")
        listed = f"find {quoted(packages[0].parent)} -name '*.deb' -print0"
        bench.run("dpkg-deb -x, one by one", f"{listed} | xargs -0 -I'{{}}' dpkg-deb -x '{{}}' {out}")
    else:
        bench.run("xz -T2 -dc", f"xz -T2 -dc {quoted(packages[0])} >/dev/null")
        bench.run("xz -T2 -dc | tar -x", f"xz -T2 -dc {quoted(packages[0])} | tar -x -C {out}")


def tar(bench, data):
    for name, option, suffix in (("tar.gz", "-z", "gz"), ("tar.zst -3", "-I 'zstd -3'", "zst")):
        if not shutil.which("zstd") and suffix == "zst":
            continue
        archive = bench.work / f"plain.tar.{suffix}"
        bench.run(f"{name} create", f"tar -C {quoted(data)} {option} -cf {quoted(archive)} .")
        bench.size(name, archive)
        out = bench.fresh("out")
        bench.run(f"{name} extract", f"tar -C {quoted(out)} {option} -xf {quoted(archive)}")
        archive.unlink()


def restic(bench, data):
    store = bench.work / "restic"
    shutil.rmtree(store, ignore_errors=True)
    env = {"RESTIC_PASSWORD": "bench", "RESTIC_REPOSITORY": str(store), "RESTIC_CACHE_DIR": str(bench.work / "rcache")}
    subprocess.run(["restic", "-q", "init"], env={**os.environ, **env}, check=True)
    for name in ("restic first", "restic repeat"):
        bench.run(name, f"restic -q backup {quoted(data)}", env=env)
    bench.size("restic", store)
    bench.run("restic restore", f"restic -q restore latest --target {quoted(bench.fresh('out'))}", env=env)
    shutil.rmtree(store)


def borg(bench, data):
    store = bench.work / "borg"
    shutil.rmtree(store, ignore_errors=True)
    env = {
        "BORG_REPO": str(store),
        "BORG_BASE_DIR": str(bench.work / "bbase"),
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
    }
    subprocess.run(["borg", "init", "-e", "none"], env={**os.environ, **env}, check=True)
    for name, archive in (("borg first", "one"), ("borg repeat", "two")):
        bench.run(name, f"borg create ::{archive} .", cwd=data, env=env)
    bench.size("borg", store)
    bench.run("borg extract", "borg extract ::two", cwd=bench.fresh("out"), env=env)
    shutil.rmtree(store)


# What is to be shown, and at most how much of the second the first may take.
RATIOS = [
    ("hashget pack", "read the tree"),
    ("hashget pack again", "stat the tree"),
    ("hashget index", "xz -T2 -dc"),
    ("hashget index", "decompress, 2 processes"),
    ("hashget restore", "xz -T2 -dc | tar -x"),
    ("hashget restore", "dpkg-deb -x, one by one"),
    ("hashget pack", "restic first"),
    ("hashget pack again", "restic repeat"),
    ("hashget restore", "restic restore"),
    ("hashget pack", "borg first"),
    ("hashget pack again", "borg repeat"),
    ("hashget restore", "borg extract"),
]


def describe(name, result):
    """The tables of one set, as Markdown."""
    runs, sizes = result["runs"], result["sizes"]
    lines = [f"## {name}", "", "| | seconds | CPU seconds | peak MB |", "|---|---:|---:|---:|"]
    for what, run in runs.items():
        what = what.replace("|", "\\|")
        lines.append(f"| {what} | {run['seconds']:.2f} | {run['cpu_seconds']:.2f} | {run['peak_bytes'] / 1e6:.0f} |")
    lines += ["", "| ratio | wall | CPU |", "|---|---:|---:|"]
    for ours, theirs in RATIOS:
        if ours in runs and theirs in runs:
            wall = runs[ours]["seconds"] / runs[theirs]["seconds"]
            cpu = runs[ours]["cpu_seconds"] / max(runs[theirs]["cpu_seconds"], 0.01)
            theirs = theirs.replace("|", "\\|")
            lines.append(f"| {ours} : {theirs} | {wall:.2f} | {cpu:.2f} |")
    lines += ["", "| size | bytes |", "|---|---:|"]
    lines += [f"| {what} | {size:,} |" for what, size in sizes.items()]
    return "\n".join(lines) + "\n"


def machine():
    model = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine()
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"processor": model, "processors": os.cpu_count(), "memory_bytes": memory, "kernel": platform.release()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--sets", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ours-only", action="store_true", help="hashget and the limits, without other programs")
    args = parser.parse_args()
    tmpfs = pathlib.Path("/dev/shm")
    fast = tempfile.mkdtemp(prefix="hashget-bench-", dir=tmpfs if os.access(tmpfs, os.W_OK) else args.dir)
    results = {}
    try:
        for name in args.sets.split(","):
            data, directory = (args.dir / name / "tree").resolve(), args.dir / name / "packages"
            packages = sorted(directory.iterdir())
            work = args.dir / "work"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            bench = Bench(work, pathlib.Path(fast))
            for number in range(args.rounds):
                print(f"{name}, round {number + 1} of {args.rounds}", file=sys.stderr)
                limits(bench, data, packages)
                hashget(bench, data, packages, check=number == 0)
                if ORIGINAL and number == 0:
                    original(bench, data)
                if not args.ours_only:
                    tar(bench, data)
                    for other in (restic, borg):
                        if shutil.which(other.__name__):
                            other(bench, data)
            results[name] = bench.result()
            shutil.rmtree(work)
    finally:
        shutil.rmtree(fast, ignore_errors=True)
    about = machine() | {"load": os.getloadavg()[0]}
    (args.dir / "bench.json").write_text(json.dumps({"machine": about, "sets": results}, indent=1) + "\n")
    print(json.dumps(about) + "\n")
    for name, result in results.items():
        print(describe(name, result))


main()
