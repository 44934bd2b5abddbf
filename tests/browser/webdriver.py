"""A browser, driven by the WebDriver protocol over HTTP: as much of it as the tests of the pages need."""

import base64
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time

# How long a page may take, on a busy machine.
PATIENCE_SECONDS = 60
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class WebDriverError(Exception):
    pass


class Browser:
    def __init__(self, port, session):
        self.port, self.session = port, session

    def ask(self, method, path, **body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2 * PATIENCE_SECONDS)
        sent = json.dumps(body) if method == "POST" else None
        connection.request(method, f"/session{self.session}{path}", sent)
        value = json.loads(connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise WebDriverError(f"{method} {path}: {value['error']}: {value['message']}")
        return value

    def devtools(self, command, **parameters):
        return self.ask("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def open(self, url):
        self.ask("POST", "/url", url=url)

    @property
    def url(self):
        return self.ask("GET", "/url")

    @property
    def title(self):
        return self.ask("GET", "/title")

    def run(self, script, *arguments):
        """Runs a script of the tests, not of the page."""
        return self.ask("POST", "/execute/sync", script=script, args=list(arguments))

    def text(self, selector):
        found = self.ask("POST", "/element", using="css selector", value=selector)
        return self.ask("GET", f"/element/{found[ELEMENT]}/text")

    def focused(self):
        """The element that the keyboard is at, or None."""
        try:
            return self.ask("GET", "/element/active")[ELEMENT]
        except WebDriverError:
            return None

    def press(self, *keys):
        names = {"Tab": "\ue004", "Enter": "\ue007", "Shift": "\ue008"}
        events = []
        for text in keys:
            for key in [names[text]] if text in names else text:
                events += [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.ask("POST", "/actions", actions=[{"type": "key", "id": "keyboard", "actions": events}])

    def press_for_page(self, *keys):
        """Presses keys that lead to another page, and waits until it is there."""
        before = self.url
        self.press(*keys)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while self.url == before:
            if time.monotonic() > give_up:
                raise WebDriverError(f"{keys} led nowhere from {before}")
        self.text("footer")

    def log(self, kind):
        """What was logged since the last time."""
        return self.ask("POST", "/se/log", type=kind)

    def screenshot(self, path):
        # All of the page, not only what fits the window.
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 3000), "scale": 1}
        picture = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(picture["data"]))


@contextlib.contextmanager
def browser(**preferences):
    """Starts a browser with an empty profile; it ends with the block."""
    program = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not program or not chromium:
        raise SystemExit("chromium and chromedriver are wanted: apt-get install chromium chromium-driver")
    with tempfile.TemporaryDirectory() as profile:
        driver = subprocess.Popen([program, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            # "ChromeDriver was started successfully on port 12345."
            started = next(line for line in driver.stdout if "started successfully" in line)
            port = int(started.rstrip(".\n").rsplit(" ", 1)[1])
            yield from session(port, chromium, profile, preferences)
        finally:
            driver.terminate()
            driver.wait()


def session(port, chromium, profile, preferences):
    options = [
        "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
        # Nothing but the server is there for it.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--no-proxy-server",
    ]
    if os.geteuid() == 0:
        # Chromium's sandbox does not start as root.
        options.append("--no-sandbox")
    wanted = {
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": chromium, "args": options, "prefs": preferences},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        "timeouts": {"pageLoad": 1000 * PATIENCE_SECONDS, "implicit": 1000 * PATIENCE_SECONDS},
    }
    made = Browser(port, "").ask("POST", "", capabilities={"alwaysMatch": wanted})
    browser = Browser(port, "/" + made["sessionId"])
    try:
        yield browser
    finally:
        browser.ask("DELETE", "")
