"""Runs the steps of deploy/ci as the services would: a fresh checkout and a fresh home each time, the cache between
them, real npm packages from a web server on loopback. See deploy.sh.

    ci.py BIN WORK: needs PyYAML, node and npm, which fetches some packages once (PACKAGES).
"""

import functools
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

import yaml

BIN, WORK = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
RECIPES = pathlib.Path("deploy/ci").absolute()
PACKAGES = {"yargs": "17.7.2", "lodash": "4.17.21", "rxjs": "7.8.1"}


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def make_app():
    """An app with its lock file, whose packages lie on a web server of ours."""
    app, packages = WORK / "app", WORK / "packages"
    for directory in (app, packages):
        directory.mkdir()
    test = "require('yargs'); require('rxjs'); console.log(require('lodash').chunk([1, 2, 3], 2).length)"
    (app / "package.json").write_text(
        json.dumps({"name": "app", "version": "1.0.0", "scripts": {"test": f'node -e "{test}"'}, "dependencies": PACKAGES})
    )
    run("npm", "install", "--silent", "--package-lock-only", "--ignore-scripts", cwd=app)
    lock = json.loads((app / "package-lock.json").read_text())
    handler = functools.partial(Quiet, directory=str(packages))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for path, package in lock["packages"].items():
        if path:
            name = f"{path.rpartition('node_modules/')[2]}@{package['version']}"
            file = run("npm", "pack", "--silent", name, cwd=packages).strip()
            package["resolved"] = f"http://127.0.0.1:{server.server_port}/{file}"
    (app / "package-lock.json").write_text(json.dumps(lock, indent=2))
    return app, len(lock["packages"]) - 1


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def start_server():
    """A hashserver that only those with a token may read."""
    data = WORK / "data"
    server = subprocess.Popen(
        [BIN / "hashserver", "--listen", "127.0.0.1:0", "--data", data, "--open-reading", "false", "--log-level", "warn"],
        stdout=subprocess.PIPE,
        text=True,
    )
    url = next(line for line in server.stdout if line.startswith("listening on ")).split()[-1]
    token = lambda scope: run(BIN / "hashserver", "token", "add", "--scope", scope, "--data", data, stderr=subprocess.DEVNULL)
    return server, url, token("publish:npm").strip(), token("read").strip()


class Job:
    """One run of a pipeline on a new machine."""

    def __init__(self, app, url, tokens, cache, name):
        self.directory, self.home, self.cache = WORK / name / "app", WORK / name / "home", cache
        shutil.copytree(app, self.directory)
        self.home.mkdir()
        self.key = hashlib.sha256((self.directory / "package-lock.json").read_bytes()).hexdigest()
        self.commands = self.home / "npm-commands"
        # Tells which commands of npm were run.
        (self.home / "bin").mkdir()
        shim = self.home / "bin/npm"
        shim.write_text(f'#!/bin/sh\necho "$1" >>{self.commands}\nexec {shutil.which("npm")} "$@"\n')
        shim.chmod(0o755)
        path = f"{self.home}/bin:{BIN}:{os.environ['PATH']}"
        self.env = {"PATH": path, "HOME": str(self.home), "HASHSERVER_URL": url, "HASHGET_CONFIG": "/dev/null",
                    # Root's would be below /var/cache, for all jobs.
                    "HASHGET_HASHDB_PATH": str(self.home / "hashdb"), "HASHGET_CACHE": str(self.home / "cache"),
                    "npm_config_cache": str(self.home / "npm"), **tokens}

    def shell(self, script, *options, **more):
        subprocess.run(["bash", "-e", *options, "-c", script], check=True, cwd=self.directory, env={**self.env, **more})

    def restore_cache(self):
        kept = self.cache / self.key
        if kept.exists():
            shutil.copy(kept, self.directory / "cache.tar.gz")
        return kept.exists()

    def save_cache(self):
        self.cache.mkdir(exist_ok=True)
        shutil.copy(self.directory / "cache.tar.gz", self.cache / self.key)

    def installed(self):
        return "ci" in self.commands.read_text().split()


class GithubJob(Job):
    def run(self, event):
        recipe = yaml.safe_load((RECIPES / "github-actions.yml").read_text())["jobs"]["build"]
        tokens = {name: self.env.pop(name, "") for name in ("HASHGET_TOKEN", "HASHGET_READ_TOKEN")}
        known = {"github.event_name": event, "vars.HASHSERVER_URL": self.env["HASHSERVER_URL"],
                 "secrets.HASHGET_TOKEN": tokens["HASHGET_TOKEN"], "vars.HASHGET_READ_TOKEN": tokens["HASHGET_READ_TOKEN"]}
        for name, value in recipe["env"].items():
            self.env[name] = self.value(value.removeprefix("${{").removesuffix("}}"), known)
        for step in recipe["steps"]:
            if not self.value(step.get("if", "'yes'"), known):
                continue
            action = step.get("uses", "").split("@")[0]
            outputs = {}
            if action == "actions/cache/restore":
                outputs["cache-hit"] = "true" if self.restore_cache() else "false"
            elif action == "actions/cache/save":
                self.save_cache()
            elif action != "actions/checkout":
                told = self.home / "output"
                told.write_text("")
                self.shell(step["run"], GITHUB_OUTPUT=str(told))
                outputs = dict(line.split("=", 1) for line in told.read_text().splitlines())
            known.update({f"steps.{step.get('id')}.outputs.{name}": value for name, value in outputs.items()})

    @staticmethod
    def value(expression, known):
        """As much of GitHub's expressions as the recipe has: names, texts, ==, !=, && and ||."""
        names = re.sub(r"(?<!')\b[a-z]+(?:\.[\w-]+)+", lambda name: repr(known.get(name[0], "")), expression)
        assert re.fullmatch(r"(?:\s|'[^']*'|==|!=|&&|\|\|)*", names), expression
        return eval(names.replace("&&", " and ").replace("||", " or ").strip())


class GitlabJob(Job):
    def run(self, event):
        recipe = yaml.safe_load((RECIPES / "gitlab-ci.yml").read_text())["build"]
        assert recipe["cache"]["paths"] == ["cache.tar.gz"]
        self.restore_cache()
        # All lines are one script there.
        self.shell("\n".join(recipe["before_script"] + recipe["script"]), "-o", "pipefail")
        if event == "push":
            self.save_cache()


def listing(directory):
    """Every file with its mode and content."""
    for path in sorted(directory.rglob("*")):
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        yield path.relative_to(directory), path.lstat().st_mode, content


def main():
    app, count = make_app()
    server, url, publisher, reader = start_server()
    try:
        for name, kind in (("github", GithubJob), ("gitlab", GitlabJob)):
            cache = WORK / f"{name}-cache"
            trusted, fork = {"HASHGET_TOKEN": publisher}, {"HASHGET_READ_TOKEN": reader}

            def job(turn, tokens, event):
                job = kind(app, url, tokens, cache, f"{name}-{turn}")
                job.run(event)
                return job

            first = job("first", trusted, "push")
            assert first.installed(), "nothing is there to restore at first"
            packed = next(cache.iterdir())
            plain = WORK / f"{name}.tar.gz"
            run("tar", "-C", first.directory, "-czf", plain, "node_modules")
            wanted = list(listing(first.directory / "node_modules"))
            for turn, tokens, event in (("second", trusted, "push"), ("fork", fork, "pull_request")):
                again = job(turn, tokens, event)
                assert not again.installed(), f"{name} {turn}: npm had to install"
                assert list(listing(again.directory / "node_modules")) == wanted, f"{name} {turn}: other files"
            print(f"{name}: {count} packages, {len(wanted)} files and directories; cache of {packed.stat().st_size:,} bytes, "
                  f"{plain.stat().st_size:,} as tar.gz; restored twice, once without the right to publish")
            packed.write_bytes(packed.read_bytes()[:-100])
            broken = job("broken", trusted, "pull_request")
            assert broken.installed() and list(listing(broken.directory / "node_modules")) == wanted
            print(f"{name}: a damaged cache did not stop the build")
    finally:
        server.terminate()
        server.wait()


main()
