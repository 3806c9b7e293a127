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
    "admin": ("/operator/today", "/operator/sellers", "/operator/disputes", "/operator/quarantine",
              "/operator/standard", "/account"),
    "seller_owner": ("/seller/day", "/seller/scorecard", "/seller/disputes", "/seller/notices", "/seller/standard"),
    "mediator": ("/mediator/queue", "/mediator/figures"),
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


def take_all(browser: Browser, address: str, folder: Path) -> None:
    """Every page, both languages, 360 and 1440 px wide."""
    for role, paths in EVERY.items():
        for language in ("fr", "en"):
            for width in (360, 1440):
                page = sign_in(browser, address, role, width=width)
                switch_language(page, language)
                for path in paths:
                    page.goto(f"{address}{path}")
                    name = f"{path.strip('/').replace('/', '-')}-{language}-{width}.png"
                    page.screenshot(path=str(folder / name), full_page=True)


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
