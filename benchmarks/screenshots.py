"""The pictures of the README and, with `--all FOLDER`, of every page in both languages and two widths.

Works on a copy of the demo's database; needs Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from waitress.server import create_server

from benchmarks.common import copy_database
from operator_qos import create_app
from operator_qos.demo.accounts import DEMO_ACCOUNTS
from operator_qos.settings import Settings

# The last of a role reads English in the demo; the pictures of the README do too.
README = (("seller_owner", "/seller/scorecard", "docs/images/scorecard.png"),
          ("admin", "/operator/sellers", "docs/images/sellers.png"))
EVERY = {
    "admin": {"today": "/operator/today", "sellers": "/operator/sellers", "disputes": "/operator/disputes",
              "quarantine": "/operator/quarantine", "standard": "/operator/standard", "account": "/account",
              "trials": "/operator/trials", "statements": "/operator/statements", "missing": "/operator/nothing-here"},
    "seller_owner": {"day": "/seller/day", "waiting": "/seller/day?kind=waiting", "scorecard": "/seller/scorecard",
                     "disputes": "/seller/disputes", "notices": "/seller/notices",
                     "statements": "/seller/statements", "standard": "/seller/standard"},
    "mediator": {"queue": "/mediator/queue", "figures": "/mediator/figures"},
}
# Pages whose address depends on the data: name, the page that links to them, the link.
FOLLOWED = {
    "admin": (("shop", "sellers", "tbody th a[href^='/operator/sellers/']"),
              ("units", "sellers", "tbody td.num a[href*='/metrics/']"),
              ("order", "units", "tbody a[href*='/orders/']"),
              ("dispute", "disputes", "tbody a[href^='/operator/disputes/']"),
              ("statement", "statements", "tbody a[href^='/operator/statements/']")),
    "seller_owner": (("units", "scorecard", "a[href*='/metrics/']:not([href*='csv'])"),
                     ("order", "scorecard", "a[href*='/orders/']"),
                     ("conversation", "day", "a[href^='/seller/conversations/']"),
                     ("dispute", "disputes", "tbody a[href^='/seller/disputes/']"),
                     ("statement", "statements", "tbody a[href^='/seller/statements/']")),
    "mediator": (("case", "queue", "a[href^='/mediator/cases/']"),),
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


@contextmanager
def serving(source: Path) -> Iterator[str]:
    """The site on a copy of a database, at a free port."""
    with tempfile.TemporaryDirectory() as name:
        app = create_app(Settings(data_dir=Path(name)), engine=copy_database(source, Path(name) / "copy.db"))
        server = create_server(app, host="127.0.0.1", port=0)
        threading.Thread(target=server.run, daemon=True).start()
        yield f"http://127.0.0.1:{server.effective_port}"
        server.close()


def sign_in(browser: Browser, address: str, role: str, *, width: int, language: str = "") -> Page:
    """A page of the demo's person of that role."""
    account = next(a for a in DEMO_ACCOUNTS if a.role == role and (not language or a.language == language))
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.goto(f"{address}/login")
    page.fill("[name=email]", account.email)
    page.fill("[name=password]", account.password)
    page.click("main button[type=submit]")
    return page


def switch_language(page: Page, language: str) -> None:
    """Choose the language in the header, as a reader would."""
    other = page.get_by_role("button", name="English" if language == "en" else "Français")
    if other.count():
        other.first.click()


def list_addresses(page: Page, address: str, role: str) -> dict[str, str]:
    """Every page of a role by its name; one that no data leads to is left out, and said."""
    found = dict(EVERY[role])
    for name, start, link in FOLLOWED[role]:
        if start not in found:
            continue
        page.goto(f"{address}{found[start]}")
        links = page.locator(f"main {link}")
        if links.count():
            found[name] = links.first.get_attribute("href") or ""
        else:
            print(f"{role}: no link to a page “{name}” on “{start}”")
    return found


def shoot(page: Page, target: Path) -> None:
    """One whole page, its charts drawn: they wait until one comes to them."""
    for box in page.locator(":has(> [data-figure])").all():
        box.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=str(target), full_page=True)


def take_all(browser: Browser, address: str, folder: Path) -> None:
    """Every page, both languages, 360 and 1440 px wide."""
    for role in EVERY:
        paths = list_addresses(sign_in(browser, address, role, width=1440), address, role)
        for language in ("fr", "en"):
            for width in (360, 1440):
                page = sign_in(browser, address, role, width=width)
                switch_language(page, language)
                for name, path in paths.items():
                    page.goto(f"{address}{path}")
                    shoot(page, folder / f"{role}-{name}-{language}-{width}.png")
                page.context.close()
    for language in ("fr", "en"):
        for width in (360, 1440):
            page = browser.new_page(viewport={"width": width, "height": 900}, locale=language)
            page.goto(f"{address}/login")
            shoot(page, folder / f"anyone-login-{language}-{width}.png")


def main() -> None:
    """Take the README's pictures, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", type=Path, default=Path("var/operator-qos.db"))
    parser.add_argument("--all", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with serving(given.database) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        if given.all:
            given.all.mkdir(parents=True, exist_ok=True)
            take_all(browser, address, given.all)
            return
        for role, path, target in README:
            page = sign_in(browser, address, role, width=1120, language="en")
            page.goto(f"{address}{path}")
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=target, clip={"x": 0, "y": 0, "width": 1120, "height": 640})
        browser.close()


if __name__ == "__main__":
    main()
