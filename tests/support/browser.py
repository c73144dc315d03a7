"""A real browser, and what a person may want of a page in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
#: A telephone that is narrow by today's measure.
NARROW = 360
#: The width of A4 between its margins, in the pixels of CSS.
PAPER = 688


@contextmanager
def chromium() -> Iterator[Browser]:
    """The Chromium of the system, without a window. A machine that has none fails the test: a page that nobody looked at is not checked."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.fail("there is no browser to look at pages with: apt-get install -y chromium", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        try:
            yield browser
        finally:
            browser.close()


class Look:
    """A file in a browser, with all that the browser asked for meanwhile."""

    def __init__(self, browser: Browser, file: Path, *, width: int = 1200) -> None:
        context = browser.new_context(color_scheme="light", viewport={"width": width, "height": 800})
        self.page: Page = context.new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("dialog", self._dialog)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(file.as_uri())

    def _dialog(self, dialog: Dialog) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def __enter__(self) -> Look:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.context.close()

    def unfold(self) -> None:
        """Open all that is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")

    def faults(self) -> list[str]:
        """What axe finds wrong, or cannot tell, by every rule that it has: the element, and why. Text in the part of a table that is
        scrolled away covers nothing."""
        self.page.evaluate(AXE_SCRIPT)
        found: Any = self.page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})")
        told = [(kind["id"], node) for kind in (*found["violations"], *found["incomplete"]) for node in kind["nodes"]]
        return [
            f"{rule}: {node['html'][:120]}: {node.get('failureSummary')}"
            for rule, node in told
            if not any((check.get("data") or {}).get("messageKey") == "elmPartiallyObscured" for check in node["any"])
        ]

    def wider(self) -> list[str]:
        """Elements that stick out of the page to the right, apart from what scrolls by itself; the page's own width where it scrolls."""
        found: Any = self.page.evaluate(
            """() => {
              const width = document.documentElement.clientWidth;
              const out = [...document.querySelectorAll('body *')].filter(one =>
                !one.closest('.scroll') && one.getBoundingClientRect().right > width + 1);
              const page = document.documentElement.scrollWidth;
              return [...out.map(one => one.outerHTML.slice(0, 120)), ...(page > width ? [`the page is ${page} wide`] : [])];
            }"""
        )
        return list(found)

    def reached(self) -> list[str]:
        """What the Tab key comes to, one after the other, until it leaves the page; each as its tag and its text or name."""
        reached: list[str] = []
        self.page.evaluate("reached = new Set()")
        while True:
            self.page.keyboard.press("Tab")
            at = self.page.evaluate(
                """() => {
                  const one = document.activeElement;
                  if (!one || one === document.body || reached.has(one)) return '';
                  reached.add(one);
                  const seen = getComputedStyle(one).outlineStyle !== 'none';
                  return `${one.localName} ${(one.getAttribute('aria-label') || one.innerText).trim()}${seen ? '' : ' (not seen)'}`;
                }"""
            )
            if not at:
                return reached
            reached.append(at)

    def taken(self, selector: str) -> list[str]:
        """What a click on each of such elements takes hold of, to be copied."""
        taken = []
        for one in self.page.locator(selector).all():
            one.click()
            taken.append(str(self.page.evaluate("getSelection().toString()")))
        return taken

    def shown(self) -> str:
        """All text that can be seen."""
        return str(self.page.locator("body").inner_text())
