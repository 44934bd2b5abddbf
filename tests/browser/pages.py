"""Tests the pages of a hashserver that holds what publish.py published, in a real browser."""

import json
import pathlib
import sys
import urllib.parse

from webdriver import browser as start_browser

SERVER = sys.argv[1]
SHOTS = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
EVIL = "http://example.org/\"><script>document.title='evil'</script><img src=x onerror=alert(1)>.deb"
VIM = "vim_9.0.1378-2_amd64"
PAGES = {
    "home": "",
    "hash": "?q=sha256:" + "0" * 64,
    "signature": f"?q=deb:{VIM}",
    "url": "?q=" + urllib.parse.quote(f"http://example.org/pool/main/{VIM}.deb"),
    "name": f"?q={VIM}.deb",
    "project": "web/projects/debsnap",
    "growth": "web/growth",
    "sources": "web/sources",
    "missing": "web/packages/999999",
}
# Texts with the colours that one sees, and what has an edge that one must see.
COLOURS = """
    const rgba = text => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
    const ground = element => {
        for (; element; element = element.parentElement) {
            const colour = rgba(getComputedStyle(element).backgroundColor);
            if (colour[3] === 1) return colour;
        }
        return null;
    };
    const found = [];
    for (const element of document.body.querySelectorAll('*')) {
        const style = getComputedStyle(element);
        const told = (kind, colour, on) => found.push([kind, element.tagName, rgba(colour), ground(on)]);
        if ([...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) told('text', style.color, element);
        if (element.matches('input, button')) told('edge', style.borderTopColor, element.parentElement);
        if (element.matches('rect')) told('edge', style.fill, element);
        if (element.matches('a') && element.closest('main') && !style.textDecorationLine.includes('underline'))
            found.push(['link without underline', element.textContent, [0, 0, 0, 1], [0, 0, 0, 1]]);
    }
    return found;
"""
FOCUS = """
    const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
    const all = [...document.querySelectorAll('a[href], input, button, [tabindex="0"]')];
    return {place: all.indexOf(element), all: all.length, outline: style.outlineStyle,
            width: parseFloat(style.outlineWidth), colour: style.outlineColor,
            ground: getComputedStyle(document.body).backgroundColor,
            seen: box.width > 0 && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight};
"""
failures = []


def check(page, what, is_so):
    if not is_so:
        failures.append(f"{page}: {what}")
        print(f"FAILED {page}: {what}")


def luminance(colour):
    parts = [part / 255 for part in colour[:3]]
    parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    """As WCAG 2 defines it."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def colour_of(text):
    return [float(part) for part in text[text.index("(") + 1 : -1].split(",")]


def check_contrast(browser, page):
    for scheme in ("light", "dark"):
        browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        least = {}
        for kind, tag, colour, ground in browser.run(COLOURS):
            check(page, f"{scheme}: {kind} of {tag} is solid on a solid ground", ground and colour[3] == 1)
            check(page, f"{kind}: {tag}", kind != "link without underline")
            if ground:
                least[kind] = min(least.get(kind, 21), contrast(colour, ground))
        check(page, f"{scheme}: text of contrast {least['text']:.2f}", least["text"] >= 4.5)
        check(page, f"{scheme}: edges of contrast {least['edge']:.2f}", least["edge"] >= 3)
        if SHOTS:
            browser.screenshot(SHOTS / f"{page}-{scheme}.png")
        yield scheme, least
    browser.devtools("Emulation.setEmulatedMedia", features=[])


def check_width(browser, page):
    """320 pixels are a small telephone, or a window of 1280 enlarged four times."""
    browser.devtools("Emulation.setDeviceMetricsOverride", width=320, height=640, deviceScaleFactor=1, mobile=False)
    width = browser.run("return document.scrollingElement.scrollWidth")
    check(page, f"{width} pixels wide in a window of 320", width <= 320)
    small = browser.run(
        "return [...document.querySelectorAll('input, button')].filter("
        "e => e.getBoundingClientRect().height < 44 || e.getBoundingClientRect().right > 320).length"
    )
    check(page, "fields and buttons can be hit with a finger", small == 0)
    if SHOTS:
        browser.screenshot(SHOTS / f"{page}-narrow.png")
    browser.devtools("Emulation.clearDeviceMetricsOverride")


def accessibility(browser):
    """What a screen reader gets: (role, name, level) of every node that it is told of, in order."""
    nodes = browser.devtools("Accessibility.getFullAXTree")["nodes"]
    for node in nodes:
        if not node.get("ignored"):
            properties = {one["name"]: one["value"].get("value") for one in node.get("properties", [])}
            name = node.get("name", {}).get("value", "").strip()
            yield node["role"]["value"], name, properties


def check_accessibility(browser, page):
    nodes = list(accessibility(browser))
    roles = [role for role, _, _ in nodes]
    for landmark in ("banner", "search", "main", "contentinfo"):
        check(page, f"one landmark {landmark}", roles.count(landmark) == 1)
    for role, name, properties in nodes:
        if role in ("link", "button", "searchbox", "region", "heading", "columnheader", "rowheader", "textbox"):
            check(page, f"every {role} has a name", name)
        if properties.get("focusable") and role not in ("RootWebArea", "main"):
            check(page, f"what can be focused ({role}) has a name", name)
        check(page, "nothing is a picture without a name", role not in ("image", "img", "graphics-document") or name)
    levels = [properties["level"] for role, _, properties in nodes if role == "heading"]
    check(page, f"one heading of level 1, the first: {levels}", levels[:1] == [1] and levels.count(1) == 1)
    check(page, f"no level is left out: {levels}", all(b <= a + 1 for a, b in zip(levels, levels[1:])))
    tables = roles.count("table")
    check(page, "tables have heads of columns and rows", not tables or ("columnheader" in roles and "rowheader" in roles))
    field = [name for role, name, _ in nodes if role == "searchbox"]
    check(page, f"the field is named: {field}", field == ["Hash, URL, file name or signature"])
    check(page, "the language is told", browser.run("return document.documentElement.lang") == "en")


def check_tabs(browser, page):
    """Tab goes through everything once, in the order of the text, and one sees where it is."""
    browser.open(browser.url)
    places = []
    while True:
        browser.press("Tab")
        told = browser.run(FOCUS)
        if told["place"] < 0 or told["place"] in places:
            break
        places.append(told["place"])
        check(page, f"the focus is on the screen at {told['place']}", told["seen"])
        check(page, "the focus has a thick line", told["outline"] == "solid" and told["width"] >= 2)
        check(page, "that can be seen", contrast(colour_of(told["colour"]), colour_of(told["ground"])) >= 3)
    check(page, f"tab comes to all of {told['all']} in order: {places}", places == list(range(told["all"])))


def check_logs(browser, page):
    """Nothing was refused by the policy, and nobody but the server was asked."""
    for entry in browser.log("browser"):
        itself = page == "missing" and "404" in entry["message"]
        check(page, f"the console says {entry['message']}", itself)
    asked = 0
    for entry in browser.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            check(page, f"{url} is asked for", url.startswith((SERVER, "data:")))
            asked += url.startswith(SERVER)
    check(page, "requests are seen at all", asked >= 1)


def check_search_by_keyboard(browser, page):
    browser.open(SERVER)
    browser.press("Tab")
    check(page, "first comes the way past the head", browser.run("return document.activeElement.className") == "skip")
    browser.press("Tab", "Tab")
    check(page, "then the server's name, then the field", browser.run("return document.activeElement.id") == "q")
    browser.press_for_page(f"{VIM}.deb", "Enter")
    check(page, "the heading tells the question", browser.text("h1") == f"Packages named {VIM}.deb")
    check(page, "and the result is told", browser.text("[role=status]") == "1 package.")
    # Past the head: the table, then the package.
    browser.press_for_page("Tab", "Enter")
    check(page, "the way past the head leads to the content", browser.url.endswith("#main"))
    browser.press("Tab", "Tab")
    browser.press_for_page("Enter")
    check(page, "a package is shown", browser.text("h1") == f"{VIM}.deb")
    check(page, "with its expiry", "2199-12-31" in browser.text("dl"))
    sources = browser.text("[aria-label=Sources]")
    check(page, f"and all its sources: {sources}", "mirror.example.org" in sources and "not checked" not in sources)
    # The hash of a file leads to the packages that hold it.
    hash_of_file = browser.text(".hashes li:last-child code")
    browser.press("Tab", "Tab", "Tab")
    browser.press_for_page(hash_of_file, "Enter")
    check(page, "by hash", browser.text("[role=status]") == "2 packages.")


def check_hostile_names(browser, page):
    browser.open(SERVER + "?q=" + urllib.parse.quote(EVIL))
    for path in ("", browser.run("return document.querySelector('tbody a').getAttribute('href')").lstrip("/")):
        if path:
            browser.open(SERVER + path)
        check(page, "a record's URL is text", "<script>" in browser.text("main"))
        check(page, "and no script", browser.title != "evil")
        check(page, "and no picture", browser.run("return document.images.length + document.scripts.length") == 0)


def main():
    if SHOTS:
        SHOTS.mkdir(parents=True, exist_ok=True)
    with start_browser() as browser:
        # What the browser's own first page asked itself for is none of ours.
        browser.open("about:blank")
        browser.log("performance")
        browser.open(SERVER + PAGES["name"])
        PAGES["package"] = browser.run("return document.querySelector('tbody a').getAttribute('href')").lstrip("/")
        titles = set()
        for page, path in PAGES.items():
            browser.open(SERVER + path)
            titles.add(browser.title)
            for scheme, least in check_contrast(browser, page):
                print(f"{page}, {scheme}: contrast of text at least {least['text']:.1f}, of edges {least['edge']:.1f}")
            check_width(browser, page)
            check_accessibility(browser, page)
            check_tabs(browser, page)
            check_logs(browser, page)
        check("all", f"every page has a title of its own: {titles}", len(titles) == len(PAGES))
        check_search_by_keyboard(browser, "search by keyboard")
        check_hostile_names(browser, "hostile names")
        check_logs(browser, "search by keyboard")
    with start_browser(**{"profile.managed_default_content_settings.javascript": 2}) as browser:
        browser.open("data:text/html,<title>off</title><footer></footer><script>document.title='on'</script>")
        check("without script", "scripts are off", browser.title == "off")
        check_search_by_keyboard(browser, "without script")
    print(f"{len(failures)} failures" if failures else f"{len(PAGES)} pages are fine")
    sys.exit(bool(failures))


main()
