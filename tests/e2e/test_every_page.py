"""Every page in both languages, on a desk and on a phone: axe finds nothing, nothing overflows, little is loaded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import ViewportSize

from tests.e2e.visits import DESK, PHONE, Visitor
from tests.e2e.world import LANGUAGES, OLD_CASE, SHOP, STATEMENT

pytestmark = pytest.mark.browser
FIRST_VISIT_BYTES = 300_000
LATE = "metrics/late_shipment_rate"
PAGES = {
    "operator": (
        "/operator/today",
        "/operator/decisions",
        f"/operator/shops/{SHOP}/acts",
        "/operator/sellers",
        "/operator/sellers?verdict=kept&name=nobody",
        f"/operator/sellers/{SHOP}",
        f"/operator/shops/{SHOP}/{LATE}",
        f"/operator/shops/{SHOP}/{LATE}?show=forgiven",
        f"/operator/shops/{SHOP}/rules/late_shipment_rate",
        f"/operator/shops/{SHOP}/orders/O-1",
        "/operator/standard",
        "/operator/trials",
        "/operator/standards",
        "/operator/standards/edit?standard=ours&version=1",
        "/operator/standards/ours/2/try",
        "/operator/standards/ours/2/try/1",
        "/operator/standards/ours/2/try/2",
        "/operator/standards/ours/2",
        "/operator/standards/ours/2/told",
        "/operator/standards/ours/1/shares",
        "/operator/standards/another/1",
        "/operator/standards/another/1/form",
        f"/operator/calendar/{SHOP}",
        f"/operator/shops/{SHOP}/clock?promise=resolve&of={OLD_CASE}",
        f"/operator/shops/{SHOP}/clock?promise=ship&of=O-1",
        "/operator/statements",
        "/operator/statements/check",
        f"/operator/statements/{STATEMENT}",
        "/operator/imports",
        "/operator/quarantine",
        "/operator/sources",
        "/operator/keys", "/operator/find?q=a",
        "/operator/people",
        "/docs/api",
        "/operator/disputes",
        "/operator/disputes/1",
        "/operator/disputes/report",
        "/operator/disputes/mails",
        "/operator/hooks",
        "/operator/connections",
        "/operator/connections/1",
        "/operator/connections/1/reconciliation",
        "/operator/exports",
        "/operator/audit",
        "/operator/mails",
        "/operator/badges",
        "/operator/texts/mails",
        "/operator/texts/mails/standing_changed/fr",
        "/account/notices",
        "/operator/reports/overrides",
        f"/operator/disputes/open/{SHOP}/O-1",
        "/operator/requests",
        "/operator/requests/1",
        "/operator/incidents",
        "/operator/incidents/1",
        "/operator/register",
        "/operator/appeals",
        "/operator/plans",
        f"/operator/plans/new/{SHOP}",
        "/operator/reports/complaints",
        "/operator-scorecard",
        "/disputes/rules",
        "/disputes/policy",
        "/account",
    ),
    "seller": (
        "/seller/day",
        f"/seller/shops/{SHOP}/acts",
        "/seller/day?kind=waiting",
        "/seller/scorecard?shop=" + SHOP,
        "/seller/scorecard?shop=lonja-es/morvan-es",
        f"/seller/shops/{SHOP}/{LATE}",
        f"/seller/shops/{SHOP}/rules/late_shipment_rate",
        f"/seller/shops/{SHOP}/orders/O-3",
        f"/seller/conversations/{SHOP}/V-2",
        "/seller/disputes",
        "/seller/disputes/1",
        "/seller/disputes/texts",
        f"/seller/disputes/open/{SHOP}/O-3",
        "/seller/requests",
        f"/seller/requests/new/{SHOP}?metric=late_shipment_rate",
        "/seller/requests/2",
        "/seller/register",
        "/seller/appeals",
        "/seller/plans",
        f"/seller/plans/new/{SHOP}",
        "/seller/notices",
        "/seller/notices?show=open",
        "/seller/badge",
        "/seller/tools", "/seller/find?q=a",
        "/seller/team",
        "/seller/exports",
        "/account/notices",
        "/badges/verify?q=x",
        "/seller/statements",
        f"/seller/statements/{STATEMENT}",
        "/seller/standard",
        "/seller/calendar",
        f"/seller/calendar/{SHOP}",
        f"/seller/shops/{SHOP}/clock?promise=ship&of=O-3",
        "/standards/ours/2",
        "/account",
    ),
    "mediator": (
        "/mediator/queue",
        "/mediator/figures",
        "/account",
    ),
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
    # Axe takes most of the time: it looks at each language once, at English on a desk and at French on a phone.
    if language == "en":
        assert tab.list_violations() == []
    tab.page.set_viewport_size(PHONE)
    assert tab.overflow() <= 0
    if language == "fr":
        assert tab.list_violations() == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_door_suits_everybody(stranger: Visitor, size: ViewportSize) -> None:
    stranger.page.set_viewport_size(size)
    for path in ("/login", "/forgotten"):
        stranger.open(path)
        assert stranger.list_violations() == []
        assert stranger.overflow() <= 0


def test_the_clock_behind_a_case_suits_its_mediator(visit: Callable[[str, str], Visitor]) -> None:
    """The case lies on one desk; its mediator follows the link to the clock."""
    seen = 0
    for language in LANGUAGES:
        tab = visit("mediator", language)
        tab.open("/mediator/queue")
        if not tab.page.locator("main a[href^='/mediator/cases/']").count():
            continue
        tab.click("a[href^='/mediator/cases/']")
        tab.click("a[href*='/clock?promise=resolve']")
        assert OLD_CASE in tab.page.url
        assert tab.list_violations() == []
        tab.page.set_viewport_size(PHONE)
        assert tab.overflow() <= 0
        seen += 1
    assert seen == 1


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
