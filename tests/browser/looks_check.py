"""What every page must keep to, whoever looks at it, in whatever language, theme and width."""

import io
import re
from urllib.parse import urlsplit

from PIL import Image

HTML_MAX = 50 * 1024
SHIFT_MAX = 0.05
SHOT_HEIGHT_MAX = 4000
COLOURS = 96
FOR_EVER_S = 31536000

# Sums up what moves after it was painted. Runs before the page's own scripts.
WATCH_SHIFT = """
globalThis.hubgateShift = 0;
new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.hubgateShift += entry.value; })
  .observe({ type: "layout-shift", buffered: true });
"""

# Every text a person can meet, but for those that are data or code: names stand in <bdi>, as they may in any language.
TEXTS = """() => {
  const texts = [], skip = "bdi, textarea, code, pre, kbd, samp, time, script, style, noscript, [translate=no], .brand, .languages, footer [lang]";
  const put = (text) => { const clean = (text || "").replace(/\\s+/g, " ").trim(); if (clean) texts.push(clean); };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) if (!walk.currentNode.parentElement.closest(skip)) put(walk.currentNode.data);
  for (const element of document.body.querySelectorAll("[aria-label], [placeholder], [title], [alt], [data-label]")) {
    if (element.closest(skip)) continue;
    for (const name of ["aria-label", "placeholder", "title", "alt", "data-label"]) put(element.getAttribute(name));
  }
  put(document.title.split(" · ")[0]);
  return texts;
}"""

# Words that are the same in every language.
SAME = r"API|CSV|JSON|JupyterLab|JupyterHub|Jupyter|Notebook|VS Code|RStudio|CPU|UTC|Chrome|Chromium|HeadlessChrome|Linux|nginx|systemd|hubgate|" \
       r"Lab|GiB|MiB|KiB|GB|MB|kB|ID|IP|URL|Prometheus|OAuth|GPU|SQLite|TLS|CA|PIN|Authenticator|Windows|macOS|admin|Mozilla/.*"
LATIN = re.compile(r"[A-Za-z]{3,}")
HAN = re.compile(r"[\u4e00-\u9fff]")


class Watch:
    """Notes what a page asks for and complains about."""

    def __init__(self, page, home):
        self.home, self.requests, self.complaints, self.assets = urlsplit(home).netloc, [], [], []
        page.add_init_script(WATCH_SHIFT)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("response", lambda answer: "/hub/static/" in answer.url and self.assets.append((answer.url, answer.headers.get("cache-control", ""))))

    def _console(self, message):
        # Chromium reports the status of a page of errors itself.
        own = message.location.get("url", "") == self.page_url
        if message.type == "error" and not (own and "Failed to load resource" in message.text):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def clear(self, url):
        """Forgets, before the page at `url` is visited."""
        self.page_url = url
        self.requests, self.complaints, self.assets = [], [], []

    def faults(self):
        """What it must not have done."""
        foreign = [url for url in self.requests if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != self.home]
        fleeting = [f"{url}: {kept}" for url, kept in self.assets if "immutable" not in kept or lifetime(kept) < FOR_EVER_S]
        return [*(f"console: {text}" for text in self.complaints), *(f"a request to another origin: {url}" for url in foreign),
                *(f"not cached for ever: {url}" for url in fleeting)]


def lifetime(cache_control):
    """The seconds of max-age."""
    found = re.search(r"max-age=(\d+)", cache_control)
    return int(found[1]) if found else 0


def document(answer, language):
    """Faults of the answer that the page came with."""
    faults = []
    policy = answer.headers.get("content-security-policy", "")
    if not policy or "unsafe-inline" in policy or "unsafe-eval" in policy:
        faults.append(f"content-security-policy: {policy!r}")
    size = len(answer.body())
    if size > HTML_MAX:
        faults.append(f"{size} bytes of HTML, more than {HTML_MAX}")
    tag = {"en": "en", "zh": "zh-CN"}[language]
    if f'<html lang="{tag}"' not in answer.text():
        faults.append(f"no <html lang={tag}>")
    return faults


def layout(page):
    """Faults of the layout at the width it has now."""
    width, seen, wide = page.evaluate("""() => [document.documentElement.scrollWidth, innerWidth,
        [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre, .skip, .hidden"))
            .slice(0, 4).map((e) => e.outerHTML.slice(0, 120))]""")
    return [f"scrolls sideways: {width} px in {seen} px: {wide}"] if width > seen else []


def shift(page):
    """Faults of what moved while it was loading."""
    moved = page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(globalThis.hubgateShift))))")
    return [f"layout shift {moved:.3f}"] if moved > SHIFT_MAX else []


def headings(page):
    """Faults of what a screen reader goes by that axe does not hold."""
    count = page.locator("h1:visible").count()
    return [f"{count} first headings"] if count != 1 else []


def access(page, axe, rules):
    """What axe-core complains about. `rules`: their names, `None` for all."""
    if rules == []:
        return []
    chosen = {"runOnly": {"type": "rule", "values": rules}} if rules else {}
    page.evaluate(axe)
    found = page.evaluate("(chosen) => axe.run(document, { resultTypes: ['violations'], ...chosen })", chosen)
    return [f"axe {rule['id']}: {node['target']} {node['html'][:160]} {node['failureSummary'][-200:]}"
            for rule in found["violations"] for node in rule["nodes"][:4]]


def untranslated(texts, names, english):
    """Texts of a Chinese page that are none: English sentences, or names of messages. `names` of people and the like are the same in
    every language; `english`: a pattern of what the page says in English."""
    def foreign(text):
        return text not in names and LATIN.search(re.sub(rf"\b({SAME})\b", "", text)) and not HAN.search(text) and not (english and re.fullmatch(english, text))

    return [f"not in Chinese: {text!r}" for text in dict.fromkeys(filter(foreign, texts))]


def unfilled(texts):
    """Texts with a place into which nothing was put."""
    return [f"nothing was put into {text!r}" for text in texts if re.search(r"\{ ?\$", text)]


def shot(page):
    """A picture of the whole page, PNG."""
    height = min(page.evaluate("document.documentElement.scrollHeight"), SHOT_HEIGHT_MAX)
    area = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": max(height, 1)}
    return page.screenshot(full_page=True, clip=area, animations="disabled", caret="hide")


def small(taken):
    """The same picture with few colours."""
    out = io.BytesIO()
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
