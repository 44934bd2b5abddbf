"""Publishes records to a hashserver, so that its pages have something to show."""

import hashlib
import json
import sys
import urllib.request

url, token = sys.argv[1:]


def digest(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def record(name, files, **more):
    files = [digest(f"{name} {n}") for n in range(files)]
    return {
        "url": f"http://example.org/pool/main/{name}",
        "files": files,
        "anchors": files[::9],
        "signatures": {"deb": name.removesuffix(".deb")},
        "hashes": [digest(name)],
        "attrs": {"size": 1_376_388},
        **more,
    }


packages = [record(f"library{n}_1.{n}-1_amd64.deb", 3 + n % 7) for n in range(120)]
packages.append(record("vim_9.0.1378-2_amd64.deb", 40, expires="2199-12-31"))
# Names that others publish may be long, and may try to be markup.
packages.append(record("very-" + "long" * 60 + ".tar.xz", 2))
packages.append(
    record("evil", 1, url="http://example.org/\"><script>document.title='evil'</script><img src=x onerror=alert(1)>.deb")
)
for gone in (3, 7):
    packages.append(record(f"gone-{gone}.deb", 2, url=f"http://example.org/pool/main/{'deep/' * gone}gone-{gone}.deb"))
for project in ("debsnap", "mirror"):
    body = json.dumps({"project": project, "packages": packages}).encode()
    request = urllib.request.Request(url + "api/v1/packages", body, {"Authorization": f"Bearer {token}"})
    urllib.request.urlopen(request).read()
    packages = [record("vim_9.0.1378-2_amd64.deb", 40, url="http://mirror.example.org/vim.deb")]
