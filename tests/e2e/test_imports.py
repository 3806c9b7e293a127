"""An operator brings an unknown table, maps it, repairs what could not be read and takes it in again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from operator_qos.clock import to_ms
from operator_qos.db import reading
from operator_qos.events.models import Event
from operator_qos.imports.jobs import run_imports
from operator_qos.imports.store import ImportStore
from tests.e2e.visits import PHONE, Visitor
from tests.e2e.world import LANGUAGES
from tests.web.fixtures import NOW

pytestmark = pytest.mark.browser
Visit = Callable[[str, str], Visitor]
GOOD = 30
SOURCES = {"en": "orders-of-june", "fr": "commandes-de-juin"}
HEADS = {"en": "Order number;Order date;Ship by;Shipped at;Shop;Total;Campaign",
         "fr": "N° commande;Date de commande;À expédier avant;Expédiée le;Boutique;Montant;Campagne"}


def write_table(path: Path, language: str) -> None:
    """Thirty good rows and ten bad ones: nine name a month that is none, one has no date at all."""
    good = [f"J{n};{n % 9 + 1:02}/06/2026 10:00;12/06/2026;;morvan-fr;{n},50;été" for n in range(GOOD)]
    bad = [f"B{n};soon;12/06/2026;;morvan-fr;5,00;été" for n in range(9)]
    path.write_bytes("\n".join([HEADS[language], *good, *bad, "B9;;12/06/2026;;morvan-fr;5,00;été"]).encode("cp1252"))


def count_orders(engine: Engine, source: str) -> int:
    with reading(engine) as session:
        query = select(func.count()).select_from(Event).where(Event.source == source, Event.at_ms < to_ms(NOW))
        return session.scalar(query) or 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unknown_table_is_mapped_and_ten_rejects_are_repaired(
    visit: Visit, site: tuple[Engine, Path], tmp_path: Path, language: str
) -> None:
    engine, folder = site
    path = tmp_path / f"{SOURCES[language]}.csv"
    write_table(path, language)
    tab = visit("operator", language)
    tab.open("/operator/imports")
    tab.page.set_input_files("[name=file]", path)
    tab.page.select_option("form [name=marketplace]", "halle-fr")
    tab.click("form[enctype] button[type=submit]")
    # The file is recognised; one column was taken for nothing, as it should be.
    assert tab.page.locator("select[name=part-0]").input_value() == "order"
    assert tab.page.locator("select[name=part-6]").input_value() == ""
    check_page(tab, language)
    # A slip in the mapping is told with its line, and corrected.
    mapping = tab.page.locator("#text")
    text = mapping.input_value()
    mapping.fill(text.replace("order.placed", "order.plased"))
    tab.click("button[value=start]")
    assert "order.placed" in tab.page.locator("#mistakes").inner_text()
    mapping.fill(text)
    tab.click("button[value=start]")
    assert run_imports(engine, ImportStore(folder / "imports"), now=NOW) == 1
    tab.page.reload()
    check_page(tab, language)
    tab.click("a.btn[href*='quarantine']")
    check_page(tab, language)
    assert tab.page.locator("#h-rows .q-count").inner_text() == "10"
    # The one without a date, in place; the message stands beside the field.
    tab.click("tbody th a[href*='/operator/quarantine/']")
    check_page(tab, language)
    wrong = tab.page.locator("[name=value][aria-invalid=true]")
    wrong.fill("10/06/2026 10:00")
    tab.click("form .btn-primary")
    # The nine others at once.
    tab.open("/operator/quarantine?text=soon")
    column = HEADS[language].split(";")[1]
    tab.page.fill("#b-column", column)
    tab.page.fill("#b-old", "soon")
    tab.page.fill("#b-new", "10/06/2026 10:00")
    tab.click("button[value=replace]")
    assert "9" in tab.page.locator(".q-flash").inner_text()
    assert count_orders(engine, f"/{SOURCES[language]}") == GOOD + 10
    tab.open("/operator/quarantine?settled=1")
    check_page(tab, language)


def check_page(tab: Visitor, language: str) -> None:
    """Axe looks at English on a desk and at French on a phone; nothing overflows on a phone."""
    if language == "en":
        assert tab.list_violations() == []
        return
    tab.page.set_viewport_size(PHONE)
    assert tab.overflow() <= 0
    assert tab.list_violations() == []
