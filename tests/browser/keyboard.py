"""Somebody who has no mouse: moves by Tab, presses Enter and Space, and sees where they are."""

# What the keyboard has reached: something to press, and something to see.
HERE = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element), box = element.getBoundingClientRect();
  const seen = element.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const inside = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  globalThis.hubgateReached ??= new Set();
  const again = globalThis.hubgateReached.has(element);
  globalThis.hubgateReached.add(element);
  return { again, seen: seen && inside, what: element.outerHTML.slice(0, 160) };
}"""
# What a mouse could press. Of a group of radio buttons Tab reaches one.
MISSED = """() => [...document.querySelectorAll("a[href], button:enabled, input:enabled:not([type=hidden]), select:enabled, textarea:enabled, summary")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && e.tabIndex >= 0 && !e.closest("dialog:not([open])"))
  .filter((e) => !(e.type === "radio" && document.querySelector(`input[type=radio][name="${e.name}"]:checked`) !== e))
  .filter((e) => !globalThis.hubgateReached?.has(e)).map((e) => e.outerHTML.slice(0, 160))"""
STEPS_MAX = 400


class Keyboard:
    """One open page and no mouse."""

    def __init__(self, page):
        self.page = page

    def walk(self):
        """Goes through the whole page by Tab; what cannot be reached, or not be seen when it is."""
        self.page.evaluate("globalThis.hubgateReached = undefined")
        faults = []
        for _ in range(STEPS_MAX):
            self.page.keyboard.press("Tab")
            here = self.page.evaluate(HERE)
            if here is None or here["again"]:
                break
            if not here["seen"]:
                faults.append(f"the focus is not visible: {here['what']}")
        return faults + [f"not reached: {what}" for what in self.page.evaluate(MISSED)]

    def to(self, selector):
        """Tab until the first element of this selector has the focus."""
        self.page.wait_for_selector(selector)
        for _ in range(STEPS_MAX):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("(selector) => document.activeElement === document.querySelector(selector)", selector):
                return self
        raise AssertionError(f"{selector} is not reached by Tab on {self.page.url}")

    def press(self, selector, key="Enter"):
        """Goes there and presses a key."""
        self.to(selector).page.keyboard.press(key)
        return self

    def leave(self, selector, key="Enter"):
        """As `press`, where that leads to another page."""
        self.to(selector)
        with self.page.expect_navigation():
            self.page.keyboard.press(key)
        return self

    def write(self, selector, text):
        """Goes to a field and types."""
        self.to(selector).page.keyboard.type(text)
        return self
