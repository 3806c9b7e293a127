"""A browser tab that writes down what a reader would never see: errors, refused styles, foreign hosts, bytes."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import ConsoleMessage, Locator, Page, Request, ViewportSize, expect

# Never reached on a quiet machine; room for one that runs other tests beside.
TIMEOUT_MS = 60_000
PHONE, DESK = ViewportSize(width=360, height=800), ViewportSize(width=1440, height=900)
# Plotly's script and its figures: they come after the page can be read.
CHARTS = ("/static-plotly/", "/trend.json")
RULES = {"resultTypes": ["violations"]}


@lru_cache(maxsize=1)
def read_axe() -> str:
    """The script of axe-core, as its package brings it."""
    return (Path(axe_playwright_python.__file__).with_name("axe.min.js")).read_text(encoding="utf-8")


class Visitor:
    """A tab with its complaints; `page` is Playwright's."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        self._bytes: dict[str, float] = {}
        self._urls: dict[str, str] = {}
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("request", self._see)
        self._wire = page.context.new_cdp_session(page)
        self._wire.send("Network.enable")
        self._wire.on("Network.requestWillBeSent", self._begin)
        self._wire.on("Network.loadingFinished", self._end)

    def _begin(self, told: dict[str, Any]) -> None:
        self._urls[told["requestId"]] = told["request"]["url"]

    def _end(self, told: dict[str, Any]) -> None:
        self._bytes[told["requestId"]] = told["encodedDataLength"]

    def start_anew(self) -> None:
        """Forget what other tests saw in this tab."""
        self.complaints.clear()
        self.page.set_viewport_size(DESK)
        self.use_cache(True)

    def use_cache(self, yes: bool) -> None:
        """Without it every page loads as on a first visit."""
        self._wire.send("Network.setCacheDisabled", {"cacheDisabled": not yes})

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _see(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.complaints.append(f"{self.page.url}: asks another host, {request.url}")

    def count_bytes(self) -> int:
        """What crossed the wire since `open`, charts left out."""
        return int(sum(size for request, size in self._bytes.items()
                       if not any(part in self._urls.get(request, "") for part in CHARTS)))  # fmt: skip

    def open(self, path: str) -> None:
        """Go to a page and wait until nothing more is loaded."""
        self._bytes.clear()
        answer = self.page.goto(f"{self.address}{path}")
        assert answer is not None
        assert answer.status == 200, f"{path} answers {answer.status}"
        self.settle()

    def settle(self) -> None:
        """Wait until the page has loaded and no chart is being drawn."""
        self.page.wait_for_load_state()
        expect(self.page.locator("[data-drawing]")).to_have_count(0, timeout=TIMEOUT_MS)

    def follow(self, target: Locator) -> None:
        """Press a link or a button and wait for the page it leads to."""
        with self.page.expect_navigation(timeout=TIMEOUT_MS):
            target.click()
        self.settle()

    def click(self, selector: str) -> None:
        """Follow the first such link or button of the main part."""
        self.follow(self.page.locator(f"main {selector}").first)

    def press(self, name: str) -> None:
        """Press the button of that name, wherever it is."""
        self.follow(self.page.get_by_role("button", name=name))

    def read(self) -> str:
        """The words of the main part, every space an ordinary one."""
        return " ".join(self.page.locator("main").inner_text().split())

    def list_violations(self) -> list[str]:
        """What axe finds, a line per element."""
        found = self.page.evaluate(f"axe.run({json.dumps(RULES)}).then((told) => told.violations)")
        return [
            f"{violation['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
            for violation in found
            for node in violation["nodes"]
        ]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"))  # fmt: skip
