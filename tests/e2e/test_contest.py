"""A seller contests what is in force, another person decides, and it is taken back; looked at in both languages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.visits import DESK, PHONE, Visitor
from tests.e2e.world import SHOP

pytestmark = pytest.mark.browser
OTHER = {"en": "Français", "fr": "English"}


def _inspect(tab: Visitor) -> None:
    """Everything unfolded, in both languages and on both widths; English stays."""
    for language in ("en", "fr"):
        for size in (PHONE, DESK):
            tab.page.set_viewport_size(size)
            tab.page.evaluate("document.querySelectorAll('main details').forEach((d) => { d.open = true; })")
            assert tab.list_violations() == []
            assert tab.overflow() == 0
        tab.press(OTHER[language])


def test_from_what_is_in_force_to_its_end(visit: Callable[[str, str], Visitor]) -> None:
    seller, operator = visit("seller", "en"), visit("operator", "en")
    seller.open(f"/seller/shops/{SHOP}/acts")
    assert "Limit on new orders (20 at most)" in seller.read()
    seller.follow(seller.page.get_by_role("link", name="Statement of reasons").first)
    assert "Parcels were held back." in seller.read()
    seller.open(f"/seller/shops/{SHOP}/acts")
    seller.follow(seller.page.get_by_role("link", name="Contest it").first)
    _inspect(seller)
    seller.page.fill("main textarea[name=text]", "All parcels left on the day; see the carrier's scans.")
    seller.press("Send the appeal")
    assert "Your appeal was sent" in seller.read()
    where = seller.page.url.removeprefix(seller.address)
    _inspect(seller)

    operator.open(where.replace("/seller/", "/operator/"))
    operator.press("Admit it")
    operator.press("Assign")
    operator.page.check("main input[name=outcome][value=reversed]")
    operator.page.fill("main form[action$=decide] textarea", "The scans show that every parcel left in time.")
    _inspect_form(operator)
    operator.press("Decide and carry out")
    _inspect(operator)

    seller.open(where)
    assert "every parcel left in time" in seller.read()
    seller.open(f"/seller/shops/{SHOP}/acts")
    assert "Limit on new orders (20 at most): Taken back" in seller.read()
    _inspect(seller)


def _inspect_form(tab: Visitor) -> None:
    """As it is filled in: another language would empty it."""
    assert tab.list_violations() == []
    assert tab.overflow() == 0
