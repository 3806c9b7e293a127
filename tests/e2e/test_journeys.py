"""What people come for, click by click: from a number to the orders behind it, from a promise to its answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import sign_in
from tests.e2e.visits import PHONE, TIMEOUT_MS, Visitor
from tests.e2e.world import LANGUAGES, OLD_CASE, PEOPLE, SHOP

pytestmark = pytest.mark.browser
Visit = Callable[[str, str], Visitor]
LATE = f"/operator/shops/{SHOP}/metrics/late_shipment_rate"


def here(tab: Visitor) -> str:
    """The address of the tab without its host."""
    return tab.page.url.removeprefix(tab.address)


def test_an_operator_follows_a_number_to_one_order(visit: Visit) -> None:
    tab = visit("operator", "en")
    tab.open("/operator/today")
    tab.follow(tab.page.get_by_role("link", name="Sellers", exact=True))
    tab.page.select_option("[name=metric]", "late_shipment_rate")
    tab.click("button:text-is('Filter')")
    # Four of thirty count officially, so the worst shop stands first.
    tab.click("tbody th a")
    assert here(tab) == f"/operator/sellers/{SHOP}"
    tab.click(f"#late_shipment_rate .q-figure a[href='{LATE}']")
    assert "Count against" in tab.read()
    tab.click("tbody a[href*='/orders/']")
    assert "/orders/" in here(tab)
    assert "What was promised" in tab.read()
    tab.page.go_back()
    tab.settle()
    assert here(tab) == LATE


def test_an_operator_chooses_columns_and_the_foot_follows(visit: Visit) -> None:
    tab = visit("operator", "en")
    tab.open("/operator/sellers?marketplace=lonja-es")
    heads = tab.page.locator(".q-league thead tr:last-child th")
    before = heads.count()
    tab.page.click("summary:text-is('Columns')")
    tab.page.get_by_role("checkbox", name="12 weeks").uncheck()
    tab.page.get_by_role("checkbox", name="Open disputes").uncheck()
    tab.click("button:text-is('Show these')")
    assert heads.count() == before - 2
    assert "2 shops in all" in tab.read()
    assert "marketplace=lonja-es" in here(tab)


def test_a_seller_answers_a_buyer_and_it_leaves_the_day(visit: Visit) -> None:
    tab = visit("seller", "fr")
    tab.open("/seller/day?kind=answer")
    question = tab.page.locator("main .what a", has_text="O-2")
    expect(question).to_have_count(1)
    tab.follow(question)
    assert "Tient-il 260 °C" in tab.read()
    tab.page.fill("textarea", "Oui, jusqu’à 300 °C.")
    tab.click("button[value=answer]")
    assert here(tab) == "/seller/day"
    assert "Votre réponse a été envoyée" in tab.read()
    tab.open("/seller/day?kind=answer")
    expect(tab.page.locator("main .what a", has_text="O-2")).to_have_count(0)


def test_a_seller_finds_out_which_orders_count_against_the_shop(visit: Visit) -> None:
    tab = visit("seller", "en")
    tab.page.set_viewport_size(PHONE)
    tab.open("/seller/day")
    tab.follow(tab.page.get_by_role("link", name="My results"))
    tab.page.select_option("#shop", SHOP)
    tab.click("form.q-shop button")
    tab.click("#late_shipment_rate a:has-text('Which ones count against you')")
    assert "metric=late_shipment_rate" in here(tab)
    tab.click("[aria-labelledby=h-against] tbody a")
    assert f"/seller/shops/{SHOP}/orders/" in here(tab)
    assert tab.overflow() <= 0
    tab.click(".q-crumb a")
    assert here(tab) == f"/seller/scorecard?shop={SHOP}"


def test_a_mediator_opens_the_case_that_waits(visit: Visit) -> None:
    """Cases go to the mediator with the fewest, so one of the two finds it in the queue."""
    opened = 0
    for language in LANGUAGES:
        tab = visit("mediator", language)
        tab.open("/mediator/queue")
        link = tab.page.locator("main a[href^='/mediator/cases/']")
        if not link.count():
            continue
        tab.follow(link.first)
        assert OLD_CASE in tab.read()
        assert tab.list_violations() == []
        tab.page.set_viewport_size(PHONE)
        assert tab.overflow() <= 0
        assert tab.list_violations() == []
        opened += 1
    assert opened == 1


def test_somebody_signs_in_in_french_and_goes_on_in_english(stranger: Visitor) -> None:
    stranger.open("/login")
    assert "Sign in" in stranger.read()
    stranger.press("Français")
    assert "Se connecter" in stranger.read()
    reader = next(person for person in PEOPLE if (person.role, person.language) == ("operator", "fr"))
    sign_in(stranger, reader)
    assert "Aujourd’hui" in stranger.read()
    stranger.press("English")
    assert "Today" in stranger.read()
    # The account keeps the choice; others read this account's pages in French.
    stranger.press("Français")
    stranger.press("Se déconnecter")
    assert here(stranger) == "/login"


def test_a_wrong_password_is_told_without_losing_the_address(stranger: Visitor) -> None:
    stranger.open("/login")
    stranger.page.fill("[name=email]", "nobody@people.example")
    stranger.page.fill("[name=password]", "wrong horse")
    stranger.click("button[type=submit]")
    assert "Address and password do not fit" in stranger.read()
    assert stranger.page.input_value("[name=email]") == "nobody@people.example"
    assert stranger.list_violations() == []
    # The browser writes down every answer beyond 400; this one is meant.
    assert len(stranger.complaints) == 1
    assert "422" in stranger.complaints.pop()


def test_the_keyboard_reaches_the_content_first_and_then_the_menu(visit: Visit) -> None:
    tab = visit("operator", "en")
    tab.open("/operator/today")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.textContent") == "Skip to content"
    tab.page.keyboard.press("Enter")
    assert tab.page.evaluate("document.activeElement.id") == "main"
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("language", LANGUAGES)
def test_charts_are_drawn_when_one_comes_to_them_and_suit_everybody(visit: Visit, language: str) -> None:
    tab = visit("operator", language)
    tab.open(f"/operator/sellers/{SHOP}")
    tab.page.locator("#late_shipment_rate").scroll_into_view_if_needed()
    chart = tab.page.locator("#late_shipment_rate [data-figure] svg.main-svg").first
    expect(chart).to_be_visible(timeout=TIMEOUT_MS)
    tab.settle()
    # The sparkline says the same; it stays only where the chart could not be drawn.
    expect(tab.page.locator("#late_shipment_rate .q-spark")).to_be_hidden()
    assert tab.list_violations() == []
    tab.page.set_viewport_size(PHONE)
    assert tab.overflow() <= 0


def test_pages_work_where_no_script_runs(visit: Visit) -> None:
    tab = visit("seller", "en")
    context = tab.page.context.browser.new_context(  # type: ignore[union-attr]  # a launched browser is there
        base_url=tab.address, java_script_enabled=False, storage_state=tab.page.context.storage_state()
    )
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"/seller/scorecard?shop={SHOP}")
    expect(page.locator("#late_shipment_rate .q-tr > svg")).to_be_visible()
    page.select_option("#shop", "lonja-es/morvan-es")
    page.click("form.q-shop button")
    page.wait_for_url("**shop=lonja-es**")
    context.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("role", ["operator", "seller"])
def test_why_leads_from_a_verdict_to_rule_version_window_and_rows(visit: Visit, role: str, language: str) -> None:
    tab = visit(role, language)
    tab.open(f"/operator/sellers/{SHOP}" if role == "operator" else f"/seller/scorecard?shop={SHOP}")
    tab.click(f"#late_shipment_rate a[href$='/{SHOP}/rules/late_shipment_rate']")
    said = tab.read()
    wanted = {
        "en": ("how it was judged", "The whole standard, version 1", "The last 30 days", "Left out"),
        "fr": ("comment elle a été jugée", "Le standard complet, version 1", "30 jours", "Écartées"),
    }
    assert [text for text in wanted[language] if text not in said] == []
    tab.click("nav.q-views a[href*='show=excluded']")
    assert tab.page.locator("tbody tr").count() == 1
    assert tab.page.locator("tbody td small").count() == 1  # the reason
    tab.click("tbody a[href*='/orders/']")
    assert "/orders/" in here(tab)
