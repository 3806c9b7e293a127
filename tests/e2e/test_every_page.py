"""Every page in both languages, on a desk and on a phone: axe finds nothing, nothing overflows, little is loaded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import ViewportSize

from tests.e2e.visits import DESK, PHONE, Visitor
from tests.e2e.world import LANGUAGES, SHOP

pytestmark = pytest.mark.browser
FIRST_VISIT_BYTES = 300_000
LATE = "metrics/late_shipment_rate"
PAGES = {
    "operator": (
        "/operator/today",
        "/operator/sellers",
        "/operator/sellers?verdict=kept&name=nobody",
        f"/operator/sellers/{SHOP}",
        f"/operator/shops/{SHOP}/{LATE}",
        f"/operator/shops/{SHOP}/{LATE}?show=forgiven",
        f"/operator/shops/{SHOP}/orders/O-1",
        "/operator/standard",
        "/operator/quarantine",
        "/operator/disputes",
        "/operator/disputes/1",
        "/operator/disputes/report",
        "/operator/disputes/mails",
        "/disputes/rules",
        "/disputes/policy",
        "/account",
    ),
    "seller": (
        "/seller/day",
        "/seller/day?kind=waiting",
        "/seller/scorecard?shop=" + SHOP,
        "/seller/scorecard?shop=lonja-es/morvan-es",
        f"/seller/shops/{SHOP}/{LATE}",
        f"/seller/shops/{SHOP}/orders/O-3",
        f"/seller/conversations/{SHOP}/V-2",
        "/seller/disputes",
        "/seller/disputes/1",
        "/seller/disputes/texts",
        "/seller/notices",
        "/seller/notices?show=open",
        "/seller/standard",
        "/account",
    ),
    "mediator": ("/mediator/queue", "/mediator/figures", "/account"),
}
EVERY = [(role, path) for role, paths in PAGES.items() for path in paths]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("role", "path"), EVERY)
def test_a_page_suits_everybody_on_a_desk_and_on_a_phone(
    visit: Callable[[str, str], Visitor], role: str, path: str, language: str
) -> None:
    tab = visit(role, language)
    tab.use_cache(False)
    tab.open(path)
    assert tab.page.locator("html").get_attribute("lang") == language
    assert tab.count_bytes() <= FIRST_VISIT_BYTES
    assert tab.list_violations() == []
    tab.page.set_viewport_size(PHONE)
    assert tab.overflow() <= 0
    assert tab.list_violations() == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_door_suits_everybody(stranger: Visitor, size: ViewportSize) -> None:
    stranger.page.set_viewport_size(size)
    stranger.open("/login")
    assert stranger.list_violations() == []
    assert stranger.overflow() <= 0


DARK = [("operator", "/operator/today"), ("operator", "/operator/sellers"), ("seller", "/seller/day"),
        ("seller", f"/seller/scorecard?shop={SHOP}"), ("operator", f"/operator/shops/{SHOP}/{LATE}")]  # fmt: skip


@pytest.mark.parametrize(("role", "path"), DARK)
def test_a_page_can_be_read_in_the_dark(visit: Callable[[str, str], Visitor], role: str, path: str) -> None:
    tab = visit(role, "en")
    tab.page.emulate_media(color_scheme="dark")
    try:
        tab.open(path)
        assert tab.page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
        assert tab.list_violations() == []
    finally:
        tab.page.emulate_media(color_scheme="light")
